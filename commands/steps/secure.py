"""The step secure: who is trusted, the lab's certificate, and a data store whose root password nobody knows.

What it made is remembered in Vault, at `innkeeper/labs/LAB/secured`, which no consumer reads: as much as it takes to
do it once, and to take it back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from commands.blueprints.records import DataStore
from commands.engines.vault.places import GRANT_MAX_SECONDS
from commands.engines.vault.protocol import DatabasePlace, Vault, VaultError, VaultUnavailable
from commands.steps.step import Done, StepFailed, Work

SSLMODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

_SPARE_SECONDS = 86_400  # what a certificate lives longer than its lab may
_HOST = re.compile(r"/[A-Za-z0-9_./-]{1,100}|[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,252}[A-Za-z0-9])?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")


def perform(work: Work) -> Done:
    """Do what the blueprint's `secure` asks. Raises StepFailed, VaultError."""
    secure, did = work.blueprint.secure, []
    if secure.ssh is not None:
        work.deps.vault.ssh_ca_public_key()  # what the hosts were told: without it they trust nobody
        work.deps.vault.signing_public_key()
        did.append("ssh")
    if secure.tls_domain is not None:
        _certificate(work, f"{work.lab.name}.{secure.tls_domain}", secure.tls_domain)
        did.append("tls")
    if secure.data_store is not None:
        _data_store(work, secure.data_store)
    if secure.application_role is not None:
        _application_user(work, secure.application_role)
    if secure.database_role is not None:
        did.append("database")
    return Done(", ".join(did))


def undo(work: Work) -> None:
    """End the certificate, the users of the data store and the connection to it."""
    take_back(work.deps.vault, work.lab.name)


def take_back(vault: Vault, lab: str) -> None:
    """The same by the lab's name, which may be gone already. Harmless where nothing was made. Raises VaultError."""
    made = vault.lab_secret(lab, "secured")
    if made is None:
        return
    for part in ("tls", "database"):
        for accessor in _accessors(made.get(part)):
            vault.revoke_accessor(accessor)
    if "data_store" in made:
        vault.disconnect_lab_database(lab)
    for part in ("tls", "database", "secured"):
        vault.remove_lab_secret(lab, part)


def _certificate(work: Work, name: str, domain: str) -> None:
    """The lab's own certificate, for what is deployed. Another one when a third of its life is left."""
    vault = work.deps.vault

    def issue(token: str, seconds: int) -> dict[str, Any]:
        told = vault.unwrap(vault.issue_tls(token, domain, name, seconds).token)
        chain = told["ca_chain"]
        return {
            "certificate": told["certificate"],
            "private_key": told["private_key"],
            "ca_chain": "\n".join(chain) if isinstance(chain, list) else chain,
            "serial_number": told["serial_number"],
        }

    _keep(work, "tls", name, _seconds(work), issue)


def _application_user(work: Work, role: str) -> None:
    """A database user for what is deployed, kept where the deployment finds it."""
    vault = work.deps.vault
    found = vault.database_role(work.lab.name, role)

    def issue(token: str, seconds: int) -> dict[str, Any]:
        told = vault.unwrap(vault.database_credentials(token, found.name).token)
        return {"username": told["username"], "password": told["password"]}

    _keep(work, "database", found.name, min(_seconds(work), found.max_seconds), issue)


def _keep(
    work: Work, part: str, name: str, seconds: int, issue: Callable[[str, int], dict[str, Any]]
) -> None:
    """Have something issued and keep it at the lab's part, unless what is there is for that name and long good.

    What finds and ends it is remembered before it is issued; what it takes the place of ends when it is there.
    """
    vault, now, lab = work.deps.vault, work.deps.now(), work.lab
    before = _made(work).get(part)
    if before is not None and before["name"] == name and not _ends_soon(before, now):
        kept = vault.lab_secret(lab.name, part)
        if kept is not None and kept.get("expires_at") == before["ends_at"]:
            return
    token = vault.grant_token(lab.owner, f"{lab.id}-{part}", seconds)
    ends_at = (now + timedelta(seconds=seconds)).isoformat()
    issued = {"name": name, "made_at": now.isoformat(), "ends_at": ends_at, "accessor": token.accessor}
    _remember(work, part, {**issued, "before": _accessors(before)})
    values = issue(token.token, seconds)
    vault.write_lab_secret(lab.name, {**values, "expires_at": ends_at}, part)
    for accessor in _accessors(before):
        vault.revoke_accessor(accessor)


