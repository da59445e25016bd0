"""What a person is issued, through hvac: a token of theirs for one grant, and one credential with that token."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import hvac
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hvac import exceptions

from commands.engines import ssh_certificate
from commands.engines.vault.connection import Connection, detail_of
from commands.engines.vault.credentials import (
    DatabaseRole,
    GrantToken,
    SshCertificate,
    TlsCertificate,
    Wrapped,
)
from commands.engines.vault.errors import Doing, VaultMissing, VaultRefused, WrappingSpent
from commands.engines.vault.places import (
    DATABASE_MOUNT,
    GRANT_MAX_SECONDS,
    GRANT_POLICY,
    PKI_MOUNT,
    SSH_BOT_ROLE,
    SSH_GRANT_POLICY,
    SSH_MOUNT,
    SSH_ROLE,
    SSH_TOKEN_ROLE,
    SSH_TOKEN_SECONDS,
    TOKEN_ROLE,
    WRAPPING_SECONDS,
    lab_connection,
)
from state.records import Person

T = TypeVar("T")
CRL_FRESH_FOR = timedelta(days=1)  # a list that ends sooner is signed anew

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")
_PRINCIPAL = re.compile(r"[A-Za-z_][\w.-]*")
_TOKEN = re.compile(r"[!-~]{1,4096}")
_SERIAL = re.compile(r"[0-9a-f]{2}([:-][0-9a-f]{2})*")
_UNISSUED = "What may have been made is revoked by itself. Try again in a minute."


class HvacKeys:
    """The part of HvacVault that issues and revokes."""

    _connection: Connection

    def grant_token(self, person: Person, grant_id: str, ttl_seconds: int) -> GrantToken:
        ttl = f"{_bounded(ttl_seconds)}s"
        asked = {**_asked(GRANT_POLICY, person, grant_id), "ttl": ttl, "explicit_max_ttl": ttl}
        answer = self._make_token(TOKEN_ROLE, asked)
        made = answer["auth"]
        return GrantToken(str(made["client_token"]), str(made["accessor"]), str(answer["request_id"]))

    def ssh_token(self, person: Person, grant_id: str) -> str:
        asked = {**_asked(SSH_GRANT_POLICY, person, grant_id), "ttl": f"{SSH_TOKEN_SECONDS}s"}
        return str(self._make_token(SSH_TOKEN_ROLE, asked)["auth"]["client_token"])

    def revoke_accessor(self, accessor: str) -> None:
        doing = Doing("I cannot revoke it", in_doubt="I try again by myself.")

        def revoke(client: hvac.Client) -> None:
            try:
                client.auth.token.revoke_accessor(accessor)
            except exceptions.InvalidRequest as error:
                if "invalid accessor" not in str(error):
                    raise

        self._connection.call(doing, revoke)

    def ssh_ca_public_key(self) -> str:
        doing = Doing("I cannot read whose ssh certificates the hosts trust")
        answer = self._connection.call(
            doing, lambda client: client.adapter.get(f"/v1/{SSH_MOUNT}/config/ca")["data"]
        )
        return str(answer["public_key"]).strip()

    def sign_ssh(
        self, token: str, public_key: str, principal: str, ttl_seconds: int, key_id: str
    ) -> SshCertificate:
        asked = _certificate_asked(public_key, principal, ttl_seconds, key_id)
        return _certificate(self._issue(token, "an ssh certificate", f"{SSH_MOUNT}/sign/{SSH_ROLE}", asked))

    def sign_bot_ssh(self, public_key: str, principal: str, ttl_seconds: int, key_id: str) -> SshCertificate:
        asked = _certificate_asked(public_key, principal, ttl_seconds, key_id)
        what = "an ssh certificate"
        doing = Doing(f"I cannot issue {what} for myself", in_doubt=_UNISSUED)

        def sign(client: hvac.Client) -> Any:
            return client.adapter.post(f"/v1/{SSH_MOUNT}/sign/{SSH_BOT_ROLE}", json=asked)

        return _certificate(self._connection.call(doing, lambda client: _judged(what, sign, client)))

    def issue_tls(self, token: str, domain_role: str, name: str, ttl_seconds: int) -> Wrapped:
        asked = {"common_name": name, "ttl": f"{_bounded(ttl_seconds)}s"}
        path = f"{PKI_MOUNT}/issue/{_named(domain_role)}"
        return _wrapped(self._issue(token, "a certificate", path, asked, WRAPPING_SECONDS))

    def sign_tls(
        self, token: str, domain_role: str, csr_pem: str, name: str, ttl_seconds: int
    ) -> TlsCertificate:
        asked = {"common_name": name, "csr": csr_pem, "ttl": f"{_bounded(ttl_seconds)}s"}
        path = f"{PKI_MOUNT}/sign/{_named(domain_role)}-csr"
        answer = self._issue(token, "a certificate", path, asked)
        data = answer["data"]
        certificate = x509.load_pem_x509_certificate(data["certificate"].encode())
        return TlsCertificate(
            serial=str(data["serial_number"]),
            certificate_pem=data["certificate"].strip() + "\n",
            ca_chain_pem="".join(f"{each.strip()}\n" for each in data["ca_chain"]),
            request_id=str(answer["request_id"]),
            expires_at=certificate.not_valid_after_utc,
        )

    def revoke_tls(self, serial: str) -> None:
        if not _SERIAL.fullmatch(serial.lower()):
            return
        doing = Doing("I cannot revoke that certificate", in_doubt="I try again by myself.")

        def revoke(client: hvac.Client) -> None:
            try:
                client.adapter.post(f"/v1/{PKI_MOUNT}/revoke", json={"serial_number": serial})
            except exceptions.InvalidRequest as error:
                if "not found" not in str(error) and "expired" not in str(error):
                    raise

        self._connection.call(doing, revoke)

    def tls_ca(self) -> str:
        doing = Doing("I cannot read the labs' root certificate")
        answer = self._connection.call(
            doing, lambda client: client.adapter.get(f"/v1/{PKI_MOUNT}/cert/ca")["data"]
        )
        return str(answer["certificate"]).strip() + "\n"

    def tls_crl(self) -> bytes:
        doing = Doing("I cannot read which certificates are revoked")

        def read(client: hvac.Client) -> x509.CertificateRevocationList:
            answer = client.adapter.get(f"/v1/{PKI_MOUNT}/cert/crl")["data"]
            return x509.load_pem_x509_crl(answer["certificate"].encode())

        def fresh(client: hvac.Client) -> bytes:
            crl = read(client)
            if crl.next_update_utc is None or crl.next_update_utc < datetime.now(UTC) + CRL_FRESH_FOR:
                client.adapter.get(f"/v1/{PKI_MOUNT}/crl/rotate")
                crl = read(client)
            return crl.public_bytes(Encoding.DER)

        return self._connection.call(doing, fresh)

    def database_role(self, lab: str, role: str) -> DatabaseRole:
        doing = Doing("I cannot look for the database's role")

        def read(client: hvac.Client) -> DatabaseRole:
            for name in (f"{lab_connection(lab)}.{role}", f"{lab}.{role}", role):
                try:
                    found = client.adapter.get(f"/v1/{DATABASE_MOUNT}/roles/{_named(name)}")["data"]
                except exceptions.InvalidPath:
                    continue
                return DatabaseRole(name, int(found.get("default_ttl") or GRANT_MAX_SECONDS))
            raise VaultMissing(
                f"Vault's database engine has no role `{lab}.{role}`, and no `{role}` either. "
                f"An admin of Vault can write it at `{DATABASE_MOUNT}/roles/{lab}.{role}`."
            )

        return self._connection.call(doing, read)

    def database_credentials(self, token: str, role: str) -> Wrapped:
        path = f"{DATABASE_MOUNT}/creds/{_named(role)}"
        return _wrapped(self._issue(token, "database credentials", path, None, WRAPPING_SECONDS))

    def unwrap(self, wrapping_token: str) -> dict[str, Any]:
        spent = "That was opened before, or has waited too long."
        if not _TOKEN.fullmatch(wrapping_token):
            raise WrappingSpent(spent)
        doing = Doing(
            "I cannot open it", in_doubt="It may have been opened: if it is, revoke it and ask for another."
        )

        def unwrap(client: hvac.Client) -> dict[str, Any]:
            try:
                answer = client.adapter.post("/v1/sys/wrapping/unwrap")
            except (exceptions.InvalidRequest, exceptions.Forbidden) as error:
                raise WrappingSpent(spent, detail_of(error)) from None
            return {**answer["data"], "request_id": answer["request_id"]}

        return self._connection.call_as(wrapping_token, doing, unwrap)

    def _make_token(self, role: str, asked: dict[str, Any]) -> Any:
        doing = Doing("I cannot issue anything", in_doubt=_UNISSUED)
        return self._connection.call(
            doing, lambda client: client.adapter.post(f"/v1/auth/token/create/{role}", json=asked)
        )

    def _issue(
        self, token: str, what: str, path: str, asked: dict[str, Any] | None, wrap_seconds: int = 0
    ) -> Any:
        """Vault's whole answer. asked None reads. Raises VaultRefused with Vault's reason."""
        doing = Doing(f"I cannot issue {what}", in_doubt=_UNISSUED)
        wrap_ttl = f"{wrap_seconds}s" if wrap_seconds else None

        def issue(client: hvac.Client) -> Any:
            if asked is None:
                return client.adapter.get(f"/v1/{path}", wrap_ttl=wrap_ttl)
            return client.adapter.post(f"/v1/{path}", json=asked, wrap_ttl=wrap_ttl)

        return self._connection.call_as(token, doing, lambda client: _judged(what, issue, client))


def _asked(policy: str, person: Person, grant_id: str) -> dict[str, Any]:
    """For a token of this person's: Vault's audit log names them and the grant with each use."""
    return {
        "policies": [policy],
        "display_name": f"innkeeper-{person.key}",
        "meta": {"slack_team": person.team, "slack_user": person.user, "grant": grant_id},
    }


def _certificate_asked(public_key: str, principal: str, ttl_seconds: int, key_id: str) -> dict[str, Any]:
    if not _PRINCIPAL.fullmatch(principal):  # a comma would make it two
        raise VaultRefused(f"`{principal[:40]}` is no user to log in as.")
    return {
        "public_key": public_key,
        "valid_principals": principal,
        "ttl": f"{ttl_seconds}s",
        "key_id": key_id,
        "cert_type": "user",
    }


def _certificate(answer: Any) -> SshCertificate:
    signed = str(answer["data"]["signed_key"]).strip()
    return SshCertificate(
        serial_hex=f"{int(answer['data']['serial_number'], 16):016x}",
        signed_key=signed,
        request_id=str(answer["request_id"]),
        expires_at=ssh_certificate.ends_at(signed),
    )


def _judged(what: str, issue: Callable[[hvac.Client], T], client: hvac.Client) -> T:
    try:
        return issue(client)
    except exceptions.InvalidRequest as error:
        if "unknown role" in str(error):
            raise
        reason = "; ".join(str(each).strip() for each in error.errors or []) or "it gives no reason"
        raise VaultRefused(f"Vault will not issue {what}: {reason[:300]}.") from None
    except exceptions.InternalServerError as error:  # Vault itself is there: a database that it asks is not
        raise VaultRefused(
            f"Vault could not issue {what}: what it needs for that may be away, and its own log says why. "
            f"{_UNISSUED}",
            detail_of(error),
        ) from None


def _wrapped(answer: Any) -> Wrapped:
    info = answer["wrap_info"]
    created_at = datetime.fromisoformat(info["creation_time"])
    return Wrapped(
        token=str(info["token"]),
        expires_at=created_at.astimezone(UTC) + timedelta(seconds=int(info["ttl"])),
        serial=None,
        request_id="",  # it is in the wrapping
    )


def _bounded(ttl_seconds: int) -> int:
    """The lifetime, if it is one that a grant can have: above it Vault would cut it short and say nothing."""
    if not 0 < ttl_seconds <= GRANT_MAX_SECONDS:
        raise VaultRefused(f"Nothing is issued for longer than {GRANT_MAX_SECONDS // 86_400} days.")
    return ttl_seconds


def _named(name: str) -> str:
    """The name, if it is fit to be a part of a path. Raises VaultRefused."""
    if not _NAME.fullmatch(name):
        raise VaultRefused(f"`{name}` is no name of a role in Vault.")
    return name
