"""Which ssh certificates are revoked: OpenSSH's list of them, read from Innkeeper at each login.

The list is a KRL, as OpenSSH's PROTOCOL.krl describes it. This reads what `ssh-keygen -Q` reads, and refuses a
list with anything in it that it does not know: what is not understood might be a revocation.
"""

import http.client
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from urllib.parse import urlsplit

FIRST_WITHIN_SECONDS = 5.0  # as long as there is no copy, nobody gets in
LONGEST_LIST_BYTES = 32 * 1024 * 1024

_MAGIC = b"SSHKRL\n\0"
_CERTIFICATES, _KEYS, _SHA1, _SIGNATURE, _SHA256, _EXTENSION = 1, 2, 3, 4, 5, 255
_SERIALS, _RANGE, _BITMAP, _KEY_IDS, _CERTIFICATES_EXTENSION = 0x20, 0x21, 0x22, 0x23, 0x39


@dataclass(frozen=True)
class Certificate:
    """What a list can say something about. ca and key are public keys in ssh's wire format."""

    ca: bytes
    key: bytes
    serial: int
    key_id: str


class ListBroken(ValueError):
    """These bytes are no list of revoked certificates that can be relied on. Its text says why."""


class ListUnknown(Exception):
    """There is no list that is new enough. Its text says why."""


@dataclass
class Revoked:
    """What is revoked of one CA's certificates (or, for the CA b"", of any)."""

    serials: set[int] = field(default_factory=set)
    ranges: list[tuple[int, int]] = field(default_factory=list)
    bitmaps: list[tuple[int, int]] = field(
        default_factory=list
    )  # the first serial, and a bit for each from there
    key_ids: set[str] = field(default_factory=set)

    def has_serial(self, serial: int) -> bool:
        if serial == 0:  # a CA that gives no serials gives 0 to all, and OpenSSH leaves that out too
            return False
        return (
            serial in self.serials
            or any(low <= serial <= high for low, high in self.ranges)
            or any(serial >= first and bits >> (serial - first) & 1 for first, bits in self.bitmaps)
        )


class RevocationList:
    """A KRL that was read whole. Raises ListBroken for anything else."""

    def __init__(self, content: bytes) -> None:
        data = _Bytes(content)
        if data.take(8) != _MAGIC or data.number(4) != 1:
            raise ListBroken("It is not a list of revoked certificates (a KRL of version 1)")
        self.version = data.number(8)
        self.generated_at = data.number(8)
        data.number(8)  # flags: none are defined
        data.string()
        self.comment = data.string().decode(errors="replace")
        self._of_ca: dict[bytes, Revoked] = {}
        self._keys: set[bytes] = set()
        self._hashes: set[bytes] = set()
        while data:
            kind, section = data.number(1), _Bytes(data.string())
            if kind == _CERTIFICATES:
                self._read_certificates(section)
            elif kind == _KEYS:
                self._keys |= set(section.strings())
            elif kind in (_SHA1, _SHA256):
                self._hashes |= set(section.strings())
            elif kind == _EXTENSION:
                section.extension()
            else:
                raise ListBroken(f"It has a section of the unknown kind {kind}")

    def _read_certificates(self, data: "_Bytes") -> None:
        revoked = self._of_ca.setdefault(data.string(), Revoked())
        data.string()
        while data:
            kind, section = data.number(1), _Bytes(data.string())
            if kind == _SERIALS:
                revoked.serials |= set(section.numbers())
            elif kind == _RANGE:
                revoked.ranges.append((section.number(8), section.number(8)))
            elif kind == _BITMAP:
                revoked.bitmaps.append((section.number(8), int.from_bytes(section.string(), "big")))
            elif kind == _KEY_IDS:
                revoked.key_ids |= {each.decode(errors="surrogateescape") for each in section.strings()}
            elif kind == _CERTIFICATES_EXTENSION:
                section.extension()
            else:
                raise ListBroken(f"It says of certificates something of the unknown kind {kind:#x}")
            if section:
                raise ListBroken("It has bytes left over")

    def because(self, certificate: Certificate) -> str | None:
        """Why a certificate is revoked, or None."""
        for name, key in (("key", certificate.key), ("CA", certificate.ca)):
            # SHA-1 protects nothing here: it is one of the two names that a list may use for a key.
            hashes = {sha1(key, usedforsecurity=False).digest(), sha256(key).digest()}
            if key in self._keys or self._hashes & hashes:
                return f"its {name} is revoked"
        for ca in (certificate.ca, b""):
            revoked = self._of_ca.get(ca)
            if revoked and certificate.key_id in revoked.key_ids:
                return "its key id is revoked"
            if revoked and revoked.has_serial(certificate.serial):
                return "its serial is revoked"
        return None


