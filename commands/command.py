"""What a row of the table is: a command that is typed, or an action that is clicked, and who may."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from commands.deps import Deps
from commands.request import Outcome, Request

ANYBODY: tuple[str, ...] = ()
OPERATORS = ("operator", "infra", "security", "admin")


@dataclass(frozen=True)
class Command:
    """Words that somebody types, who may, what happens, and how help tells of it."""

    words: tuple[str, ...]  # ("lab", "up")
    function: Callable[[Request, Deps], Outcome]
    roles: tuple[str, ...]  # any of these; empty: anybody at all
    arguments: str
    help: str
    example: str
    in_slack: bool = False  # there alone: a Vault token says too little of who asks, or a secret comes of it

    @property
    def usage(self) -> str:
        return f"/{' '.join(self.words)} {self.arguments}".rstrip()


@dataclass(frozen=True)
class Action:
    """A button or a form: what a click or a submission does, and who may."""

    function: Callable[[Request, Deps], Outcome]
    roles: tuple[str, ...]
