"""The picture of a plan in its card's thread: for which plans, and what it shows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from commands.engines.terraform.events import Diagnostic
from commands.pictures import Picture, Plan
from tests.inn import REQUESTER, Inn, Shown


def draws(inn: Inn) -> list[Plan]:
    """From now on plans are drawn, and these are they."""
    asked: list[Plan] = []

    def draw(plan: Plan) -> Picture:
        asked.append(plan)
        return Picture(b"\x89PNG drawn", "demo: 3 to add")

    inn.deps = replace(inn.deps, draw_plan=draw)
    inn.worker._deps = inn.deps
    return asked


def beside(inn: Inn, card: Shown) -> list[str | None]:
    """The words of the pictures beside the files of a card's thread."""
    return [each.beside for each in inn.slack.thread(card.said.ts) if each.file]


def named(count: int) -> list[str]:
    return [f"terraform_data.n{number}" for number in range(count)]


def test_the_graph_comes_beside_the_text_in_one_message(inn: Inn) -> None:
    asked = draws(inn)
    inn.terraform.resources = named(3)
    inn.terraform.refers_to = {"terraform_data.n1": ["terraform_data.n0"]}
    card = inn.says(REQUESTER, "/lab up web demo").card()
    assert inn.replies(card)[0] == "plan.txt"
    assert beside(inn, card) == ["demo: 3 to add"]
    (plan,) = asked
    assert plan.title == "demo"
    assert [node.action for node in plan.nodes] == ["create"] * 3
    assert plan.edges == (("terraform_data.n1", "terraform_data.n0"),)


@pytest.mark.parametrize("count", [2, 61])
def test_a_plan_that_a_picture_makes_no_clearer_has_none(inn: Inn, count: int) -> None:
    asked = draws(inn)
    inn.terraform.resources = named(count)
    card = inn.says(REQUESTER, "/lab up web demo").card()
    assert (asked, beside(inn, card)) == ([], [None])


def test_a_picture_that_breaks_is_left_out(inn: Inn) -> None:
    def breaks(plan: Plan) -> Picture:
        raise RuntimeError("no pen")

    inn.deps = replace(inn.deps, draw_plan=breaks)
    inn.worker._deps = inn.deps
    inn.terraform.resources = named(3)
    card = inn.says(REQUESTER, "/lab up web demo").card()
    assert (inn.runs(), beside(inn, card)) == (["proposed"], [None])


def test_values_that_terraform_does_not_show_are_no_picture(inn: Inn) -> None:
    asked = draws(inn)
    inn.terraform.resources = named(3)
    inn.terraform.show_failure = Diagnostic("error", "No values today.")
    card = inn.says(REQUESTER, "/lab up web demo").card()
    assert (asked, beside(inn, card)) == ([], [None])
