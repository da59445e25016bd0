"""A scene: somebody does something in an inn, and what is new in Slack after it is written down."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

from bot.pictures.bars import Bars, Series, bar_chart_alt
from bot.pictures.costs import cost_picture
from bot.pictures.plan_graph import plan_graph_alt, plan_picture
from bot.pictures.timeline import life_picture, timeline_alt
from bot.requests import WrongFields
from bot.views.message import Message
from commands.costs.spent import DailyCosts
from commands.pictures import Picture
from state.records import Person
from tests.fakes.slack import Said
from tests.inn import CHANNEL, ROLES, Inn, Shown
from tests.messages import markdown
from tests.messages.markdown import NAMES, quoted

Place = Literal["channel", "thread", "direct", "window", "home"]


@dataclass(frozen=True)
class Shot:
    """What a picture shows: a place as somebody sees it. messages: those in it, the oldest first; or a view."""

    place: Place
    viewer: Person
    at: datetime
    messages: tuple[Said, ...] = ()
    view: dict[str, Any] | None = None
    errors: tuple[tuple[str, str], ...] = ()  # what stands under which field of the view
    authors: Mapping[str, str] = field(default_factory=dict)  # of those that people wrote
    drawn: Mapping[str, Callable[[], bytes]] = field(
        default_factory=dict
    )  # alternative text → its picture, as PNG


class Drawing(Inn):
    """An inn that says what its pictures show, and draws them only where somebody looks at them."""

    def starts(self) -> None:
        super().starts()
        self.drawn: dict[str, Callable[[], bytes]] = getattr(self, "drawn", {})
        self.deps = replace(
            self.deps,
            draw_costs=lambda costs: self._draws(
                bar_chart_alt(costs_bars(costs)), partial(cost_picture, costs)
            ),
            draw_plan=lambda plan: self._draws(plan_graph_alt(plan), partial(plan_picture, plan)),
            draw_life=lambda life: self._draws(timeline_alt(life), partial(life_picture, life)),
        )
        self.intake._deps = self.worker._deps = self.deps

    def _draws(self, alt: str, draw: Callable[[], Picture | None]) -> Picture:
        def png() -> bytes:
            picture = draw()
            assert picture is not None
            return picture.png

        self.drawn[alt] = png
        return Picture(b"\x89PNG", alt)


class Scene:
    """One story. does() plays an act, and writes down who did what and what was said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inn = Drawing(folder)
        for person, roles in ROLES.items():
            self.inn.vault.add(person, *roles, name=NAMES[person.user])
        self.lines: list[str] = []
        self.shot: Shot | None = None
        self.authors: dict[str, str] = {}
        self._written: dict[str, list[str]] = {}  # message or view → its lines, as they were written last
        self._new: list[Said] = []  # of the last act
        self._view: tuple[Place, str, dict[str, Any]] | None = None

    # What people do

    def does(self, who: Person | None, what: str, act: Callable[[], object], typed: str = "") -> None:
        """who: nobody, where it happens by itself."""
        doing = f"*@{NAMES[who.user]} {what}*" if who is not None else f"*{what}*"
        self.lines += ["", f"{doing} `{typed}`" if typed else doing]
        act()
        self._new, self._view = [], None
        for said in self.inn.slack.messages:
            if self._writes(said.ts, list(markdown.message(said)), 2 if said.thread_ts else 1):
                self._new.append(said)
        for place, user, name, view in self._views():
            if self._writes(name, [f"*{name.rstrip()}*", *markdown.view(view)], 1):
                self._view = place, user or (who.user if who is not None else ""), view
        assert self._new or self._view, f"nothing is said when {what} {typed}"

    def says(self, who: Person, typed: str) -> None:
        self.does(who, "types", lambda: self.inn.says(who, typed), markdown.words(typed))

    def presses(self, who: Person, label: str, shown: Shown | None = None) -> None:
        """On the newest card, or on what is given."""
        on = shown or self.inn.newest_card()
        self.does(who, "presses", lambda: self.inn.clicks(who, on, label), label)

    def presses_own(self, who: Person, label: str) -> None:
        """On what they alone were told last."""
        self.presses(who, label, self.inn.private(who))

    def presses_in_window(self, who: Person, label: str) -> None:
        button = self.inn.view().buttons[label]
        click = self.inn.presses(who, button["action_id"], button["value"])
        self.does(who, "presses", lambda: self.inn.asks(click), label)

    def presses_at_home(self, who: Person, label: str) -> None:
        self.does(who, "presses in the Home tab", lambda: self.inn.clicks_home(who, label), label)

    def presses_in_thread(self, who: Person, label: str) -> None:
        """On what stands newest in a thread."""
        said = [each for each in self.inn.slack.messages if each.thread_ts and each.blocks][-1]
        self.presses(who, label, Shown(said))

    def sends(self, who: Person, what: str, /, **fields: str) -> None:
        """Fill in the form that was opened last; where it stays open, what stands under its fields."""
        form = self.inn.slack.views[-1]
        try:
            self.does(who, what, lambda: self.inn.submits(who, **fields))
        except WrongFields as wrong:
            told = [f"under *{_field(name)}*: {sentence}" for name, sentence in wrong.errors.items()]
            self.lines += ["", *quoted(told, 1)]
            errors = tuple(wrong.errors.items())
            self.shot = Shot("window", who, self.inn.clock(), view=_filled(form, fields), errors=errors)

    # What is not written down

    def writes(self, who: Person, text: str) -> str:
        """Somebody writes a message in the channel. Gives its ts."""
        said = self.inn.slack._put(CHANNEL, Message(text, []))
        self.authors[said.ts] = who.user
        self.begins()
        return said.ts

    def begins(self) -> None:
        """What was said so far is how the story begins: another scene has told it."""
        for said in self.inn.slack.messages:
            self._written[said.ts] = list(markdown.message(said))
        for _, _, name, view in self._views():
            self._written[name] = [f"*{name.rstrip()}*", *markdown.view(view)]

    def is_pictured(self, viewer: Person, place: Place | None = None) -> None:
        """What the last act left to be seen is the scene's picture."""
        if self._view is not None and place is None:
            place, _, view = self._view
            self.shot = Shot(place, viewer, self.inn.clock(), view=view, drawn=self.inn.drawn)
            return
        mine = [each for each in self._new if each.only in (None, viewer.user)]
        in_channel = [each for each in mine if each.channel.startswith("C")]
        above = [each for each in in_channel if each.thread_ts is None]
        below = [each for each in in_channel if each.thread_ts is not None]
        direct = [each for each in mine if each.channel == f"D{viewer.user[1:]}"]
        place = place or ("channel" if above else "thread" if below else "direct")
        shown = {"channel": above, "thread": below, "direct": direct}[place]
        if place == "thread":
            shown = [each for each in self.inn.slack.messages if each.ts == below[-1].thread_ts] + below
        at, drawn = self.inn.clock(), self.inn.drawn
        self.shot = Shot(place, viewer, at, tuple(shown), authors=self.authors, drawn=drawn)

    # What is left of it

    def _writes(self, name: str, lines: list[str], depth: int) -> bool:
        """Write down what is new of it: the first line, and those that it had not before."""
        before = self._written.get(name)
        if before == lines:
            return False
        self._written[name] = lines
        self.lines += ["", *quoted(_news(_split(before), _split(lines)) if before else lines, depth)]
        return True

    def _views(self) -> Iterator[tuple[Place, str, str, dict[str, Any]]]:
        for number, view in enumerate(self.inn.slack.views):
            yield "window", "", f"{'a form' if 'submit' in view else 'a window'}{' ' * number}", view
        for user, view in self.inn.slack.homes.items():
            yield "home", user, f"the Home tab of @{NAMES[user]}", view


def _filled(form: dict[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """The form with what somebody typed."""
    filled = copy.deepcopy(form)
    for block in filled["blocks"]:
        typed = given.get(_field(block.get("block_id", "")))
        if typed and block.get("element", {}).get("type") == "plain_text_input":
            block["element"]["initial_value"] = typed
    return filled


def costs_bars(costs: DailyCosts) -> Bars:
    series = tuple(Series(name, cents) for name, cents in costs.series.items())
    return Bars(costs.title, costs.days, series, costs.currency)


def _field(name: str) -> str:
    return name.removeprefix("secret:").rpartition("/")[2].strip("=")


def _split(lines: list[str]) -> list[str]:
    return [line for part in lines for line in part.splitlines()]


def _news(before: list[str], after: list[str]) -> list[str]:
    """What an edit has changed: the lines that were there before are one `…`."""
    known, told = set(before), after[:1]
    for line in after[1:]:
        shown = line if line not in known or line.startswith("```") else "…"
        if shown != "…" or told[-1] != "…":
            told.append(shown)
    return told
