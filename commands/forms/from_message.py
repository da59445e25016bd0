"""What somebody's message says of a lab, for the form that `Lab from this thread` opens: never a secret. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from commands import words
from commands.blueprint import Blueprint, wrong_value

NOTE = "Some of it is filled in as the message says. Change what is not right."

_WORD = re.compile(r"[^\s`*_~]+")
_AROUND = ".,;:()\"'?"


def told_in(text: str, offered: Mapping[str, Blueprint]) -> dict[str, str]:
    """Field of the form → value: the one blueprint that is named, VAR=VALUE where that fits it, ttl=8h."""
    said = [word.strip(_AROUND) for word in _WORD.findall(html.unescape(text))]
    named = {word for word in said if word in offered}
    if len(named) != 1:
        return {}
    blueprint = offered[named.pop()]
    told = {"blueprint": blueprint.name}
    for name, equals, value in (word.partition("=") for word in said):
        if equals and value and _fits(blueprint, name, value):
            told[f"{blueprint.name}/{name}{'=' if name == 'ttl' else ''}"] = value
    return told


def _fits(blueprint: Blueprint, name: str, value: str) -> bool:
    if name == "ttl":
        return _seconds(value) <= blueprint.lifetime.max_seconds
    variable = blueprint.variables.get(name)
    is_plain = variable is not None and not variable.sensitive and variable.vault is None
    return variable is not None and is_plain and not wrong_value(blueprint, variable, value)


def _seconds(word: str) -> float:
    try:
        return words.seconds(word)
    except ValueError:
        return float("inf")
