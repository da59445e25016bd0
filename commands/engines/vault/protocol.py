"""Vault (or OpenBao): who the operators are, what they are issued, secrets for one run, and the key we keep under."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from commands.engines.vault.connection import AppRole, FixedToken, Login, TokenFile
from commands.engines.vault.credentials import (
    DatabasePlace,
    DatabaseRole,
    GrantToken,
    SshCertificate,
    TlsCertificate,
    TotpSecret,
    Wrapped,
)
from commands.engines.vault.documents import ENDED, ROLES, Operator
from commands.engines.vault.errors import (
    SealBroken,
    VaultAway,
    VaultConflict,
    VaultDenied,
    VaultError,
    VaultLoginRefused,
    VaultMissing,
    VaultRefused,
    VaultSealed,
    VaultSlow,
    VaultUnavailable,
    VaultUnprepared,
    WrappingSpent,
)
from commands.engines.vault.places import WRAPPING_SECONDS
from commands.engines.vault.through_hvac import Health, HvacVault
from state.records import Person

__all__ = [
    "ENDED",
    "ROLES",
    "WRAPPING_SECONDS",
    "AppRole",
    "DatabasePlace",
    "DatabaseRole",
    "FixedToken",
    "GrantToken",
    "HvacVault",
    "Login",
    "Operator",
    "SealBroken",
    "SshCertificate",
    "TlsCertificate",
    "TokenFile",
    "TotpSecret",
    "Vault",
    "VaultAway",
    "VaultConflict",
    "VaultDenied",
    "VaultError",
    "VaultLoginRefused",
    "VaultMissing",
    "VaultRefused",
    "VaultSealed",
    "VaultSlow",
    "VaultUnavailable",
    "VaultUnprepared",
    "Wrapped",
    "WrappingSpent",
]


class Vault(Protocol):
    """What Innkeeper asks of Vault. All but health may raise VaultUnavailable, whose sentence says more."""

    @property
    def address(self) -> str:
        """Where it is, as we reach it: https://vault.example.com:8200."""

    @property
    def namespace(self) -> str:
        """The namespace that all of ours is in; empty: none."""

    def operator(self, person: Person) -> Operator | None:
        """The person's document, read now, or None. With a problem in it, or past its expires_at: no roles, no keys."""

    def operator_soon(self, person: Person) -> Callable[[], Operator | None]:
        """Begin to read the document. What is given waits for it, and returns or raises what operator does.

        Who calls that late, because something else took its time meanwhile, gets what is read then.
        """

    def operators(self) -> list[Operator]:
        """All of them, by their key."""

    def write_operator(self, operator: Operator) -> None:
        """Write the document that was read as operator.version (0: there was none). Raises VaultConflict."""

    def remove_operator(self, person: Person) -> None:
        """Remove the document with all its versions. Harmless when there is none."""

    def read_field(self, field: str, lab: str = "") -> str:
        """The value at `MOUNT/PATH#FIELD` in a KV v2 mount. Raises VaultMissing.

        lab: for whose sake. What lies at `innkeeper/labs/…` is read for that lab alone: raises VaultRefused.
        """

    def seal(self, plaintext: bytes, about: str) -> bytes:
        """Encrypt; it opens again only for the same about, such as `tfstate:LAB:SERIAL`."""

    def unseal(self, sealed: bytes, about: str) -> bytes:
        """Decrypt what seal made. Raises SealBroken."""

    def token_reads_operator(self, token: str, person: Person) -> bool:
        """Whether that token is that person's: it can read their document, and names nobody else."""

    def person_of_token(self, token: str) -> Person | None:
        """Whose token it is: an agent's, by the AppRole it came from, or a person's, who can read their document.

        None for one that is not good, or is nobody's: what may do everything could be anybody's.
        """

    # agents: machines that ask for labs, each with an AppRole of its own

    def add_agent(self, agent: Person) -> str:
        """Make its AppRole, and give the role id. What an earlier one of its name logs in with, or as, ends."""

    def agent_secret_id(self, agent: Person) -> Wrapped:
        """A secret id for its AppRole. Wrapped is secret_id. Raises VaultUnprepared without one."""

    def remove_agent(self, agent: Person) -> None:
        """Remove its AppRole with its secret ids, and end all tokens that were got with it. Harmless without one."""

    def health(self) -> Health:
        """Whether Vault answers, is open, and takes our token. Never raises."""

    def renew(self) -> str:
        """Keep our token alive, or log in again. Returns what was done."""

    # what a person is issued: a token of theirs for one grant, and with that token one credential

    def grant_token(self, person: Person, grant_id: str, ttl_seconds: int) -> GrantToken:
        """A token for one credential. It ends after ttl_seconds, and with it what it was used for.

        Raises VaultRefused over 30 days.
        """

    def ssh_token(self, person: Person, grant_id: str) -> str:
        """A token for one ssh certificate, good for a minute. It is no GrantToken, which costs three times as much:
        a certificate is revoked by the KRL, and there would be nothing that an accessor could end.
        """

    def revoke_accessor(self, accessor: str) -> None:
        """End the token, its database user and its TLS certificate. Harmless when it has ended."""

    def ssh_ca_public_key(self) -> str:
        """Whose certificates the hosts trust: `ssh-ed25519 AAAA…`. Raises VaultUnprepared."""

    def sign_ssh(
        self, token: str, public_key: str, principal: str, ttl_seconds: int, key_id: str
    ) -> SshCertificate:
        """Sign an OpenSSH user certificate. Raises VaultRefused: not this key, this principal or so long.

        Nothing in Vault revokes it: that is the KRL's part.
        """

    def sign_bot_ssh(self, public_key: str, principal: str, ttl_seconds: int, key_id: str) -> SshCertificate:
        """The same for a key of the bot's own, an hour at most. Nothing revokes it: let it live for minutes."""

    def issue_tls(self, token: str, domain_role: str, name: str, ttl_seconds: int) -> Wrapped:
        """A certificate with a key that Vault makes and nobody has seen.

        domain_role: the lab's domain, such as `lab.test`. Wrapped are private_key, certificate, ca_chain and
        serial_number. Raises VaultRefused for a name outside the domain.
        """

    def sign_tls(
        self, token: str, domain_role: str, csr_pem: str, name: str, ttl_seconds: int
    ) -> TlsCertificate:
        """Sign a request's public key for that name: the names in the request do not count. Raises VaultRefused."""

    def revoke_tls(self, serial: str) -> None:
        """Put a certificate on the CRL now. Harmless when it is there, has ended, or never was."""

    def tls_ca(self) -> str:
        """The root certificate in PEM, for whoever is to trust the labs' certificates."""

    def tls_crl(self) -> bytes:
        """The list of revoked certificates, in DER, which is good for a day at least."""

    def database_role(self, lab: str, role: str) -> DatabaseRole:
        """`lab-LAB.ROLE`, which is ours, `LAB.ROLE`, or `ROLE` where there is none for the lab alone.

        Raises VaultMissing.
        """

    def database_credentials(self, token: str, role: str) -> Wrapped:
        """A database user of its own; role is DatabaseRole.name. Wrapped are username and password.

        It ends with its token, or after DatabaseRole.max_seconds if that is sooner; open sessions end with it.
        """

    def unwrap(self, wrapping_token: str) -> dict[str, Any]:
        """Open a wrapping: what it holds, and the request_id under which that was issued.

        Raises WrappingSpent when it was opened before, or is too old.
        """

    # what a lab has of its own, for its consumers

    def lab_secret(self, lab: str, part: str = "") -> dict[str, Any] | None:
        """What lies at `innkeeper/labs/LAB`, or at its part (`tls`, `secured`), or None."""

    def write_lab_secret(self, lab: str, values: dict[str, Any], part: str = "") -> None:
        """Put it there, whatever was there before."""

    def remove_lab_secret(self, lab: str, part: str = "") -> None:
        """Remove it with all its versions. Harmless when there is none."""

    def labs_with_secrets(self) -> set[str]:
        """The names of all labs that have anything there, in whatever part."""

    def open_lab_role(self, lab: str, lab_id: str) -> bool:
        """See that the lab has an AppRole of its own, called as the lab, and end that of an earlier lab of its name.

        Whether it was made now.
        """

    def close_lab_role(self, lab: str) -> None:
        """Remove the AppRole with its secret ids, and end all tokens that were got with it. Harmless without one."""

    def lab_secret_id(self, lab: str, person: Person, grant_id: str, ttl_seconds: int) -> Wrapped:
        """A secret id for the lab's AppRole. Wrapped is secret_id. Raises VaultRefused, VaultUnprepared without one."""

    def revoke_lab_secret_id(self, lab: str, lab_id: str, grant_id: str, end_sessions: bool) -> None:
        """Remove the secret ids of that grant, and with end_sessions what all of the lab's consumers logged in as:

        those whose secret id is still good log in again. Harmless when it has ended.
        """

    def has_lab_database(self, lab: str) -> bool:
        """Whether the lab's data store is connected to Vault."""

    def connect_lab_database(self, lab: str, place: DatabasePlace) -> None:
        """Let Vault into the lab's data store, as `lab-LAB`, which it tries at once. Raises VaultError if it cannot."""

    def make_lab_database_role(self, lab: str, role: str, ttl_seconds: int) -> None:
        """`lab-LAB.ROLE`. role: readonly or readwrite. Its users live ttl_seconds at most."""

    def rotate_lab_database(self, lab: str) -> None:
        """Change the root password to one that Vault alone knows, as often as it is called. Raises VaultRefused."""

    def disconnect_lab_database(self, lab: str) -> None:
        """End its users, its roles and the connection. Harmless when there is none."""

    # what we sign, and second factors

    def sign_bytes(self, data: bytes) -> bytes:
        """An ed25519 signature, 64 bytes, over the data itself."""

    def signing_public_key(self) -> str:
        """The key that verifies sign_bytes, in PEM (SubjectPublicKeyInfo)."""

    def totp_enroll(self, person: Person) -> TotpSecret:
        """Make a second factor. Raises VaultConflict when the person has one."""

    def totp_check(self, person: Person, code: str) -> bool:
        """Whether it is the person's code of now (30 s, one step either way). Each code is good once."""

    def totp_forget(self, person: Person) -> None:
        """Remove a person's second factor. Harmless when there is none."""

    def totp_has(self, person: Person) -> bool:
        """Whether the person has enrolled a second factor."""
