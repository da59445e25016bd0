"""What a lab has in Vault of its own: what it publishes, how its consumers log in, its data store. Through hvac."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import hvac
from hvac import exceptions

from commands.engines.vault import approles as vault_approles
from commands.engines.vault import database as vault_database
from commands.engines.vault.approles import told
from commands.engines.vault.connection import Connection, detail_of
from commands.engines.vault.credentials import DatabasePlace, Wrapped
from commands.engines.vault.errors import Doing, VaultRefused
from commands.engines.vault.places import (
    CONSUMER_MAX_SECONDS,
    CONSUMER_SECONDS,
    DATABASE_MOUNT,
    GRANT_MAX_SECONDS,
    LAB_NAME,
    LAB_POLICY,
    LABS_FOLDER,
    LABS_MOUNT,
    OPERATORS_MOUNT,
    lab_connection,
    lab_role_id,
)
from state.records import Person

# What is published, the certificate, what the deployed application logs in with, and what secure has to remember.
PARTS = ("", "tls", "database", "secured")

_ROLE = {
    # Text, not lists: a policy's allowed_parameters know one text from another, and no list.
    "token_policies": LAB_POLICY,
    "token_no_default_policy": True,
    "token_ttl": CONSUMER_SECONDS,
    "token_max_ttl": CONSUMER_MAX_SECONDS,
    "token_type": "service",
    "bind_secret_id": True,
}


class HvacLabs:
    """The part of HvacVault that keeps what is a lab's own. _patient waits longer: Vault asks a database meanwhile."""

    _connection: Connection
    _patient: Connection

    def lab_secret(self, lab: str, part: str = "") -> dict[str, Any] | None:
        path = _path(lab, part)
        doing = Doing("I cannot read what the lab has in Vault")

        def read(client: hvac.Client) -> dict[str, Any] | None:
            try:
                answer = client.secrets.kv.v2.read_secret_version(
                    path, mount_point=OPERATORS_MOUNT, raise_on_deleted_version=True
                )
            except exceptions.InvalidPath:
                return None
            return dict(answer["data"]["data"])

        return self._connection.call(doing, read)

    def write_lab_secret(self, lab: str, values: dict[str, Any], part: str = "") -> None:
        path = _path(lab, part)
        doing = Doing("I cannot keep in Vault what the lab has", in_doubt="Try again: twice does no harm.")
        self._connection.call(
            doing,
            lambda client: client.secrets.kv.v2.create_or_update_secret(
                path, secret=values, mount_point=OPERATORS_MOUNT
            ),
        )

    def remove_lab_secret(self, lab: str, part: str = "") -> None:
        path = _path(lab, part)
        doing = Doing("I cannot remove what the lab has in Vault", in_doubt="I try again by myself.")
        self._connection.call(
            doing,
            lambda client: client.secrets.kv.v2.delete_metadata_and_all_versions(
                path, mount_point=OPERATORS_MOUNT
            ),
        )

    def labs_with_secrets(self) -> set[str]:
        doing = Doing("I cannot look what labs have in Vault")
        path = f"/v1/{OPERATORS_MOUNT}/metadata/{LABS_FOLDER}"
        found = self._connection.call(doing, lambda client: _keys(client, path))
        return {name for each in found if LAB_NAME.fullmatch(name := each.rstrip("/"))}

    # how consumers log in

    def open_lab_role(self, lab: str, lab_id: str) -> bool:
        doing = Doing("I cannot let the lab's consumers log in", in_doubt="Try again: twice does no harm.")
        role_id = lab_role_id(lab, lab_id)

        def make(client: hvac.Client) -> bool:
            before = _role_id(client, lab)
            if before == role_id:
                return False
            if before is not None:  # an earlier lab of that name: its consumers are not ours
                vault_approles.close(client, LABS_MOUNT, lab, before)
            client.adapter.post(_role(lab), json={**_ROLE, "role_id": role_id})
            return True

        return self._connection.call(doing, make)

    def close_lab_role(self, lab: str) -> None:
        doing = Doing("I cannot end the logins of the lab's consumers", in_doubt="I try again by myself.")
        self._connection.call(
            doing, lambda client: vault_approles.close(client, LABS_MOUNT, lab, _role_id(client, lab))
        )

    def lab_secret_id(self, lab: str, person: Person, grant_id: str, ttl_seconds: int) -> Wrapped:
        if not 0 < ttl_seconds <= GRANT_MAX_SECONDS:
            raise VaultRefused(f"Nothing is issued for longer than {GRANT_MAX_SECONDS // 86_400} days.")
        doing = Doing(
            "I cannot let anybody connect",
            in_doubt="What may have been made is revoked by itself. Ask again.",
        )
        whose = {"grant": grant_id, "slack_team": person.team, "slack_user": person.user}
        asked = {"metadata": json.dumps(whose), "ttl": f"{ttl_seconds}s"}

        name = _named(lab)
        return self._connection.call(
            doing, lambda client: vault_approles.wrapped_secret_id(client, LABS_MOUNT, name, asked)
        )

    def revoke_lab_secret_id(self, lab: str, lab_id: str, grant_id: str, end_sessions: bool) -> None:
        doing = Doing("I cannot revoke it", in_doubt="I try again by myself.")
        place = f"{_role(lab)}/secret-id"

        def revoke(client: hvac.Client) -> None:
            for accessor in _keys(client, place):
                asked = {"secret_id_accessor": accessor}
                if _grant_of(client, place, asked) == grant_id:
                    told(partial(client.adapter.post, f"{place}-accessor/destroy", json=asked))
            if end_sessions:
                vault_approles.end_sessions(client, LABS_MOUNT, lab_role_id(lab, lab_id))

        self._connection.call(doing, revoke)

    # its data store

    def has_lab_database(self, lab: str) -> bool:
        path = f"/v1/{DATABASE_MOUNT}/config/{lab_connection(_named(lab))}"
        doing = Doing("I cannot look for the lab's data store")
        return self._connection.call(doing, lambda client: told(lambda: client.adapter.get(path)) is not None)

    def connect_lab_database(self, lab: str, place: DatabasePlace) -> None:
        doing = Doing("I cannot connect Vault to the lab's data store")
        self._patient.call(
            doing,
            lambda client: vault_database.connect(
                client, lab_connection(_named(lab)), place.connection_url, place.username, place.password
            ),
        )

    def make_lab_database_role(self, lab: str, role: str, ttl_seconds: int) -> None:
        doing = Doing("I cannot make the role of the lab's data store")
        name, grants = lab_connection(_named(lab)), vault_database.ROLES[role]
        self._connection.call(
            doing, lambda client: vault_database.make_role(client, name, role, grants, ttl_seconds)
        )

    def rotate_lab_database(self, lab: str) -> None:
        doing = Doing(
            "I cannot change the root password of the lab's data store",
            in_doubt="Try again: it is changed once more.",
        )

        def rotate(client: hvac.Client) -> None:
            try:
                client.adapter.post(f"/v1/{DATABASE_MOUNT}/rotate-root/{lab_connection(_named(lab))}")
            except (exceptions.InvalidRequest, exceptions.InternalServerError) as error:
                raise VaultRefused(
                    f"Vault could not change the root password of *{lab}*'s data store: see that its user may "
                    "change its own password.",
                    detail_of(error),
                ) from None

        self._patient.call(doing, rotate)

    def disconnect_lab_database(self, lab: str) -> None:
        doing = Doing("I cannot end the users of the lab's data store", in_doubt="I try again by myself.")
        connection = lab_connection(_named(lab))

        def end(client: hvac.Client) -> None:
            for role in vault_database.ROLES:
                _end_leases(client, f"{connection}.{role}")
                client.adapter.delete(f"/v1/{DATABASE_MOUNT}/roles/{connection}.{role}")
            client.adapter.delete(f"/v1/{DATABASE_MOUNT}/config/{connection}")

        self._patient.call(doing, end)


