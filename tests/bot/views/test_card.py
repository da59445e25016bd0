from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.views.card import card
from commands import offers
from commands.costs.spent import NOTHING, Bill
from commands.offers import Offers
from state.records import STEP_NAMES, Approval, Counts, Lab, Person, PlannedChange, Run, Step
from state.transitions import RunState
from tests.bot.views.reading import Seen, hostile, seen
from tests.state.examples import ADA, BEN, NOW, a_lab, a_run

LATER = NOW + timedelta(seconds=42)
DIGEST = "7f3a91c" + "0" * 57
STEPS = [Step("run1", name, "waiting") for name in STEP_NAMES]
HOSTS = tuple(PlannedChange(f"terraform_data.host[{number}]", "create") for number in range(2))


def planned(**changes: Any) -> Run:
    given: dict[str, Any] = {
        "state": RunState.PROPOSED,
        "variables": {"size": "large"},
        "commit": "4c1d2e9" + "0" * 33,
        "digest": DIGEST,
        "serial": 3,
        "counts": Counts(add=2),
        "changes": HOSTS,
        "expires_at": NOW + timedelta(hours=24),
    }
    return a_run(**{**given, **changes})


def approval(role: str, person: Person = BEN, **changes: Any) -> Approval:
    return replace(Approval("a1", "run1", DIGEST, person, role, "approve", "", NOW), **changes)


def shown(
    run: Run,
    lab: Lab | None = None,
    steps: list[Step] | None = None,
    *given: Approval,
    bill: Bill = NOTHING,
    offers: Offers = offers.NOTHING,
) -> Seen:
    lab = lab or a_lab(cost_per_hour_cents=2.0)
    return seen(card(run, lab, STEPS if steps is None else steps, given, LATER, bill, offers=offers))


def test_while_planning_it_says_what_was_asked_for() -> None:
    told = shown(a_run(state=RunState.PLANNING, variables={"size": "large"}))
    assert told.text == "demo: planning"
    assert told.sections == [
        "*demo* · sandbox · planning\nAsked for by <@U1> · `size=large` · up to 8 h · about $0.02 an hour"
    ]
    assert told.contexts == ["● provision   ○ secure   ○ deploy   ○ integrate   ○ test"]
    assert told.buttons == {}


def test_a_plan_says_what_will_happen_and_what_can_be_done() -> None:
    told = shown(planned(warnings=("ssh is open to 10.0.0.0/8",)))
    assert told.text == "demo: proposed — 2 to add, nothing to change or destroy"
    assert told.sections[1:] == [
        "*2 to add*, nothing to change or destroy · about $0.16 for 8 h\n"
        "`+ terraform_data.host[0]`  `+ terraform_data.host[1]`\n"
        "Warning: ssh is open to 10.0.0.0/8",
        "Waiting for *infra* and *security*. "
        "Expires <!date^1795597200^{date_short_pretty} {time}|2026-11-25 09:00 UTC>.",
    ]
    assert told.contexts[-1] == "plan 7f3a91c, state 3, sandbox at 4c1d2e9"
    assert {label: (each["action_id"], each["value"]) for label, each in told.buttons.items()} == {
        "Approve": ("approve", f"run1:{DIGEST}"),
        "Reject": ("reject", f"run1:{DIGEST}"),
        "Re-plan": ("replan", "run1"),
    }
    assert told.buttons["Approve"]["style"] == "primary"


def test_who_approved_is_named_and_who_is_missing() -> None:
    told = shown(planned(), None, None, approval("infra"))
    assert "Approved by <@U2> for *infra*, <!date^1795510800^" in told.all
    assert "Waiting for *security*." in told.all
    told = shown(planned(approvals_needed={"infra": 2}))
    assert "Waiting for *infra* (2 people)." in told.all


