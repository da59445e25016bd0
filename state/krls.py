"""Lists of revoked certificates as they were signed, the newest few, so that a restart forgets none of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from state.database import Database
from state.grants import GRANTS
from state.records import Grant
from state.rows import Table, from_text

KEPT = 16  # a host that asks for a list and then for its signature finds both, whatever was signed in between


@dataclass(frozen=True)
class SignedKrl:
    """One list, its signature, and the two public keys that a host needs to know. No secret in any of it."""

    version: int  # grows with each; milliseconds since 1970, or one more than the last
    digest: str  # sha256 of body, hex
    content: str  # sha256 (hex) of what it says, whenever it was signed
    body: bytes  # OpenSSH's format
    signature: bytes  # ed25519 over body, 64 bytes
    signing_key: str  # PEM
    ca_public_key: str  # ssh-ed25519 …
    built_at: datetime


KRLS: Table[SignedKrl] = Table(name="krls", record=SignedKrl, decoders={"built_at": from_text})


_REVOKED = "kind = 'ssh' AND revoked_at IS NOT NULL AND expires_at > :now"


def revoked_serials(database: Database, now: datetime) -> frozenset[int]:
    """The certificates that were revoked and would still be valid. A list of ten thousand is asked for often."""
    sql = f"SELECT serial FROM grants WHERE {_REVOKED} AND serial IS NOT NULL"  # noqa: S608
    return frozenset(int(row["serial"], 16) for row in database.rows(sql, now=now))


def revoked_without_serial(database: Database, now: datetime) -> list[Grant]:
    """Those that may have been issued all the same, by a process that died before it could say so."""
    return GRANTS.select(database, f"WHERE {_REVOKED} AND serial IS NULL", now=now)


def newest_version(database: Database) -> int:
    """The version of the newest list, 0 when there is none."""
    row = database.row("SELECT MAX(version) AS version FROM krls")
    return int(row["version"] or 0) if row else 0


def newest(database: Database) -> SignedKrl | None:
    """The newest list."""
    return KRLS.one(database, "ORDER BY version DESC LIMIT 1")


def with_digest(database: Database, digest: str) -> SignedKrl | None:
    """The list whose body has that sha256 (hex), if it is still kept."""
    return KRLS.one(database, "WHERE digest = :digest ORDER BY version DESC LIMIT 1", digest=digest)


def add(database: Database, krl: SignedKrl, after: int) -> bool:
    """Keep a list that was made from what was revoked while version `after` was the newest.

    False: a newer one came in between, perhaps another process's, and knows what this one may not.
    """
    with database.transaction():
        if newest_version(database) != after or krl.version <= after:
            return False
        KRLS.insert(database, krl)
        database.execute(
            "DELETE FROM krls WHERE version NOT IN (SELECT version FROM krls ORDER BY version DESC LIMIT :kept)",
            kept=KEPT,
        )
    return True
