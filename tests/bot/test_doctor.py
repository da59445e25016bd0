"""`innkeeper doctor` on labs: what is left of those that are gone, and those that should be."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.doctor import about_deploying, about_labs
from state import labs
from state.records import Lifetime
from tests.fakes.ansible import FakeAnsible
from tests.inn import REQUESTER, Inn

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def found(inn: Inn) -> list[tuple[bool, str]]:
    return list(about_labs(inn.deps, inn.clock()))


def test_a_lab_that_lives_and_holds_something_is_well(inn: Inn) -> None:
    inn.has()
    assert found(inn) == [(True, "demo: its state holds 2 resources")]


def test_a_lab_that_is_gone_and_holds_something_is_told(inn: Inn) -> None:
    inn.has()
    labs.leave(inn.database, inn.lab().id, inn.clock())
    inn.clock.passes(hours=2)
    assert found(inn) == [
        (
            False,
            "demo: its state holds 2 resources, though it went 2 h ago. Remove by hand what is named or tagged "
            "after it: `/lab history demo` shows its runs.",
        )
    ]


def test_a_lab_that_was_destroyed_is_not_spoken_of(inn: Inn) -> None:
    inn.has()
    inn.says(REQUESTER, "/lab down demo")
    inn.approved(inn.newest_card())
    assert inn.lab().gone_at is not None
    assert found(inn) == []


def test_a_frozen_lab_is_told(inn: Inn) -> None:
    inn.has()
    labs.update(inn.database, inn.lab().id, frozen_because="its state is outstanding")
    assert (False, "demo: frozen: its state is outstanding") in found(inn)


@pytest.mark.parametrize(
    ("late", "more", "told"),
    [
        (2 * HOUR, {}, "it should have been destroyed 2 h ago. See whether `innkeeper serve` is running"),
        (
            2 * HOUR,
            {"destroy_attempts": 3},
            "it should have been destroyed 2 h ago, and 3 attempts did not do it.",
        ),
        (HOUR / 2, {}, None),
        (
            HOUR / 2,
            {"destroy_attempts": 2},
            "it should have been destroyed 30 min ago, and 2 attempts did not do it.",
        ),
        (2 * HOUR, {"lifetime": Lifetime(auto_destroy="polite")}, None),
        (5 * DAY, {"lifetime": Lifetime(auto_destroy="polite")}, "it should have been destroyed 5 days ago."),
    ],
)
def test_a_lab_that_should_be_gone_is_told(
    inn: Inn, late: timedelta, more: dict[str, Any], told: str | None
) -> None:
    inn.has()
    due_at = inn.clock() - late - timedelta(minutes=30)  # grace
    labs.update(inn.database, inn.lab().id, expires_at=due_at, **more)
    sick = [sentence for well, sentence in found(inn) if not well]
    assert len(sick) == (told is not None)
    assert told is None or sick[0].startswith(f"demo: {told}")


def test_a_lab_that_nobody_destroys_by_itself_is_told_and_is_well(inn: Inn) -> None:
    inn.has()
    due_at = inn.clock() - 2 * DAY
    labs.update(inn.database, inn.lab().id, expires_at=due_at, lifetime=Lifetime(auto_destroy=False))
    assert (True, "demo: due 2 days ago, and not destroyed by itself, as its blueprint says") in found(inn)


def test_a_machine_that_cannot_deploy_is_told_where_a_blueprint_asks_for_it(inn: Inn) -> None:
    ansible = FakeAnsible()
    deps = replace(inn.deps, ansible=ansible)
    assert list(about_deploying(deps)) == []
    inn.offers("site", "secure: {ssh: {user: root}}\ndeploy: {playbook: main.tf}")
    assert list(about_deploying(deps)) == [(True, "ansible: ready")]
    ansible.without_client = "this machine has no ssh client"
    assert list(about_deploying(deps)) == [(False, "ansible: this machine has no ssh client, for site")]
