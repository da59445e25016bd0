"""A scene: somebody does something in an inn, and what is new in Slack after it is written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from bot.requests import WrongFields
from state.records import Person
from tests.fakes.slack import Said
from tests.inn import ROLES, Inn, Shown
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


class Scene:
    """One story. does() plays an act, and writes down who did what and what was said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inn = Inn(folder)
        for person, roles in ROLES.items():
            self.inn.vault.add(person, *roles, name=NAMES[person.user])
        self.lines: list[str] = []
        self.shot: Shot | None = None
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
            self.shot = Shot("window", who, self.inn.clock(), view=form, errors=tuple(wrong.errors.items()))

    # What is not written down

    def begins(self) -> None:
        """What was said so far is how the story begins: another scene has told it."""
        for said in self.inn.slack.messages:
            self._written[said.ts] = list(markdown.message(said))
        for _, _, name, view in self._views():
            self._written[name] = [f"*{name.rstrip()}*", *markdown.view(view)]

    def is_pictured(self, viewer: Person, place: Place | None = None) -> None:
        """What the last act left to be seen is the scene's picture."""
        if self._view is not None and place is None:
            self.shot = Shot(self._view[0], viewer, self.inn.clock(), view=self._view[2])
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
        self.shot = Shot(place, viewer, self.inn.clock(), tuple(shown))

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


def _field(name: str) -> str:
    return name.removeprefix("secret:").rpartition("/")[2]


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
