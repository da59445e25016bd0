"""The part of the FakeVault that issues: real certificates and signatures, by keys that live in memory."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import RLock
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
    load_ssh_public_key,
)
from cryptography.x509.oid import NameOID

from commands.engines.vault.errors import Doing
from commands.engines.vault.places import (
    GRANT_MAX_SECONDS,
    SSH_BOT_MAX_SECONDS,
    SSH_MAX_SECONDS,
    SSH_TOKEN_SECONDS,
)
from commands.engines.vault.protocol import (
    WRAPPING_SECONDS,
    DatabaseRole,
    GrantToken,
    SshCertificate,
    TlsCertificate,
    VaultDenied,
    VaultMissing,
    VaultRefused,
    VaultUnprepared,
    Wrapped,
    WrappingSpent,
)
from state.records import Person


@dataclass
class FakeGrant:
    """A token that was given for one grant, and what was issued with it. revoked: by its accessor."""

    person: Person
    grant_id: str
    accessor: str
    expires_at: datetime
    token: str = field(repr=False, default="")
    revoked: bool = False
    database_user: str = ""
    tls_serial: str = ""


class FakeKeys:
    """Look at grants (accessor → FakeGrant) and tls_revoked (serials); databases: role → seconds, those there are."""

    now: Callable[[], datetime]
    _lock: RLock

    def __init__(self) -> None:
        super().__init__()
        self.grants: dict[str, FakeGrant] = {}
        self.ssh_tokens: dict[str, FakeGrant] = {}
        self.tls_revoked: set[str] = set()
        self.tls_domains: set[str] = {"lab.test"}
        self.ssh_principals: set[str] = {"root", "lab"}
        self.databases: dict[str, int] = {"readonly": GRANT_MAX_SECONDS}
        self.ssh_ca = ed25519.Ed25519PrivateKey.generate()
        self._wrappings: dict[str, tuple[dict[str, Any], datetime]] = {}
        self._tls_key = ec.generate_private_key(ec.SECP256R1())
        self._tls_root: x509.Certificate | None = None

    def _ask(self, doing: Doing) -> None:
        raise NotImplementedError

    def grant_token(self, person: Person, grant_id: str, ttl_seconds: int) -> GrantToken:
        self._ask(Doing("I cannot issue anything"))
        _bounded(ttl_seconds)
        token, accessor = f"s.{secrets.token_hex(12)}", secrets.token_hex(12)
        ends_at = self.now() + timedelta(seconds=ttl_seconds)
        with self._lock:
            self.grants[accessor] = FakeGrant(person, grant_id, accessor, ends_at, token)
        return GrantToken(token, accessor, _request_id())

    def ssh_token(self, person: Person, grant_id: str) -> str:
        self._ask(Doing("I cannot issue anything"))
        token, ends_at = f"b.{secrets.token_hex(40)}", self.now() + timedelta(seconds=SSH_TOKEN_SECONDS)
        self.ssh_tokens[token] = FakeGrant(person, grant_id, "", ends_at, token)
        return token

    def revoke_accessor(self, accessor: str) -> None:
        self._ask(Doing("I cannot revoke it"))
        with self._lock:
            grant = self.grants.get(accessor)
            if grant is not None:
                grant.revoked = True
                if grant.tls_serial:
                    self.tls_revoked.add(grant.tls_serial)

    def ssh_ca_public_key(self) -> str:
        self._ask(Doing("I cannot read whose ssh certificates the hosts trust"))
        return self.ssh_ca.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    def sign_ssh(
        self, token: str, public_key: str, principal: str, ttl_seconds: int, key_id: str
    ) -> SshCertificate:
        with self._used(token, "an ssh certificate"):
            return self._signed(public_key, principal, ttl_seconds, key_id, SSH_MAX_SECONDS)

    def sign_bot_ssh(self, public_key: str, principal: str, ttl_seconds: int, key_id: str) -> SshCertificate:
        self._ask(Doing("I cannot issue an ssh certificate for myself"))
        return self._signed(public_key, principal, ttl_seconds, key_id, SSH_BOT_MAX_SECONDS)

    def _signed(
        self, public_key: str, principal: str, ttl_seconds: int, key_id: str, most_seconds: int
    ) -> SshCertificate:
        what = "an ssh certificate"
        try:
            key = load_ssh_public_key(public_key.encode())
        except ValueError:
            raise _refused(what, "failed to parse public_key as SSH key") from None
        if principal not in self.ssh_principals:
            raise _refused(what, f"{principal} is not a valid value for valid_principals")
        if ttl_seconds > most_seconds:
            raise _refused(what, "ttl is larger than maximum allowed")
        now, serial = self.now(), secrets.randbits(63)
        ends_at = (now + timedelta(seconds=ttl_seconds)).replace(microsecond=0)
        signed = (
            SSHCertificateBuilder()
            .public_key(cast(ed25519.Ed25519PublicKey, key))
            .serial(serial)
            .type(SSHCertificateType.USER)
            .key_id(key_id.encode())
            .valid_principals([principal.encode()])
            .valid_after(int(now.timestamp()) - 30)
            .valid_before(int(ends_at.timestamp()))
            .add_extension(b"permit-pty", b"")
            .sign(self.ssh_ca)
        )
        return SshCertificate(f"{serial:016x}", signed.public_bytes().decode(), _request_id(), ends_at)

    def issue_tls(self, token: str, domain_role: str, name: str, ttl_seconds: int) -> Wrapped:
        with self._used(token, "a certificate") as grant:
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = self._certificate(domain_role, key.public_key(), name, ttl_seconds)
            grant.tls_serial = _colons(certificate.serial_number)
            private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
            return self._wrap(
                {
                    "private_key": private.decode().strip(),
                    "certificate": _pem(certificate).strip(),
                    "ca_chain": [self.tls_ca().strip()],
                    "serial_number": grant.tls_serial,
                }
            )

    def sign_tls(
        self, token: str, domain_role: str, csr_pem: str, name: str, ttl_seconds: int
    ) -> TlsCertificate:
        with self._used(token, "a certificate") as grant:
            try:
                request = x509.load_pem_x509_csr(csr_pem.encode())
            except ValueError:
                raise _refused("a certificate", "csr contains no data") from None
            certificate = self._certificate(domain_role, request.public_key(), name, ttl_seconds)
            grant.tls_serial = _colons(certificate.serial_number)
            ends_at = certificate.not_valid_after_utc
            return TlsCertificate(grant.tls_serial, _pem(certificate), self.tls_ca(), _request_id(), ends_at)

    def revoke_tls(self, serial: str) -> None:
        self._ask(Doing("I cannot revoke that certificate"))
        if all(len(each) == 2 and set(each) <= set("0123456789abcdef") for each in serial.split(":")):
            self.tls_revoked.add(serial)

    def tls_ca(self) -> str:
        self._ask(Doing("I cannot read the labs' root certificate"))
        if self._tls_root is None:
            name, now = _called("Innkeeper labs"), self.now()
            self._tls_root = (
                x509.CertificateBuilder(name, name, self._tls_key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - timedelta(days=1))
                .not_valid_after(now + timedelta(days=3650))
                .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
                .sign(self._tls_key, hashes.SHA256())
            )
        return _pem(self._tls_root)

    def tls_crl(self) -> bytes:
        self._ask(Doing("I cannot read which certificates are revoked"))
        now = self.now()
        crl = x509.CertificateRevocationListBuilder(_called("Innkeeper labs"), now, now + timedelta(days=3))
        for serial in self.tls_revoked:
            number = int(serial.replace(":", ""), 16)
            crl = crl.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now).build()
            )
        return crl.sign(self._tls_key, hashes.SHA256()).public_bytes(Encoding.DER)

    def database_role(self, lab: str, role: str) -> DatabaseRole:
        self._ask(Doing("I cannot look for the database's role"))
        for name in (f"lab-{lab}.{role}", f"{lab}.{role}", role):
            if name in self.databases:
                return DatabaseRole(name, self.databases[name])
        raise VaultMissing(
            f"Vault's database engine has no role `{lab}.{role}`, and no `{role}` either. "
            f"An admin of Vault can write it at `database/roles/{lab}.{role}`."
        )

    def database_credentials(self, token: str, role: str) -> Wrapped:
        with self._used(token, "database credentials") as grant:
            if role not in self.databases:
                raise VaultUnprepared(Doing("I cannot issue database credentials"), f"unknown role: {role}")
            grant.database_user = f"v-{grant.person.key}-{role}-{secrets.token_hex(4)}"
            return self._wrap({"username": grant.database_user, "password": secrets.token_urlsafe(15)})

    def unwrap(self, wrapping_token: str) -> dict[str, Any]:
        self._ask(Doing("I cannot open it"))
        with self._lock:
            values, ends_at = self._wrappings.pop(wrapping_token, ({}, self.now()))
        if ends_at <= self.now():
            raise WrappingSpent("That was opened before, or has waited too long.")
        return values

    @contextmanager
    def _used(self, token: str, what: str) -> Iterator[FakeGrant]:
        """The grant of a token that is good."""
        doing = Doing(f"I cannot issue {what}")
        self._ask(doing)
        with self._lock:
            if "ssh" in what:
                grant = self.ssh_tokens.get(token)
            else:
                grant = next((each for each in self.grants.values() if each.token == token), None)
            if grant is None or grant.revoked or grant.expires_at <= self.now():
                raise VaultDenied(doing)
            yield grant

    def _wrap(self, values: dict[str, Any]) -> Wrapped:
        token, ends_at = f"s.{secrets.token_hex(12)}", self.now() + timedelta(seconds=WRAPPING_SECONDS)
        self._wrappings[token] = ({**values, "request_id": _request_id()}, ends_at)
        return Wrapped(token, ends_at)

    def _certificate(self, domain: str, key: Any, name: str, ttl_seconds: int) -> x509.Certificate:
        if domain not in self.tls_domains:
            raise VaultUnprepared(Doing("I cannot issue a certificate"), f"unknown role: {domain}")
        if not name.endswith(f".{domain}") or "*" in name:
            raise _refused("a certificate", f"common name {name} not allowed by this role")
        _bounded(ttl_seconds)
        root, now = x509.load_pem_x509_certificate(self.tls_ca().encode()), self.now()
        return (
            x509.CertificateBuilder(root.subject, _called(name), key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(seconds=30))
            .not_valid_after(now + timedelta(seconds=ttl_seconds))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(self._tls_key, hashes.SHA256())
        )


def _bounded(ttl_seconds: int) -> None:
    if not 0 < ttl_seconds <= GRANT_MAX_SECONDS:
        raise VaultRefused(f"Nothing is issued for longer than {GRANT_MAX_SECONDS // 86_400} days.")


def _refused(what: str, reason: str) -> VaultRefused:
    return VaultRefused(f"Vault will not issue {what}: {reason}.")


def _called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _colons(serial: int) -> str:
    return serial.to_bytes(20, "big").hex(":")


def _request_id() -> str:
    digits = hashlib.sha256(secrets.token_bytes(8)).hexdigest()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))
