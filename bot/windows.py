"""Forms and windows that open for one person, and what then takes the place of what they have pressed."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from bot.slack import Later, NotTaken, Slack
from bot.views.lists import answer, refusal
from bot.views.message import Message
from bot.views.modals import modal, shown, waiting
from commands.request import Form, Outcome, Reveal
from state.records import InboxEntry

SHOW_TRIES, SHOW_PAUSE_SECONDS = 4, 2.0  # for a secret that cannot be fetched a second time

_PLAIN = re.compile(r"[a-z0-9-]+")  # the words of a command that are no values

log = structlog.get_logger()


def beside(entry: InboxEntry) -> InboxEntry:
    """The same, answered below what was pressed and not in its place: that may be pressed again."""
    return replace(entry, payload={**entry.payload, "replace": False})


class Windows:
    """tell: says something to the one who asked, below what they see; stopping: waits for nothing any more."""

    def __init__(
        self,
        slack: Slack,
        now: Callable[[], datetime],
        tell: Callable[[InboxEntry, Message], object],
        stopping: threading.Event,
    ) -> None:
        self._slack = slack
        self._now = now
        self._tell = tell
        self._stopping = stopping

    def open_form(self, entry: InboxEntry, form: Form) -> None:
        """Open a modal for the person who asked. Their trigger lives for three seconds; a mention has none."""
        carried = {
            "value": form.value,
            "channel": entry.payload.get("channel") or "",
            "home": bool(entry.payload.get("home")),
        }
        if entry.payload.get("replace"):  # the question that was asked before the form
            carried["response_url"] = entry.payload.get("response_url")
        about = json.dumps(carried, ensure_ascii=False)
        if view_id := entry.payload.get("view_id"):
            self._change_form(str(view_id), str(entry.payload.get("view_hash") or ""), modal(form, about))
            return
        if entry.kind == "mention":
            asked = " ".join(filter(_PLAIN.fullmatch, entry.payload["words"]))
            self._tell(
                entry,
                refusal(
                    "That needs a form, and Slack lets a mention open none. Ask with the command.",
                    f"/{asked}",
                ),
            )
            return
        try:
            self._slack.open_view(str(entry.payload.get("trigger_id") or ""), modal(form, about))
        except (NotTaken, Later):
            said = "Slack did not open the form in time. Nothing has happened: ask for it again."
            self._tell(beside(entry), refusal(said, ""))

    def _change_form(self, view_id: str, shown_hash: str, view: dict[str, Any]) -> None:
        """A form that looks otherwise since somebody chose something; who chose again meanwhile sees that."""
        try:
            self._slack.update_view(view_id, view, shown_hash)
        except (NotTaken, Later) as refused:
            log.info("a form stays as it is", error=str(refused))

    def reveal(self, entry: InboxEntry, reveal: Reveal) -> None:
        """Show something once, in a modal. It is fetched when that is open, and goes nowhere else."""
        about = json.dumps({"channel": entry.payload.get("channel") or ""})
        try:
            view_id = self._slack.open_view(
                str(entry.payload.get("trigger_id") or ""), waiting(reveal.title, about)
            )
        except (NotTaken, Later):
            said = "Slack did not open the window in time. Nothing was shown or opened: press again."
            self._tell(beside(entry), refusal(said, ""))
            return
        revealed = reveal.fetch()
        if not self._shows(view_id, shown(reveal.title, revealed, about)):
            reveal.lost()
            said = "Slack did not show it, so nobody has seen it, and it has ended. Ask for another."
            self._tell(beside(entry), refusal(said, ""))
            return
        self._take_place(entry, reveal.afterwards(revealed))

    def _take_place(self, entry: InboxEntry, outcome: Outcome | None) -> None:
        """Say something in the place of the private message that was pressed; where Slack has that no more, nothing."""
        url = entry.payload.get("response_url")
        if outcome is None or not url or not entry.payload.get("replace"):
            return
        try:
            self._slack.respond(str(url), answer(outcome), replace=True)
        except (NotTaken, Later) as refused:
            log.info("a question stays as it is", error=str(refused))

    def _shows(self, view_id: str, view: dict[str, Any]) -> bool:
        for _ in range(SHOW_TRIES):
            try:
                self._slack.update_view(view_id, view)
                return True
            except NotTaken as refused:
                log.warning("Slack does not take a view", error=str(refused))
                return False
            except Later as later:
                pause_seconds = (later.at - self._now()).total_seconds()
                self._stopping.wait(max(0.0, min(pause_seconds, SHOW_PAUSE_SECONDS)))
        return False
