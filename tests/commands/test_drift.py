"""Drift: looked for in quiet moments, told once, planned back or accepted."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from commands import drift
from commands.engines.terraform.events import Diagnostic
from commands.steps import provision
from state import drift as looks
from state import labs, runs, tfstate
from state.records import Run
from state.transitions import RunState
from tests.inn import COLLEAGUE, INFRA, REQUESTER, SECURITY, Inn, Shown

CHOICE = "`Re-plan` plans what was asked for against what is there, which brings it back."


def updated(
    address: str = "terraform_data.a", name: str = "size", before: Any = 1, after: Any = 2
) -> Mapping[str, Any]:
    """An entry of `resource_drift`: one attribute is another one."""
    return {
        "address": address,
        "change": {"actions": ["update"], "before": {name: before}, "after": {name: after}},
    }


def deleted(address: str = "terraform_data.b") -> Mapping[str, Any]:
    return {"address": address, "change": {"actions": ["delete"], "before": {"size": 1}, "after": None}}


def other_output(before: Any, after: Any) -> Mapping[str, Any]:
    return {"port": {"actions": ["update"], "before": before, "after": after, "after_unknown": False}}


@pytest.fixture
def lab(inn: Inn) -> Shown:
    """The card of the lab `demo`, which was applied an hour and a bit ago."""
    card = inn.has()
    inn.clock.passes(minutes=61)
    return card


def looks_once(inn: Inn) -> str:
    """One sweep, and all that follows."""
    said = drift.sweep(inn.deps, inn.clock())
    inn.works()
    return said


def last_look(inn: Inn) -> Run:
    found = looks.last_of(inn.database, inn.lab().id)
    assert found is not None
    return found


# What nobody asked for


def test_a_look_that_finds_nothing_leaves_no_trace_in_the_channel(inn: Inn, lab: Shown) -> None:
    used_at, expires_at = inn.lab().last_active_at, inn.lab().expires_at
    assert looks_once(inn) == "demo: looks whether it has drifted"
    assert last_look(inn).state == RunState.NO_CHANGES
    assert len(inn.cards()) == 1
    assert (inn.lab().last_active_at, inn.lab().expires_at) == (used_at, expires_at)
    assert inn.lab().drift_checked_at == inn.clock()
    assert inn.runs() == ["applied"]
    inn.says(REQUESTER, "/lab show demo")
    assert "Looked for changes from outside just now: there were none." in inn.told(REQUESTER)
    assert "*demo* · web · applied" in inn.told(REQUESTER)
    inn.is_tidy()


def test_what_has_drifted_makes_a_card(inn: Inn, lab: Shown) -> None:
    inn.terraform.drifted = (updated(), deleted())
    looks_once(inn)
    card = inn.newest_card()
    assert card.text == "demo: drifted — 2 resources have changed outside"
    assert card.seen.sections[0] == "*demo* · web · drifted\nFound by looking · <@U1>'s lab"
    assert card.seen.sections[1].startswith(
        "*2 resources have changed outside*:\n`~ terraform_data.a`: size\n`- terraform_data.b` is gone\n"
        + CHOICE
    )
    assert card.buttons == ["Re-plan", "Accept"]
    told = "<@U1> *demo* has drifted: 2 resources have changed outside."
    assert set(inn.replies(card)) == {"drift.txt", told}
    told = next(said.body for said in inn.slack.thread(card.said.ts) if said.file)
    assert "~ terraform_data.a\n    size: 1 -> 2" in told
    assert inn.runs() == ["applied", "proposed"]
    inn.says(REQUESTER, "/lab list")
    assert "drifted" in inn.private(REQUESTER).all
    inn.is_tidy()


def test_it_is_never_applied_by_itself(inn: Inn, lab: Shown) -> None:
    inn.terraform.drifted = (updated(),)
    looks_once(inn)
    inn.works()
    assert inn.run().state == RunState.PROPOSED
    assert len(inn.terraform.applied) == 1


def test_the_same_drift_is_told_once(inn: Inn, lab: Shown) -> None:
    inn.terraform.drifted = (updated(),)
    looks_once(inn)
    inn.clock.passes(hours=25)
    inn.says(INFRA, "/lab show demo")
    inn.sweeps()
    labs.update(inn.database, inn.lab().id, look_at=None)
    assert inn.runs() == ["applied", "expired"]
    inn.works()
    looks_once(inn)
    assert last_look(inn).state == RunState.NO_CHANGES
    assert len(inn.cards()) == 2
    inn.says(REQUESTER, "/lab show demo")
    assert "it had drifted. `/lab drift demo` looks again." in inn.told(REQUESTER)

    inn.terraform.drifted = (updated(after=3, name="colour"),)
    inn.clock.passes(hours=25)
    looks_once(inn)
    assert inn.newest_card().text.startswith("demo: drifted")
    assert len(inn.cards()) == 3


def test_what_was_accepted_and_drifts_again_is_told_again(inn: Inn, lab: Shown) -> None:
    for _ in range(2):
        inn.terraform.drifted = (updated(),)
        looks_once(inn)
        inn.clicks(REQUESTER, inn.newest_card(), "Accept")
        inn.clock.passes(hours=25)
    assert inn.runs() == ["applied", "applied", "applied"]


def test_a_look_that_fails_is_told_to_nobody_who_does_not_ask(inn: Inn, lab: Shown) -> None:
    inn.terraform.plan_failure = Diagnostic("error", "No credentials", "The key has ended.")
    looks_once(inn)
    assert last_look(inn).state == RunState.FAILED
    assert len(inn.cards()) == 1
    inn.says(REQUESTER, "/lab show demo")
    assert "and could not: No credentials: The key has ended." in inn.told(REQUESTER)
    inn.is_tidy()


def test_outputs_alone_are_drift_unless_the_blueprint_has_changed(inn: Inn, lab: Shown) -> None:
    inn.terraform.drifted_outputs = other_output(80, 81)
    (inn.folder / "labs" / "web" / "main.tf").write_text("# other outputs")
    looks_once(inn)
    assert last_look(inn).state == RunState.NO_CHANGES
    labs.update(inn.database, inn.lab().id, commit=inn.deps.catalogue.commit(inn.deps.catalogue.get("web")))
    inn.clock.passes(hours=25)
    looks_once(inn)
    assert inn.newest_card().text == "demo: drifted — 1 output has changed outside"


# When


def test_each_lab_has_its_turn_once_a_day_spread_over_it(inn: Inn) -> None:
    for name in ("one", "two", "three"):
        inn.has(name, "open")
    assert drift.sweep(inn.deps, inn.clock()) == "there is no lab to look at"
    inn.clock.passes(hours=1)
    assert looks_once(inn) == "one: looks whether it has drifted"
    inn.clock.passes(hours=7)
    assert looks_once(inn) == "the last look was a moment ago"
    turns = []
    for _ in range(4):
        inn.clock.passes(hours=1)
        turns.append(looks_once(inn).partition(":")[0])
        inn.clock.passes(hours=7)
    assert turns == ["two", "three", "one", "two"]


def test_plans_come_first(inn: Inn, lab: Shown) -> None:
    inn.intake.take(entry := inn.command(COLLEAGUE, "/lab up open other"))
    inn.intake.work(entry, inn.clock())
    assert drift.sweep(inn.deps, inn.clock()) == "plans come first"


def test_a_look_that_waits_is_claimed_last_and_gives_way_while_it_is_under_way(inn: Inn, lab: Shown) -> None:
    drift.sweep(inn.deps, inn.clock())
    inn.intake.take(entry := inn.command(COLLEAGUE, "/lab up open other"))
    inn.intake.work(entry, inn.clock())
    assert inn.worker.plan_once(inn.clock()) == "other: proposed, 2 changes"

    inn.terraform.planning_holds = True
    inn.intake.take(entry := inn.command(COLLEAGUE, "/lab up open third"))
    inn.intake.work(entry, inn.clock())
    look = last_look(inn)
    assert runs.move(
        inn.database, look.id, RunState.QUEUED, RunState.PLANNING, inn.clock(), worker=inn.worker.name
    )
    said = provision.plan(last_look(inn), inn.deps, threading.Event())
    assert said == "demo: its plan waits for the next start"
    assert last_look(inn).state == RunState.QUEUED
    assert tfstate.locks(inn.database) == []


def test_two_bots_look_once(inn: Inn, lab: Shown) -> None:
    seen = inn.lab()
    assert looks.begin(inn.database, seen, inn.clock())
    assert not looks.begin(inn.database, seen, inn.clock())


@pytest.mark.parametrize("change", ["frozen", "asleep", "busy", "not applied"])
def test_some_labs_are_left_alone(inn: Inn, lab: Shown, change: str) -> None:
    changes: dict[str, dict[str, Any]] = {
        "frozen": {"frozen_because": "its state is not here."},
        "asleep": {"asleep_at": inn.clock()},
        "not applied": {"applied_at": None},
    }
    if change == "busy":
        inn.says(REQUESTER, "/lab plan demo size=large")
    else:
        labs.update(inn.database, inn.lab().id, **changes[change])
    assert looks_once(inn) == "there is no lab to look at"


def test_a_lab_whose_blueprint_is_gone_does_not_stop_the_others(inn: Inn, lab: Shown) -> None:
    inn.has("other", "open")
    inn.clock.passes(hours=2)
    (inn.folder / "labs" / "web" / "blueprint.yaml").unlink()
    shutil.rmtree(inn.folder / "data" / "kept")
    assert looks_once(inn).startswith("demo: There is no blueprint `web`.")
    assert looks_once(inn) == "other: looks whether it has drifted"


def test_a_bot_that_is_killed_while_it_looks_looks_again(inn: Inn, lab: Shown) -> None:
    inn.terraform.drifted = (updated(),)
    drift.sweep(inn.deps, inn.clock())
    runs.claim(inn.database, inn.worker.name, inn.clock())
    inn.kills()
    inn.works()
    assert inn.newest_card().text.startswith("demo: drifted")
    assert inn.runs() == ["applied", "proposed"]


# What somebody asks for


def test_who_asks_is_answered_also_when_nothing_has_drifted(inn: Inn, lab: Shown) -> None:
    used_at = inn.lab().last_active_at
    card = inn.says(REQUESTER, "/lab drift demo").card()
    assert card.text == "demo: no_changes — Nothing changed outside."
    assert card.seen.sections[0] == "*demo* · web · nothing changed outside\nAsked for by <@U1>"
    assert (card.seen.contexts, card.buttons) == ([], [])
    assert inn.lab().last_active_at > used_at
    assert inn.lab().last_active_how == "/lab drift"
    inn.is_tidy()


def test_who_asks_is_told_again_of_what_was_told_before(inn: Inn, lab: Shown) -> None:
    inn.terraform.drifted = (updated(),)
    looks_once(inn)
    card = inn.says(INFRA, "/lab drift demo").card()
    assert card.text.startswith("demo: drifted")
    assert inn.runs() == ["applied", "superseded", "proposed"]
    assert any(each.startswith("<@U3> *demo* has drifted") for each in inn.replies(card))


def test_who_asks_is_told_why_it_failed(inn: Inn, lab: Shown) -> None:
    inn.terraform.plan_failure = Diagnostic("error", "No credentials")
    card = inn.says(REQUESTER, "/lab drift demo").card()
    assert card.text.startswith("demo: failed — No credentials")
    assert card.buttons == []
    assert inn.replies(card)[0].startswith("<@U1> *demo* could not be looked at. No credentials.")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("/lab drift", "Say which lab to look at."),
        ("/lab drift demo now", "Say which lab to look at."),
        ("/lab drift dmeo", "There is no lab `dmeo`. Did you mean `demo`?"),
    ],
)
def test_who_asks_wrongly_is_told_the_right_form(inn: Inn, lab: Shown, typed: str, told: str) -> None:
    inn.says(REQUESTER, typed)
    assert inn.told(REQUESTER).startswith(told)


def test_a_stranger_to_the_lab_may_not_ask(inn: Inn, lab: Shown) -> None:
    inn.says(COLLEAGUE, "/lab drift demo")
    assert inn.told(COLLEAGUE).startswith("*demo* is <@U1>'s lab.")


def test_a_lab_of_which_nothing_is_there_cannot_drift(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up web demo")
    inn.says(REQUESTER, "/lab drift demo")
    assert inn.told(REQUESTER).startswith("Nothing of *demo* is there, so nothing can drift.")


def test_a_plan_that_waits_for_people_is_not_superseded(inn: Inn, lab: Shown) -> None:
    inn.says(REQUESTER, "/lab plan demo size=large")
    inn.says(REQUESTER, "/lab drift demo")
    assert inn.told(REQUESTER).startswith("*demo* has a plan that is proposed. Wait for its end, or stop it")
    assert inn.runs() == ["applied", "proposed"]


# What can be done about it


@pytest.fixture
def drifted(inn: Inn, lab: Shown) -> Shown:
    """The card that says what has changed outside."""
    inn.terraform.drifted = (updated(), deleted())
    inn.terraform.drifted_outputs = other_output(80, 81)
    looks_once(inn)
    return inn.newest_card()


def test_to_accept_takes_over_what_is_there_and_nothing_else(inn: Inn, drifted: Shown) -> None:
    before = inn.lab()
    inn.clicks(INFRA, drifted, "Accept")
    assert inn.told(INFRA) == "The state of *demo* takes over what is there. Nothing of the lab is changed."
    card = inn.card(drifted)
    assert card.text == "demo: applied — accepted what changed outside"
    assert card.seen.sections[0] == "*demo* · web · accepted what changed outside\nAccepted by <@U3>"
    assert "The state has taken over what is there." in card.all
    assert card.buttons == []
    after = inn.lab()
    for name in ("variables", "commit", "expires_at", "cost_per_hour_cents", "applied_at"):
        assert getattr(after, name) == getattr(before, name), name
    assert inn.terraform.applied[-1] == inn.run().plan_sha256
    assert ("T1-U3", "accepted", "demo") in inn.audited("accepted")
    inn.says(REQUESTER, "/lab output demo")
    assert "81" in inn.private(REQUESTER).all
    assert inn.says(REQUESTER, "/lab drift demo").card().text.startswith("demo: no_changes")
    inn.is_tidy()


def test_to_plan_again_brings_back_what_was_asked_for(inn: Inn, drifted: Shown) -> None:
    inn.clicks(REQUESTER, drifted, "Re-plan")
    card = inn.newest_card()
    assert card.text == "demo: proposed — 1 to add, 1 to change, nothing to destroy"
    assert inn.card(drifted).text.startswith("demo: superseded")
    assert inn.card(drifted).buttons == []
    inn.approved(card)
    assert inn.card(card).text.startswith("demo: applied in")
    assert inn.says(REQUESTER, "/lab drift demo").card().text.startswith("demo: no_changes")


def test_two_presses_accept_once(inn: Inn, drifted: Shown) -> None:
    inn.clicks(REQUESTER, drifted, "Accept")
    inn.clicks(INFRA, drifted, "Accept")
    assert inn.told(INFRA) == "This plan is applied, so it waits for nobody."
    assert len(inn.terraform.applied) == 2


def test_who_may_not_change_the_lab_may_not_accept(inn: Inn, drifted: Shown) -> None:
    inn.clicks(COLLEAGUE, drifted, "Accept")
    assert inn.told(COLLEAGUE).startswith("*demo* is <@U1>'s lab.")
    inn.clicks(SECURITY, drifted, "Accept")
    assert inn.told(SECURITY).startswith("That is for people who hold operator or infra")
    assert inn.run().state == RunState.PROPOSED


def test_another_digest_is_not_accepted(inn: Inn, drifted: Shown) -> None:
    inn.asks(inn.presses(REQUESTER, "accept_drift", f"{inn.run().id}:{'0' * 64}"))
    assert inn.told(REQUESTER).startswith("This is not the plan that waits for approval.")
    assert inn.run().state == RunState.PROPOSED


def test_a_plan_of_another_kind_cannot_be_accepted(inn: Inn, lab: Shown) -> None:
    inn.says(REQUESTER, "/lab plan demo size=large")
    inn.asks(inn.presses(REQUESTER, "accept_drift", f"{inn.run().id}:{inn.run().digest}"))
    assert inn.told(REQUESTER).startswith("There is nothing to accept here.")
    assert inn.run().state == RunState.PROPOSED


def test_it_is_approved_by_nobody(inn: Inn, drifted: Shown) -> None:
    inn.asks(inn.presses(INFRA, "approve", f"{inn.run().id}:{inn.run().digest}"))
    assert inn.run().state == RunState.PROPOSED


def test_a_state_that_has_moved_is_not_overwritten(inn: Inn, drifted: Shown) -> None:
    inn.somebody_applies_by_hand()
    inn.clicks(REQUESTER, drifted, "Accept")
    assert inn.told(REQUESTER).startswith("*demo* has changed since this was planned.")
    assert inn.card(drifted).buttons == ["Re-plan"]
    assert len(inn.terraform.applied) == 1


def test_who_accepts_and_is_no_operator_a_moment_later_has_not_accepted(inn: Inn, drifted: Shown) -> None:
    entry = inn.click(INFRA, drifted, "Accept")
    inn.intake.take(entry)
    inn.intake.work(entry, inn.clock())
    inn.vault.add(INFRA)
    inn.works()
    assert inn.run().state == RunState.FAILED
    assert len(inn.terraform.applied) == 1


def test_every_other_plan_comes_first(inn: Inn, drifted: Shown) -> None:
    inn.says(REQUESTER, "/lab down demo")
    assert inn.runs() == ["applied", "superseded", "proposed"]
    assert inn.run().kind == "destroy"


def test_a_lab_of_which_all_is_gone_can_be_ended(inn: Inn, lab: Shown) -> None:
    inn.terraform.drifted = (deleted("terraform_data.a"), deleted())
    looks_once(inn)
    inn.clicks(REQUESTER, inn.newest_card(), "Accept")
    assert "Nothing of the lab is left: `/lab down demo` ends it." in inn.newest_card().all
    inn.says(REQUESTER, "/lab down demo")
    assert inn.lab().gone_at is not None


def test_a_secret_is_in_none_of_it(inn: Inn) -> None:
    inn.has("demo", "cloud")
    inn.clock.passes(minutes=61)
    inn.terraform.drifted = (updated("a.b", "note", "of licence-canary", "with token-canary"),)
    looks_once(inn)
    assert "note" in inn.newest_card().all
    assert inn.holds("licence-canary") == []
    assert inn.holds("token-canary") == []


def test_what_waits_for_an_answer_ends_in_time(inn: Inn, drifted: Shown) -> None:
    inn.clock.passes(seconds=inn.deps.plan_ttl_seconds + 1)
    labs.update(inn.database, inn.lab().id, look_at=None)
    inn.sweeps()
    inn.works()
    card = inn.card(drifted)
    assert card.text.startswith("demo: expired — Nobody said in time what is to be done.")
    assert card.buttons == ["Re-plan"]
