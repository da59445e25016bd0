"""The only sender. Cards and replies are projections of what is recorded; private answers go straight to who asked."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.calls import calls, reply_of
from bot.home_tab import Draw, HomeTab
from bot.late_pictures import LatePictures, Wanted
from bot.outgoing import CLOSED, Outgoing, Reviewers, leave_to_another, ts_of, upload
from bot.slack import Later, NotTaken, Slack
from bot.views import replies, steps_lines
from bot.views.card import card as card_view
from bot.views.message import Message
from bot.views.message import message as picture_message
from bot.views.message import picture as picture_block
from bot.windows import Windows
from commands import offers as lab_offers
from commands.approvals import still_needed
from commands.costs import spent as costs
from commands.costs.spent import NOTHING, Bill
from commands.home import Home
from commands.offers import Offers
from commands.pictures import Picture
from commands.request import Attachment, id_from
from state import approvals, cards, checks, grants, health, labs, outbox, runs, steps, usages
from state.checks import CheckResult
from state.database import Database
from state.records import Approval, Card, InboxEntry, Lab, OutboxMessage, Run
from state.transitions import RunState

UPDATE_PAUSE = timedelta(seconds=1)  # between two edits of one message
FILE_PAUSE = timedelta(seconds=0.5)  # by then most plans are in the thread, and nobody has read them
PLAN_PAUSE = timedelta(seconds=2)  # a plan that is made by then is shown without a word of its beginning
REFUSED_PAUSE = timedelta(minutes=1)  # before a card that Slack does not take is tried again
LOOK_SECONDS = 1.0  # how soon another process's changes are seen
CARD_EVENT = "innkeeper_card"
_DELETED = ("message_not_found", "cant_update_message")

log = structlog.get_logger()


class Notifier:
    """send_cards() and send_replies() do once what is due, and say what; start() calls them on each change."""

    def __init__(
        self,
        slack: Slack,
        database: Database,
        now: Callable[[], datetime],
        reviewers: Reviewers,
        offers: Callable[[Lab], Offers],
    ) -> None:
        self._slack = slack
        self._database = database
        self._now = now
        self._reviewers = reviewers
        self._offers = offers
        self._not_before: dict[str, datetime] = {}  # card → when it may be edited again
        self._begun: dict[str, datetime] = {}  # card → when this process began to post it
        self._outgoing = Outgoing(slack, database, reviewers)
        self._stopping = threading.Event()
        self.pictures = LatePictures(slack, self._stopping)
        self.home_tab = HomeTab(slack, database, self.pictures)
        self.windows = Windows(slack, now, self.answer, self._stopping)
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Send cards and replies as they come, each in a thread of its own; pictures in a third."""
        pictures = threading.Thread(target=self.pictures.serve, name="notifier-pictures", daemon=True)
        pictures.start()
        self._threads.append(pictures)
        for topic, work in (("cards", self.send_cards), ("outbox", self.send_replies)):
            thread = threading.Thread(
                target=self._forever, args=(topic, work), name=f"notifier-{topic}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def stop(self, timeout_seconds: float) -> None:
        """Let go after the message in hand; what is not sent is sent after the next start."""
        self._stopping.set()
        self.pictures.stop()
        for thread in self._threads:
            thread.join(timeout_seconds)

    def send_cards(self, now: datetime) -> tuple[str, datetime | None]:
        """Post or edit every card that does not show what its run is. Returns a sentence, and when to come back."""
        shown, again = 0, list[datetime]()
        for card in cards.dirty(self._database):
            not_before = self._not_before.get(card.id)
            # No pause is longer than that: where it seems so, the clock was set back meanwhile.
            if not_before is not None and now < not_before <= now + REFUSED_PAUSE:
                again.append(not_before)
                continue
            try:
                self._show(card, now)
                shown += 1
            except Later as later:
                again.append(later.at)
            except NotTaken as refused:
                log.warning("Slack does not take a card", run=card.run_id, error=str(refused))
                self._not_before[card.id] = now + REFUSED_PAUSE
            except Exception:  # a fault in one card must not hide the others
                log.exception("a card cannot be shown", run=card.run_id)
                self._not_before[card.id] = now + REFUSED_PAUSE
        return f"showed {shown} cards", min(again, default=None)

    def send_replies(self, now: datetime) -> tuple[str, datetime | None]:
        """Send every message of the outbox that is due. Returns a sentence, and when to come back."""
        return self._outgoing.send_due(now)

    def answer(
        self,
        entry: InboxEntry,
        message: Message,
        attachment: Attachment | None = None,
        draw: Callable[[], Picture | None] | None = None,
    ) -> None:
        """Tell something to the one who asked; where Slack takes it nowhere, only the log has it. Raises Later.

        draw: a picture that comes below it when it is drawn, or as a direct message where Slack does not show it there.
        """
        asked = entry.payload
        user, channel = str(asked["user"]), str(asked.get("channel") or "")
        try:
            self._answer_in_place(asked, user, channel, message)
        except NotTaken as refused:
            log.info("answers directly", error=str(refused))
            self._directly(user, lambda direct: self._slack.post(direct, message))
        if attachment is not None:
            # An ephemeral message cannot carry a file, so it goes to the person's direct messages.
            self._directly(
                user, lambda direct: upload(self._slack, (direct, None), attachment.name, attachment.body)
            )
        if draw is not None:
            self._draw_below(entry, draw)

    def _draw_below(self, entry: InboxEntry, draw: Callable[[], Picture | None]) -> None:
        asked = {**entry.payload, "replace": False}
        user, channel = str(asked["user"]), str(asked.get("channel") or "")

        def show(file_id: str, drawn: Picture) -> None:
            shown = picture_message(drawn.alt, [picture_block(file_id, drawn.alt)])
            self._answer_in_place(asked, user, channel, shown)

        def send(drawn: Picture) -> None:
            self._directly(
                user, lambda direct: self._slack.upload(direct, None, "picture.png", drawn.png, alt=drawn.alt)
            )

        self.pictures.want(Wanted(draw, show, send))

    def show_home(self, entry: InboxEntry, home: Home, note: str, draw: Draw) -> None:
        """The Home tab of the one who asked, and above it what came of their click."""
        self.home_tab.show(str(entry.payload["user"]), home, note, draw)

    def turn_away(self, entry: InboxEntry, message: Message) -> None:
        """The Home tab of somebody to whom nothing is shown, and why."""
        self.home_tab.turn_away(str(entry.payload["user"]), message.text)

    def _directly(self, user: str, send: Callable[[str], object]) -> None:
        """To the direct messages with somebody. Who takes none (a bot) is told nothing, however often it is tried."""
        try:
            send(self._slack.direct(user))
        except NotTaken as refused:
            log.warning("an answer reaches nobody", user=user, error=str(refused))

    def _answer_in_place(self, asked: Mapping[str, Any], user: str, channel: str, message: Message) -> None:
        url = asked.get("response_url")
        if url:
            try:
                self._slack.respond(str(url), message, replace=bool(asked.get("replace")))
                return
            except (NotTaken, Later):
                log.info("a response_url is used up")
        if not channel or asked.get("directly"):
            raise NotTaken("chat.postEphemeral", "no channel")
        self._slack.whisper(channel, user, message, asked.get("thread_ts"))

    def _show(self, card: Card, now: datetime) -> None:
        run = runs.get(self._database, card.run_id)
        lab = labs.get(self._database, run.lab_id) if run is not None else None
        if run is None or lab is None:
            return
        given = approvals.of_run(self._database, run.id, run.digest or "")
        bill = NOTHING
        if run.kind == "destroy":  # nobody else's card says what it has cost
            bill = costs.bill(usages.of_lab(self._database, lab.id), run.ended_at or now)
        done, found = steps.of_run(self._database, run.id), checks.of_run(self._database, run.id)
        illness = health.of_lab(self._database, lab.id)
        # Only this card offers something of its lab, so only for it a blueprint is read.
        is_up = run.kind == "apply" and run.state is RunState.APPLIED
        offered = self._offers(lab) if is_up else lab_offers.NOTHING
        message = card_view(run, lab, done, given, now, bill, found, illness, offered)
        digest = hashlib.sha256(json.dumps([message.text, message.blocks]).encode()).hexdigest()
        channel, ts = self._place(card, run, now)
        if ts is None:
            channel, ts = self._post(card, run, message, now)
        elif digest != card.rendered_digest or card.ts is None:
            shown_at = card.updated_at
            if run.state is RunState.PLANNING and shown_at and shown_at <= now < shown_at + PLAN_PAUSE:
                raise Later(shown_at + PLAN_PAUSE)  # this edit would make the plan itself wait
            channel, ts = self._edit(card, run, (channel, ts), message, now)
        said = self._replies_at_end(run, lab, given, bill, found, channel)
        with self._database.transaction():  # together: whoever dies in between would never reply
            cards.posted(self._database, card.id, ts, digest, now, card.revision, channel)
            for reply in said:
                outbox.add(self._database, reply)
        self._begun.pop(card.id, None)

    def _post(self, card: Card, run: Run, message: Message, now: datetime) -> tuple[str, str]:
        """Into the channel; where that is closed to us, to the requester directly. Gives where it is, and its ts."""
        metadata = {"event_type": CARD_EVENT, "event_payload": {"id": card.id}}
        if not cards.begin_posting(self._database, card, now):
            raise Later(now + UPDATE_PAUSE)
        self._begun[card.id] = now
        try:
            sent = self._slack.post(card.channel, message, metadata=metadata)
        except NotTaken as refused:
            if refused.code not in CLOSED:
                raise
            sent = self._slack.post(self._slack.direct(run.requester.user), message, metadata=metadata)
        return str(sent.get("channel") or card.channel), str(sent["ts"])

    def _edit(
        self, card: Card, run: Run, place: tuple[str, str], message: Message, now: datetime
    ) -> tuple[str, str]:
        """What is there, changed; where it is gone, or its channel was closed meanwhile, it is posted anew."""
        try:
            self._slack.edit(*place, message)
        except NotTaken as refused:
            if refused.code not in (*_DELETED, *CLOSED):
                raise
            return self._post(card, run, message, now)
        self._not_before[card.id] = self._now() + UPDATE_PAUSE  # Slack may have taken its time
        return place

    def _place(self, card: Card, run: Run, now: datetime) -> tuple[str, str | None]:
        """Where the card is; if it was posted by somebody who could not record that any more, where that was."""
        if card.ts is not None or card.posting_at is None:
            return card.channel, card.ts
        leave_to_another(self._begun.get(card.id), card.posting_at, now)
        since = card.posting_at - timedelta(minutes=1)
        places: tuple[Callable[[], str], ...] = (
            lambda: card.channel,
            lambda: self._slack.direct(run.requester.user),
        )
        for find in places:
            try:
                channel = find()
                ts = ts_of(self._slack.history(channel, since), CARD_EVENT, card.id)
            except NotTaken:
                continue
            if ts is not None:
                return channel, ts
        return card.channel, None

    def _replies_at_end(
        self,
        run: Run,
        lab: Lab,
        given: Sequence[Approval],
        bill: Bill,
        found: Sequence[CheckResult],
        channel: str,
    ) -> list[OutboxMessage]:
        """An edit pings nobody, so the ends that people wait for are a short reply too: once for each."""
        if run.kind == "refresh":
            text = replies.drift(run, lab)
        elif run.state == RunState.PROPOSED:
            missing, due_at = still_needed(run, list(given)), self._now()
            if outbox.get(self._database, id_from(f"plan {run.id}")) is None:
                due_at += FILE_PAUSE  # whoever is called finds the whole plan above it
            who = self._reviewers(frozenset(missing)) if missing else []
            return calls(run, lab, missing, who, channel, due_at)
        elif run.state == RunState.APPLIED and run.kind == "destroy":
            text = replies.gone(run, lab, bill, self._had_keys(run))
        elif run.state == RunState.APPLIED:
            text = replies.ready(run, lab, found)
        elif run.state in (RunState.FAILED, RunState.STALE):
            done = steps.of_run(self._database, run.id)
            text = replies.failed(run, lab, steps_lines.failed_step(run, done))
        elif run.state == RunState.INTERRUPTED:
            text = replies.interrupted(run, lab)
        else:
            text = replies.ended_by(run, lab, given)
        return [reply_of(run, text, self._now())] if text else []

    def _had_keys(self, run: Run) -> bool:
        """Whether somebody held a key of a lab when its destruction began."""
        since = run.applying_at or run.created_at
        return any(
            grant.expires_at > since and (grant.revoked_at is None or grant.revoked_at >= since)
            for grant in grants.of_lab(self._database, run.lab_id)
        )

    def _forever(self, topic: str, work: Callable[[datetime], tuple[str, datetime | None]]) -> None:
        while not self._stopping.is_set():
            pause_seconds = LOOK_SECONDS
            try:
                _, again = work(self._now())
                if again is not None:
                    pause_seconds = min(pause_seconds, max(0.01, (again - self._now()).total_seconds()))
            except Exception:
                log.exception("the notifier stumbled", topic=topic)
            self._database.wait(topic, pause_seconds)
