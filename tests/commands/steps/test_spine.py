"""The steps after provision: done in their order, told on the card, done again after a failure or a death."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from commands.engines.vault.protocol import (
    VaultAway,
    VaultDenied,
    VaultSealed,
    VaultSlow,
    VaultUnavailable,
)
from commands.steps import spine
from commands.steps.step import Done, StepFailed, StepInterrupted, Work
from state import runs, steps
from state.transitions import RunState
from tests.inn import INFRA, REQUESTER, SECURITY, Inn
from tests.waiting import until

WHOLE = """
        approvals: {operator: 1, self: true}
        secure: {ssh: {user: root}}
        integrate: {publish: [address]}
        test: [{tcp: "${address}:80"}]"""


class FakeStep:
    """A step that does as the test says."""

    def __init__(self) -> None:
        self.does: Callable[[Work], Done] = lambda work: Done()
        self.undoes: Callable[[Work], None] = lambda work: None
        self.performed = 0
        self.undone = 0

    def perform(self, work: Work) -> Done:
        self.performed += 1
        assert list(work.folder.iterdir()) == []
        return self.does(work)

    def undo(self, work: Work) -> None:
        self.undone += 1
        self.undoes(work)


@pytest.fixture
def made() -> dict[str, FakeStep]:
    return {name: FakeStep() for name in ("secure", "integrate", "test")}


@pytest.fixture
def whole(inn: Inn, made: dict[str, FakeStep]) -> Inn:
    inn.steps.update(made)  # type: ignore[arg-type]
    inn.offers("whole", WHOLE)
    return inn


def failing(sentence: str) -> Callable[[Work], Done]:
    def does(work: Work) -> Done:
        raise StepFailed(sentence, "line 1\nline 2")

    return does


def states(inn: Inn) -> dict[str, str]:
    return {step.name: step.state for step in steps.of_run(inn.database, inn.run().id)}


def test_a_lab_is_applied_when_every_step_is_done(whole: Inn, made: dict[str, FakeStep]) -> None:
    made["test"].does = lambda work: Done("5 of 5")
    card = whole.has("demo", "whole")
    assert card.text.startswith("demo: applied")
    assert "✓ provision" in card.all
    assert "✓ test 5 of 5" in card.all
    assert "– deploy" in card.all
    assert [each.performed for each in made.values()] == [1, 1, 1]


def test_a_step_that_fails_keeps_the_lab_and_can_be_done_again(whole: Inn, made: dict[str, FakeStep]) -> None:
    made["integrate"].does = failing("There is no output `address`.")
    card = whole.has("demo", "whole")
    assert card.text.startswith("demo: failed")
    assert "*integrate* did not come to a good end: There is no output `address`." in card.all
    assert states(whole) == {
        "provision": "done", "secure": "done", "deploy": "skipped", "integrate": "failed", "test": "waiting"
    }  # fmt: skip
    assert card.buttons == ["Retry step", "Destroy"]
    assert any("Press `Retry step`" in each for each in whole.replies(card))
    assert whole.lab().applied_at is not None
    made["integrate"].does = lambda work: Done()
    again = whole.clicks(REQUESTER, card, "Retry step").card()
    assert again.text.startswith("demo: applied")
    assert [each.performed for each in made.values()] == [1, 2, 1]
    whole.clicks(REQUESTER, card, "Retry step")  # twice is once
    assert [each.performed for each in made.values()] == [1, 2, 1]
    whole.is_tidy()


def test_what_a_step_says_has_no_secret_in_it(whole: Inn, made: dict[str, FakeStep]) -> None:
    whole.secret_outputs = {"password": "hunter2-canary"}
    made["secure"].does = failing("The password hunter2-canary is wrong.")
    card = whole.has("demo", "whole")
    assert "The password (sensitive) is wrong." in card.all
    assert whole.holds("hunter2-canary") == []


@pytest.mark.parametrize("why", [VaultSlow, VaultAway, VaultSealed])
def test_what_vault_did_not_answer_is_asked_again(
    whole: Inn, made: dict[str, FakeStep], why: type[VaultUnavailable]
) -> None:
    """A machine that is busy for a moment fails no step."""
    answers = [why(), why(), why(), Done("ssh")]

    def does(work: Work) -> Done:
        (work.folder / "of this try").touch()
        answer = answers.pop(0)
        if isinstance(answer, VaultUnavailable):
            raise answer
        return answer

    made["secure"].does = does
    began_at = whole.clock()
    card = whole.has("demo", "whole")
    assert card.text.startswith("demo: applied")
    assert "✓ secure ssh" in card.all
    assert made["secure"].performed == 4
    assert whole.clock() - began_at >= timedelta(seconds=sum(spine.PAUSES_SECONDS[:3]))


def test_the_outputs_are_asked_for_again_too(whole: Inn, made: dict[str, FakeStep]) -> None:
    whole.secret_outputs = {"password": "hunter2-canary"}
    truly, told = whole.vault.unseal, []

    def slow_once(sealed: bytes, about: str) -> bytes:
        told.append(about)
        if len(told) == 1:
            raise VaultSlow
        return truly(sealed, about)

    def does(work: Work) -> Done:
        whole.vault.unseal = slow_once  # type: ignore[method-assign]
        return Done()

    made["secure"].does = does
    made["integrate"].does = lambda work: Done(str(len(work.outputs)))
    card = whole.has("demo", "whole")
    assert card.text.startswith("demo: applied")
    assert len(told) > 1


def test_what_vault_denies_is_not_asked_again(whole: Inn, made: dict[str, FakeStep]) -> None:
    def does(work: Work) -> Done:
        raise VaultDenied

    made["secure"].does = does
    assert whole.has("demo", "whole").text.startswith("demo: failed")
    assert made["secure"].performed == 1


def test_nobody_waits_for_vault_when_the_bot_stops(whole: Inn, made: dict[str, FakeStep]) -> None:
    stopping = threading.Event()

    def does(work: Work) -> Done:
        stopping.set()
        raise VaultAway

    whole.has("demo", "whole")
    made["test"].does = does
    run = whole.run()
    steps.set(whole.database, run.id, "test", "waiting", whole.clock())
    assert spine.perform(run, whole.deps, stopping) == "demo: its steps go on after the next start"
    assert states(whole)["test"] == "running"


def test_vault_away_is_said_and_the_step_done_again(whole: Inn, made: dict[str, FakeStep]) -> None:
    def does(work: Work) -> Done:
        raise VaultAway

    made["secure"].does = does
    card = whole.has("demo", "whole")
    assert card.text.startswith("demo: failed")
    assert card.buttons == ["Retry step", "Destroy"]
    assert made["secure"].performed == 1 + len(spine.PAUSES_SECONDS)


def test_stopped_in_a_step_it_goes_on_there(whole: Inn, made: dict[str, FakeStep]) -> None:
    began = threading.Event()

    def does(work: Work) -> Done:
        began.set()
        raise StepInterrupted

    made["integrate"].does = does
    card = whole.says(REQUESTER, "/lab up whole demo").card()
    whole.intake.work(whole.click(REQUESTER, card, "Approve"), whole.clock())
    whole.worker.apply_once(whole.clock())
    until(began.is_set)
    assert states(whole)["integrate"] == "running"
    assert whole.run().state == RunState.APPLYING
    made["integrate"].does = lambda work: Done()
    whole.kills()
    whole.works()
    assert whole.card(card).text.startswith("demo: applied")
    assert [each.performed for each in made.values()] == [1, 2, 1]


def test_cancelled_in_a_step(whole: Inn, made: dict[str, FakeStep]) -> None:
    def does(work: Work) -> Done:
        runs.update(whole.database, work.run.id, cancelled_by=INFRA)
        assert work.is_cancelled()
        raise StepFailed("Stopped.")

    made["secure"].does = does
    card = whole.has("demo", "whole")
    assert card.text.startswith("demo: cancelled")
    assert f"Stopped by <@{INFRA.user}>" in card.all


def test_destruction_goes_backwards(whole: Inn, made: dict[str, FakeStep]) -> None:
    order: list[str] = []
    for name in ("secure", "integrate"):
        made[name].undoes = lambda work, name=name: order.append(name)  # type: ignore[misc]
    card = whole.has("demo", "whole")
    whole.says(REQUESTER, "/lab down demo")
    whole.approved(whole.newest_card())
    assert order == ["integrate", "secure"]
    assert whole.newest_card().text.startswith("demo: destroyed")
    assert card.text.startswith("demo: applied")
    assert made["test"].undone == 0


def test_what_cannot_be_taken_back_does_not_keep_the_lab_alive(whole: Inn, made: dict[str, FakeStep]) -> None:
    def undoes(work: Work) -> None:
        raise StepFailed("The database is away.")

    made["secure"].undoes = undoes
    whole.has("demo", "whole")
    whole.says(REQUESTER, "/lab down demo")
    whole.approved(whole.newest_card())
    assert whole.newest_card().text.startswith("demo: destroyed")
    assert "✗ secure The database is away." in whole.newest_card().all


def test_new_root_keys_are_no_new_deployment(whole: Inn, made: dict[str, FakeStep]) -> None:
    assert spine.STEPS is not whole.steps  # the real ones are left alone
    whole.offers("rooted2", WHOLE + " # its module takes trusted_ssh_keys\n        rekey: auto")
    whole.has("demo", "rooted2")
    whole.says(
        SECURITY,
        "/key enroll ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKRD0Pz9WqdjSNyPZ8V1O0f3a0Xo1Wh0Dc0YmCYHd9tS x",
    )
    assert [each.performed for each in made.values()] == [1, 1, 1]
    assert whole.run().state in (RunState.APPLIED, RunState.NO_CHANGES, RunState.PROPOSED, RunState.QUEUED)


def test_no_folder_of_a_step_is_left(whole: Inn, made: dict[str, FakeStep], tmp_path: Path) -> None:
    def does(work: Work) -> Done:
        (work.folder / "secret").write_text("x")
        return Done()

    made["secure"].does = does
    whole.has("demo", "whole")
    assert list((whole.deps.data_path / "steps").iterdir()) == []
