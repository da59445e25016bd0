"""The Home tab on its way to Slack: what is known at once, the month's picture when it is drawn, and what changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from bot.late_pictures import LatePictures, Wanted
from bot.slack import Later, NotTaken, Slack
from bot.views import home as view
from commands.costs.spent import DailyCosts, Picture
from commands.home import Home
from state import home_tabs
from state.database import Database

NOTE_LIFE = timedelta(minutes=1)  # what came of a click is read by then

Draw = Callable[[DailyCosts], Picture | None]

log = structlog.get_logger()


@dataclass(frozen=True)
class Tab:
    """What stands in somebody's Home tab. touched_at: they opened it, or pressed something; hash: Slack's."""

    home: Home
    note: str
    touched_at: datetime
    picture_id: str = ""
    picture_alt: str = ""
    hash: str = ""


class HomeTab:
    """show() and turn_away() put something there; where Slack does not take it, whoever looks can press again.

    refresh() does when something has changed. What stands there is known to this process alone; whose tab is open, to
    the next one too, which take_up() lets follow.
    """

    def __init__(self, slack: Slack, database: Database, pictures: LatePictures) -> None:
        self._slack = slack
        self._database = database
        self._pictures = pictures
        self._tabs: dict[str, Tab] = {}

    def show(self, user: str, home: Home, note: str, draw: Draw) -> None:
        """What somebody has. note: what came of their click. draw: for the picture of the month."""
        key = _key(home.month) if home.month is not None else ""
        known = self._pictures.known(key)
        wanted = Tab(home, note, home.at, *_shown(known))
        published = self._publish(user, _view(wanted))
        if published is None:
            self._tabs.pop(user, None)
            return
        self._tabs[user] = replace(wanted, hash=published)
        home_tabs.touch(self._database, home.person, home.at)
        if home.month is not None and known is None:
            self._want_picture(user, home.month, draw)

    def take_up(self, home: Home, touched_at: datetime) -> None:
        """A tab that an earlier process has shown: the next refresh() puts there what somebody has, and its picture."""
        self._tabs.setdefault(home.person.user, Tab(replace(home, month=None), "", touched_at))

    def refresh(self, user: str, home: Home, draw: Draw) -> bool:
        """The same tab as things are now, if it looks otherwise; its picture stays. Raises NotTaken, Later."""
        stands = self._tabs.get(user)
        if stands is None or home.at < stands.home.at:  # what was read before their last click is not news
            return False
        is_read = home.at - stands.touched_at >= NOTE_LIFE
        wanted = replace(stands, home=home, note="" if is_read else stands.note)
        is_there = stands.hash and _digest(wanted) == _digest(stands)  # no hash: an answer was lost
        if is_there or not self._put(user, stands, wanted):
            return False
        if home.month is not None and stands.home.month is None:  # the first that there is to draw
            self._want_picture(user, home.month, draw)
        return True

    def turn_away(self, user: str, text: str) -> None:
        """Say why nothing is shown to them. Until Slack takes it their tab is followed, so that it is tried again."""
        if self._publish(user, view.turned_away(text)) is not None:
            self._tabs.pop(user, None)

    def looked_at_since(self, moment: datetime) -> list[Home]:
        """What stands in the tabs that somebody has touched since then. The others are forgotten."""
        for user, stands in list(self._tabs.items()):
            if stands.touched_at < moment:
                self._tabs.pop(user, None)
        return [stands.home for stands in list(self._tabs.values())]

    def _want_picture(self, user: str, month: DailyCosts, draw: Draw) -> None:
        add = partial(self._add_picture, user)
        self._pictures.want(Wanted(partial(draw, month), add, key=_key(month)))

    def _add_picture(self, user: str, file_id: str, picture: Picture) -> None:
        stands = self._tabs.get(user)
        if stands is not None:
            self._put(user, stands, replace(stands, picture_id=file_id, picture_alt=picture.alt))

    def _put(self, user: str, stands: Tab, wanted: Tab) -> bool:
        """Change what stands there, unless something newer was put there meanwhile. Raises NotTaken, Later."""
        try:
            published = self._slack.publish_home(user, _view(wanted), stands.hash)
        except NotTaken as refused:
            if refused.code != "hash_conflict":
                raise
            if self._tabs.get(user) is stands:  # put there by another process, which follows it
                self._tabs.pop(user, None)
            return False
        except Later as later:
            if later.maybe_sent and self._tabs.get(user) is stands:
                # Its hash is not known now, so none is asked for.
                self._tabs[user] = replace(stands, hash="")
            raise
        if self._tabs.get(user) is stands:
            self._tabs[user] = replace(wanted, hash=published)
        return True

    def _publish(self, user: str, shape: dict[str, object]) -> str | None:
        """The hash of what stands there now. None: Slack does not take it."""
        try:
            return self._slack.publish_home(user, shape)
        except (NotTaken, Later) as refused:
            log.warning("a Home tab is not shown", user=user, error=str(refused))
            return None


def _view(stands: Tab) -> dict[str, Any]:
    return view.home(stands.home, stands.note, stands.picture_id, stands.picture_alt)


def _digest(stands: Tab) -> str:
    """Of all that is shown but the moment that it is of, which is the last line."""
    return hashlib.sha256(json.dumps(_view(stands)["blocks"][:-1]).encode()).hexdigest()


def _shown(known: tuple[str, Picture] | None) -> tuple[str, str]:
    return ("", "") if known is None else (known[0], known[1].alt)


def _key(month: DailyCosts) -> str:
    return hashlib.sha256(repr(month).encode()).hexdigest()
