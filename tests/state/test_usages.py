"""What labs have cost, as both databases count it: the same as the pure sums of commands/costs/spent.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from commands.costs import spent as costs
from commands.costs.spent import Interval
from state import labs, usages
from state.database import Database
from state.usages import USAGES
from tests.state.examples import ADA, BEN, NOW, a_lab

MONTH = datetime(2026, 11, 1, tzinfo=UTC)


def many(database: Database) -> list[usages.Usage]:
    """Usages of all kinds: before, across, within and after the month's beginning, ended and not."""
    random = Random(7)
    kept = []
    for number in range(60):
        lab = a_lab(id=f"lab{number}", name=f"lab-{number}", owner=(ADA, BEN)[number % 2])
        labs.create(database, lab)
        started_at = MONTH + timedelta(minutes=random.randrange(-20_000, 33_000), microseconds=number * 1009)
        ended_at = random.choice([None, started_at + timedelta(minutes=random.randrange(20_000))])
        usage = usages.Usage(
            id=f"usage{number}",
            lab_id=lab.id,
            lab_name=lab.name,
            blueprint="web",
            owner=lab.owner,
            channel=("C1", "C2")[number % 3 == 0],
            per_hour_cents=random.choice([0.0, 2.5, 71.43]),
            currency=("USD", "EUR")[number % 5 == 0],
            started_at=started_at,
            ended_at=ended_at,
        )
        USAGES.insert(database, usage)
        kept.append(usage)
    return kept


@pytest.mark.parametrize(
    "now", [NOW, MONTH + timedelta(minutes=1), datetime(2026, 11, 30, 23, 59, 59, 999, UTC)]
)
def test_a_month_is_counted_by_the_database_as_by_us(database: Database, now: datetime) -> None:
    kept = many(database)
    month = Interval(MONTH, now)
    counted = usages.month_cents(database, now)
    assert counted == pytest.approx(costs.total(kept, month))
    of_channel = usages.month_cents(database, now, channel="C2")
    assert of_channel == pytest.approx(costs.total([each for each in kept if each.channel == "C2"], month))
    of_ada = usages.month_cents(database, now, owner=ADA)
    assert of_ada == pytest.approx(costs.total([each for each in kept if each.owner == ADA], month))


def test_nothing_was_spent(database: Database) -> None:
    assert usages.month_cents(database, NOW) == {}


def test_what_went_on_within_an_interval(database: Database) -> None:
    kept = many(database)
    since, until = MONTH + timedelta(days=3), MONTH + timedelta(days=5)
    expected = [
        each for each in kept if each.started_at < until and (each.ended_at is None or each.ended_at > since)
    ]
    assert usages.within(database, since, until) == expected
    assert usages.within(database, since, until, "C1") == [each for each in expected if each.channel == "C1"]
    assert usages.channels_within(database, since, until) == ["C1", "C2"]
    assert usages.channels_within(database, NOW - timedelta(days=900), NOW - timedelta(days=800)) == []
