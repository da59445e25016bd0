"""Requests on their way in: recorded once, then handled by a few threads, and finished after a restart."""

from __future__ import annotations

import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from bot import requests
from bot.liveness import is_lost, this_process
from bot.notifier import Notifier
from bot.slack import Later
from bot.views import lists
from bot.views.message import Message
from bot.windows import beside
from commands.blueprint import Blueprint
from commands.blueprints import proposals, sources
from commands.deps import Deps
from commands.engines.deadline import Threads
from commands.forms import before_closing, from_message
from commands.request import Outcome, Refused, Request
from commands.table import handle
from commands.words import code
from state import audit, inbox, labs
from state.records import InboxEntry, Person

HANDLERS = 4
LOOK_SECONDS = 1.5  # at a form that was sent; Slack waits for three
FEW = 2  # one that comes while the answer to the last is still being recorded
CALM_SECONDS = 0.03  # longer than what comes together takes to be acknowledged
PATIENCE_SECONDS = 0.25
RESPONSE_URL_LIFE = timedelta(minutes=30)
RETRY_AFTER = timedelta(seconds=60)
ATTEMPTS = 3
NOTHING_DONE = " I have not done anything."  # as refusals say it
NOTE = 600  # characters of an answer that fits above the Home tab

log = structlog.get_logger()


