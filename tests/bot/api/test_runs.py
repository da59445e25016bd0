"""`GET /api/runs/RUN`: how a run is, and waiting for it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.api.routes import THREADS
from state import runs
from state.transitions import RunState
from tests.bot.api.serving_api import Served, token_of
from tests.databases import a_database
from tests.inn import INFRA, REQUESTER, SECURITY, STRANGER


def begun(served: Served) -> str:
    return str(served.asks("/lab up web demo").json()["run"]["id"])


def test_a_run_is_shown_with_what_it_waits_for(served: Served) -> None:
    run_id = begun(served)
    served.inn.works()
    served.inn.clicks(INFRA, served.inn.newest_card(), "Approve")
    shown = served.run(run_id).json()
    assert (shown["state"], shown["is_ended"]) == ("proposed", False)
    assert shown["waiting_for"] == {"security": 1}
    assert [(each["person"], each["role"], each["decision"]) for each in shown["words"]] == [
        (INFRA.key, "infra", "approve")
    ]
    assert shown["steps"][0]["name"] == "provision"
    assert shown["changes"]


def test_what_is_secret_is_not_in_it(served: Served) -> None:
    served.inn.terraform.outputs = {"address": "203.0.113.7"}
    served.inn.secret_outputs = {"password": "canary-of-outputs"}
    run_id = begun(served)
    served.inn.works()
    served.inn.approved(served.inn.newest_card())
    answer = served.run(run_id)
    assert answer.json()["state"] == "applied"
    assert answer.json()["outputs"]["address"] == "203.0.113.7"
    assert "canary-of-outputs" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_waiting_ends_when_it_is_proposed_and_then_when_it_is_applied(served: Served) -> None:
    run_id = begun(served)
    with ThreadPoolExecutor() as pool:
        proposed = pool.submit(served.run, run_id, wait=60)
        served.inn.works()
        assert proposed.result(90).json()["state"] == "proposed"
        assert served.run(run_id, wait=60).json()["state"] == "proposed"
        applied = pool.submit(served.run, run_id, wait=60, known="proposed")
        time.sleep(0.05)
        assert not applied.done()
        served.inn.approved(served.inn.newest_card())
        assert applied.result(90).json()["state"] == "applied"
    assert served.run(run_id, wait=60, known="applied").json()["state"] == "applied"


def test_waiting_ends_in_time(served: Served) -> None:
    run_id = begun(served)
    started = time.monotonic()
    assert served.run(run_id, wait=1).json()["state"] == "queued"
    assert time.monotonic() - started > 0.9


def test_what_another_process_does_is_noticed(served: Served) -> None:
    run_id = begun(served)
    with ThreadPoolExecutor() as pool:
        waits = pool.submit(served.run, run_id, wait=60)
        time.sleep(0.1)
        other = a_database(served.inn.folder / "state.db")  # whose bells nobody hears here
        runs.move(other, run_id, RunState.QUEUED, RunState.CANCELLED, served.inn.clock())
        other.close()
        assert waits.result(90).json()["state"] == "cancelled"


def test_those_who_wait_hold_nobody_else_up(served: Served) -> None:
    run_id = begun(served)
    many = THREADS * 3
    arrived = threading.Barrier(many + 1)

    def wait() -> str:
        arrived.wait(30)
        return str(served.run(run_id, wait=60).json()["state"])

    with ThreadPoolExecutor(many) as pool:
        waiting = [pool.submit(wait) for _ in range(many)]
        arrived.wait(30)
        assert served.asks("/lab list").status_code == 200
        assert not any(each.done() for each in waiting)
        served.inn.works()
        assert {each.result(90) for each in waiting} == {"proposed"}


@pytest.mark.parametrize(
    "query",
    [{"wait": "-1"}, {"wait": "61"}, {"wait": "1e1"}, {"wait": "x"}, {"known": "nothing"}, {"vait": "1"}],
)
def test_a_question_that_is_none_is_refused(served: Served, query: dict[str, str]) -> None:
    assert served.run("x", **query).status_code == 422


def test_every_operator_sees_runs_and_nobody_else(served: Served) -> None:
    run_id = begun(served)
    for person in (REQUESTER, INFRA, SECURITY):
        assert served.run(run_id, token_of(person)).status_code == 200
    assert served.run(run_id, token_of(STRANGER)).status_code == 401


@pytest.mark.parametrize("run_id", ["nothing", "..", "%00", "x" * 3000, "demo"])
def test_a_run_that_is_not_there_is_not_found(served: Served, run_id: str) -> None:
    assert served.run(run_id).status_code == 404
