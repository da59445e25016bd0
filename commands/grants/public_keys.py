"""ssh keys as people paste them: which are public and good enough, and which are private and must not be kept. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from commands import words
from commands.request import Refused

EXAMPLE = "/key enroll ssh-ed25519 AAAAC3Nz… you@laptop"
RSA_BITS = (3072, 8192)
QUOTES = "\"'`“”„‟‘’‚‛"  # with which people paste a key
_LONGEST = 2000  # characters, of an RSA key of 8,192 bits with its comment

_TYPES = {
    "ssh-ed25519": "id_ed25519",
    "ecdsa-sha2-nistp256": "id_ecdsa",
    "ecdsa-sha2-nistp384": "id_ecdsa",
    "ecdsa-sha2-nistp521": "id_ecdsa",
    "sk-ssh-ed25519@openssh.com": "id_ed25519_sk",
    "sk-ecdsa-sha2-nistp256@openssh.com": "id_ecdsa_sk",
    "ssh-rsa": "id_rsa",
}
# Private keys of any armour. Dashes and spaces are not relied on: what people type through has turned them into others.
_ARMOUR = re.compile(
    r"(BEGIN|END)[^A-Z0-9]*[A-Z0-9 ]{0,40}?(PRIVATE|SECRET)[^A-Z0-9]*KEY"
    r"|PUTTY-USER-KEY-FILE|PRIVATE-LINES\W|PRIVATE-MAC\W|SSH PRIVATE KEY FILE FORMAT|AGE-SECRET-KEY-1"
)
_BARE = re.compile(
    r"b3BlbnNzaC1rZXktdjE"  # openssh-key-v1
    r"|MC4CAQAwBQYDK2Vw|MFECAQEwBQYDK2Vw|MEcCAQAwBQYDK2Vx"  # PKCS 8: ed25519, ed448
    r"|MI[GH][A-Za-z0-9+/]{1,2}AgEAM[A-Za-z0-9+/]{1,3}GByqGSM49"  # PKCS 8: elliptic curves
    r"|M[A-Za-z0-9+/]{2,5}(CAQEE|AgEBB)[A-Za-z0-9+/]{40}"  # SEC 1
    r"|MII[A-Za-z0-9+/]{3}IBA[A-D]"  # PKCS 1 and PKCS 8: RSA, DSA
    r"|GCSqGSIb3DQEFD|BgkqhkiG9w0BBQ|YJKoZIhvcNAQU[MNO]"  # PKCS 8, encrypted: PBES of PKCS 5
)
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class PublicKey:
    """An ssh public key that may be trusted. line is its type and its body, without a comment."""

    line: str
    fingerprint: str  # SHA256:…, as ssh-keygen -l shows it

    @property
    def type(self) -> str:
        """`ssh-ed25519`, …"""
        return self.line.partition(" ")[0]

    @property
    def file(self) -> str:
        """What its private half is usually called: `id_ed25519`."""
        return _TYPES.get(self.type, "id_ed25519")


def is_private(text: str) -> bool:
    """Whether somebody has pasted a private key, or a part of one that tells: then it must not be kept anywhere."""
    spaced = _SPACE.sub(" ", text)
    return bool(_ARMOUR.search(spaced.upper()) or _BARE.search(_SPACE.sub("", text)))


def private_key_refused() -> Refused:
    """What somebody is told who pasted one."""
    return Refused(
        "*That is a private key, and it must now be considered lost.* Slack has seen it. I have not kept it and I have "
        "not done anything with it. Take it out of every place that trusts it, make a new one with "
        "`ssh-keygen -t ed25519`, and enroll the new *public* key: the file that ends in `.pub`.",
        EXAMPLE,
    )


def read(text: str) -> PublicKey:
    """The public key in one line of an authorized_keys or *.pub file, in quotes or without. Raises Refused."""
    text = text.strip().strip(QUOTES).strip()
    if is_private(text):
        raise private_key_refused()
    if len(text) > _LONGEST:
        raise Refused(f"That has {len(text):,} characters, and no public key has so many.", EXAMPLE)
    if "\n" in text or "\r" in text:
        raise Refused("Give one public key, in one line.", EXAMPLE)
    kind, _, rest = text.partition(" ")
    body, _, comment = rest.strip().partition(" ")
    if kind.endswith("-cert-v01@openssh.com"):
        raise Refused("That is a certificate. Enroll the key that it was made for.", EXAMPLE)
    if kind in ("ssh-dss", "ssh-dsa"):
        raise Refused(
            "DSA keys are too weak, and OpenSSH takes none any more. Use `ssh-keygen -t ed25519`.", EXAMPLE
        )
    if kind not in _TYPES:
        if any(name in text.split() for name in _TYPES):
            raise Refused("Leave out what stands before the key: it is enrolled without options.", EXAMPLE)
        raise _not_one()
    if any(word in _TYPES for word in comment.split()):
        raise Refused("Give one public key at a time.", EXAMPLE)
    try:
        blob = base64.b64decode(body, validate=True)
        key = load_ssh_public_key(f"{kind} {body}".encode())
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        raise Refused(
            "That key is not whole: something is missing, or was changed on its way.", EXAMPLE
        ) from None
    lowest, highest = RSA_BITS
    if isinstance(key, rsa.RSAPublicKey) and not lowest <= key.key_size <= highest:
        raise Refused(
            f"That RSA key has {key.key_size:,} bits, and they have {lowest:,} to {highest:,} here. "
            "Or use `ssh-keygen -t ed25519`.",
            EXAMPLE,
        )
    return PublicKey(f"{kind} {body}", fingerprint(blob))


def fingerprint(blob: bytes) -> str:
    """`SHA256:…` of a key's body. Source: RFC 4253, 6.6, and ssh-keygen(1), -l."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def enrolled(line: str) -> PublicKey | None:
    """A key as it stands in an operator's document; None for what cannot be read as one."""
    parts = line.split()
    try:
        return PublicKey(f"{parts[0]} {parts[1]}", fingerprint(base64.b64decode(parts[1], validate=True)))
    except (IndexError, ValueError):
        return None


def _not_one() -> Refused:
    """Without a word of what was pasted: it may be a secret."""
    types = words.listed(["ed25519", "ecdsa", "sk-*", "rsa"], "or")
    return Refused(f"That is not an ssh public key. It begins with its type: {types}.", EXAMPLE)
