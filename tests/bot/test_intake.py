"""Requests on their way in: each once, also when it comes five times, when the process dies, or when we break."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import psutil
import pytest

from bot.intake import CALM_SECONDS, PATIENCE_SECONDS, Gate, Intake
from state import inbox, labs
from state.database import Database
from tests.databases import a_database
from tests.fakes.slack import Killed
from tests.inn import CHANNEL, INFRA, REQUESTER, STRANGER, Inn
from tests.state.examples import all_at_once
from tests.waiting import until


def done(inn: Inn, entry_id: str) -> bool:
    entry = inbox.get(inn.database, entry_id)
    return entry is not None and entry.done_at is not None


def breaks(inn: Inn, times: int = 1) -> None:
    """The next looks into the catalogue break."""
    catalogue = inn.deps.catalogue

    class Broken(type(catalogue)):  # type: ignore[misc]
        left = times

        def get(self, name: str) -> Any:
            if Broken.left:
                Broken.left -= 1
                raise RuntimeError("a fault of ours, with a canary-in-a-fault")
            return super().get(name)

    catalogue.__class__ = Broken


def test_the_same_request_five_times_is_one_run(inn: Inn) -> None:
    entries = [inn.command(REQUESTER, "/lab up web demo", trigger="T.1") for _ in range(5)]
    for entry in entries:
        inn.intake.take(entry)
    for entry in entries:
        inn.intake.work(entry, inn.clock())
    inn.works()
    assert inn.runs() == ["proposed"]
    assert len(inn.cards()) == 1
    assert inn.audited("requested") == [(REQUESTER.key, "requested", "demo")]


def test_a_click_twice_is_one_approval(inn: Inn) -> None:
    card = inn.says(REQUESTER, "/lab up web demo").card()
    inn.clicks(INFRA, card, "Approve")
    inn.clicks(INFRA, card, "Approve")
    assert len(inn.audited("approved")) == 1


def test_what_is_being_recorded_is_taken_up_by_nobody_else(inn: Inn) -> None:
    swept: list[str] = []

    class SweptAsItIsThere:
        def __getattr__(self, name: str) -> Any:
            return getattr(inn.database, name)

        @contextmanager
        def transaction(self) -> Iterator[None]:
            with inn.database.transaction():
                yield
            if not swept:
                swept.append("…")
                swept.append(intake.resume(inn.clock(), everything=True))

    intake = Intake(replace(inn.deps, database=cast(Database, SweptAsItIsThere())), inn.notifier)
    intake.take(inn.command(REQUESTER, "/lab up web demo"))
    assert swept[-1] == "took up 0 requests again"


def test_what_was_recorded_is_on_the_disk_before_it_is_worked_on(inn: Inn) -> None:
    entry = inn.command(REQUESTER, "/lab up web demo")
    inn.intake.take(entry)
    inn.kills()
    inn.works()
    assert inn.newest_card().text.startswith("demo: proposed")
    assert done(inn, entry.id)


def test_a_request_that_was_done_and_not_finished_is_done_once(inn: Inn) -> None:
    entry = inn.command(REQUESTER, "/lab up web demo")
    inn.intake.take(entry)
    inn.intake.work(entry, inn.clock())
    inn.database.execute("UPDATE inbox SET done_at = NULL")
    inn.kills()
    inn.works()
    assert inn.runs() == ["proposed"]
    assert len(inn.cards()) == 1


def test_a_process_that_dies_as_it_answers(inn: Inn) -> None:
    entry = inn.command(REQUESTER, "/lab down demo")
    inn.intake.take(entry)
    inn.slack.kill_after("response_url")
    with pytest.raises(Killed):
        inn.intake.work(entry, inn.clock())
    inn.kills()
    assert done(inn, entry.id)
    assert inn.told(REQUESTER) == "There is no lab `demo`. `/lab list all`"


def test_what_is_too_old_gets_an_apology_and_is_not_done(inn: Inn) -> None:
    entry = inn.command(REQUESTER, "/lab up web demo")
    inn.intake.take(entry)
    inn.clock.passes(minutes=31)
    inn.kills()
    inn.works()
    assert inn.told(REQUESTER) == (
        "I was away when you asked for `lab up web`, and too much time has passed. "
        "I have not done it: ask again."
    )
    assert labs.all_living(inn.database) == []
    assert done(inn, entry.id)


def test_a_click_that_is_too_old(inn: Inn) -> None:
    card = inn.says(REQUESTER, "/lab up web demo").card()
    inn.intake.take(inn.click(INFRA, card, "Approve"))
    inn.clock.passes(minutes=31)
    inn.kills()
    assert inn.told(INFRA).startswith(
        "I was away when you asked for `approve`, and too much time has passed."
    )
    assert inn.runs() == ["proposed"]


def test_a_fault_has_a_number_and_is_tried_again(inn: Inn) -> None:
    breaks(inn)
    entry = inn.command(REQUESTER, "/lab up web demo")
    inn.intake.take(entry)
    said = inn.intake.work(entry, inn.clock())
    incident = said.removeprefix("fault: ")
    assert inn.told(REQUESTER) == (
        f"Something broke on my side (incident {incident}). Your request is kept and I will try again in a "
        "minute; the admins can find it in the log by that number."
    )
    assert not done(inn, entry.id)
    assert "canary-in-a-fault" not in str(inn.slack.messages)
    (again,) = inbox.pending(inn.database)
    inn.clock.passes(seconds=61)
    assert inn.intake.work(again, inn.clock()) == "done"
    inn.works()
    assert inn.newest_card().text.startswith("demo: proposed")


def test_a_fault_that_stays_is_given_up(inn: Inn) -> None:
    breaks(inn, times=9)
    inbox.record(inn.database, inn.command(REQUESTER, "/lab up web demo"))
    for _ in range(3):
        (entry,) = inbox.pending(inn.database)
        taken = inbox.take(inn.database, entry, inn.intake.name)
        assert taken is not None
        inn.intake.work(taken, inn.clock())
    assert inbox.pending(inn.database) == []
    assert "Ask again later; the admins can find it in the log by that number." in inn.told(REQUESTER)


def test_an_answer_that_waits_for_slack_is_no_fault(inn: Inn) -> None:
    inn.slack.rate_limit("chat.postEphemeral", 20)
    asked = inn.mentions(REQUESTER, "list")
    assert asked.did == "waits for Slack"
    assert not done(inn, asked.entry.id)
    inn.clock.passes(seconds=61)
    (entry,) = inbox.pending(inn.database)
    assert inn.intake.work(entry, inn.clock()) == "done"
    assert "There is no lab." in inn.told(REQUESTER)


def test_what_could_not_be_read_is_refused_and_in_the_audit(inn: Inn) -> None:
    inn.says(STRANGER, "/lab up web " + "x" * 5000)
    assert inn.told(STRANGER) == (
        "That has 5,007 characters, and I read up to 2,000. Say it shorter. `/lab help`"
    )
    assert inn.audited() == [(STRANGER.key, "refused", STRANGER.key)]


def test_resume_takes_up_what_broke_a_minute_ago_and_nothing_twice(inn: Inn) -> None:
    inbox.record(inn.database, inn.command(REQUESTER, "/lab list"))
    assert inn.intake.resume(inn.clock()) == "took up 0 requests again"
    inn.clock.passes(seconds=61)
    assert inn.intake.resume(inn.clock()) == "took up 1 requests again"
    assert inn.intake.resume(inn.clock()) == "took up 0 requests again"


@pytest.fixture
def beside(inn: Inn) -> Iterator[Intake]:
    """The intake of another process on the same database. Its name is that of a process that lives."""
    parent = psutil.Process(os.getppid())
    database = a_database(inn.folder / "state.db")
    name = f"{socket.gethostname()}:{parent.pid}:{int(parent.create_time())}"
    yield Intake(replace(inn.deps, database=database), inn.notifier, name)
    database.close()


def test_of_two_processes_one_takes_up_what_was_left(inn: Inn, beside: Intake) -> None:
    for _ in range(8):
        inbox.record(inn.database, inn.command(REQUESTER, "/lab list"))
    both = (inn.intake, beside)
    said = all_at_once(4, lambda number: both[number % 2].resume(inn.clock(), everything=True))
    assert sum(int(each.split()[2]) for each in said) == 8
    assert {entry.attempts for entry in inbox.pending(inn.database)} == {1}


def test_what_another_living_process_has_in_hand_is_left_to_it(inn: Inn, beside: Intake) -> None:
    beside.take(inn.command(REQUESTER, "/lab list"))
    inn.clock.passes(seconds=61)
    assert inn.intake.resume(inn.clock(), everything=True) == "took up 0 requests again"
    (entry,) = inbox.pending(inn.database)
    assert (entry.taken_by, entry.attempts) == (beside.name, 1)


@pytest.mark.parametrize("gone", [f"{socket.gethostname()}:{10**8}:1", "other-host:1:1"])
def test_what_a_process_had_in_hand_that_is_gone(inn: Inn, gone: str) -> None:
    Intake(inn.deps, inn.notifier, gone).take(inn.command(REQUESTER, "/lab list"))
    inn.clock.passes(seconds=31)
    assert inn.intake.resume(inn.clock(), everything=True) == "took up 1 requests again"
    (left,) = inbox.pending(inn.database)
    assert (left.taken_by, left.attempts) == (inn.intake.name, 2)
    assert inn.intake.work(left, inn.clock()) == "done"


def test_handlers_work_on_what_comes_and_on_what_was_left(inn: Inn) -> None:
    left = inn.command(REQUESTER, "/lab up web left")
    inbox.record(inn.database, left)
    inn.intake.start()
    new = [inn.command(REQUESTER, f"/lab up web new-{number}") for number in range(8)]
    for entry in [*new, *new]:
        inn.intake.take(entry)
    until(lambda: all(done(inn, each.id) for each in [left, *new]))
    inn.intake.stop(2)
    inn.works()
    assert len(inn.cards()) == 9
    kept = inn.command(REQUESTER, "/lab up web kept")
    inn.intake.take(kept)
    assert not done(inn, kept.id)


def test_a_handler_outlives_what_it_cannot_finish(inn: Inn) -> None:
    inn.slack.closed |= {CHANNEL: "not_in_channel", REQUESTER.user: "user_disabled"}
    odd = inn.command(REQUESTER, "/lab list")
    inn.slack.refuse("response_url", "404", times=2)
    inn.intake.start()
    inn.intake.take(odd)
    inn.slack.closed.clear()
    fine = inn.command(INFRA, "/lab list")
    inn.intake.take(fine)
    assert until(lambda: done(inn, fine.id))
    inn.intake.stop(2)


def test_blueprints_are_known_by_what_is_asked(inn: Inn) -> None:
    known = inn.intake.blueprint_of(("lab", "up", "web", "demo"))
    assert known is not None
    assert known.name == "web"
    assert inn.intake.blueprint_of(("lab", "plan", "demo")) is None
    inn.says(REQUESTER, "/lab up web demo")
    again = inn.intake.blueprint_of(("lab", "plan", "demo"))
    assert again is not None
    assert again.name == "web"
    assert inn.intake.blueprint_of(("operator", "add", "web")) is None
    assert inn.intake.blueprint_of(("lab",)) is None


class Flood:
    """A clock that goes on while somebody sleeps, and requests that come in meanwhile."""

    def __init__(self, requests_end_at: float) -> None:
        self.at = 0.0
        self.requests_end_at = requests_end_at
        self.gate = Gate(lambda: self.at, self.sleep)
        self.gate.taken()

    def sleep(self, seconds: float) -> None:
        self.at += seconds
        if self.at <= self.requests_end_at:
            self.gate.taken()


def test_a_request_that_comes_alone_is_handled_at_once() -> None:
    flood = Flood(requests_end_at=60)
    flood.gate.wait(lambda: True)
    assert flood.at == 0


def test_a_handler_waits_for_a_lull_while_requests_pour_in() -> None:
    flood = Flood(requests_end_at=0.1)
    flood.gate.wait(lambda: False)
    assert flood.at == pytest.approx(0.1 + CALM_SECONDS, abs=CALM_SECONDS)


def test_a_handler_does_not_wait_for_long() -> None:
    flood = Flood(requests_end_at=60)
    flood.gate.wait(lambda: False)
    assert flood.at == pytest.approx(PATIENCE_SECONDS, abs=CALM_SECONDS)
