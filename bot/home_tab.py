"""The Home tab on its way to Slack: what is known at once, and the month's picture when it is drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial

import structlog

from bot.late_pictures import LatePictures, Wanted
from bot.slack import Later, NotTaken, Slack
from bot.views import home as view
from commands.costs import DailyCosts, Picture
from commands.home import Home

Draw = Callable[[DailyCosts], Picture | None]

log = structlog.get_logger()


class HomeTab:
    """show() and turn_away() put something there; where Slack does not take it, whoever looks can press again."""

    def __init__(self, slack: Slack, pictures: LatePictures) -> None:
        self._slack = slack
        self._pictures = pictures

    def show(self, user: str, home: Home, note: str, draw: Draw) -> None:
        """What somebody has. note: what came of their click. draw: for the picture of the month."""
        key = _key(home.month) if home.month is not None else ""
        known = self._pictures.known(key)
        shown_hash = self._publish(user, view.home(home, note, *_shown(known)))
        if home.month is None or known is not None or shown_hash is None:
            return

        def show(file_id: str, picture: Picture) -> None:
            # With the hash: what was put there meanwhile is newer.
            self._slack.publish_home(user, view.home(home, note, file_id, picture.alt), shown_hash)

        self._pictures.want(Wanted(partial(draw, home.month), show, key=key))

    def turn_away(self, user: str, text: str) -> None:
        """Say why nothing is shown to them."""
        self._publish(user, view.turned_away(text))

    def _publish(self, user: str, shape: dict[str, object]) -> str | None:
        """The hash of what stands there now. None: Slack does not take it."""
        try:
            return self._slack.publish_home(user, shape)
        except (NotTaken, Later) as refused:
            log.warning("a Home tab is not shown", user=user, error=str(refused))
            return None


def _shown(known: tuple[str, Picture] | None) -> tuple[str, str]:
    return ("", "") if known is None else (known[0], known[1].alt)


def _key(month: DailyCosts) -> str:
    return hashlib.sha256(repr(month).encode()).hexdigest()
