"""What may be asked of a blueprint: values, secrets, approvals."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from commands import words
from commands.blueprints.records import Approvals as Approvals
from commands.blueprints.records import Blueprint as Blueprint
from commands.blueprints.records import BlueprintBroken as BlueprintBroken
from commands.blueprints.records import Variable as Variable
from commands.request import Refused
from state.records import RunKind

HIDDEN = "(hidden)"  # stands for a value that was not recorded, as it might have been a secret
_SAMPLES = {"string": "text", "number": "3", "boolean": "true", "list": "one,two"}
_FEW = 12  # choices that a sentence names
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def approvals_needed(blueprint: Blueprint, kind: RunKind) -> tuple[dict[str, int], bool]:
    """Role → people, and whether the requester may be one of them, for a plan of that kind.

    A refresh changes nothing of a lab: its owner, or an infra person, accepts it.
    """
    if kind == "refresh":
        return {}, False
    asked = blueprint.approvals
    if kind == "destroy" and blueprint.destroy_approvals is not None:
        asked = blueprint.destroy_approvals
    return dict(asked.needed), asked.self_approval


def check_values(blueprint: Blueprint, given: Mapping[str, str]) -> dict[str, Any]:
    """What Terraform is given for VAR=VALUE words: converted, checked, defaults filled in, secrets left out.

    A value is never interpreted: `${…}` stays text. Raises Refused; a secret's value is in no sentence.
    """
    example = blueprint.example()
    for name in given:
        if name not in blueprint.variables:
            meant = words.nearest(name, blueprint.variables)
            has = words.listed([f"`{each}`" for each in blueprint.variables]) or "none"
            hint = f"Did you mean `{meant}`?" if meant else f"It has {has}."
            raise Refused(
                f"`{blueprint.name}` has no variable {words.code(name)}. {hint}",
                blueprint.example(say=meant),
            )
        if blueprint.variables[name].sensitive:
            source = "a form asks for it" if blueprint.variables[name].from_form else "it comes from Vault"
            raise Refused(
                f"`{name}` is secret, so it is never typed into a command: {source}. "
                "I have not kept what you typed; if it was real, change it, because Slack has seen it.",
                example,
            )
        if given[name] == HIDDEN:
            # It was typed before the lab, or the blueprint, was here to tell that it is no secret.
            raise Refused(
                f"I did not keep the value of `{name}`, which came too early. Say it again.", example
            )
    missing = [
        variable
        for variable in blueprint.variables.values()
        if variable.required and not variable.sensitive and variable.name not in given
    ]
    if missing:
        told = [f"`{each.name}`" + (f" ({each.help})" if each.help else "") for each in missing]
        raise Refused(f"`{blueprint.name}` also needs {words.listed(told)}.", example)
    return {
        name: _checked(blueprint, variable, given[name]) if name in given else variable.default
        for name, variable in blueprint.variables.items()
        if not variable.sensitive
    }


def wrong_value(blueprint: Blueprint, variable: Variable, text: str) -> str:
    """What is wrong with what was given for one variable, without a secret's value. Empty: nothing."""
    if not text:
        return f"`{variable.name}` is empty. {variable.help}".strip()
    try:
        _checked(blueprint, variable, text)
    except Refused as refused:
        return refused.sentence
    return ""


def check_secrets(blueprint: Blueprint, form: Mapping[str, str]) -> dict[str, Any]:
    """What a form brought for the variables it asks for, checked. Raises Refused, without the values."""
    found: dict[str, Any] = {}
    for name, variable in blueprint.variables.items():
        if variable.from_form:
            if not form.get(name):
                raise Refused(f"`{name}` is empty. {variable.help}".strip())
            found[name] = _checked(blueprint, variable, form[name])
    return found


def _checked(blueprint: Blueprint, variable: Variable, text: str) -> Any:
    shown = "That" if variable.sensitive else words.code(text)
    example = f"/lab up {blueprint.name} demo {variable.name}="
    choices = [written(choice) for choice in variable.choices]
    try:
        value = _converted(variable, text)
    except ValueError as error:
        fitting = choices[0] if choices else _SAMPLES[variable.type]
        given = "that" if variable.sensitive else shown
        raise Refused(f"`{variable.name}` is {error}, and {given} is not.", f"{example}{fitting}") from None
    for each in value if isinstance(value, list) else [value]:
        if choices and each not in variable.choices:
            meant = words.nearest(written(each), choices)
            one_of = choices_words([f"`{choice}`" for choice in choices])
            raise Refused(
                f"`{variable.name}` is {one_of}, not {words.code(written(each))}."
                + (f" Did you mean `{meant}`?" if meant else ""),
                f"{example}{meant or choices[0]}",
            )
        if variable.pattern and not re.fullmatch(variable.pattern, str(each)):
            form = words.code(variable.pattern, 100) + (f": {variable.help}" if variable.help else "")
            sample = written(variable.default) if variable.default is not None else "…"
            raise Refused(f"{shown} does not fit `{variable.name}`. It is {form}.", f"{example}{sample}")
    return value


def choices_words(choices: Sequence[str]) -> str:
    """`small or large`; of many the first, and how many there are beyond."""
    more = [f"one of {len(choices) - _FEW} more"] if len(choices) > _FEW else []
    return words.listed([*choices[:_FEW], *more], "or")


def _converted(variable: Variable, text: str) -> Any:
    """Raises ValueError whose text is what the value should have been."""
    if variable.type == "list":
        of_numbers = any(
            isinstance(each, int | float) for each in [*(variable.default or ()), *variable.choices]
        )
        items = [item.strip() for item in text.split(",") if item.strip()]
        return [_number(item, "a list of numbers") for item in items] if of_numbers else items
    if variable.type == "boolean":
        if text.lower() not in _TRUE + _FALSE:
            raise ValueError("true or false")
        return text.lower() in _TRUE
    return _number(text) if variable.type == "number" else text


def _number(text: str, wanted: str = "a number") -> int | float:
    if re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
        return int(text)
    if re.fullmatch(r"[+-]?\d{1,18}\.\d{1,18}", text, re.ASCII) and math.isfinite(float(text)):
        return float(text)
    raise ValueError(wanted)


def written(value: Any) -> str:
    """A checked value as somebody would type it: `true`, `3`, `a,b`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(written(each) for each in value)
    return str(value)