class _Bytes:
    """Bytes that are read from the front. Truth: whether any are left."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def __bool__(self) -> bool:
        return self._at < len(self._content)

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._content):
            raise ListBroken("It is cut off")
        self._at += count
        return self._content[self._at - count : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def string(self) -> bytes:
        return self.take(self.number(4))

    def strings(self) -> Iterator[bytes]:
        while self:
            yield self.string()

    def numbers(self) -> Iterator[int]:
        while self:
            yield self.number(8)

    def extension(self) -> None:
        """One that we do not know may be left out, unless it says that it may not."""
        name, critical = self.string().decode(errors="replace"), self.number(1)
        self.string()
        if critical:
            raise ListBroken(f"It asks for {name}, which is unknown here")


class Revocations:
    """The newest list at an address, read again whenever somebody logs in. Safe to use from several threads.

    url is the list's. Its signature is at url + ".sig", and is looked at if public_key is given (PEM, ed25519). When
    the address does not answer within_seconds, the copy that we have is good for trusted_seconds after it was last the
    newest.
    """

    def __init__(
        self, url: str, public_key: str = "", trusted_seconds: float = 600.0, within_seconds: float = 1.0
    ) -> None:
        self._url = url
        self._verify = _verifier(public_key)
        self._trusted_seconds = trusted_seconds
        self._within_seconds = within_seconds
        self._gate = threading.Lock()
        self._list: RevocationList | None = None
        self._etag = ""
        self._newest_at = 0.0
        self._trouble = "It was never read"

    def refresh(self) -> None:
        """Read the list again, within a few seconds. Never raises: what went wrong is in the next answer."""
        with self._gate:
            asked_at = time.monotonic()
            try:
                self._read()
            except (OSError, http.client.HTTPException, ValueError) as error:
                self._trouble = str(error) or type(error).__name__
                return
            self._newest_at = asked_at

    def current(self) -> RevocationList:
        """The list, if it is new enough to decide by. Raises ListUnknown."""
        found, age_seconds = self._list, time.monotonic() - self._newest_at
        if found is None:
            raise ListUnknown(f"the list of revoked certificates is not known: {self._trouble} ({self._url})")
        if age_seconds > self._trusted_seconds:
            raise ListUnknown(
                f"the list of revoked certificates is {int(age_seconds)} s old: {self._trouble} ({self._url})"
            )
        return found

    def _read(self) -> None:
        patience = FIRST_WITHIN_SECONDS if self._list is None else 0.0
        within_seconds = max(self._within_seconds, patience)
        status, etag, content = _get(self._url, self._etag, within_seconds)
        if status == 304 and self._list is not None:
            return
        if status != 200:
            raise OSError(f"The address answers {status}")
        if self._verify is not None:
            signature_url = f"{self._url}.sig?of={sha256(content).hexdigest()}"
            signed, _, signature = _get(signature_url, "", within_seconds)
            if signed != 200:
                raise ListBroken(f"The address of its signature answers {signed}")
            self._verify(signature, content)
        found = RevocationList(content)
        if self._list is not None and found.version < self._list.version:
            raise ListBroken(
                f"It is version {found.version}, older than the {self._list.version} that was here"
            )
        self._list, self._etag = found, etag


def _verifier(public_key: str):  # type: ignore[no-untyped-def]
    if not public_key:
        return None
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = load_pem_public_key(public_key.encode())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("The key that signs the list of revoked certificates is not an ed25519 key")

    def verify(signature: bytes, content: bytes) -> None:
        try:
            key.verify(signature, content)
        except InvalidSignature:
            raise ListBroken("Its signature is not that of the key that it should be signed with") from None

    return verify


def _get(url: str, etag: str, within_seconds: float) -> tuple[int, str, bytes]:
    """Status, ETag and content. Through no proxy, and to no other address."""
    at = urlsplit(url)
    if at.scheme not in ("http", "https") or not at.hostname:
        raise ValueError(f"{url} is not an http address")
    if at.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            at.hostname, at.port, timeout=within_seconds, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(at.hostname, at.port, timeout=within_seconds)
    try:
        path = at.path + ("?" + at.query if at.query else "")
        connection.request("GET", path, headers={"If-None-Match": etag} if etag else {})
        answer = connection.getresponse()
        content = answer.read(LONGEST_LIST_BYTES + 1)
        if len(content) > LONGEST_LIST_BYTES:
            raise ListBroken(f"It has more than {LONGEST_LIST_BYTES} bytes")
        return answer.status, answer.getheader("ETag", ""), content
    finally:
        connection.close()
