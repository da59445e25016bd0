"""What a channel is told of its labs: asked for, and every Monday at nine where its people live."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest

from commands.costs import report as cost_report
from commands.costs import spent as costs
from commands.costs.report import table_of, text_of
from commands.costs.spent import DailyCosts, Picture
from state import habits, outbox
from tests.commands.costs.test_spent import ANNA, BEN, WEEK, a_usage
from tests.inn import ADMIN, CHANNEL, COLLEAGUE, REQUESTER, Inn

PICTURE = Picture(b"\x89PNG drawn", "Cost of labs: $0.24")
MONDAY = datetime(2026, 11, 30, tzinfo=UTC)


def draws(inn: Inn) -> list[DailyCosts]:
    """From now on the bot draws, and this is what."""
    asked: list[DailyCosts] = []

    def draw(told: DailyCosts) -> Picture:
        asked.append(told)
        return PICTURE

    inn.deps = replace(inn.deps, draw_costs=draw)
    inn.intake._deps = inn.deps
    return asked


@pytest.mark.parametrize(
    ("made", "count", "told"),
    [
        (1, 1, "It was made"),
        (0, 1, "It was not made"),
        (3, 3, "All of them were made"),
        (1, 3, "1 of them was made"),
        (0, 3, "None of them was made"),
        (1200, 1300, "1,200 of them were made"),
    ],
)
def test_how_many_are_new(made: int, count: int, told: str) -> None:
    found = [a_usage(number / 100, 40, lab_id=f"lab{number}") for number in range(count)]
    assert text_of("Last week", found, WEEK, (), made).splitlines()[1] == f"{told} in that time."


def reports(inn: Inn, channel: str = CHANNEL) -> list[str]:
    return [each.text for each in inn.slack.public(channel) if "h, $" in each.text or "min, $" in each.text]


def sends(inn: Inn) -> int:
    """Look whether a report is due; gives how many the channel has had so far."""
    cost_report.send_weekly(inn.deps, inn.clock())
    inn.works()
    return len(reports(inn))


def test_a_week_in_words() -> None:
    found = [
        a_usage(-24, 120, lab_id="lab7", lab_name="web-7"),
        a_usage(0, 40, lab_id="lab2", lab_name="demo", owner=BEN, blueprint="db", per_hour_cents=20),
        a_usage(50, 60, lab_id="lab3", lab_name="x", owner=BEN, ended_by="lifetime", saved_cents=3800),
    ]
    assert text_of("Last week", found, WEEK, (), 2).splitlines() == [
        "*Last week*: 3 labs, 170 h, $21. Automatic destruction saved $38. Longest living: web-7, 6 days, <@U1>.",
        "2 of them were made in that time.",
        "By person: <@U1> $12 and <@U2> $9.00.",
        "By blueprint: web $13 and db $8.00.",
        "Destroyed when their time was over: 1 lab of <@U2>.",
    ]


def test_a_week_of_nothing() -> None:
    assert text_of("Last week", [], WEEK, (), 0) == "Last week: no lab was up here, so nothing was spent."


def test_the_table_has_a_row_for_each_time() -> None:
    found = [a_usage(-2, 3), a_usage(10, None), a_usage(20, 30, ended_by="lifetime", saved_cents=50)]
    rows = list(csv.DictReader(StringIO(table_of(found, WEEK))))
    assert [(row["hours"], row["cost"], row["saved"], row["until"]) for row in rows] == [
        ("3.00", "0.3000", "0.0000", "2026-11-16 03:00:00"),
        ("158.00", "15.8000", "0.0000", ""),
        ("10.00", "1.0000", "0.5000", "2026-11-17 06:00:00"),
    ]
    assert rows[0]["owner"] == ANNA.key


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(name: str) -> None:
    table = table_of([a_usage(0, 1, lab_name=name, blueprint=name)], WEEK)
    for cell in next(iter(list(csv.reader(StringIO(table, newline="")))[1:])):
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_a_report_is_asked_for(inn: Inn) -> None:
    drawn = draws(inn)
    inn.has("demo")
    inn.clock.passes(hours=12)
    inn.says(REQUESTER, "/lab report")
    (said,) = [each for each in inn.slack.public(CHANNEL) if "The last 7 days" in each.text]
    assert said.text.startswith(
        "*The last 7 days*: 1 lab, 12 h, $0.24. Longest living: demo, 12 h, <@U1>.\nIt was made in that time."
    )
    assert "Idle at the end of it: demo for 8 h (<@U1>)." in said.text
    assert [each["type"] for each in said.blocks] == ["section", "image"]
    (file,) = inn.slack.thread(said.ts)
    assert file.file == "labs-2026-11-18.csv"
    assert file.body.splitlines()[1].startswith("demo,web,T1-U1,C1,")
    assert (len(drawn[0].days), drawn[0].currency, list(drawn[0].series)) == (7, "USD", ["web"])
    assert sum(drawn[0].series["web"]) == pytest.approx(24.0, abs=0.1)


def test_where_nothing_draws_it_is_told_all_the_same(inn: Inn) -> None:
    inn.has("demo")
    inn.clock.passes(hours=12)
    inn.says(REQUESTER, "/lab report month")
    assert reports(inn)[0].startswith("*The last 30 days*: 1 lab, 12 h, $0.24.")


def test_a_channel_without_labs(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab report")
    assert inn.told(REQUESTER) == "The last 7 days: no lab was up here, so nothing was spent."
    assert inn.slack.public(CHANNEL) == []


def test_another_channels_labs_are_not_in_it(inn: Inn) -> None:
    inn.has("demo")
    inn.clock.passes(hours=12)
    inn.says(REQUESTER, "/lab report", channel="C2")
    assert "no lab was up here" in inn.told(REQUESTER)


@pytest.mark.parametrize(
    ("typed", "meant"), [("wek", "week"), ("mounth", "month"), ("year", "week"), ("week 2", "week")]
)
def test_what_is_no_report(inn: Inn, typed: str, meant: str) -> None:
    inn.says(REQUESTER, f"/lab report {typed}")
    assert inn.told(REQUESTER) == f"A report is of a `week` or a `month`. `/lab report {meant}`"


def test_on_monday_at_nine_each_channel_is_told_once(inn: Inn) -> None:
    inn.has("demo")
    inn.clock.until(MONDAY + timedelta(hours=8, minutes=59))
    assert sends(inn) == 0
    inn.clock.passes(minutes=1)
    assert sends(inn) == 1
    assert reports(inn)[0].startswith("*Last week*: 1 lab, ")
    for _ in range(3):
        inn.clock.passes(hours=20)
        assert sends(inn) == 1
    inn.clock.until(MONDAY + timedelta(days=7, hours=9))
    assert sends(inn) == 2


def test_nine_is_where_most_owners_live(inn: Inn) -> None:
    inn.has("demo")
    habits.in_zone(inn.database, REQUESTER, "America/New_York")
    inn.clock.until(MONDAY + timedelta(hours=13, minutes=59))
    assert sends(inn) == 0
    inn.clock.passes(minutes=1)
    assert sends(inn) == 1


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu"])
def test_nine_comes_early_and_late(inn: Inn, zone: str) -> None:
    inn.has("demo")
    habits.in_zone(inn.database, REQUESTER, zone)
    nine = datetime(2026, 11, 30, 9, tzinfo=cost_report.wall_clock.zone(zone))
    inn.clock.until(nine.astimezone(UTC) - timedelta(minutes=1))
    assert sends(inn) == 0
    inn.clock.passes(minutes=1)
    assert sends(inn) == 1


def test_missed_while_it_was_down_it_is_sent_once_until_tuesday(inn: Inn) -> None:
    inn.has("demo")
    inn.clock.until(MONDAY + timedelta(days=1, hours=22))
    assert sends(inn) == 1
    assert sends(inn) == 1


def test_on_wednesday_it_is_no_news_any_more(inn: Inn) -> None:
    inn.has("demo")
    inn.clock.until(MONDAY + timedelta(days=2, minutes=1))
    assert sends(inn) == 0


def test_a_clock_that_jumps_does_not_tell_it_again(inn: Inn) -> None:
    inn.has("demo")
    inn.clock.until(MONDAY + timedelta(hours=9))
    assert sends(inn) == 1
    inn.clock.passes(hours=-1)
    assert sends(inn) == 1
    inn.clock.passes(hours=1)
    assert sends(inn) == 1


def test_killed_after_it_was_queued_it_is_sent_once(inn: Inn) -> None:
    inn.has("demo")
    inn.clock.until(MONDAY + timedelta(hours=9))
    cost_report.send_weekly(inn.deps, inn.clock())
    inn.kills()
    assert sends(inn) == 1
    inn.works()
    assert outbox.due(inn.database, inn.clock()) == []


def test_a_channel_that_had_no_lab_that_week_hears_nothing(inn: Inn) -> None:
    inn.has("demo")
    inn.approved(inn.says(REQUESTER, "/lab down demo").card())
    inn.clock.until(MONDAY + timedelta(days=14, hours=9))
    assert sends(inn) == 0


def test_many_people_are_summed_up() -> None:
    people = [replace(ANNA, user=f"U{number}") for number in range(9)]
    found = [a_usage(0, 1, lab_id=each.user, owner=each) for each in people]
    assert "and 4 more." in text_of("Last week", found, WEEK, (), 9)
    assert COLLEAGUE != ADMIN
    assert costs.total(found, WEEK) == {"USD": 90.0}
