"""Bars by day: what is written there, however much or little was spent, and in which words it is told."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.pictures import svg
from bot.pictures.bars import Bars, Series, bar_chart, bar_chart_alt, drawing
from tests.bot.pictures.reading import size_of, texts_of, words_of

MONDAY = date(2026, 11, 16)


def days(count: int) -> tuple[date, ...]:
    return tuple(MONDAY + timedelta(place) for place in range(count))


WEEK = Bars(
    "Cost last week",
    days(7),
    (Series("web", (100, 200, 0, 0, 300, 0, 0)), Series("sandbox", (50, 0, 0, 0, 0, 0, 25))),
)


@pytest.mark.integration
def test_a_week_is_a_picture_of_its_size() -> None:
    png = bar_chart(WEEK)
    assert size_of(png) == (1200, 660)
    assert len(png) < 150_000


@pytest.mark.integration
def test_the_same_days_are_the_same_bytes() -> None:
    assert bar_chart(WEEK) == bar_chart(WEEK)


def test_a_week_says_what_each_day_and_each_series_cost() -> None:
    texts = texts_of(drawing(WEEK))
    assert "16 to 22 Nov 2026 · $6.75 in all" in texts
    assert {"Mon 16", "Sun 22", "$1.50", "$3.00", "web", "$6.00", "sandbox", "$0.75"} <= set(texts)
    assert texts.index("web") < texts.index("sandbox")  # the dearest first


def test_more_series_than_colours_are_summed_up() -> None:
    many = Bars("Cost", days(1), tuple(Series(f"lab-{place}", (100 + place,)) for place in range(12)))
    texts = texts_of(drawing(many))
    assert {"lab-11", "lab-5", "5 others", "$5.10"} <= set(texts)
    assert "lab-4" not in texts
    assert drawing(many).count(f'fill="{svg.GREY}"') == 2  # the bar and its legend


@pytest.mark.parametrize(
    "bars",
    [
        Bars("Cost", (), ()),
        Bars("Cost", days(7), (Series("web", (0,) * 7),)),
        Bars("Cost", days(7), (Series("web", (0.005,)),)),  # as money it is $0.00, and no bar of that
    ],
)
def test_nothing_spent_says_so(bars: Bars) -> None:
    assert "nothing yet" in texts_of(drawing(bars))
    assert bar_chart_alt(bars) == "Cost: nothing yet."


@pytest.mark.parametrize(
    ("cents", "marks"),
    [
        (0.3, {"$0", "$0.001", "$0.003"}),
        (48, {"$0", "$0.20", "$0.60"}),
        (1675, {"$0", "$5", "$20"}),
        (4_800_000, {"$0", "$20k", "$60k"}),
        (790_000_000, {"$0", "$2M", "$8M"}),
    ],
)
def test_the_axis_has_round_marks_for_little_and_for_much(cents: float, marks: set[str]) -> None:
    assert marks <= set(texts_of(drawing(Bars("Cost", days(1), (Series("web", (cents,)),)))))


def test_long_names_are_told_apart_by_their_ends() -> None:
    names = [f"digitalocean-droplet-in-{town}" for town in ("fra1", "nyc3")]
    texts = texts_of(drawing(Bars("Cost", days(1), tuple(Series(name, (100,)) for name in names))))
    cut = [each for each in texts if each.startswith("digital")]
    assert [each[-6:] for each in cut] == ["n-fra1", "n-nyc3"]
    assert all("…" in each for each in cut)


def test_other_currencies_are_written_as_elsewhere() -> None:
    texts = texts_of(drawing(Bars("Cost", days(1), (Series("web", (150,)),), "CHF")))
    assert {"1.50 CHF", "0.50 CHF"} <= set(texts)


def test_it_is_told_in_a_sentence() -> None:
    assert bar_chart_alt(WEEK) == (
        "Cost last week: $6.75 in 7 days, the most for web ($6.00) and on Fri 20 Nov ($3.00)."
    )


@pytest.mark.integration
def test_names_of_any_script_are_drawn_and_emoji_left_out() -> None:
    names = ("山田太郎", "محمد علي", "Владимир", "राहुल", "สมชาย", "דוד", "김민준", "🎉", "a<b>&\x00\ud800")
    bars = Bars("Cost", days(1), tuple(Series(name, (100,)) for name in names[:8]))
    assert {*names[:7], "(no name)"} <= set(texts_of(drawing(bars)))
    assert "a<b>&" in texts_of(drawing(Bars("Cost", days(1), (Series(names[8], (1,)),))))
    assert size_of(bar_chart(bars)) == (1200, 660)


AMOUNTS = st.one_of(st.floats(-10, 1e13, allow_nan=False), st.integers(0, 10**6), st.floats(0, 0.1))


@given(
    title=st.text(max_size=90),
    count=st.integers(0, 62),
    series=st.lists(
        st.builds(Series, st.text(max_size=60), st.lists(AMOUNTS, max_size=40).map(tuple)), max_size=12
    ),
    currency=st.sampled_from(["USD", "EUR", "CHF"]),
)
def test_whatever_was_spent_fits_on_the_paper(
    title: str, count: int, series: list[Series], currency: str
) -> None:
    bars = Bars(title, days(count), tuple(series), currency)
    assert words_of(drawing(bars))
    assert bar_chart_alt(bars).endswith(".")
