"""What reviewers are shown beside a plan: the branch that it is from, and what the guardrails say. Frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class BranchCommit:
    """A branch's commit against what was reviewed. author: what it says itself, where anybody writes what they like."""

    author: str
    committed_at: datetime
    files: tuple[str, ...] = ()  # the first of those that differ: `web/main.tf +3 −2`
    files_changed: int = 0
    held_back: tuple[str, ...] = ()  # what its blueprint asks for and does not get before it is merged


@dataclass(frozen=True)
class Finding:
    """One message. policy: its name, such as `no_provisioner`; file and line: of the sources, or of a broken policy."""

    policy: str
    message: str
    overridable: bool = False
    address: str = ""
    file: str = ""
    line: int = 0


@dataclass(frozen=True)
class Verdict:
    """What the policies say. passed: how many have nothing to say."""

    denials: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    passed: int = 0

    @property
    def overridable(self) -> bool:
        """Whether there are denials, and people may override all of them."""
        return bool(self.denials) and all(each.overridable for each in self.denials)
