"""What Vault hands out, as records. None of them shows a secret in its repr."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class GrantToken:
    """A service token of one person, for one grant. Good for one credential; it is kept nowhere.

    accessor revokes the token and every lease under it.
    """

    token: str = field(repr=False)
    accessor: str


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

    serial is None: what is wrapped is known to whoever opens it, and `unwrap` gives `serial_number` then.
    """

    token: str = field(repr=False)
    expires_at: datetime
    serial: str | None
    request_id: str


@dataclass(frozen=True)
class DatabaseRole:
    """A role of Vault's database engine. A user made from it lives max_seconds at most, or as its token does."""

    name: str
    max_seconds: int


@dataclass(frozen=True)
class TotpSecret:
    """A second factor as it is shown once: an otpauth:// address, and the same as a QR code in a PNG."""

    url: str = field(repr=False)
    barcode_png: bytes = field(repr=False)
