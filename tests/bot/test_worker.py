"""The process may end in any state of a run: one card, one apply, and no lock is what remains."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import psutil
import pytest

from bot.liveness import LOST_AFTER, this_process
from bot.worker import Worker
from state import runs, tfstate
from state.transitions import RunState
from tests.fakes.slack import Killed
from tests.inn import INFRA, REQUESTER, SECURITY, Inn
from tests.waiting import until


def queued(inn: Inn) -> None:
    inn.intake.work(inn.command(REQUESTER, "/lab up web demo"), inn.clock())
    assert inn.runs() == ["queued"]


def expect_it_ends_well(inn: Inn) -> None:
    """Whoever comes after the crash: it is planned, approved, applied, once."""
    inn.works()
    for person in (INFRA, SECURITY):
        if "Approve" in inn.newest_card().buttons:
            inn.clicks(person, inn.newest_card(), "Approve")
    assert inn.runs() == ["applied"]
    assert len(inn.cards()) == 1
    assert len(inn.terraform.applied) == 1
    assert len(inn.replies(inn.newest_card())) == len(set(inn.replies(inn.newest_card()))) == 3
    inn.is_tidy()


def test_killed_while_queued(inn: Inn) -> None:
    queued(inn)
    inn.kills()
    expect_it_ends_well(inn)


def test_killed_while_planning(inn: Inn) -> None:
    queued(inn)
    claimed = runs.claim(inn.database, inn.worker.name, inn.clock())
    assert claimed is not None
    inn.notifier.send_cards(inn.clock())
    assert inn.newest_card().text.startswith("demo: planning")
    inn.kills()
    assert inn.runs() == ["queued"]
    expect_it_ends_well(inn)


def test_killed_while_terraform_plans(inn: Inn) -> None:
    class Dying(type(inn.terraform)):  # type: ignore[misc]
        def start_plan(self, *arguments: object, **more: object) -> object:
            super().start_plan(*arguments, **more)
            raise Killed

    queued(inn)
    whole, inn.terraform.__class__ = inn.terraform.__class__, Dying
    inn.terraform.planning_holds = True
    with pytest.raises(Killed):
        inn.worker.plan_once(inn.clock())
    inn.terraform.__class__ = whole
    inn.terraform.planning_holds = False
    inn.kills()
    assert tfstate.locks(inn.database) == []
    expect_it_ends_well(inn)


def test_killed_while_proposed(inn: Inn) -> None:
    queued(inn)
    inn.works()
    inn.kills()
    expect_it_ends_well(inn)


def test_killed_between_two_approvals(inn: Inn) -> None:
    queued(inn)
    inn.works()
    inn.clicks(INFRA, inn.newest_card(), "Approve")
    inn.kills()
    expect_it_ends_well(inn)


def test_killed_while_approved(inn: Inn) -> None:
    queued(inn)
    inn.works()
    card = inn.newest_card()
    inn.intake.work(inn.click(INFRA, card, "Approve"), inn.clock())
    inn.intake.work(inn.click(SECURITY, card, "Approve"), inn.clock())
    assert inn.runs() == ["approved"]
    inn.kills()
    expect_it_ends_well(inn)


def test_killed_while_terraform_applies(inn: Inn) -> None:
    inn.terraform.holding = True
    card = inn.has("demo")
    inn.terraform.step(inn.terraform.work(inn.run().id))
    inn.kills()
    assert inn.runs() == ["applying"]
    inn.terraform.step(inn.terraform.work(inn.run().id))
    inn.kills()
    inn.terraform.holding = False
    inn.terraform.finish(inn.terraform.work(inn.run().id))
    expect_it_ends_well(inn)
    assert inn.card(card).text.startswith("demo: applied")


def test_terraform_ends_while_nobody_looks(inn: Inn) -> None:
    inn.terraform.holding = True
    inn.has("demo")
    work = inn.terraform.work(inn.run().id)
    inn.ends()
    inn.starts()  # so that Terraform reaches its state; nothing is recovered yet
    inn.terraform.holding = False
    inn.terraform.finish(work)
    inn.kills()
    expect_it_ends_well(inn)


def test_killed_between_the_intent_and_terraform(inn: Inn) -> None:
    queued(inn)
    inn.works()
    card = inn.newest_card()
    inn.intake.work(inn.click(INFRA, card, "Approve"), inn.clock())
    inn.intake.work(inn.click(SECURITY, card, "Approve"), inn.clock())
    run = inn.run()
    intent = {"worker": inn.worker.name, "applying_at": inn.clock(), "heartbeat_at": inn.clock()}
    runs.move(inn.database, run.id, RunState.APPROVED, RunState.APPLYING, inn.clock(), **intent)
    inn.kills()
    inn.works()
    assert inn.runs() == ["interrupted", "proposed"]
    assert inn.terraform.applied == []
    assert inn.card(card).text.startswith("demo: interrupted")
    inn.approved(inn.newest_card())
    assert inn.runs() == ["interrupted", "applied"]
    assert len(inn.terraform.applied) == 1
    inn.is_tidy()


def test_killed_when_it_is_over(inn: Inn) -> None:
    inn.has("demo")
    inn.kills()
    expect_it_ends_well(inn)


def test_a_fault_while_planning_does_not_leave_a_run_alive(inn: Inn) -> None:
    class Broken(type(inn.terraform)):  # type: ignore[misc]
        def read_plan(self, work: object) -> bytes:
            raise RuntimeError("a fault of ours")

    inn.terraform.__class__ = Broken
    queued(inn)
    inn.works()
    assert inn.newest_card().text.startswith("demo: failed")
    assert "Something broke on my side (incident " in inn.newest_card().all
    assert inn.newest_card().buttons == ["Re-plan"]


def test_a_run_of_a_living_process_is_left_to_it(inn: Inn) -> None:
    queued(inn)
    runs.claim(inn.database, this_process(), inn.clock())
    inn.clock.passes(hours=1)
    assert inn.worker.recover(inn.clock()).startswith("queued 0 plans again, followed 0 applies")
    assert inn.runs() == ["planning"]


def test_a_pid_that_somebody_else_has_now_is_another_process(inn: Inn) -> None:
    queued(inn)
    runs.claim(inn.database, f"{socket.gethostname()}:{os.getpid()}:1", inn.clock())
    assert inn.worker.recover(inn.clock()).startswith("queued 1 plans again")


def test_a_process_is_still_the_same_when_the_clock_was_set_right(inn: Inn) -> None:
    queued(inn)
    host, pid, started = this_process().rsplit(":", 2)
    runs.claim(inn.database, f"{host}:{pid}:{int(started) + 1}", inn.clock())
    assert inn.worker.recover(inn.clock()).startswith("queued 0 plans again")


def test_a_run_on_another_machine_is_lost_when_its_heart_stops(inn: Inn) -> None:
    queued(inn)
    run = runs.claim(inn.database, "other-host:1:1", inn.clock())
    assert run is not None
    inn.clock.passes(LOST_AFTER.total_seconds() - 1)
    assert inn.worker.recover(inn.clock()).startswith("queued 0 plans again")
    runs.heartbeat(inn.database, run.id, "other-host:1:1", inn.clock())
    inn.clock.passes(LOST_AFTER.total_seconds() - 1)
    assert inn.worker.recover(inn.clock()).startswith("queued 0 plans again")
    inn.clock.passes(seconds=2)
    assert inn.worker.recover(inn.clock()).startswith("queued 1 plans again")


def test_a_worker_names_its_process() -> None:
    host, pid, started = this_process().rsplit(":", 2)
    assert (host, int(pid)) == (socket.gethostname(), os.getpid())
    assert int(started) == int(psutil.Process().create_time())


def test_threads_plan_and_apply_by_themselves(inn: Inn) -> None:
    inn.worker = Worker(inn.deps, 2, inn.worker.name)
    queued(inn)
    inn.worker.start()
    until(lambda: inn.runs() == ["proposed"])
    inn.works()
    card = inn.newest_card()
    inn.intake.work(inn.click(INFRA, card, "Approve"), inn.clock())
    inn.intake.work(inn.click(SECURITY, card, "Approve"), inn.clock())
    until(lambda: inn.runs() == ["applied"])
    inn.worker.stop(30)
    queued_too = inn.command(REQUESTER, "/lab up web other")
    inn.intake.work(queued_too, inn.clock())
    assert inn.runs("other") == ["queued"]


def test_stopping_leaves_an_apply_running(inn: Inn) -> None:
    inn.terraform.holding = True
    inn.has("demo")
    inn.worker.stop(30)
    assert inn.runs() == ["applying"]
    child = inn.terraform.attach(inn.terraform.work(inn.run().id))
    assert child is not None
    assert child.alive()


def test_a_heart_beats_for_what_is_in_hand(inn: Inn) -> None:
    inn.terraform.holding = True
    inn.has("demo")
    inn.clock.passes(10)
    until(lambda: inn.worker.beat(inn.clock()) == "1 runs are in hand")
    assert inn.run().heartbeat_at == inn.clock()


def test_an_apply_that_begins_while_its_plan_is_told_stays_in_hand(inn: Inn) -> None:
    """On a slow machine people approve before all of the plan is told; that end is not the apply's."""

    class Slow(type(inn.terraform)):  # type: ignore[misc]
        def remove(self, work: Path) -> None:
            if work.name.endswith("-plan"):
                inn.notifier.send_cards(inn.clock())
                for person in (INFRA, SECURITY):
                    inn.intake.work(inn.click(person, inn.newest_card(), "Approve"), inn.clock())
                inn.worker.apply_once(inn.clock())
            super().remove(work)

    inn.terraform.__class__ = Slow
    inn.terraform.holding = True
    queued(inn)
    inn.worker.plan_once(inn.clock())
    assert inn.runs() == ["applying"]
    assert inn.worker.beat(inn.clock()) == "1 runs are in hand"
    inn.clock.passes(LOST_AFTER.total_seconds() + 1)
    assert "followed 0 applies" in inn.worker.recover(inn.clock())
