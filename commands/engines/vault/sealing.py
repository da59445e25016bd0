"""Envelope encryption: a body under AES-256-GCM with a data key of its own, and that key as Vault wrapped it.

    "IK" version (1) | length of the wrapped key (2, big-endian) | wrapped key | nonce (12) | ciphertext, tag

Everything before the ciphertext, and `about`, is authenticated with it.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from commands.engines.vault.errors import SealBroken

_MAGIC = b"IK\x01"
_NONCE_BYTES = 12


def encrypt(plaintext: bytes, about: str, key: bytes, wrapped_key: bytes) -> bytes:
    """Seal plaintext. key is 32 bytes and used for this body alone."""
    nonce = os.urandom(_NONCE_BYTES)
    header = _MAGIC + len(wrapped_key).to_bytes(2, "big") + wrapped_key + nonce
    return header + AESGCM(key).encrypt(nonce, plaintext, header + about.encode())


def wrapped_key_of(sealed: bytes) -> bytes:
    """The wrapped key in what was sealed. Raises SealBroken."""
    return _parts(sealed)[1]


def decrypt(sealed: bytes, about: str, key: bytes) -> bytes:
    """Open what encrypt made for the same about. Raises SealBroken."""
    header, _, nonce, ciphertext = _parts(sealed)
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, header + about.encode())
    except (InvalidTag, ValueError):
        raise broken(about) from None


def broken(about: str) -> SealBroken:
    """The error for what cannot be opened."""
    return SealBroken(
        f"What is kept of {about} has been damaged, or belongs to something else, so I do not use it. "
        "An admin can restore it from a backup of my database."
    )


def _parts(sealed: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    start = len(_MAGIC) + 2
    length = int.from_bytes(sealed[len(_MAGIC) : start], "big")
    end = start + length + _NONCE_BYTES
    if not sealed.startswith(_MAGIC) or length == 0 or len(sealed) < end:
        raise broken("this")
    return sealed[:end], sealed[start : start + length], sealed[start + length : end], sealed[end:]
