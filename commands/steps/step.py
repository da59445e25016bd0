"""What a step of a platform component is: what it works with, how it ends, and how it is undone.

Each of secure.py, deploy.py, integrate.py and test.py has `wanted(blueprint) -> bool`, `perform(work) -> Done`, which
may be done twice without harm, and, where there is something to take back, `undo(work) -> None`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from commands.blueprints.records import Blueprint
from commands.deps import Deps
from state.records import Lab, Run


@dataclass(frozen=True)
class Work:
    """One lab after its apply, and who is told how far a step is."""

    deps: Deps
    lab: Lab
    run: Run
    blueprint: Blueprint
    outputs: Mapping[str, Any]  # as Terraform gave them, sensitive ones in the clear: never to be shown
    secrets: tuple[str, ...]  # taken out of all that is said
    folder: Path  # private to this step, empty at its beginning, removed at its end
    stopping: (
        threading.Event
    )  # the bot stops: raise StepInterrupted, and the step is done again after the next start
    is_cancelled: Callable[[], bool]  # somebody pressed Cancel: raise StepFailed soon
    progress: Callable[[str], None]  # a few words on the card: `task 7: install nginx`
    options: Mapping[str, Any] = field(default_factory=dict)  # of `/lab deploy`: tags, check

    def __repr__(self) -> str:
        return f"Work({self.lab.name}, {self.run.id})"


@dataclass(frozen=True)
class Done:
    """A step came to a good end."""

    sentence: str = ""  # a word or two beside its tick: `5 of 5`; empty: how long it took
    details: str = ""  # text without secrets, which goes to the card's thread as a file


class StepFailed(Exception):
    """A step did not come to a good end. sentence says why, for a person; details go to the card's thread."""

    def __init__(self, sentence: str, details: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.details = details


class StepInterrupted(Exception):
    """The bot stops in the middle of a step. It is done again by whoever starts next."""


class StepModule(Protocol):
    """One of secure.py, deploy.py, integrate.py, test.py."""

    def perform(self, work: Work) -> Done:
        """Do the step. Raises StepFailed, StepInterrupted, VaultError, Refused."""


@runtime_checkable
class TakenBack(Protocol):
    """A step that makes something outside of the lab, which must go before the lab does."""

    def undo(self, work: Work) -> None:
        """Take back what the step has made. Raises StepFailed, VaultError."""
