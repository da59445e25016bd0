"""OpenSSH's key revocation list (KRL), written by ourselves: which certificates and keys a host must refuse.

Source: OpenSSH, PROTOCOL.krl. Numbers are big-endian, a string is its length in 4 bytes and then its bytes. The
same input always gives the same bytes. tests/commands/grants/test_krl.py holds it to `ssh-keygen -Q`.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

_MAGIC = b"SSHKRL\n\0"
_FORMAT_VERSION = 1

_CERTIFICATES = 1  # a section: what one CA has signed
_FINGERPRINTS_SHA256 = 5  # a section: keys, and with them every certificate for them

_SERIAL_LIST = 0x20  # parts of the section of certificates
_SERIAL_RANGE = 0x21
_KEY_IDS = 0x23

_SERIALS = range(1, 2**64)
_RANGE_FROM = 3  # so many serials in a row are shorter as a range: 5 + 16 bytes, against 8 each


@dataclass(frozen=True)
class Revoked:
    """What hosts must refuse now. What has expired need not be in it: no host takes that anyway."""

    serials: frozenset[int] = field(default_factory=frozenset)  # of certificates of our CA, 1 to 2^64 - 1
    key_ids: frozenset[str] = field(
        default_factory=frozenset
    )  # of certificates of our CA: TEAM-USER:LAB:GRANT
    fingerprints: frozenset[str] = field(default_factory=frozenset)  # of keys, as ssh-keygen -l: SHA256:…

    def __len__(self) -> int:
        return len(self.serials) + len(self.key_ids) + len(self.fingerprints)


def build_krl(
    serials: Iterable[int],
    key_ids: Iterable[str],
    fingerprints_sha256: Iterable[bytes],
    ca_public_key: str,
    version: int,
    generated_at: datetime,
) -> bytes:
    """The list, as sshd reads it from the file that RevokedKeys names.

    serials and key_ids are of certificates of that CA. A fingerprint (32 bytes) revokes the key itself and every
    certificate for it. version must grow with every list that is handed out. Raises ValueError for what no
    certificate has: OpenSSH does not look at serial 0, and an empty key id would be everybody's who has none.
    """
    header = (
        _MAGIC
        + struct.pack(">IQQQ", _FORMAT_VERSION, version, int(generated_at.timestamp()), 0)
        + _string(b"")  # reserved
        + _string(b"Innkeeper")  # a comment
    )
    certificates = b"".join((*_serial_parts(serials), *_key_id_parts(key_ids)))
    sections = []
    if certificates:
        certificates = _string(_key_blob(ca_public_key)) + _string(b"") + certificates
        sections.append(_section(_CERTIFICATES, certificates))
    hashes = sorted(set(fingerprints_sha256))
    if any(len(each) != 32 for each in hashes):
        raise ValueError("a SHA256 fingerprint has 32 bytes")
    if hashes:
        sections.append(_section(_FINGERPRINTS_SHA256, b"".join(map(_string, hashes))))
    return header + b"".join(sections)


def fingerprint_bytes(fingerprint: str) -> bytes:
    """The 32 bytes of `SHA256:…` as `ssh-keygen -l` writes it. Raises ValueError."""
    kind, _, text = fingerprint.partition(":")
    try:
        found = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        found = b""
    if kind != "SHA256" or len(found) != 32:
        raise ValueError(f"{fingerprint!r} is not a fingerprint such as SHA256:… of 43 letters")
    return found


def _serial_parts(serials: Iterable[int]) -> Iterator[bytes]:
    singles: list[int] = []
    ranges: list[tuple[int, int]] = []
    for first, last in _in_a_row(sorted(set(serials))):
        if last - first + 1 >= _RANGE_FROM:
            ranges.append((first, last))
        else:
            singles.extend(range(first, last + 1))
    if singles:
        yield _section(_SERIAL_LIST, struct.pack(f">{len(singles)}Q", *singles))
    for pair in ranges:
        yield _section(_SERIAL_RANGE, struct.pack(">QQ", *pair))


def _in_a_row(serials: list[int]) -> Iterator[tuple[int, int]]:
    """First and last of each row without a gap. Raises ValueError for what is no serial."""
    if serials and not (serials[0] in _SERIALS and serials[-1] in _SERIALS):
        wrong = serials[0] if serials[0] not in _SERIALS else serials[-1]
        raise ValueError(f"{wrong} is not a serial that can be revoked: those are 1 to 2^64 - 1")
    first = last = None
    for serial in serials:
        if first is None or last is None:
            first = last = serial
        elif serial == last + 1:
            last = serial
        else:
            yield first, last
            first = last = serial
    if first is not None and last is not None:
        yield first, last


def _key_id_parts(key_ids: Iterable[str]) -> Iterator[bytes]:
    found = sorted({each.encode() for each in key_ids})
    if any(not each or b"\0" in each for each in found):
        raise ValueError("a key id has at least one letter, and no NUL")
    if found:
        yield _section(_KEY_IDS, b"".join(map(_string, found)))


def _key_blob(public_key: str) -> bytes:
    """The key as it goes over the wire, out of `ssh-ed25519 AAAA… comment`."""
    words = public_key.split()
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (IndexError, binascii.Error):
        blob = b""
    if not blob.startswith(_string(words[0].encode()) if words else b"\0"):
        raise ValueError("the CA's key is not a public key such as `ssh-ed25519 AAAA…`")
    return blob


def _section(kind: int, data: bytes) -> bytes:
    return bytes((kind,)) + _string(data)


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data
