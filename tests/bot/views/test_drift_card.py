"""The card of a look for drift, in each state of its run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.views.card import card, state_word
from bot.views.drift_card import drift_words
from state.records import Lab, PlannedChange, Run
from state.transitions import RunState
from tests.bot.views.reading import Seen, hostile, seen
from tests.state.examples import ADA, NOW, a_lab, a_run

DIGEST = "7f3a91c" + "0" * 57
CHANGES = (
    PlannedChange("aws_sqs_queue.q[0]", "update", ("tags", "visibility_timeout_seconds")),
    PlannedChange("aws_sqs_queue.q[1]", "delete"),
    PlannedChange("output.port", "update"),
)


def a_look(**changes: Any) -> Run:
    given: dict[str, Any] = {
        "kind": "refresh",
        "cause": "drift",
        "state": RunState.PROPOSED,
        "digest": DIGEST,
        "serial": 3,
        "changes": CHANGES,
        "approvals_needed": {},
        "expires_at": NOW + timedelta(hours=24),
    }
    return a_run(**{**given, **changes})


def shown(run: Run, lab: Lab | None = None) -> Seen:
    return seen(card(run, lab or a_lab(), [], [], NOW))


def test_what_has_drifted_is_told_by_address_and_attribute() -> None:
    told = shown(a_look())
    assert told.text == "demo: drifted — 2 resources and 1 output have changed outside"
    assert told.sections == [
        "*demo* · sandbox · drifted\nFound by looking · <@U1>'s lab",
        "*2 resources and 1 output have changed outside*:\n"
        "`~ aws_sqs_queue.q[0]`: tags and visibility_timeout_seconds\n"
        "`- aws_sqs_queue.q[1]` is gone\n"
        "`~ output.port`\n"
        "`Re-plan` plans what was asked for against what is there, which brings it back. "
        "`Accept` takes what is there into the state, and changes nothing of the lab. "
        "Expires <!date^1795597200^{date_short_pretty} {time}|2026-11-25 09:00 UTC>.",
    ]
    assert told.contexts == ["plan 7f3a91c, state 3"]
    assert {label: (each["action_id"], each["value"]) for label, each in told.buttons.items()} == {
        "Re-plan": ("replan", "run1"),
        "Accept": ("accept_drift", f"run1:{DIGEST}"),
    }
    assert told.buttons["Accept"]["confirm"]["text"]["text"] == (
        "Take what is there into the state of demo? Nothing of the lab is changed."
    )


def test_one_thing_has_changed() -> None:
    assert drift_words(a_look(changes=CHANGES[:1])) == "1 resource has changed outside"


def test_much_drift_is_shown_in_part() -> None:
    many = tuple(PlannedChange(f"a.b[{n}]", "update", tuple("abcdefgh")) for n in range(11))
    lines = shown(a_look(changes=many)).sections[1].split("\n")
    assert lines[1] == "`~ a.b[0]`: a, b, c, d, e, f and 2 more"
    assert lines[9] == "and 3 more, in the thread"


@pytest.mark.parametrize(
    ("state", "text", "head"),
    [
        ("queued", "demo: queued", "looks for what has changed outside\nAsked for by <@U1>"),
        ("planning", "demo: planning", "looks for what has changed outside\nAsked for by <@U1>"),
        ("approved", "demo: approved", "what changed outside was accepted\nAccepted by <@U1>"),
        ("applying", "demo: applying", "accepts what changed outside\nAccepted by <@U1>"),
        (
            "applied",
            "demo: applied — accepted what changed outside",
            "accepted what changed outside\nAccepted by <@U1>",
        ),
        ("no_changes", "demo: no_changes", "nothing changed outside\nAsked for by <@U1>"),
        ("failed", "demo: failed", "failed\nAsked for by <@U1>"),
        ("superseded", "demo: superseded", "superseded\nAsked for by <@U1>"),
    ],
)
def test_each_state_has_its_words(state: str, text: str, head: str) -> None:
    told = shown(a_look(state=RunState(state), cause="asked"))
    assert told.text == text
    assert told.sections[0] == f"*demo* · sandbox · {head}"
    assert told.buttons == {}


@pytest.mark.parametrize("state", ["stale", "expired"])
def test_what_nobody_has_decided_can_be_planned_again(state: str) -> None:
    assert list(shown(a_look(state=RunState(state))).buttons) == ["Re-plan"]
    assert shown(a_look(state=RunState(state)), a_lab(gone_at=NOW)).buttons == {}


def test_a_look_that_failed_says_why_and_where_its_log_is() -> None:
    told = shown(a_look(state=RunState.FAILED, digest=None, changes=(), sentence="No credentials."))
    assert told.text == "demo: failed — No credentials."
    assert told.contexts == ["log: `/lab logs run1`"]


@pytest.mark.parametrize("state", list(RunState))
def test_the_text_begins_with_lab_and_state(state: RunState) -> None:
    run = a_look(state=state)
    word = "drifted" if state == RunState.PROPOSED else state.value
    assert state_word(run) == word
    assert shown(run).text.split(" ")[:2] == ["demo:", word]


looks = st.builds(
    a_look,
    state=st.sampled_from(RunState),
    cause=st.sampled_from(["asked", "drift"]),
    requester=st.just(ADA),
    changes=st.lists(
        st.builds(
            PlannedChange,
            address=hostile,
            action=st.sampled_from(["update", "delete", "odd"]),
            attributes=st.lists(hostile, max_size=9).map(tuple),
        ),
        max_size=12,
    ).map(tuple),
    sentence=hostile.filter(lambda text: "<@U666>" not in text),
)


@given(looks, hostile)
def test_whatever_comes_fits_slack_and_pings_nobody(run: Run, name: str) -> None:
    told = shown(run, a_lab(name=name, blueprint=name))
    assert "<@U666>" not in told.all + told.text
