"""Home tabs that somebody looks at follow what happens: soon after it, as far as Slack's pace allows."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import structlog

from bot.home_tab import HomeTab
from bot.slack import Later, NotTaken
from commands import home
from commands.deps import Deps
from commands.engines.vault.protocol import VaultError
from commands.home import Home
from commands.words import plural
from state import audit

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

    def _refresh(self, stands: Home) -> bool:
        """By the person's rights at this moment, one read of Vault. Raises Later, NotTaken, VaultError."""
        user = stands.person.user
        operator = self._deps.vault.operator(stands.person)
        if operator is None or operator.problem or not operator.roles:
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
