"""What happens by itself: each job is called once with a time, and says what it did."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from bot.scheduler import Scheduler, expire_proposals, forget_requests, release_locks, take_in_states
from state import inbox
from tests.inn import COLLEAGUE, REQUESTER, Inn
from tests.waiting import until


def test_nothing_to_do(inn: Inn) -> None:
    now = inn.clock()
    assert expire_proposals(inn.deps, now) == "expired 0 proposals, found 0 stale"
    assert release_locks(inn.deps, now) == "released 0 locks of ended runs"
    assert take_in_states(inn.deps, now) == "took in 0 states, 0 wait"
    assert forget_requests(inn.deps, now) == "forgot 0 old requests"


def test_requests_are_forgotten_a_month_after_they_were_answered(inn: Inn) -> None:
    first = inn.says(REQUESTER, "/lab list").entry
    inn.intake.take(inn.command(COLLEAGUE, "/lab list"))
    inn.clock.passes(days=31)
    inn.says(REQUESTER, "/lab list")
    assert forget_requests(inn.deps, inn.clock()) == "forgot 1 old requests"
    assert inbox.get(inn.database, first.id) is None
    assert len(inbox.pending(inn.database)) == 1


def test_a_state_that_nobody_can_read_waits(inn: Inn) -> None:
    inn.has("demo")
    folder = inn.folder / "data" / "errored" / inn.lab().id
    folder.mkdir(parents=True)
    (folder / "run9.sealed").write_bytes(inn.vault.seal(b"{}", "errored run9"))
    assert take_in_states(inn.deps, inn.clock()) == "took in 0 states, 1 wait"
    inn.vault.state = "sealed"
    assert take_in_states(inn.deps, inn.clock()) == "took in 0 states, 1 wait"
    assert (folder / "run9.sealed").exists()


def test_a_state_of_a_lab_that_nobody_knows_is_let_go(inn: Inn) -> None:
    folder = inn.folder / "data" / "errored" / "nobody"
    folder.mkdir(parents=True)
    (folder / "run9.tfstate").write_text("{}")
    assert take_in_states(inn.deps, inn.clock()) == "took in 1 states, 0 wait"


def test_a_job_that_breaks_is_told_and_the_others_go_on(inn: Inn) -> None:
    def breaks(now: datetime) -> str:
        raise RuntimeError("a fault of ours")

    scheduler = Scheduler(
        {"breaks": (breaks, 60), "works": (lambda now: f"it is {now:%H:%M}", 60)}, inn.clock
    )
    assert scheduler.run_once("breaks", breaks) == "broke"
    assert scheduler.run_once("works", lambda now: f"it is {now:%H:%M}") == "it is 09:00"


def test_jobs_run_by_themselves_one_at_a_time(inn: Inn) -> None:
    times: list[datetime] = []
    running = threading.Lock()
    overlaps: list[bool] = []

    def job(now: datetime) -> str:
        overlaps.append(not running.acquire(blocking=False))
        times.append(now)
        inn.clock.at = now + timedelta(seconds=1)
        running.release()
        return "done"

    scheduler = Scheduler({"job": (job, 0.05)}, inn.clock)
    scheduler.stop(1)  # harmless before it was started
    scheduler.start()
    until(lambda: len(times) >= 3)
    scheduler.stop(1)
    assert times[1] > times[0]
    assert not any(overlaps)
