"""What a lab's Terraform answered, as its card shows it: what a person needs first, the rest as a number. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bot.views.message import data, span
from commands import words

SHOWN, CHARACTERS = 6, 60  # outputs on a card, and how long the value of one may be there


def output_line(outputs: Mapping[str, Any], publish: Sequence[str], lab: str) -> str:
    """`address `…` · port `443` · password `(sensitive)` and 5 more: …`. Empty: it answered nothing.

    publish: what consumers find comes first, in that order. Lists, maps and long values are only counted.
    """
    first = {name: place for place, name in enumerate(publish)}
    ordered = sorted(outputs.items(), key=lambda each: (first.get(each[0], len(first)), each[0]))
    short = [(name, value) for name, value in ordered if _is_short(value)][:SHOWN]
    shown = " · ".join(
        f"{data(name, 40)} {span(value_words(value), CHARACTERS + 2)}" for name, value in short
    )
    more = len(outputs) - len(short)
    if not more:
        return shown
    beyond = f"and {more:,} more" if shown else words.plural(more, "output")
    return f"{shown} {beyond}: `/lab output {data(lab)}`".strip()


def value_words(value: Any) -> str:
    """A variable's or an output's value as text: `large`, `true`, `["a","b"]`."""
    return (
        value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    )


def _is_short(value: Any) -> bool:
    return isinstance(value, str | int | float) and len(value_words(value)) <= CHARACTERS and value != ""