def test_a_long_plan_shows_first_what_is_taken_away() -> None:
    changes = [PlannedChange(f"a.b[{number}]", "create") for number in range(18)]
    changes += [PlannedChange("old.one", "delete"), PlannedChange("new.one", "replace")]
    lines = shown(planned(changes=tuple(changes), counts=Counts(19, 0, 2))).sections[1].split("\n")
    assert lines[0].startswith("*19 to add*, *2 to destroy*, nothing to change")
    assert lines[1].startswith("`- old.one`  `± new.one`  `+ a.b[0]`")
    assert lines[1].endswith("and 12 more, in the thread")


def test_a_plan_that_only_changes_outputs_says_so() -> None:
    told = shown(planned(counts=Counts(), changes=(PlannedChange("a.b", "move"),)))
    assert "*Nothing to add, change or destroy*, but what is recorded of it changes" in told.all
    assert "`→ a.b`" in told.all


def test_a_destruction_is_called_one() -> None:
    run = planned(kind="destroy", counts=Counts(destroy=2), variables={"size": "large"})
    told = shown(run)
    assert told.sections[0] == "*demo* · sandbox · proposed to be destroyed\nDestruction asked for by <@U1>"
    assert told.text == "demo: proposed — 2 to destroy, nothing to add or change"


def test_while_applying_it_counts_and_can_be_cancelled() -> None:
    run = planned(state=RunState.APPLYING, resources_done=3, resources_total=7, applying_at=NOW)
    told = shown(run, None, [Step("run1", "provision", "running", NOW), *STEPS[1:]], approval("infra"))
    assert told.text == "demo: applying — 3 of 7 resources · 42 s"
    assert told.sections[0].startswith("*demo* · sandbox · applying · 3 of 7 resources · 42 s\n")
    assert told.contexts[0].startswith("◐ provision   ○ secure")
    cancel = told.buttons["Cancel"]
    assert (cancel["action_id"], cancel["value"], cancel["style"]) == ("cancel", "run1", "danger")
    assert "Stop demo now?" in cancel["confirm"]["text"]["text"]


def test_when_applied_it_shows_outputs_steps_and_how_to_end_it() -> None:
    run = planned(
        state=RunState.APPLIED,
        applying_at=NOW,
        ended_at=NOW + timedelta(seconds=72),
        outputs={"address": "203.0.113.7", "password": "(sensitive)", "port": 443, "hosts": ["a", "b"]},
    )
    steps = [
        Step("run1", "provision", "done", NOW, NOW + timedelta(seconds=48)),
        Step("run1", "secure", "skipped"),
        Step("run1", "test", "done", NOW, NOW, "5 of 5"),
    ]
    told = shown(run, a_lab(expires_at=NOW + timedelta(hours=8), applied_at=NOW), steps)
    assert told.text == "demo: applied in 1 min 12 s"
    assert told.sections[0].startswith("*demo* · sandbox · applied in 1 min 12 s\n")
    assert told.sections[1:] == [
        "address `203.0.113.7` · password `(sensitive)` · port `443` and 1 more: `/lab output demo`",
        "Expires <!date^1795539600^{date_short_pretty} {time}|2026-11-24 17:00 UTC>.",
    ]
    assert told.contexts[0] == "✓ provision 48 s   – secure   ✓ test 5 of 5"
    destroy = told.buttons["Destroy"]
    assert (destroy["action_id"], destroy["value"], destroy["style"]) == ("destroy", "run1", "danger")
    assert "confirm" in destroy


def test_a_lab_that_works_is_a_click_away() -> None:
    run = planned(state=RunState.APPLIED, applying_at=NOW)
    works = a_lab(applied_at=NOW, expires_at=LATER)
    told = shown(run, works, offers=Offers(has_ssh=True, publish=("port",)))
    assert list(told.buttons) == ["ssh", "Connect", "Extend 4h", "Destroy"]
    assert [(each["action_id"], each["value"]) for each in told.buttons.values()][:2] == [
        ("ssh", "lab1"),
        ("connect", "lab1"),
    ]
    assert list(shown(run, works, offers=Offers(has_ssh=True)).buttons) == ["ssh", "Extend 4h", "Destroy"]
    asleep = a_lab(applied_at=NOW, asleep_at=LATER)
    assert list(shown(run, asleep, offers=Offers(True, ("port",))).buttons) == ["Destroy"]


