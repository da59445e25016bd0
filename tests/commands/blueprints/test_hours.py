"""Office hours as a blueprint says them."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.blueprints.catalogue import Catalogue
from commands.lifetime.office_hours import hours_words
from state.records import OfficeHours
from tests.commands.test_blueprint import SMALL, write


def hours(folder: Path, said: str, place: str = "office_hours: %s") -> OfficeHours | None:
    write(folder, f"{SMALL}{place % said}\n")
    return Catalogue(folder / "labs").get("web").lifetime.office_hours


def wrong(folder: Path, said: str) -> tuple[int, str]:
    write(folder, f"{SMALL}{said}\n")
    (broken,) = Catalogue(folder / "labs").broken()
    return broken.line, broken.sentence


@pytest.mark.parametrize("place", ["office_hours: %s", "lifetime: {ttl: 2d, office_hours: %s}"])
def test_they_stand_at_the_top_or_in_lifetime(tmp_path: Path, place: str) -> None:
    found = hours(tmp_path, '{days: mon-fri, up: "08:00", down: "19:00"}', place)
    assert found == OfficeHours((0, 1, 2, 3, 4), 8 * 60, 19 * 60)


@pytest.mark.parametrize(
    ("days", "found"),
    [
        ("mon-fri", (0, 1, 2, 3, 4)),
        ('"mon,wed,fri"', (0, 2, 4)),
        ("[mon, tue]", (0, 1)),
        ("[mon-wed, sat]", (0, 1, 2, 5)),
        ("fri-mon", (0, 4, 5, 6)),
        ("Mon - Tue", (0, 1)),
        ("sun", (6,)),
        ("mon-sun", (0, 1, 2, 3, 4, 5, 6)),
    ],
)
def test_days_are_written_in_several_ways(tmp_path: Path, days: str, found: tuple[int, ...]) -> None:
    said = hours(tmp_path, f'{{days: {days}, up: "08:30", down: "24:00"}}')
    assert said == OfficeHours(found, 8 * 60 + 30, 24 * 60)


def test_a_time_may_stand_without_quotes(tmp_path: Path) -> None:
    """YAML reads 19:00 as the number 1140, and 08:00 as text."""
    said = hours(tmp_path, "{days: mon, up: 08:00, down: 19:00}")
    assert said is not None
    assert hours_words(said) == "mon from 08:00 to 19:00"


WRONG = {
    'office_hours: {days: mon-fri, up: "08:00"}': "`office_hours` has a `down`, and this one has none.",
    'office_hours: {days: mon-fry, up: "08:00", down: "19:00"}': "`fry` is not a day. Did you mean `fri`?",
    'office_hours: {days: monday, up: "08:00", down: "19:00"}': "`monday` is not a day. Did you mean `mon`?",
    'office_hours: {days: xyz, up: "08:00", down: "19:00"}': "`xyz` is not a day. Days are mon, tue,",
    'office_hours: {days: [], up: "08:00", down: "19:00"}': "`days` is one day at least, such as `mon-fri`.",
    "office_hours: {days: mon, up: 8, down: 19}": '`up` is a time of the day, such as "08:00".',
    'office_hours: {days: mon, up: "25:00", down: "26:00"}': '`up` is a time of the day, such as "08:00".',
    'office_hours: {days: mon, up: "08:60", down: "19:00"}': '`up` is a time of the day, such as "08:00".',
    'office_hours: {days: mon, up: "19:00", down: "08:00"}': "`down` is later on the same day than `up`.",
    'office_hours: {days: mon, up: "08:00", down: "08:00"}': "`down` is later on the same day than `up`.",
    'office_hours: {days: mon-sun, up: "00:00", down: "24:00"}': "All day on every day is no office hours:",
    'office_hours: {days: mon, up: "08:00", dwon: "19:00"}': "Did you mean `down`?",
    'office_hours: {days: mon,wed,fri, up: "08:00", down: "19:00"}': "`days: [mon, wed, fri]`",
    "office_hours: always": "`office_hours` has keys and values below it, such as `days: …`.",
}


@pytest.mark.parametrize("said", WRONG)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, said: str) -> None:
    line, sentence = wrong(tmp_path, said)
    assert line == 3
    assert WRONG[said] in sentence


def test_said_twice_is_once_too_often(tmp_path: Path) -> None:
    said = '{days: mon, up: "08:00", down: "19:00"}'
    line, sentence = wrong(tmp_path, f"lifetime:\n  office_hours: {said}\noffice_hours: {said}")
    assert line == 5
    assert sentence == "`office_hours` stands in `lifetime` too. Say it once."
