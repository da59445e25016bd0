"""How checks and health stand on a card."""

from __future__ import annotations

from dataclasses import replace

from bot.views import checks_lines
from state.checks import CheckResult
from state.health import Illness
from tests.state.examples import NOW, a_lab, a_run

GOOD = CheckResult("run1", 0, "http http://10.0.0.1/", "passed", "200 in 12 ms", 12, NOW)
BAD = CheckResult("run1", 1, "tcp 10.0.0.1:22", "failed", "nobody answers at 10.0.0.1:22", 3, NOW)
ILL = Illness("lab1", 2, NOW, "tcp 10.0.0.1:22: nobody answers.", "run1")


def test_a_line_for_each_check() -> None:
    assert checks_lines.check_lines(a_lab(), [GOOD, BAD]) == [
        "✓ http `http://10.0.0.1/` 200 in 12 ms",
        "✗ tcp `10.0.0.1:22` nobody answers at 10.0.0.1:22",
    ]
    assert checks_lines.check_lines(a_lab(), []) == []
    assert checks_lines.check_lines(a_lab(gone_at=NOW), [GOOD]) == []


def test_of_many_those_that_failed_are_seen() -> None:
    lines = checks_lines.check_lines(a_lab(), [GOOD] * 20 + [BAD])
    assert lines[0].startswith("✗ tcp")
    assert len(lines) == checks_lines.CHECKS_SHOWN + 1
    assert lines[-1] == "and 9 more, in the thread"


def test_what_a_lab_calls_itself_marks_nothing_up() -> None:
    odd = replace(BAD, name="tcp <!channel>`*x*", sentence="<@U1> *says* `no`")
    (line,) = checks_lines.check_lines(a_lab(), [odd])
    assert "<!channel>" not in line
    assert "<@U1>" not in line
    assert "*says*" not in line


def test_the_card_that_says_so_says_that_a_lab_is_not_well() -> None:
    said = checks_lines.illness_line(a_run(), a_lab(), ILL)
    assert said.startswith(":red_circle: Unhealthy since <!date^")
    assert said.endswith("tcp 10.0.0.1:22: nobody answers.")


def test_nothing_is_said_elsewhere_or_too_early_or_when_nothing_is_there() -> None:
    for run, lab, illness in (
        (a_run(id="run2"), a_lab(), ILL),
        (a_run(), a_lab(), replace(ILL, failures=1)),
        (a_run(), a_lab(), None),
        (a_run(), a_lab(gone_at=NOW), ILL),
        (a_run(), a_lab(asleep_at=NOW), ILL),
    ):
        assert checks_lines.illness_line(run, lab, illness) == ""
