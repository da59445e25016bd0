"""A lab's life: every label has a place of its own, and its pole crosses none."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.pictures import svg
from bot.pictures.timeline import MOST_LABELS, Life, Moment, Span, drawing, timeline, timeline_alt
from tests.bot.pictures.reading import Words, size_of, texts_of, words_of

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)


def moment(hours: float, label: str, kind: str = "") -> Moment:
    return Moment(NOON + timedelta(hours=hours), label, kind or label)


LIFE = Life(
    "demo",
    (
        moment(0, "made by Riley", "made"),
        moment(0.1, "applied"),
        *(moment(hour, "", "used") for hour in (1, 2, 3)),
        moment(6, "extended by 4 h", "extended"),
        moment(12, "destroyed"),
    ),
    (Span(NOON, NOON + timedelta(hours=8), "awake", "awake"),),
)


@pytest.mark.integration
def test_a_life_is_a_picture() -> None:
    png = timeline(LIFE)
    assert size_of(png)[0] == 1200
    assert len(png) < 150_000
    assert timeline(LIFE) == png


def test_a_life_says_what_happened_and_when() -> None:
    texts = texts_of(drawing(LIFE))
    assert "16 Nov 2026 12:00 to 17 Nov 2026 00:00 UTC, 12 h" in texts
    assert {"made by Riley", "12:00", "applied", "12:06", "awake", "used ×3", "destroyed"} <= set(texts)


def test_the_same_in_a_row_is_one_label() -> None:
    life = Life(
        "demo", (moment(0, "made"), *(moment(hour, "used") for hour in (1, 2, 3)), moment(4, "destroyed"))
    )
    texts = texts_of(drawing(life))
    assert "used ×3" in texts
    assert "used" not in texts


def test_too_many_labels_leave_out_what_matters_least() -> None:
    life = Life(
        "demo",
        tuple(moment(hour, f"{kind} {hour}", kind) for hour, kind in enumerate(["used", "extended"] * 20)),
    )
    texts = texts_of(drawing(life))
    assert "extended 1" in texts
    assert "extended 39" in texts
    assert not [each for each in texts if re.fullmatch(r"used \d+", each)]
    assert "used ×20" in texts  # what the marks on the axis are
    assert len([each for each in texts if each.startswith("extended ")]) <= MOST_LABELS


def test_nights_and_mornings_lose_their_labels_before_what_happened_once() -> None:
    weeks = range(20)
    moments = (
        moment(0, "applied"),
        *(moment(24 * day + 9, "awake") for day in weeks),
        moment(60, "extended"),
    )
    nights = (moment(24 * day + 19, "asleep") for day in weeks)
    days = tuple(
        Span(NOON + timedelta(hours=24 * day + 9), NOON + timedelta(hours=24 * day + 19), "up, $1", "applied")
        for day in weeks
    )
    texts = texts_of(drawing(Life("demo", (*moments, *nights), days)))
    assert {"applied", "extended", "awake ×20", "asleep ×20"} <= set(texts)
    assert texts.index("up") > texts.index("asleep ×20")  # what the bars are, whose words have no room


def test_it_is_told_in_a_sentence() -> None:
    assert timeline_alt(LIFE) == (
        "demo, 16 Nov 2026 12:00 to 17 Nov 2026 00:00 UTC, 12 h: "
        "made, applied, used ×3, extended and destroyed; awake for 8 h."
    )
    nights = tuple(
        Span(NOON + timedelta(hours=start), NOON + timedelta(hours=start + 1), "up, $0.02 an hour", "applied")
        for start in (0, 4, 8)
    )
    told = timeline_alt(Life("demo", (), nights))
    assert told == "demo, 16 Nov 2026 12:00 to 21:00 UTC, 9 h: up for 3 h."


@pytest.mark.parametrize(
    ("zone", "period", "first", "tick"),
    [
        ("UTC", "16 Nov 2026 12:00 to 17 Nov 2026 00:00 UTC, 12 h", "12:00", "14:00"),
        ("Asia/Kolkata", "16 Nov 2026 17:30 to 17 Nov 2026 05:30 (Asia/Kolkata), 12 h", "17:30", "18:00"),
        ("America/St_Johns", "16 Nov 2026 08:30 to 20:30 (America/St_Johns), 12 h", "08:30", "10:00"),
    ],
)
def test_times_are_those_of_the_reader_s_clock(zone: str, period: str, first: str, tick: str) -> None:
    texts = texts_of(drawing(replace(LIFE, zone=ZoneInfo(zone))))
    assert {period, first, tick} <= set(texts)


def test_a_clock_that_is_changed_moves_no_mark() -> None:
    before = datetime(2026, 10, 24, 22, tzinfo=UTC)  # the night in which Berlin's clocks go back
    marks = tuple(Moment(before + timedelta(hours=hour), "", "used") for hour in (0, 6, 12))
    there, here = (drawing(Life("demo", marks, zone=zone)) for zone in (ZoneInfo("Europe/Berlin"), UTC))
    assert re.findall(r"<circle.*?/>", there) == re.findall(r"<circle.*?/>", here)
    assert "25 Oct 2026 00:00 to 11:00 (Europe/Berlin), 12 h" in texts_of(there)


def test_nothing_yet_says_so_and_one_moment_is_a_life() -> None:
    assert "nothing yet" in texts_of(drawing(Life("demo", ())))
    assert timeline_alt(Life("demo", ())) == "demo: nothing yet."
    alone = Life("demo", (moment(0, "made"),))
    assert "16 Nov 2026 12:00 UTC" in texts_of(drawing(alone))
    assert timeline_alt(alone) == "demo, 16 Nov 2026 12:00 UTC: made."


def labels_of(picture: str) -> list[Words]:
    """What hangs above the axis, label and time alike; its poles' x is 22 left of each label."""
    words = words_of(picture)
    axis = max(float(each) for each in re.findall(r"C?M[\d.]+ ([\d.]+)L[\d.]+ \1", picture))
    return [each for each in words if 150 < each.y < axis]


TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))
KINDS = st.sampled_from(
    ["made", "applied", "used", "reminded", "extended", "asleep", "destroyed", "other", ""]
)
MOMENTS = st.builds(Moment, TIMES, st.text(max_size=50), KINDS)
SPANS = st.tuples(TIMES, TIMES, st.text(max_size=30), KINDS).map(
    lambda each: Span(min(each[:2]), max(each[:2]), each[2], each[3])
)


@given(title=st.text(max_size=60), moments=st.lists(MOMENTS, max_size=40), spans=st.lists(SPANS, max_size=6))
def test_any_life_fits_on_the_paper(title: str, moments: list[Moment], spans: list[Span]) -> None:
    life = Life(title, tuple(moments), tuple(spans))
    assert words_of(drawing(life))
    assert timeline_alt(life).endswith(".")


@given(hours=st.lists(st.floats(0, 100), min_size=1, max_size=MOST_LABELS))
def test_no_label_lies_on_another_and_no_pole_crosses_one(hours: list[float]) -> None:
    moments = [
        moment(hour, f"number {place} " + "n" * (place * 7 % 20), "made") for place, hour in enumerate(hours)
    ]
    labels = labels_of(drawing(Life("demo", tuple(moments))))
    starts = [each for each in labels if each.text.startswith("number")]
    assert len(starts) == len(hours)
    for one in labels:
        for other in labels:
            if one is not other and one.y == other.y:
                assert one.right <= other.left + 1 or other.right <= one.left + 1
    for pole in starts:
        for label in labels:
            if label.y > pole.y:  # it hangs lower, so the pole passes it
                assert not label.left - 20 + svg.TEXT < pole.x - 22 < label.right
