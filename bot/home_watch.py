"""Home tabs that somebody looks at follow what happens: soon after it, as far as Slack's pace allows."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import TypeGuard

import structlog

from bot.home_tab import HomeTab
from bot.slack import Later, NotTaken
from commands import home
from commands.authorise import known_admins
from commands.deps import Deps
from commands.engines.vault.protocol import Operator, VaultError
from commands.home import Home
from commands.words import plural
from state import audit, home_tabs

OPEN_FOR = timedelta(minutes=15)  # Slack tells when a tab is opened, and never when it is left
AT_LEAST = timedelta(minutes=1)  # so that times stay right where nothing happens
LOOK_SECONDS = 1.0  # how soon another process's changes are seen
SPACING_SECONDS = 3.0  # between two rounds in which something was shown
PER_MINUTE = 60  # tabs; Slack takes about a hundred, and people's own clicks come first

log = structlog.get_logger()


class HomeWatch:
    """look() does once what is due, and says what; start() calls it again and again.

    Whatever changes what a tab shows is in the audit, so nothing is read before that grows.
    """

    def __init__(self, deps: Deps, tab: HomeTab) -> None:
        self._deps = deps
        self._tab = tab
        self._sequence: int | None = (
            None  # of the audit's newest entry, as of the last round; None: it was cut short
        )
        self._has_taken_up = False
        self._looked_at = datetime.min.replace(tzinfo=deps.now().tzinfo)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._forever, name="home-watch", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self, timeout_seconds: float) -> None:
        """Let go after the tab in hand."""
        self._stopping.set()
        if self._thread.is_alive():  # a start that ends early has not begun it
            self._thread.join(timeout_seconds)

    def look(self, now: datetime) -> tuple[str, float]:
        """Show anew each open tab that looks otherwise by now. Returns a sentence, and how many seconds to rest."""
        if not self._has_taken_up:
            self._take_up(now)
        open_tabs = self._tab.looked_at_since(now - OPEN_FOR)
        if not open_tabs:
            return "nobody looks at a Home tab", 0.0
        sequence, _ = audit.head(self._deps.database)
        if sequence == self._sequence and now - self._looked_at < AT_LEAST:
            return "nothing has changed", 0.0
        self._sequence, self._looked_at = sequence, now
        shown = 0
        for stands in open_tabs:
            try:
                shown += self._refresh(stands)
            except (Later, VaultError) as away:  # what is shown stays as it is until then
                log.debug("Home tabs wait", because=str(away))
                self._sequence = None
                break
            except NotTaken as refused:
                log.warning("a Home tab is not shown", user=stands.person.user, error=str(refused))
            except Exception:  # one tab holds up no other
                log.exception("the Home watch stumbled", user=stands.person.user)
        rest = max(SPACING_SECONDS, shown * 60 / PER_MINUTE) if shown or self._sequence is None else 0.0
        return f"showed {plural(shown, 'Home tab')} anew", rest

    def _take_up(self, now: datetime) -> None:
        """Follow the tabs that were open when the process before this one ended; all of them, or later."""
        found = []
        try:
            admins = known_admins(self._deps.vault)[: home.ADMINS_SHOWN]
            for each in home_tabs.touched_since(self._deps.database, now - OPEN_FOR):
                operator = self._deps.vault.operator(each.person)
                if _is_trusted(operator):
                    found.append((home.of(self._deps, operator, admins), each.touched_at))
        except VaultError as away:
            log.debug("Home tabs wait", because=str(away))
            return
        for looked, touched_at in found:
            self._tab.take_up(looked, touched_at)
        self._has_taken_up = True

    def _refresh(self, stands: Home) -> bool:
        """By the person's rights at this moment, one read of Vault. Raises Later, NotTaken, VaultError."""
        user = stands.person.user
        operator = self._deps.vault.operator(stands.person)
        if not _is_trusted(operator):
            self._tab.turn_away(user, "You are not a trusted operator any more.")
            return True
        looked = home.of(self._deps, operator, stands.admins)
        return self._tab.refresh(user, looked, self._deps.draw_costs)

    def _forever(self) -> None:
        while not self._stopping.is_set():
            self._deps.database.wait("cards", LOOK_SECONDS)
            try:
                _, rest_seconds = self.look(self._deps.now())
            except Exception:
                log.exception("the Home watch stumbled")
                rest_seconds = SPACING_SECONDS
            self._stopping.wait(rest_seconds)


def _is_trusted(operator: Operator | None) -> TypeGuard[Operator]:
    return operator is not None and not operator.problem and bool(operator.roles)
