"""What can go wrong between us and Vault, each as one sentence that a person can be told as it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Doing:
    """What one call to Vault is for, so that its end can be told.

    so continues "Vault is sealed, so …". untouched: nothing had been done when it was called, which is said.
    in_doubt, of a write, is what to do when no answer came; if_denied, what to do about a missing right.
    """

    so: str = "I cannot go on"
    untouched: bool = False
    in_doubt: str = ""
    if_denied: str = "An admin of Vault can restore my policy with `innkeeper init --admin TEAM:USER`."


class VaultError(Exception):
    """Anything that Vault did not do. sentence is for people; detail is for the log, and holds no secret."""

    def __init__(self, sentence: str, detail: str = "") -> None:
        super().__init__(sentence if not detail else f"{sentence} ({detail})")
        self.sentence = sentence
        self.detail = detail


class VaultUnavailable(VaultError):
    """Vault cannot be asked now. Nothing was done, unless a write is in doubt, which the sentence says."""

    because = "Vault cannot be asked"
    remedy = "Try again in a minute."

    def __init__(self, doing: Doing | None = None, detail: str = "") -> None:
        doing = doing or Doing()
        done = " I have not done anything." if doing.untouched else ""
        super().__init__(f"{self.because}, so {doing.so}.{done} {self._remedy(doing)}", detail)

    def _remedy(self, doing: Doing) -> str:
        return self.remedy


class VaultSealed(VaultUnavailable):
    because = "Vault is sealed"
    remedy = "Try again when it is open."


class VaultAway(VaultUnavailable):
    because = "Vault is away"
    remedy = "Try again when it is back."

    def _remedy(self, doing: Doing) -> str:
        return doing.in_doubt or self.remedy


class VaultSlow(VaultUnavailable):
    because = "Vault took too long to answer"

    def _remedy(self, doing: Doing) -> str:
        return doing.in_doubt or self.remedy


class VaultDenied(VaultUnavailable):
    """Our token is good, and its policy does not name this path."""

    because = "Vault does not allow it"

    def _remedy(self, doing: Doing) -> str:
        return doing.if_denied


class VaultLoginRefused(VaultDenied):
    """Our login itself is not taken any more: the token has ended, or the secret id is not valid."""

    because = "Vault does not accept my login"

    def _remedy(self, doing: Doing) -> str:
        return "An admin of Vault can give me a new one: `innkeeper init` prints it, and doctor checks it."


class VaultUnprepared(VaultUnavailable):
    """A mount or a key of ours is not there."""

    because = "Vault has not been prepared for me"
    remedy = "An admin of Vault can do that with `innkeeper init --admin TEAM:USER`."


class VaultMissing(VaultError):
    """There is no such path or field."""


class VaultConflict(VaultError):
    """A check-and-set write lost: somebody else wrote first, and what they wrote stands."""


class SealBroken(VaultError):
    """What was sealed is damaged, or was sealed for something else."""


class VaultRefused(VaultError):
    """Vault judged what was asked, and will not do it: a name outside the domain, a lifetime over the maximum."""


class WrappingSpent(VaultError):
    """A wrapping that was opened already, or is past its time."""
