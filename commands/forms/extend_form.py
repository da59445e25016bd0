"""The form that asks how much longer a lab shall live: `/lab extend NAME` without a duration, and `Extend…`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from commands.deps import Deps
from commands.grammar import duration
from commands.lifetime.words import until
from commands.request import Field, Form, Refused, Request
from state.records import Lab

ACTION = "extend_by"
_CHOICES = {"4h": "4 h", "8h": "8 h", "1d": "24 h", "other": "Something else"}


def form(lab: Lab, now: datetime) -> Form:
    """The form of a lab. Its value is the lab's id."""
    lives = f" It lives until {until(lab.expires_at, now)}." if lab.expires_at is not None else ""
    longer = Field(
        "more", "Longer by", choices=tuple(_CHOICES), labels=tuple(_CHOICES.values()), default="4h"
    )
    return Form(
        action=ACTION,
        value=lab.id,
        title="More time",
        submit="Extend",
        introduction=f"How much longer shall *{lab.name}* live?{lives}",
        fields=(
            longer,
            Field(
                "other",
                "Something else",
                "Such as 45m, 12h or 2d. It counts before the choice.",
                optional=True,
            ),
        ),
    )


def more(given: Mapping[str, str]) -> str:
    """What was typed, or else chosen: `4h`. A choice stands there from the start, so what is typed is meant."""
    chosen = given.get("more", "")
    return given.get("other", "").strip() or ("" if chosen == "other" else chosen)


def wrong(request: Request, given: Mapping[str, str], deps: Deps) -> dict[str, str]:
    """Field → what is wrong with it."""
    longer = more(given)
    if not longer:
        return {"other": "Say how much longer, such as 12h."}
    try:
        duration(longer)
    except Refused as refused:
        return {"other": refused.sentence}
    return {}
