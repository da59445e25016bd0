"""The part of the FakeVault that signs, and checks second factors by its own clock."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from datetime import datetime
from threading import RLock

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from commands.engines.vault.documents import path_of
from commands.engines.vault.errors import Doing
from commands.engines.vault.protocol import TotpSecret, VaultMissing
from commands.engines.vault.signing import has_one
from state.records import Person

STEP_SECONDS = 30  # of a second factor


class FakeSigning:
    """krl_key signs; code_of tells what a person's telephone shows."""

    now: Callable[[], datetime]
    _lock: RLock

    def __init__(self) -> None:
        super().__init__()
        self.krl_key = ed25519.Ed25519PrivateKey.generate()
        self._factors: dict[str, tuple[TOTP, set[int]]] = {}

    def _ask(self, doing: Doing) -> None:
        raise NotImplementedError

    def sign_bytes(self, data: bytes) -> bytes:
        self._ask(Doing("I cannot sign the list of revoked certificates"))
        return self.krl_key.sign(data)

    def signing_public_key(self) -> str:
        self._ask(Doing("I cannot read the key that verifies the list of revoked certificates"))
        public = self.krl_key.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def totp_enroll(self, person: Person) -> TotpSecret:
        self._ask(Doing("I cannot make a second factor"))
        with self._lock:
            if _name_of(person) in self._factors:
                raise has_one(person)
            factor = TOTP(secrets.token_bytes(20), 6, SHA1(), STEP_SECONDS)
            self._factors[person.key] = (factor, set())
        return TotpSecret(factor.get_provisioning_uri(person.key, "Innkeeper"), _PNG)

    def totp_check(self, person: Person, code: str) -> bool:
        digits = "".join(code.split())
        if not (_name_of(person) and digits.isascii() and digits.isdigit() and len(digits) == 6):
            return False
        self._ask(Doing("I cannot check that code"))
        with self._lock:
            factor, used = self._factors.get(person.key, (None, set()))
            step = int(self.now().timestamp()) // STEP_SECONDS
            for each in (step - 1, step, step + 1):
                if factor is not None and each not in used and _is_code(factor, digits, each):
                    used.add(each)
                    return True
        return False

    def totp_forget(self, person: Person) -> None:
        self._ask(Doing("I cannot remove a second factor"))
        self._factors.pop(_name_of(person), None)

    def totp_has(self, person: Person) -> bool:
        self._ask(Doing("I cannot look whether there is a second factor", untouched=True))
        return _name_of(person) in self._factors

    def code_of(self, person: Person) -> str:
        """What that person's telephone shows now."""
        factor, _ = self._factors[person.key]
        return factor.generate(int(self.now().timestamp())).decode()


def _is_code(factor: TOTP, digits: str, step: int) -> bool:
    try:
        factor.verify(digits.encode(), step * STEP_SECONDS)
    except InvalidToken:
        return False
    return True


def _name_of(person: Person) -> str:
    if path_of(person) is None:
        raise VaultMissing(f"`{person.key}` is not TEAM-USER with the ids of Slack.")
    return person.key


# one white pixel
_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg=="
)