def test_a_lab_that_is_gone_cannot_be_used_or_destroyed_again() -> None:
    run = planned(state=RunState.APPLIED, applying_at=NOW, outputs={"address": "203.0.113.7"})
    told = shown(run, a_lab(gone_at=LATER), offers=Offers(True, ("address",)))
    assert told.buttons == {}
    assert "Gone <!date^" in told.all
    assert "203.0.113.7" not in told.all


def test_when_destroyed_it_says_how_long_it_lived_and_what_it_cost() -> None:
    lab = a_lab(applied_at=NOW, cost_per_hour_cents=2.0, gone_at=LATER)
    run = planned(
        kind="destroy",
        state=RunState.APPLIED,
        resources_done=4,
        ended_at=NOW + timedelta(hours=8, minutes=12),
    )
    told = shown(run, lab, bill=Bill(16.4))
    assert told.text == "demo: destroyed after 8 h 12 min · $0.16 · 4 resources gone, nothing left behind"
    assert told.sections[0].startswith(
        "*demo* · sandbox · destroyed after 8 h 12 min · $0.16 · 4 resources gone, nothing left behind\n"
    )
    assert told.buttons == {}


def test_a_plan_without_changes_is_done() -> None:
    told = shown(planned(state=RunState.NO_CHANGES, counts=Counts(), changes=()))
    assert told.text == "demo: no_changes"
    assert "*demo* · sandbox · no changes" in told.all
    assert "What is there is what was asked for." in told.all
    assert told.buttons == {}


@pytest.mark.parametrize("state", ["stale", "expired", "rejected", "failed", "cancelled", "interrupted"])
def test_what_ended_otherwise_says_why_and_can_be_planned_again(state: str) -> None:
    told = shown(planned(state=RunState(state), sentence="The network broke on main.tf line 3."))
    assert told.text == f"demo: {state} — The network broke on main.tf line 3."
    assert "The network broke on main.tf line 3." in told.sections[-1]
    assert list(told.buttons) == ["Re-plan"]
    assert (told.buttons["Re-plan"]["action_id"], told.buttons["Re-plan"]["value"]) == ("replan", "run1")


@pytest.mark.parametrize("state", ["failed", "cancelled", "interrupted"])
def test_what_an_apply_left_behind_can_be_destroyed(state: str) -> None:
    told = shown(planned(state=RunState(state), applying_at=NOW))
    assert list(told.buttons) == ["Re-plan", "Destroy"]
    assert "log: `/lab logs run1`" in told.contexts[-1]


def test_a_rejection_tells_its_reason_once() -> None:
    reason = "ssh is open <!channel>"
    no = approval("security", decision="reject", reason=reason)
    told = shown(planned(state=RunState.REJECTED, sentence="Rejected by <@U2> for security."), None, None, no)
    assert told.all.count("Rejected by <@U2>") == 1
    assert "ssh is open !channel" in told.all


def test_a_superseded_plan_has_no_buttons() -> None:
    told = shown(planned(state=RunState.SUPERSEDED))
    assert "A newer plan has taken its place." in told.all
    assert told.buttons == {}


def test_a_step_that_is_under_way_says_how_far_it_is() -> None:
    done = [
        Step("run1", "provision", "done", NOW, LATER),
        Step("run1", "deploy", "running", NOW, None, "task 7"),
    ]
    told = shown(planned(state=RunState.APPLYING, applying_at=NOW), None, done)
    assert "applying · deploy · " in told.all
    assert "◐ deploy task 7" in told.contexts[0]


def test_a_step_that_failed_can_be_done_again_or_the_lab_destroyed() -> None:
    done = [
        Step("run1", "provision", "done", NOW, LATER),
        Step("run1", "deploy", "failed", NOW, LATER, "no host answers"),
        Step("run1", "test", "waiting"),
    ]
    run = planned(state=RunState.FAILED, applying_at=NOW, sentence="*deploy* did not come to a good end.")
    told = shown(run, None, done)
    assert list(told.buttons) == ["Retry step", "Destroy"]
    assert "✗ *deploy*   ○ test" in told.contexts[0]


