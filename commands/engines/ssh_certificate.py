"""When an OpenSSH certificate ends. Keys in hardware (sk-…) have certificates that cryptography does not read."""

from __future__ import annotations

import base64
import binascii
import struct
from datetime import UTC, datetime

# how many strings the key itself is, by the certificate's kind. Source: OpenSSH, PROTOCOL.certkeys, PROTOCOL.u2f
_KEY_PARTS = {
    "ssh-ed25519-cert-v01@openssh.com": 1,
    "ssh-rsa-cert-v01@openssh.com": 2,
    "ecdsa-sha2-nistp256-cert-v01@openssh.com": 2,
    "ecdsa-sha2-nistp384-cert-v01@openssh.com": 2,
    "ecdsa-sha2-nistp521-cert-v01@openssh.com": 2,
    "sk-ssh-ed25519-cert-v01@openssh.com": 2,
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com": 3,
}


def ends_at(signed_key: str) -> datetime:
    """The end of a certificate, from a line of a `*-cert.pub` file. Raises ValueError for anything else."""
    kind, encoded = [*signed_key.split(), "", ""][:2]
    if kind not in _KEY_PARTS:
        raise ValueError(f"{kind[:60]!r} is no kind of certificate")
    try:
        blob = base64.b64decode(encoded, validate=True)
        at = 0
        for _ in range(2 + _KEY_PARTS[kind]):  # its kind again, a nonce, the key
            at = _after_text(blob, at)
        at += 8 + 4  # serial, user or host
        for _ in range(2):  # key id, principals
            at = _after_text(blob, at)
        _, before = struct.unpack_from(">QQ", blob, at)
        return datetime.fromtimestamp(before, UTC)
    except (binascii.Error, struct.error, OverflowError) as error:
        raise ValueError(f"that certificate is damaged: {type(error).__name__}") from None


def _after_text(blob: bytes, at: int) -> int:
    (length,) = struct.unpack_from(">I", blob, at)
    return at + 4 + int(length)
