from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands import words
from state.records import Person

NOW = datetime(2026, 11, 24, 18, 35, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("45s", 45), ("30m", 1800), ("4h", 14_400), ("2d", 172_800), ("1h30m", 5400), (" 4H ", 14_400)],
)
def test_durations_are_read_as_people_type_them(text: str, seconds: int) -> None:
    assert words.seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "0s", "0", "-1h", "4", "h", "forever", "4 h", "1e3s", "٤h", "30m4h", "9" * 99 + "d"]
)
def test_what_is_no_duration_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        words.seconds(text)


@given(st.integers(min_value=1, max_value=10**9))
def test_a_duration_comes_back_from_what_is_written(seconds: int) -> None:
    assert words.seconds(words.short(seconds)) == seconds


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-3, "0 s"),
        (0.4, "under 1 s"),
        (42, "42 s"),
        (72, "1 min 12 s"),
        (1800, "30 min"),
        (14_400, "4 h"),
        (29_520, "8 h 12 min"),
        (86_400, "24 h"),
        (6 * 86_400, "6 days"),
        (75 * 3600, "3 days 3 h"),
    ],
)
def test_durations_are_said_in_two_units_at_most(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("cents", "currency", "said"),
    [
        (2, "USD", "$0.02"),
        (0, "USD", "$0.00"),
        (0.6, "USD", "$0.006"),
        (0.0000001, "USD", "$0.00"),
        (123_456, "USD", "$1,234.56"),
        (310, "EUR", "€3.10"),
        (1200, "CHF", "12.00 CHF"),
    ],
)
def test_money_is_said_from_cents(cents: float, currency: str, said: str) -> None:
    assert words.money(cents, currency) == said


def test_a_wrong_word_finds_the_nearest_right_one() -> None:
    assert words.nearest("wbe", ["web", "database"]) == "web"
    assert words.nearest("LARGE", ["small", "large"]) == "large"
    assert words.nearest("dig", ["digitalocean-droplet", "aws-ec2"]) == "digitalocean-droplet"
    assert words.nearest("xyzzy", ["web", "database"]) is None
    assert words.nearest("", ["web"]) is None
    assert words.nearest("web", []) is None


def test_plurals_and_lists_read_like_sentences() -> None:
    assert words.plural(1, "resource") == "1 resource"
    assert words.plural(0, "resource") == "0 resources"
    assert words.plural(2, "person", "people") == "2 people"
    assert words.listed([]) == ""
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b"]) == "a and b"
    assert words.listed(["a", "b", "c"], "or") == "a, b or c"


def test_a_moment_is_shown_in_the_readers_zone_with_utc_to_fall_back_on() -> None:
    east = NOW.astimezone(timezone(timedelta(hours=9)))
    shown = "<!date^1795545300^{date_short_pretty} {time}|2026-11-24 18:35 UTC>"
    assert words.at(NOW) == words.at(east) == shown
    assert words.ago(NOW - timedelta(hours=4), NOW) == "4 h ago"
    assert words.ago(NOW, NOW) == "just now"


def test_a_mention_is_slacks() -> None:
    assert words.mention(Person("T1", "U1")) == "<@U1>"


def test_somebodys_word_is_shown_back_harmlessly() -> None:
    assert words.code("wbe") == "`wbe`"
    assert words.code("a`b\n\x00\u202ec") == "`a'b c`"
    assert words.code("<@U1> <!channel>") == "`@U1 !channel`"
    assert words.code("x" * 99) == "`" + "x" * 39 + "…`"
    assert words.code("\x00") == "` `"


@given(st.text(alphabet="<>@!#U1 |^`a\u202e", max_size=60))
def test_no_mention_is_left_in_plain_words(text: str) -> None:
    plain = words.plain(text)
    assert not re.search(r"<[@#!][^<>]*>", plain)
    assert len(words.code(text)) <= 42
