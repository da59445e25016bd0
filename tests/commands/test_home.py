"""The Home tab from opening it to pressing what is on it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

from commands.costs.spent import DailyCosts, Picture
from tests.inn import ADMIN, INFRA, REQUESTER, SECURITY, STRANGER, Inn


def test_a_stranger_sees_whom_to_ask(inn: Inn) -> None:
    home = inn.opens_home(STRANGER)
    assert home.texts == [
        "You are not a trusted operator yet. Ask <@U7> to run `/operator add @you operator`."
    ]
    assert list(home.buttons) == ["Look again"]
    assert inn.audited("refused") == [(STRANGER.key, "refused", STRANGER.key)]
    inn.says(ADMIN, "/operator add <@U8> operator")
    assert inn.clicks_home(STRANGER, "Look again").texts[0] == "You have no lab."


def test_a_plan_is_approved_from_there(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up web demo")
    assert "Approve" not in inn.opens_home(REQUESTER).buttons
    home = inn.opens_home(INFRA)
    assert home.texts[0].startswith("*demo* · proposed · asked for by <@U1> in <#C1>")
    home = inn.clicks_home(INFRA, "Approve")
    assert home.texts[0] == "Your approval of *demo* counts for *infra*. Waiting for *security*."
    assert "Approve" not in home.buttons
    inn.opens_home(SECURITY)
    inn.clicks_home(SECURITY, "Approve")
    assert inn.runs() == ["applied"]
    assert inn.slack.private(INFRA.user) == []


def test_a_plan_is_rejected_from_there_with_a_reason(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up web demo")
    inn.opens_home(INFRA)
    inn.clicks_home(INFRA, "Reject")
    inn.submits(INFRA, reason="too large")
    assert inn.home(INFRA).texts[0] == "Rejected. *demo* stays as it is."
    assert inn.runs() == ["rejected"]


def test_an_old_click_says_what_came_meanwhile(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up web demo")
    inn.opens_home(INFRA)
    inn.says(REQUESTER, "/lab cancel demo")
    assert "This plan is" in inn.clicks_home(INFRA, "Approve").texts[0]


def test_my_labs_are_extended_and_destroyed_from_there(inn: Inn) -> None:
    inn.has("demo")
    inn.clock.passes(hours=1)
    home = inn.opens_home(REQUESTER)
    assert home.texts[0].startswith("*demo* · web · applied\nExpires <!date^")
    assert "$0.02 so far · $0.02 an hour" in home.texts[0]
    before = inn.lab().expires_at
    assert inn.clicks_home(REQUESTER, "Extend 4h").texts[0].startswith("*demo* lives until")
    assert inn.lab().expires_at != before
    inn.clicks_home(REQUESTER, "Destroy")
    assert inn.runs() == ["applied", "proposed"]


def test_who_is_no_operator_any_more_is_told_so_and_does_nothing(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up web demo")
    inn.opens_home(INFRA)
    inn.sees_out(ADMIN, "<@U3>")
    assert "You are not a trusted operator yet." in inn.clicks_home(INFRA, "Approve").all
    assert inn.runs() == ["proposed"]


def test_the_month_is_drawn_once_for_all_who_look_within_the_hour(inn: Inn) -> None:
    drawn = []

    def draw(month: DailyCosts) -> Picture:
        drawn.append(month)
        return Picture(b"png", "Two bars")

    inn.deps = replace(inn.deps, draw_costs=draw)
    inn.intake._deps = inn.deps
    inn.has("demo")
    inn.clock.passes(hours=3)
    home = inn.opens_home(REQUESTER)
    assert [block["alt_text"] for block in home.view["blocks"] if block["type"] == "image"] == ["Two bars"]
    assert inn.opens_home(INFRA).view["blocks"][-5]["type"] == "image"
    assert len(drawn) == 1
    assert isinstance(drawn[0].days[0], date)
    assert "Labs in <#C1> came to $0.0" in home.all


def test_a_picture_that_cannot_be_drawn_or_shown_is_left_out(inn: Inn) -> None:
    inn.has("demo")
    inn.clock.passes(hours=3)
    assert not [block for block in inn.opens_home(REQUESTER).view["blocks"] if block["type"] == "image"]
    inn.deps = replace(inn.deps, draw_costs=lambda month: Picture(b"png", "Two bars"))
    inn.intake._deps = inn.deps
    inn.notifier._stopping.set()  # so that it does not wait between its tries
    inn.slack.meanwhile("files.upload", lambda: inn.slack.refuse("views.publish", "invalid_blocks", 3))
    home = inn.opens_home(REQUESTER)
    assert not [block for block in home.view["blocks"] if block["type"] == "image"]
    assert "Labs in <#C1> came to" in home.all


def test_of_many_labs_those_that_nobody_uses_come_first(inn: Inn) -> None:
    for number in range(10):
        inn.says(REQUESTER, f"/lab up open lab-{number}")
        inn.clock.passes(minutes=1)
    inn.approved(inn.cards()[0])
    inn.clock.passes(hours=4, minutes=5)
    home = inn.opens_home(REQUESTER)
    labs = [text.partition("*")[2].partition("*")[0] for text in home.texts if " · open · " in text]
    assert labs == ["lab-0", *(f"lab-{number}" for number in range(9, 2, -1))]
    assert "and 2 more: `/lab list mine`" in json.dumps(home.view)


def test_who_holds_several_roles_is_told_each_right_once(inn: Inn) -> None:
    inn.vault.add(REQUESTER, "admin", "infra", "operator", "security")
    assert (
        "so you may ask for labs, review plans, run everybody's labs, decide who gets more time than a blueprint "
        "allows, read the audit, say who is an operator and set budgets."
    ) in inn.opens_home(REQUESTER).all


def test_vault_is_away(inn: Inn) -> None:
    inn.vault.state = "away"
    assert inn.opens_home(REQUESTER).buttons.keys() == {"Look again"}


def test_slack_does_not_take_it(inn: Inn) -> None:
    inn.slack.refuse("views.publish", "not_enabled")
    inn.says(REQUESTER, "/lab help")
    assert inn.slack.homes == {}
