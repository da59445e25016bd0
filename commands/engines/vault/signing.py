"""Signatures under a key that never leaves Vault, and second factors, through hvac."""

from __future__ import annotations

import base64
import re

import hvac
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hvac import exceptions

from commands.engines.vault.connection import Connection
from commands.engines.vault.credentials import TotpSecret
from commands.engines.vault.documents import path_of
from commands.engines.vault.errors import Doing, VaultConflict, VaultMissing
from commands.engines.vault.places import KRL_KEY, TOTP_MOUNT, TRANSIT_MOUNT
from state.records import Person

ISSUER = "Innkeeper"

_CODE = re.compile(r"[0-9]{6}")


class HvacSigning:
    """The part of HvacVault that signs, and checks who holds a second factor."""

    _connection: Connection

    def sign_bytes(self, data: bytes) -> bytes:
        doing = Doing("I cannot sign the list of revoked certificates")
        asked = {"input": base64.b64encode(data).decode()}
        answer = self._connection.call(
            doing,
            lambda client: client.adapter.post(f"/v1/{TRANSIT_MOUNT}/sign/{KRL_KEY}", json=asked)["data"],
        )
        return base64.b64decode(str(answer["signature"]).rpartition(":")[2])

    def signing_public_key(self) -> str:
        doing = Doing("I cannot read the key that verifies the list of revoked certificates")
        answer = self._connection.call(
            doing, lambda client: client.adapter.get(f"/v1/{TRANSIT_MOUNT}/keys/{KRL_KEY}")["data"]
        )
        raw = base64.b64decode(answer["keys"][str(answer["latest_version"])]["public_key"])
        key = Ed25519PublicKey.from_public_bytes(raw)
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def totp_enroll(self, person: Person) -> TotpSecret:
        name = _name_of(person)
        doing = Doing(
            "I cannot make a second factor",
            in_doubt="If one was made, an admin can remove it again before you try.",
        )

        def make(client: hvac.Client) -> TotpSecret:
            if _has(client, name):
                raise has_one(person)
            asked = {"generate": True, "issuer": ISSUER, "account_name": person.key, "exported": True}
            data = client.adapter.post(f"/v1/{TOTP_MOUNT}/keys/{name}", json=asked)["data"]
            return TotpSecret(str(data["url"]), base64.b64decode(data["barcode"]))

        return self._connection.call(doing, make)

    def totp_check(self, person: Person, code: str) -> bool:
        name, digits = _name_of(person), "".join(code.split())
        if not _CODE.fullmatch(digits):
            return False
        doing = Doing("I cannot check that code", in_doubt="Wait for the next code, then try that one.")

        def check(client: hvac.Client) -> bool:
            try:
                answer = client.adapter.post(f"/v1/{TOTP_MOUNT}/code/{name}", json={"code": digits})
            except exceptions.InvalidRequest:
                return False  # used already, or there is no second factor
            return bool(answer["data"]["valid"])

        return self._connection.call(doing, check)

    def totp_forget(self, person: Person) -> None:
        name = _name_of(person)
        doing = Doing("I cannot remove a second factor", in_doubt="Try again: twice does no harm.")
        self._connection.call(doing, lambda client: client.adapter.delete(f"/v1/{TOTP_MOUNT}/keys/{name}"))

    def totp_has(self, person: Person) -> bool:
        name = _name_of(person)
        doing = Doing("I cannot look whether there is a second factor", untouched=True)
        return self._connection.call(doing, lambda client: _has(client, name))


def has_one(person: Person) -> VaultConflict:
    """The error for a second factor that must not be replaced."""
    return VaultConflict(f"<@{person.user}> has a second factor already, and it stands.")


def _has(client: hvac.Client, name: str) -> bool:
    try:
        client.adapter.get(f"/v1/{TOTP_MOUNT}/keys/{name}")
    except exceptions.InvalidPath:
        return False
    return True


def _name_of(person: Person) -> str:
    if path_of(person) is None:
        raise VaultMissing(f"`{person.key}` is not TEAM-USER with the ids of Slack.")
    return person.key