class Intake:
    """take() is the listeners' half, quick and durable; work() is the handlers'."""

    def __init__(self, deps: Deps, notifier: Notifier, name: str = "") -> None:
        self._deps = deps
        self._notifier = notifier
        self.name = name or this_process()
        self._local = threading.local()
        self._gate = Gate()
        self._looks = Threads("form", HANDLERS)
        self._waiting: queue.SimpleQueue[InboxEntry | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._in_hand: set[str] = set()
        self._stopping = threading.Event()

    @property
    def now(self) -> Callable[[], datetime]:
        """The clock."""
        return self._deps.now

    @property
    def seal(self) -> Callable[[bytes, str], bytes]:
        """Vault's, for the secrets of a form."""
        return self._deps.vault.seal

    def wrong_fields(self, request: Request, given: Mapping[str, str]) -> dict[str, str]:
        """Field → what a look tells is wrong with it, before the form closes. given: secrets in the clear."""
        try:
            return self._looks.run(lambda: before_closing.wrong(request, given, self._deps), LOOK_SECONDS)
        except Exception as fault:  # the form closes, and whatever it is shows when it is handled
            log.warning("a form is not looked at", action=request.words[0], error=type(fault).__name__)
            return {}

    def told_in(self, text: str) -> dict[str, str]:
        """What a message says of a lab, by the fields of the form that asks for one."""
        return from_message.told_in(text, self._deps.catalogue.blueprints())

    def blueprint_of(self, words: tuple[str, ...]) -> Blueprint | None:
        """Whose variables the words of a command name: the blueprint's, or that of the lab."""
        if len(words) < 3 or words[0] != "lab":
            return None
        name, _, branch = words[2].partition(sources.AT)
        if words[1] == "plan":
            lab = labs.living(self._deps.database, name)
            name, branch = (lab.blueprint, lab.branch) if lab is not None else ("", "")
        of_branch = proposals.known(self._deps.catalogue, name, branch) if branch else None
        return of_branch or self._deps.catalogue.blueprints().get(name)

    def take(self, entry: InboxEntry) -> None:
        """Record a request, and hand it over unless it came before. It is on the disk when this returns.

        Within gathered() of this thread: when that ends.
        """
        gathered: list[InboxEntry] | None = getattr(self._local, "gathered", None)
        if gathered is None:
            self._record([entry])
        else:
            gathered.append(entry)

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """What this thread takes within is recorded at the end, all of it in one commit."""
        self._gate.taken()
        entries: list[InboxEntry] = []
        self._local.gathered = entries
        try:
            yield
        finally:
            self._local.gathered = None
        if entries:
            self._record(entries)

    def _record(self, entries: Sequence[InboxEntry]) -> None:
        ours = [replace(entry, taken_by=self.name, attempts=1) for entry in entries]
        reached_for = {entry.id for entry in ours} - self._in_hand
        self._in_hand |= reached_for  # before it is there: resume() would take it for somebody's who died
        new: list[InboxEntry] = []
        try:
            with self._deps.database.transaction():
                new = [entry for entry in ours if inbox.record(self._deps.database, entry)]
        finally:
            self._in_hand -= reached_for - {entry.id for entry in new}
        self._gate.taken()
        for entry in new:
            self._waiting.put(entry)

    def start(self) -> None:
        """Start the handlers, with what was recorded and not finished before this process lived."""
        self.resume(self._deps.now(), everything=True)
        for number in range(HANDLERS):
            thread = threading.Thread(target=self._handle_forever, name=f"handler-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, timeout_seconds: float) -> None:
        """Finish what is in hand, and take nothing more. What still waits is taken up after the next start."""
        self._stopping.set()
        for _ in self._threads:
            self._waiting.put(None)
        ends_at = time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(max(0.0, ends_at - time.monotonic()))

    def resume(self, now: datetime, everything: bool = False) -> str:
        """Hand over again what is not finished: at the start everything, later what broke a minute ago.

        What another living process has in hand is left to it, and of two who find the same one takes it.
        """
        left = [
            entry
            for entry in inbox.pending(self._deps.database)
            if entry.kind != requests.API  # whoever asked has been told that it failed, and asks again
            and entry.id not in self._in_hand
            and (everything or now - entry.received_at > RETRY_AFTER)
            and (entry.taken_by == self.name or is_lost(entry.taken_by, entry.received_at, now))
        ]
        with self._deps.database.transaction():
            taken = [inbox.take(self._deps.database, entry, self.name) for entry in left]
        again = [entry for entry in taken if entry is not None]
        for entry in again:
            self._in_hand.add(entry.id)
            self._waiting.put(entry)
        return f"took up {len(again)} requests again"

    def work(self, entry: InboxEntry, now: datetime) -> str:
        """Handle one request that is in our hand, and answer its person. Returns the answer's first words."""
        with structlog.contextvars.bound_contextvars(request=entry.id):
            return self._work(entry, now)

    def _work(self, entry: InboxEntry, now: datetime) -> str:
        try:
            if now - entry.received_at > RESPONSE_URL_LIFE and entry.payload["words"] != ["home", "opened"]:
                return self._apologise(entry, now)
            return self._handled(entry, now)
        except Later as later:
            log.info("an answer waits for Slack", until=later.at.isoformat())
            return "waits for Slack"  # it stays in the inbox, and resume() takes it up again

    def _handled(self, entry: InboxEntry, now: datetime) -> str:
        try:
            request = self._read(entry, now)
            outcome = handle(request, self._deps)
            said = self._answer(entry, request, outcome)
        except Refused as refused:
            said = f"refused: {refused.sentence}"
            self._tell(beside(entry), lists.refusal(refused.sentence, refused.example))
        except Later:
            raise
        except Exception:
            return self._fault(entry, now)
        inbox.finish(self._deps.database, entry.id, now, said[:200])
        log.info("handled", words=entry.payload["words"][:3], answer=said[:80])
        return said

    def _read(self, entry: InboxEntry, now: datetime) -> Request:
        """The request. What could not be read is refused, and in the audit like any other refusal."""
        try:
            return requests.to_request(entry)
        except Refused as refused:
            who = f"{entry.payload['team']}-{entry.payload['user']}"
            audit.append(self._deps.database, now, who, "refused", who, asked="", why=refused.sentence[:300])
            raise

    def _answer(self, entry: InboxEntry, request: Request, outcome: Outcome) -> str:
        if outcome.form is not None:
            self._notifier.windows.open_form(entry, outcome.form)
            return f"form: {outcome.form.action}"
        if outcome.reveal is not None:
            self._notifier.windows.reveal(entry, outcome.reveal)
            return f"shown: {outcome.reveal.title}"
        if outcome.home is not None:
            self._notifier.show_home(entry, outcome.home, "", self._deps.draw_costs)
            return "home"
        if outcome != Outcome() or entry.payload.get("home"):
            self._tell(entry, lists.answer(self._above_list(entry, request, outcome)), outcome)
        return "done"

    def _above_list(self, entry: InboxEntry, request: Request, outcome: Outcome) -> Outcome:
        """The answer to a button in a list, above that list as it is now; alone where the list is refused."""
        if not entry.payload.get("then"):
            return outcome
        try:
            again = replace(request, id=f"{entry.id} then", words=tuple(entry.payload["then"]))
            return replace(handle(again, self._deps), text=outcome.text)
        except Refused:
            return outcome

    def _tell(self, entry: InboxEntry, message: Message, outcome: Outcome | None = None) -> None:
        """Answer in the place where it was asked: for a click in the Home tab, above what stands there now."""
        attachment = outcome.attachment if outcome is not None else None
        if not entry.payload.get("home"):
            self._notifier.answer(
                entry, message, attachment, outcome.picture if outcome is not None else None
            )
            return
        if entry.payload["words"][0] == "home":  # who only looks has asked for nothing
            self._notifier.turn_away(entry, replace(message, text=message.text.replace(NOTHING_DONE, "")))
            return
        said = message.text
        if outcome is not None and (outcome.listing or outcome.buttons or attachment or len(said) > NOTE):
            self._notifier.answer(entry, message, attachment)
            said = "The answer is in your messages with me."
        try:
            person = Person(str(entry.payload["team"]), str(entry.payload["user"]))
            looked = handle(Request(entry.id, person, "", ("home", "after")), self._deps)
        except Refused:
            self._notifier.turn_away(entry, message)
            return
        if looked.home is not None:
            self._notifier.show_home(entry, looked.home, said, self._deps.draw_costs)

    def _fault(self, entry: InboxEntry, now: datetime) -> str:
        incident = secrets.token_hex(2).upper()
        log.exception("fault", incident=incident, kind=entry.kind, words=entry.payload.get("words", [])[:2])
        last = entry.attempts >= ATTEMPTS
        if last:
            inbox.finish(self._deps.database, entry.id, now, f"fault: {incident}")
        fault = lists.fault(incident, again=not last)
        if entry.payload.get("words", [])[:1] == ["home"]:
            self._notifier.turn_away(entry, fault)
        else:
            self._notifier.answer(beside(entry), fault)
        return f"fault: {incident}"

    def _apologise(self, entry: InboxEntry, now: datetime) -> str:
        typed = entry.kind in ("command", "mention")
        words = [str(word) for word in entry.payload.get("words", [])[: 3 if typed else 1]]
        asked = f"for {code(' '.join(words))}" if words else "me something"
        said = (
            f"I was away when you asked {asked}, and too much time has passed. I have not done it: ask again."
        )
        inbox.finish(self._deps.database, entry.id, now, "apologised")
        self._notifier.answer(entry, lists.refusal(said, ""))
        return "apologised"

    def _handle_forever(self) -> None:
        while (entry := self._waiting.get()) is not None and not self._stopping.is_set():
            self._gate.wait(lambda: len(self._in_hand) <= FEW)
            try:
                self.work(entry, self._deps.now())
            except Exception:
                log.exception("a request could not be finished", request=entry.id)
            finally:
                self._in_hand.discard(entry.id)


class Gate:
    """Acknowledgements come first, and handling competes with them for the interpreter.

    While more than a FEW requests are in hand, one handler begins at a time, when nothing has come for CALM_SECONDS or
    after PATIENCE_SECONDS, so that nobody's answer starves. Who asks one thing after the other is not held back.
    """

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._monotonic = monotonic
        self._sleep = sleep
        self._one_at_a_time = threading.Lock()
        self._taken_at = float("-inf")

    def taken(self) -> None:
        """Requests have just come in, or have just been recorded."""
        self._taken_at = self._monotonic()

    def wait(self, is_alone: Callable[[], bool]) -> None:
        """Hold back whoever is about to handle a request, as long as that is fair."""
        with self._one_at_a_time:
            ends_at = self._monotonic() + PATIENCE_SECONDS
            while not is_alone():
                now = self._monotonic()
                if now >= ends_at or now - self._taken_at >= CALM_SECONDS:
                    return
                self._sleep(CALM_SECONDS)
