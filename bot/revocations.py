"""The signed list of revoked ssh certificates that hosts fetch: rebuilt as soon as something else is revoked.

It is built when somebody asks and something has changed, so a revocation is in the very next answer. While Vault cannot
sign, the last signed list stays in use: an unsigned one is never handed out, and none after a newer one.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from commands.engines.vault.protocol import VaultDenied, VaultError, VaultUnprepared
from commands.grants.issuing import key_id
from commands.grants.krl import Revoked, build_krl, fingerprint_bytes
from state import grants, krls, labs
from state.database import Database
from state.krls import SignedKrl

REFRESH = timedelta(hours=1)  # signed again even if nothing was revoked, so that hosts can tell an old list
RETRY = timedelta(seconds=1)  # between two tries while Vault cannot sign
WAIT_SECONDS = 1.0  # for another thread that is at it
TRIES = 5  # when other processes sign at the same time

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

log = structlog.get_logger()


class Signer(Protocol):
    """What is asked of Vault. Each may raise VaultError."""

    def ssh_ca_public_key(self) -> str:
        """Whose certificates they are."""

    def signing_public_key(self) -> str:
        """PEM of the ed25519 key that hosts check the list with."""

    def sign_bytes(self, data: bytes) -> bytes:
        """An ed25519 signature, 64 bytes."""


@dataclass(frozen=True)
class Source:
    """Where what is revoked comes from.

    mark is cheap, and changes whenever revoked gives more. What has expired leaves the list within REFRESH.
    """

    mark: Callable[[datetime], str]
    revoked: Callable[[datetime], Revoked]


def of_grants(database: Database) -> Source:
    """What was issued here and revoked: by serial, and by key id where the serial never became known."""

    def mark(now: datetime) -> str:
        return str(grants.revocations(database))

    def revoked(now: datetime) -> Revoked:
        nameless = krls.revoked_without_serial(database, now)
        found = {grant.id: labs.get(database, grant.lab_id) for grant in nameless}
        key_ids = {key_id(grant, lab.name) for grant in nameless if (lab := found[grant.id])}
        return Revoked(krls.revoked_serials(database, now), frozenset(key_ids))

    return Source(mark, revoked)


class Revocations:
    """The newest signed list. Thread-safe; several processes share it through the database."""

    def __init__(
        self, database: Database, signer: Signer, source: Source, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._signer = signer
        self._source = source
        self._now = now
        self._lock = threading.Lock()  # held by the one thread that builds
        self._newest: SignedKrl | None = None
        self._mark: str | None = None  # of what the newest list says; None: compare with Vault once more
        self._wrong = ""  # why the newest list is not what it should be
        self._retry_at: datetime | None = None
        self._is_unprepared = False

    def newest(self) -> SignedKrl | None:
        """The newest list, after a look at whether it says all. None: none was ever signed."""
        self.refresh()
        return self._newest

    def with_digest(self, digest: str) -> SignedKrl | None:
        """The list whose sha256 (hex) that is: the newest, or one of the last few."""
        newest = self._newest
        if newest is not None and newest.digest == digest:
            return newest
        return krls.with_digest(self._database, digest)

    def health(self) -> str:
        """`ready`, or in a few words why hosts do not get all revocations.

        Where Vault was never prepared for ssh there is no certificate either, and so nothing that hosts should hear.
        """
        self.refresh()
        return "ready" if self._newest is None and self._is_unprepared else self._wrong or "ready"

    def refresh(self) -> str:
        """Build and sign a list if there is something new to say. Returns what was done, or why not."""
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            return "another thread signs the ssh revocations"
        try:
            return self._refresh(self._now())
        finally:
            self._lock.release()

    def _refresh(self, now: datetime) -> str:
        self._load()
        mark = self._source.mark(now)  # before what it is a mark of
        if self._is_current(mark, now):
            return "the ssh revocations are signed"
        if self._retry_at is not None and self._retry_at - RETRY <= now < self._retry_at:
            return self._wrong
        try:
            said = self._build(now)
        except (VaultError, ValueError) as error:
            self._retry_at = now + RETRY
            self._is_unprepared = isinstance(error, VaultUnprepared | VaultDenied)
            self._wrong = _why(error, self._newest)
            log.warning("ssh revocations", kept=self._newest and self._newest.version, error=str(error))
            return self._wrong
        self._mark, self._wrong, self._retry_at = mark, "", None
        return said

    def _load(self) -> None:
        """Take over what another process, or this one before it was started again, has signed."""
        if krls.newest_version(self._database) != (self._newest.version if self._newest else 0):
            self._newest = krls.newest(self._database)
            self._mark = None

    def _is_current(self, mark: str, now: datetime) -> bool:
        newest = self._newest
        return newest is not None and mark == self._mark and not _is_old(newest, now)

    def _build(self, now: datetime) -> str:
        ca_public_key = self._signer.ssh_ca_public_key().strip()
        signing_key = self._signer.signing_public_key().strip() + "\n"
        for _ in range(TRIES):
            newest = krls.newest(self._database)
            before = newest.version if newest else 0
            revoked = self._source.revoked(now)
            content = _content(revoked, ca_public_key, signing_key)
            if newest and newest.content == content and not _is_old(newest, now):
                self._newest = newest
                return "the ssh revocations are signed"
            version = max(before + 1, int(now.timestamp() * 1000))
            body = _body(revoked, ca_public_key, version, now)
            signature = self._signer.sign_bytes(body)
            _verify(signing_key, signature, body)
            digest = hashlib.sha256(body).hexdigest()
            made = SignedKrl(version, digest, content, body, signature, signing_key, ca_public_key, now)
            if krls.add(self._database, made, after=before):
                self._newest = made
                return f"signed {len(revoked)} ssh revocations as version {version}"
        raise ValueError("other processes sign at the same time, over and over")


def _is_old(krl: SignedKrl, now: datetime) -> bool:
    return not timedelta(0) <= now - krl.built_at < REFRESH


def _body(revoked: Revoked, ca_public_key: str, version: int, now: datetime) -> bytes:
    hashes = map(fingerprint_bytes, revoked.fingerprints)
    return build_krl(revoked.serials, revoked.key_ids, hashes, ca_public_key, version, now)


def _content(revoked: Revoked, ca_public_key: str, signing_key: str) -> str:
    """A digest of what a list says and of who says it, whenever that is."""
    said = _body(revoked, ca_public_key, 0, _EPOCH) + f"\n{ca_public_key}\n{signing_key}".encode()
    return hashlib.sha256(said).hexdigest()


def _verify(signing_key: str, signature: bytes, body: bytes) -> None:
    """Raises ValueError for a signature that no host would take."""
    key = load_pem_public_key(signing_key.encode())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("Vault's transit key innkeeper-krl is not of the type ed25519")
    try:
        key.verify(signature, body)
    except InvalidSignature:
        raise ValueError("the signature does not belong to the key that Vault names") from None


def _why(error: Exception, kept: SignedKrl | None) -> str:
    reason = error.sentence if isinstance(error, VaultError) else f"{error}."
    if kept is None:
        return f"no ssh revocations signed yet: {reason}"
    return f"ssh revocations not signed since {kept.built_at:%Y-%m-%d %H:%M:%S} UTC: {reason}"
