"""A channel's budget: who sets it, what is told as it is spent, and who approves a new lab above it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from commands.costs import budgeting
from state import outbox, usages
from tests.inn import ADMIN, CHANNEL, INFRA, REQUESTER, Inn


def spends(inn: Inn, per_hour: float, name: str = "demo") -> None:
    """A lab that costs so much an hour, in whole units, is there from now on."""
    inn.offers("dear", f"cost: {{per_hour: {per_hour}}}\napprovals: {{operator: 1, self: true}}")
    inn.has(name, "dear")


def told(inn: Inn) -> list[str]:
    budgeting.sweep(inn.deps, inn.clock())
    inn.works()
    return [each.text for each in inn.slack.public(CHANNEL) if each.text.startswith("This channel has spent")]


def test_there_is_none_yet(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab budget")
    assert inn.told(REQUESTER).startswith("This channel has no budget. Its labs have cost $0.00 this month.")


def test_admins_set_it_and_everybody_may_look(inn: Inn) -> None:
    inn.says(ADMIN, "/lab budget 200")
    assert inn.told(ADMIN) == (
        "This channel has spent $0.00 of its $200 this month (0 %). I tell it at 50, 80 and 100 %."
    )
    inn.says(REQUESTER, "/lab budget")
    assert "of its $200 this month" in inn.told(REQUESTER)
    inn.says(REQUESTER, "/lab budget 900")
    assert inn.told(REQUESTER) == "An admin sets a channel's budget. You can look at it. `/lab budget`"
    assert inn.audited("budget_set") == [(ADMIN.key, "budget_set", CHANNEL)]
    inn.says(ADMIN, "/lab budget none")
    assert inn.told(ADMIN).startswith("This channel has no budget.")


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("$200", "$200"),
        ("€1,250.50", "€1,250.50 this"),
        ("99.5 GBP", "£99.50"),
        ("200usd", "$200"),
        ("0.01", "$0.01"),
    ],
)
def test_how_an_amount_may_be_typed(inn: Inn, typed: str, shown: str) -> None:
    inn.says(ADMIN, f"/lab budget {typed}")
    assert f"of its {shown}" in inn.told(ADMIN)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("much", "A budget is an amount a month, such as 200, $200 or 200 EUR, or `none`. `much` is not."),
        ("-5", "A budget is an amount a month"),
        ("1e9", "A budget is an amount a month"),
        ("nan", "A budget is an amount a month"),
        ("2 00", "A budget is an amount a month"),
        ("$5EUR", "Is it $ or EUR?"),
        ("0", "A budget is more than nothing."),
        ("99999999", "A budget is 10,000,000 a month at most."),
        ("٣", "A budget is an amount a month"),
    ],
)
def test_what_is_no_amount(inn: Inn, typed: str, sentence: str) -> None:
    inn.says(ADMIN, f"/lab budget {typed}")
    assert inn.told(ADMIN).startswith(sentence)
    assert inn.told(ADMIN).endswith("`/lab budget 200`")


def test_each_level_is_told_once_a_month(inn: Inn) -> None:
    inn.says(ADMIN, "/lab budget 10")
    spends(inn, 1)
    assert told(inn) == []
    inn.clock.passes(hours=5)
    for _ in range(3):
        assert len(told(inn)) == 1
    assert told(inn)[0].startswith("This channel has spent $5.00 of its $10 this month (50 %). $5.00 is left")
    inn.clock.passes(hours=3)
    assert len(told(inn)) == 2
    inn.clock.passes(hours=9)
    assert told(inn)[-1] == (
        "This channel has spent $17 of its $10 this month (170 %). "
        "From now on infra people approve each new lab here, until the month is over."
    )
    assert len(told(inn)) == 3


def test_of_levels_that_are_passed_at_once_the_highest_is_told(inn: Inn) -> None:
    spends(inn, 1)
    inn.clock.passes(hours=9)
    inn.says(ADMIN, "/lab budget 10")
    assert [each.partition("(")[2].partition(")")[0] for each in told(inn)] == ["90 %"]


def test_another_month_begins_anew(inn: Inn) -> None:
    inn.says(ADMIN, "/lab budget 10")
    spends(inn, 1)
    inn.clock.passes(hours=6)
    assert len(told(inn)) == 1
    inn.clock.until(datetime(2026, 12, 1, 5, 30, tzinfo=UTC))
    assert told(inn)[-1].startswith("This channel has spent $5.50 of its $10 this month")
    assert len(told(inn)) == 2


def test_a_killed_bot_and_another_one_tell_it_once(inn: Inn) -> None:
    inn.says(ADMIN, "/lab budget 10")
    spends(inn, 1)
    inn.clock.passes(hours=6)
    budgeting.sweep(inn.deps, inn.clock())
    inn.kills()
    assert len(told(inn)) == 1


def test_other_channels_and_other_currencies_do_not_count(inn: Inn) -> None:
    spends(inn, 1)
    inn.clock.passes(hours=50)
    inn.says(ADMIN, "/lab budget 10 EUR")
    assert inn.told(ADMIN).startswith(
        "This channel has spent €0.00 of its €10 this month (0 %). Beside it, $50 in other currencies."
    )
    assert told(inn) == []


def test_above_it_infra_people_approve_a_new_lab(inn: Inn) -> None:
    inn.says(ADMIN, "/lab budget 10")
    spends(inn, 1)
    inn.clock.passes(hours=11)
    card = inn.says(REQUESTER, "/lab up open another").card()
    assert "This channel has spent $11 of its $10 this month, so infra people approve new labs." in card.all
    assert "*infra*" in card.all
    inn.clicks(REQUESTER, card, "Approve")
    assert inn.run("another").state == "proposed"
    inn.clicks(INFRA, card, "Approve")
    assert inn.run("another").state == "applied"


def test_above_it_a_lab_that_is_there_is_changed_and_destroyed_as_ever(inn: Inn) -> None:
    inn.says(ADMIN, "/lab budget 10")
    spends(inn, 1)
    inn.clock.passes(hours=11)
    for typed in ("/lab plan demo", "/lab down demo"):
        inn.says(REQUESTER, typed)
        assert "infra" not in inn.run().approvals_needed
        assert inn.run().notice == ""


def test_what_the_blueprint_asks_for_stays(inn: Inn) -> None:
    inn.says(ADMIN, "/lab budget 1")
    spends(inn, 1)
    inn.clock.passes(hours=2)
    inn.says(REQUESTER, "/lab up wide two")
    assert inn.run("two").approvals_needed == {"infra": 2}


def test_a_channel_that_is_closed_does_not_hold_it_up(inn: Inn) -> None:
    inn.says(ADMIN, "/lab budget 10")
    spends(inn, 1)
    inn.clock.passes(hours=6)
    inn.slack.closed[CHANNEL] = "is_archived"
    budgeting.sweep(inn.deps, inn.clock())
    inn.works()
    assert inn.told(ADMIN).startswith("This channel has spent $6.00 of its $10")
    assert outbox.due(inn.database, inn.clock()) == []


def test_only_channels_with_a_budget_are_looked_at(inn: Inn) -> None:
    spends(inn, 1)
    assert usages.month_cents(inn.database, inn.clock(), channel=CHANNEL).keys() <= {"USD"}
    assert budgeting.sweep(inn.deps, inn.clock()) == "told 0 channels of their budget"