def _data_store(work: Work, asked: DataStore) -> None:
    """Put the lab's data store under Vault, and change its root password, once: then Vault alone knows it."""
    vault, lab = work.deps.vault, work.lab.name
    place = _place(work, asked)
    told = json.dumps([place.connection_url, place.username, place.password])
    fingerprint = sha256(told.encode()).hexdigest()
    before = _made(work).get("data_store")
    is_known = before is not None and before["fingerprint"] == fingerprint
    is_connected = vault.has_lab_database(lab)
    if is_connected and not is_known:  # another data store than that of the last time
        vault.disconnect_lab_database(lab)
        is_connected = False
    rotated_at = before["rotated_at"] if before is not None and is_known else ""
    if not is_connected:
        _remember(work, "data_store", {"fingerprint": fingerprint, "rotated_at": rotated_at})
        try:
            vault.connect_lab_database(lab, place)
        except VaultUnavailable:
            raise
        except VaultError:
            raise StepFailed(_why_not(asked, rotated_at)) from None
        rotated_at = ""
    for role in {work.blueprint.secure.database_role, work.blueprint.secure.application_role} - {None}:
        vault.make_lab_database_role(lab, str(role), GRANT_MAX_SECONDS)
    if not rotated_at:
        vault.rotate_lab_database(lab)
        now = work.deps.now().isoformat()
        _remember(work, "data_store", {"fingerprint": fingerprint, "rotated_at": now})


def _why_not(asked: DataStore, rotated_at: str) -> str:
    if rotated_at:
        return (
            "Vault is not connected to the lab's data store any more, and nobody but Vault knew its root password. "
            "Replace the data store, or set that user's password anew."
        )
    return (
        f"Vault does not come into the lab's data store with what the outputs `{asked.connection}` and "
        f"`{asked.root}` say. It must be reachable from where Vault is."
    )


def _place(work: Work, asked: DataStore) -> DatabasePlace:
    """Where the outputs say that it is. Raises StepFailed."""
    where = _output(work, asked.connection, "host, port and name")
    who = _output(work, asked.root, "username and password")
    host, port, name = where.get("host"), where.get("port", 5432), where.get("name")
    mode = where.get("sslmode", "prefer")
    is_place = (
        isinstance(host, str)
        and _HOST.fullmatch(host)
        and str(port).isdecimal()
        and 0 < int(port) < 65_536
        and isinstance(name, str)
        and _NAME.fullmatch(name)
        and mode in SSLMODES
    )
    if not is_place:
        raise StepFailed(
            f"The output `{asked.connection}` is no place of a PostgreSQL: it has a `host`, a `port` and the `name` "
            "of a database, and may have an `sslmode`."
        )
    username, password = who.get("username"), who.get("password")
    if not isinstance(username, str) or not isinstance(password, str) or not username or not password:
        raise StepFailed(f"The output `{asked.root}` has no `username` and `password`, as texts.")
    if password not in work.secrets:
        raise StepFailed(
            f"The output `{asked.root}` holds a password, so its module marks it `sensitive = true`."
        )
    query = urlencode({"host": host, "port": port, "sslmode": mode})
    return DatabasePlace(
        f"postgresql://{{{{username}}}}:{{{{password}}}}@/{name}?{query}", username, password
    )


def _output(work: Work, name: str, has: str) -> dict[str, Any]:
    if name not in work.outputs:
        raise StepFailed(f"There is no output `{name}`, which `secure` needs: it has {has}.")
    value = work.outputs[name]
    if not isinstance(value, dict):
        raise StepFailed(f"The output `{name}` is no object: it has {has}.")
    return value


def _made(work: Work) -> dict[str, Any]:
    """What was remembered of this lab. What an earlier lab of its name has left behind is taken back."""
    found = work.deps.vault.lab_secret(work.lab.name, "secured")
    if found is not None and found.get("lab_id") != work.lab.id:
        take_back(work.deps.vault, work.lab.name)
        found = None
    return found or {}


def _remember(work: Work, what: str, made: dict[str, Any]) -> None:
    """Before it is done, so that it can be taken back whenever this process dies."""
    kept = {**_made(work), what: made, "lab_id": work.lab.id}
    work.deps.vault.write_lab_secret(work.lab.name, kept, "secured")


def _accessors(made: dict[str, Any] | None) -> list[str]:
    return [] if made is None else [*made["before"], made["accessor"]]


def _seconds(work: Work) -> int:
    """How long what the lab itself holds works: as long as the lab may live."""
    longest = max(work.blueprint.secure.tls_ttl_seconds, work.lab.lifetime.max_seconds) + _SPARE_SECONDS
    return min(longest, GRANT_MAX_SECONDS)


def _ends_soon(made: dict[str, Any], now: datetime) -> bool:
    made_at, ends_at = (datetime.fromisoformat(made[key]) for key in ("made_at", "ends_at"))
    return ends_at - now <= (ends_at - made_at) / 3
