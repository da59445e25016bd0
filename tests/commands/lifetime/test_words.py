"""What is said of a lab's use and of its end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from commands.lifetime.words import still_there, use_and_end
from commands.words import at
from state.records import Lifetime
from tests.state.examples import ADA, NOW, a_lab

HOUR = timedelta(hours=1)
THERE: dict[str, Any] = {"applied_at": NOW, "idle_at": NOW + 4 * HOUR, "expires_at": NOW + 8 * HOUR}


def said(after: timedelta, **more: Any) -> list[str]:
    return use_and_end(a_lab(**{**THERE, **more}), NOW + after)


def test_of_a_lab_that_is_used_it_is_told_until_when() -> None:
    assert said(HOUR, last_active_by=ADA, last_active_how="/key ssh") == [
        f"Last used 1 h ago (<@U1>, /key ssh). If nobody uses it, it is idle from {at(NOW + 4 * HOUR)}, in 3 h. "
        f"Then it will be destroyed {at(NOW + 4.5 * HOUR)}, in 3 h 30 min.",
        f"It expires {at(NOW + 8 * HOUR)}, in 7 h.",
    ]


def test_of_an_idle_lab_it_is_told_why_and_since_when() -> None:
    assert said(4.2 * HOUR, last_active_by=ADA, last_active_how="/key ssh") == [
        f"Nobody has used *demo* for 4 h 12 min (last: <@U1>, /key ssh, {at(NOW)}), "
        f"so it is idle since {at(NOW + 4 * HOUR)}. It will be destroyed {at(NOW + 4.5 * HOUR)}, in 18 min.",
        f"It expires {at(NOW + 8 * HOUR)}, in 3 h 48 min.",
    ]


def test_of_use_by_nobody_in_particular_it_is_told_how() -> None:
    (line, _) = said(HOUR, last_active_how="its activity probe")
    assert line.startswith("Last used 1 h ago (its activity probe). ")
    (line, _) = said(5 * HOUR, last_active_how="a login")
    assert f"(last: a login, {at(NOW)})" in line


def test_a_lab_that_is_kept_is_not_idle_before() -> None:
    kept_until = NOW + 6 * HOUR
    (line, _) = said(5 * HOUR, kept_until=kept_until)
    assert line == (
        f"Last used 5 h ago. It is kept, so it is not idle before {at(kept_until)}, in 1 h. "
        f"It will be destroyed {at(NOW + 6.5 * HOUR)}, in 1 h 30 min."
    )


def test_a_lab_that_expires_before_it_is_idle_does_not_wait_for_that() -> None:
    (line, expiry) = said(HOUR, expires_at=NOW + 2 * HOUR)
    assert line.endswith(f"It will be destroyed {at(NOW + 2.5 * HOUR)}, in 1 h 30 min.")
    assert expiry == f"It expires {at(NOW + 2 * HOUR)}, in 1 h."
    assert said(3 * HOUR, expires_at=NOW + 2 * HOUR)[-1] == f"It has expired {at(NOW + 2 * HOUR)}."


def test_a_lab_that_nobody_destroys_by_itself() -> None:
    (line, _) = said(HOUR, lifetime=Lifetime(auto_destroy=False))
    assert "It is not destroyed by itself." in line


def test_a_lab_that_will_not_go_is_said_to_be_tried_again() -> None:
    (line, _) = said(5 * HOUR, destroy_attempts=2, look_at=NOW + 5.5 * HOUR)
    assert line.endswith(
        f"It should have been destroyed {at(NOW + 4.5 * HOUR)}, and that has not worked so far. "
        f"I try again {at(NOW + 5.5 * HOUR)}, in 30 min."
    )


def test_a_destruction_that_could_not_be_begun_is_told_with_its_reason() -> None:
    told = still_there(a_lab(**THERE), 1, NOW + 5 * HOUR, "There is no blueprint `web`.")
    assert told == (
        f":red_circle: *demo*, which was due {at(NOW + 4 * HOUR)}, could not be destroyed so far, and still costs "
        f"money. There is no blueprint `web`. I try again {at(NOW + 5 * HOUR)}."
    )


@pytest.mark.parametrize("more", [{"idle_at": None, "applied_at": None, "expires_at": None}])
def test_of_what_is_not_there_nothing_is_told(more: dict[str, Any]) -> None:
    assert said(HOUR, **more) == []