def refuse_other_labs(place: str, lab: str) -> None:
    """A blueprint names what it wants to read, and the bot may read what every lab has. Raises VaultRefused."""
    below = f"{OPERATORS_MOUNT}/{LABS_FOLDER}/"
    if not place.startswith(below):
        return
    own = {f"{below}{_named(lab)}", f"{below}{lab}/tls", f"{below}{lab}/database"}
    if place not in own:
        raise VaultRefused(
            f"`{place}` is what another lab has, and no blueprint reads that: `consumes` brings what it publishes."
        )


def _end_leases(client: hvac.Client, role: str) -> None:
    """Their users go, and where the data store itself has gone already, what Vault remembers of them."""
    path = f"{DATABASE_MOUNT}/creds/{role}"
    try:
        client.adapter.put(f"/v1/sys/leases/revoke-prefix/{path}", json={"sync": True})
    except (exceptions.InvalidRequest, exceptions.InternalServerError):
        client.adapter.put(f"/v1/sys/leases/revoke-force/{path}")


def _role(lab: str) -> str:
    return vault_approles.place(LABS_MOUNT, _named(lab))


def _role_id(client: hvac.Client, lab: str) -> str | None:
    return vault_approles.role_id(client, LABS_MOUNT, _named(lab))


def _grant_of(client: hvac.Client, place: str, asked: dict[str, str]) -> str | None:
    """Which grant a secret id was made for; None where it has ended meanwhile."""
    found = told(partial(client.adapter.post, f"{place}-accessor/lookup", json=asked))
    return (found.get("metadata") or {}).get("grant") if found is not None else None


def _keys(client: hvac.Client, path: str) -> list[str]:
    return list((told(lambda: client.adapter.list(path)) or {}).get("keys") or [])


def _path(lab: str, part: str) -> str:
    if part not in PARTS:
        raise ValueError(part)
    return f"{LABS_FOLDER}/{_named(lab)}{f'/{part}' if part else ''}"


def _named(lab: str) -> str:
    if not LAB_NAME.fullmatch(lab):
        raise VaultRefused(f"`{lab}` is no name of a lab.")
    return lab
