"""The Home tab as Slack takes it, whatever stands in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.views.home import home, turned_away
from commands.costs.spent import DailyCosts
from commands.grants.public_keys import PublicKey
from commands.home import Home, MyLab, Waiting
from state.extensions import Extension
from state.records import Counts, Grant, Lab, PlannedChange
from state.transitions import RunState
from tests.bot.views.reading import check_view, hostile
from tests.inn import View
from tests.state.examples import ADA, BEN, NOW, a_lab, a_run

EMPTY = Home(ADA, ("security",), (), 0, (), 0, (), (), (), 0, (ADA,), "", None, NOW)


def living(**more: Any) -> Lab:
    soon = {"applied_at": NOW, "expires_at": NOW + timedelta(hours=3), "cost_per_hour_cents": 2.0}
    return a_lab(**{**soon, **more})


def a_grant(**more: Any) -> Grant:
    return Grant("g1", "ssh", ADA, "lab1", "SHA256:x", NOW, NOW + timedelta(minutes=30), **more)


def full() -> Home:
    run = a_run(state=RunState.PROPOSED, digest="d1", counts=Counts(add=2))
    month = DailyCosts(
        "Cost", tuple((NOW + timedelta(days=n)).date() for n in range(2)), {"web": (3.0, 4.0)}, "USD"
    )
    return replace(
        EMPTY,
        roles=("operator", "infra"),
        labs=(MyLab(living(), a_run(state=RunState.APPLIED), 31.0, True),),
        labs_in_all=9,
        waiting=(Waiting(replace(run, changes=(PlannedChange("a.b", "create"),)), {"infra": 1}),),
        waiting_in_all=2,
        questions=((Extension("x1", "lab1", BEN, NOW, 3600, NOW + timedelta(days=9)), living()),),
        keys=(PublicKey("ssh-ed25519 AAAA", "SHA256:key"),),
        grants=((a_grant(), "demo"),),
        grants_in_all=1,
        channel="C1",
        month=month,
    )


def test_what_waits_comes_first_and_is_shown_as_on_its_card() -> None:
    view = home(full())
    check_view(view)
    texts = View(view).texts
    assert texts[0].startswith("*demo* · proposed · asked for by <@U1> in <#C1>\n*2 to add*")
    assert "`+ a.b`" in texts[0]
    assert texts[1].startswith("<@U2> wants *demo* to live until <!date^")
    approve = View(view).buttons["Approve"]
    assert (approve["action_id"], approve["value"]) == ("approve", "run1:d1")


def test_a_lab_says_its_state_its_time_and_what_it_cost() -> None:
    seen = View(home(full()))
    lab = next(text for text in seen.texts if "applied" in text)
    assert lab.startswith("*demo* · sandbox · applied\nExpires <!date^")
    assert lab.endswith(", in 3 h · $0.31 so far · $0.02 an hour")
    assert {"ssh", "Extend 4h", "Destroy", "Revoke", "Remove"} <= set(seen.buttons)


def test_a_lab_that_sleeps_or_is_not_there_yet_has_fewer_buttons() -> None:
    asleep = replace(full(), labs=(MyLab(living(asleep_at=NOW), None, 0, True),))
    assert "*demo* · sandbox · asleep" in View(home(asleep)).texts
    planned = replace(full(), labs=(MyLab(a_lab(), a_run(state=RunState.PLANNING), 0, True),))
    assert not {"ssh", "Extend 4h"} & set(View(home(planned)).buttons)


def test_an_empty_home_says_what_one_may_and_whom_to_ask() -> None:
    view = home(EMPTY)
    check_view(view)
    texts = View(view).texts
    assert texts[0] == "You have no lab. Operators ask for them."
    assert texts[1] == "No ssh key of yours is on file."
    assert texts[2] == "You hold *security*, so you may review plans and read the audit. For more, ask <@U1>."


def test_a_note_stands_above_and_the_picture_below_its_words() -> None:
    view = home(full(), "Your approval counts.", "F1", "Two bars")
    check_view(view)
    assert view["blocks"][0]["text"]["text"] == "Your approval counts."
    (image,) = [block for block in view["blocks"] if block["type"] == "image"]
    assert (image["slack_file"], image["alt_text"]) == ({"id": "F1"}, "Two bars")
    assert "Labs in <#C1> came to $0.07 in the last 2 days." in View(view).texts


def test_who_is_turned_away_can_look_again() -> None:
    view = turned_away("You are not a trusted operator yet. Ask <@U7>.")
    check_view(view)
    assert list(View(view).buttons) == ["Look again"]


@settings(max_examples=settings().max_examples // 2)  # whole Home tabs
@given(hostile, hostile, st.lists(hostile, max_size=12), st.integers(1, 40))
def test_any_home_fits_slack(name: str, sentence: str, told: list[str], many: int) -> None:
    one = full()
    lab = living(name=name, blueprint=sentence, currency=name)
    run = a_run(
        lab_name=name,
        sentence=sentence,
        notice=sentence,
        warnings=tuple(told),
        changes=tuple(PlannedChange(each, "create") for each in told),
        state=RunState.FAILED,
        ended_at=NOW,
    )
    check_view(
        home(
            replace(
                one,
                labs=(MyLab(lab, run, 5, True),) * many,
                waiting=(Waiting(run, {name: 2}),) * 6,
                questions=((one.questions[0][0], lab),) * 6,
                grants=((a_grant(), name),) * 8,
            )
        )
    )
