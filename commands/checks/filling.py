"""${output} in the texts of checks: filled in literally, and for people without what is sensitive. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from commands.engines.checks.looking import NotSo
from commands.engines.terraform.events import SENSITIVE
from commands.words import nearest

MOST_OF_A_LIST = 100

_PLACE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_-]*)\}")


def filled(text: str, values: Mapping[str, Any], sensitive: Collection[str] = ()) -> tuple[str, str]:
    """The text with the values in it, and the same for people. A value is never looked at for more places.

    Raises NotSo for a value that there is not, or that is no single one.
    """
    told = {name: _text(name, values) for name in named(text)}
    shown = {name: SENSITIVE if name in sensitive else value for name, value in told.items()}
    return _PLACE.sub(lambda found: told[found[1]], text), _PLACE.sub(lambda found: shown[found[1]], text)


def named(text: str) -> tuple[str, ...]:
    """The outputs that a text names, each once."""
    return tuple(dict.fromkeys(_PLACE.findall(text)))


def each_of(target: str, values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The values for each check that a target stands for: more than one where it names an output that is a list.

    Raises NotSo for two lists, and for one that is empty or too long: nothing was looked at, and that is not well.
    """
    lists = [
        name
        for name in named(target)
        if isinstance(values.get(name), Sequence) and not isinstance(values[name], str)
    ]
    if not lists:
        return [values]
    if len(lists) > 1:
        raise NotSo(
            f"its outputs {lists[0]} and {lists[1]} are both lists, and it can go through one", is_final=True
        )
    items = values[lists[0]]
    if not 0 < len(items) <= MOST_OF_A_LIST:
        many = f"has more than {MOST_OF_A_LIST} values" if items else "is empty"
        raise NotSo(f"its output {lists[0]} {many}", is_final=True)
    return [{**values, lists[0]: item} for item in items]


def _text(name: str, values: Mapping[str, Any]) -> str:
    if name not in values:
        meant = nearest(name, values)
        hint = f"; did you mean {meant}?" if meant else ""
        raise NotSo(f"the lab has no output {name}{hint}", is_final=True)
    value = values[name]
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise NotSo(f"its output {name} is not a single value", is_final=True)
    return str(value)
