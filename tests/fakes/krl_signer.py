"""What signs revocations, in memory, with real keys. It fails when `wrong` is set."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from commands.engines.vault.protocol import VaultError


class KrlSigner:
    """A CA of which only the public key is used, and an ed25519 key. Set wrong to an error to have it raised."""

    def __init__(self, ca_public_key: str = "") -> None:
        self.ca_public_key = ca_public_key or new_public_key()
        self.key = Ed25519PrivateKey.generate()
        self.wrong: VaultError | None = None
        self.signed = 0

    def ssh_ca_public_key(self) -> str:
        self._ask()
        return self.ca_public_key

    def signing_public_key(self) -> str:
        self._ask()
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def sign_bytes(self, data: bytes) -> bytes:
        self._ask()
        self.signed += 1
        return self.key.sign(data)

    def _ask(self) -> None:
        if self.wrong is not None:
            raise self.wrong


def new_public_key() -> str:
    """Somebody's `ssh-ed25519 AAAA…`."""
    key = Ed25519PrivateKey.generate().public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
