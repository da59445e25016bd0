"""From SVG to pixels in a child, and what becomes of a picture that cannot be drawn."""

from __future__ import annotations

import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from bot.pictures import svg
from bot.pictures.raster import drawn, png
from tests.bot.pictures.reading import size_of

pytestmark = pytest.mark.integration

BLANK = svg.sheet(100, "demo", "", [])


def broken(why: str) -> bytes:
    raise ValueError(why)


def test_svg_becomes_a_picture() -> None:
    assert size_of(png(BLANK)) == (1200, 100)


def test_it_is_a_program_too() -> None:
    command = [sys.executable, "-m", "bot.pictures"]
    done = subprocess.run(command, input=BLANK.encode(), capture_output=True, timeout=30)
    assert done.stdout == png(BLANK)


@pytest.mark.parametrize("text", ["", "<svg", "no picture"])
def test_what_is_no_picture_is_a_fault(text: str) -> None:
    with pytest.raises(subprocess.SubprocessError, match="drawing ended with"):
        png(text)


def test_a_picture_that_takes_too_long_is_ended() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        png(BLANK, limit_seconds=0.001)


def test_a_picture_is_given_as_it_is() -> None:
    assert drawn(png, BLANK) == png(BLANK)


def test_a_fault_leaves_the_picture_out_and_is_logged() -> None:
    with capture_logs() as logged:
        assert drawn(broken, "no days") is None
    assert [(each["event"], each["picture"]) for each in logged] == [("picture_left_out", "broken")]


def test_the_limit_of_time_leaves_the_picture_out() -> None:
    with capture_logs() as logged:
        assert drawn(png, BLANK, limit_seconds=0.001) is None
    assert [each["picture"] for each in logged] == ["png"]


def test_a_text_is_cut_to_its_room() -> None:
    assert svg.fitted("short", 200, svg.TEXT) == "short"
    cut = svg.fitted('workers_of_the_far_away["large"]', 200, svg.TEXT, svg.MONO, middle=True)
    assert cut.startswith("work")
    assert cut.endswith('arge"]')
    assert svg.wide(cut, svg.TEXT, svg.MONO) <= 200