def test_steps_that_are_done_again_say_which() -> None:
    done = [Step("run1", "provision", "skipped"), Step("run1", "test", "waiting")]
    told = shown(planned(kind="steps", state=RunState.APPROVED, variables={}), None, done)
    assert "Test asked for by <@U1>" in told.all


def test_a_plan_after_an_interruption_says_what_it_is_for() -> None:
    assert "What the interrupted run left is planned again here." in shown(planned(cause="interrupted")).all


@pytest.mark.parametrize("kind", ["apply", "destroy", "steps"])
@pytest.mark.parametrize("state", list(RunState))
def test_the_text_begins_with_lab_and_state(state: RunState, kind: Any) -> None:
    told = shown(planned(state=state, kind=kind))
    word = "destroyed" if (state, kind) == (RunState.APPLIED, "destroy") else state.value
    assert told.text.split(" ")[:2] == ["demo:", word]
    assert told.sections[0].startswith("*demo* · sandbox · ")


changes = st.builds(PlannedChange, address=hostile, action=st.sampled_from(["create", "delete", "odd"]))
runs = st.builds(
    planned,
    state=st.sampled_from(RunState),
    kind=st.sampled_from(["apply", "destroy", "steps"]),
    variables=st.dictionaries(
        hostile, st.one_of(hostile, st.lists(hostile, max_size=3), st.integers()), max_size=9
    ),
    changes=st.one_of(st.lists(changes, max_size=9).map(tuple), changes.map(lambda change: (change,) * 500)),
    warnings=st.lists(hostile, max_size=5).map(tuple),
    outputs=st.dictionaries(hostile, hostile, max_size=14),
    sentence=hostile.filter(lambda text: "<@U666>" not in text),
    commit=hostile,
    cause=st.sampled_from(["asked", "interrupted"]),
    applying_at=st.sampled_from([None, NOW]),
    counts=st.builds(Counts, *[st.integers(min_value=0, max_value=10**6)] * 3),
)


@given(runs, hostile, hostile, st.lists(st.tuples(hostile, hostile), max_size=14))
def test_whatever_comes_fits_slack_and_pings_nobody(
    run: Run, name: str, step: str, given_words: list[tuple[str, str]]
) -> None:
    lab = a_lab(name=name, blueprint=name, currency=name)
    steps = [Step("run1", each, "failed", sentence=step) for each in STEP_NAMES]
    given = [approval(role, ADA, reason=reason, decision="reject") for role, reason in given_words]
    told = seen(card(run, lab, steps, given, LATER))
    assert "<@U666>" not in told.all + told.text
    assert len(told.buttons) <= 3


def test_whoever_approves_is_told_why_they_are_asked() -> None:
    said = "This channel has spent $210 of its $200 this month, so infra people approve new labs."
    assert said in shown(planned(notice=said)).all
    assert said not in shown(planned(notice=said, state=RunState.APPLIED, applying_at=NOW)).all


def test_steps_that_are_done_again_say_how_as_it_was_typed() -> None:
    done = [Step("run1", "deploy", "done", NOW, LATER)]
    options = {"tags": ["config", "web"], "check": False}
    told = shown(
        planned(kind="steps", state=RunState.APPLIED, applying_at=NOW, variables=options), None, done
    )
    assert "Deploy asked for by <@U1> · `tags=config,web`" in told.all
    assert "check" not in told.all


def test_before_terraform_counts_the_plan_does() -> None:
    told = shown(planned(state=RunState.APPLYING, counts=Counts(add=4), applying_at=NOW))
    assert "applying · 0 of 4 resources · 42 s" in told.all
    told = shown(planned(state=RunState.APPLYING, counts=Counts(), applying_at=NOW))
    assert told.text == "demo: applying — 42 s"
