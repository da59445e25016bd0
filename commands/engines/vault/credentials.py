"""What Vault hands out, as records. None of them shows a secret in its repr."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class GrantToken:
    """A service token of one person, for one grant. It is used at once and kept nowhere.

    accessor revokes the token and every lease under it. request_id is that of its making; what is then issued
    with it stands in Vault's audit log with `auth.metadata` {slack_team, slack_user, grant}.
    """

    token: str = field(repr=False)
    accessor: str
    request_id: str = ""


@dataclass(frozen=True)
class SshCertificate:
    """An OpenSSH user certificate. signed_key is the line of a `*-cert.pub` file, without its newline."""

    serial_hex: str  # 16 digits
    signed_key: str
    request_id: str
    expires_at: datetime


@dataclass(frozen=True)
class TlsCertificate:
    """A certificate from a signing request: its key stayed with the person. serial is as Vault writes it, aa:bb:…"""

    serial: str
    certificate_pem: str
    ca_chain_pem: str  # of the issuers, from the one that signed to the root
    request_id: str
    expires_at: datetime


@dataclass(frozen=True)
class Wrapped:
    """A secret in its wrapping, which opens once. expires_at is the wrapping's end, not the secret's.

    serial is None and request_id is empty: Vault wraps them too. `unwrap` gives request_id, and serial_number
    of a certificate.
    """

    token: str = field(repr=False)
    expires_at: datetime
    serial: str | None = None
    request_id: str = ""


@dataclass(frozen=True)
class DatabaseRole:
    """A role of Vault's database engine. A user made from it lives max_seconds at most, or as its token does."""

    name: str
    max_seconds: int


@dataclass(frozen=True)
class DatabasePlace:
    """Where a lab's data store is, and who may do everything in it. connection_url has {{username}}, {{password}}."""

    connection_url: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class TotpSecret:
    """A second factor as it is shown once: an otpauth:// address, and the same as a QR code in a PNG."""

    url: str = field(repr=False)
    barcode_png: bytes = field(repr=False)
