"""A Home tab that is open follows what happens, and is left alone where nothing of it has changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.home_watch import HomeWatch
from commands import home
from commands.costs.spent import DailyCosts, Picture
from state.records import Person
from tests.inn import ADMIN, COLLEAGUE, INFRA, REQUESTER, SECURITY, STRANGER, Inn


def look(inn: Inn) -> str:
    return inn.home_watch.look(inn.clock())[0]


def first(inn: Inn, person: Person) -> str:
    return inn.home(person).texts[0]


def test_a_plan_that_waits_for_me_appears_in_my_open_tab(inn: Inn) -> None:
    inn.opens_home(INFRA)
    inn.opens_home(SECURITY)
    assert first(inn, INFRA) == "You have no lab. Operators ask for them."
    inn.says(REQUESTER, "/lab up web demo")
    assert look(inn) == "showed 2 Home tabs anew"
    assert first(inn, INFRA).startswith("*demo* · proposed · asked for by <@U1> in <#C1>")
    inn.clicks(INFRA, inn.newest_card(), "Approve")
    assert look(inn) == "showed 2 Home tabs anew"
    assert first(inn, INFRA) == "You have no lab. Operators ask for them."
    assert "Waiting for *security*." in first(inn, SECURITY)


def test_what_does_not_change_it_is_not_shown_again(inn: Inn) -> None:
    inn.opens_home(INFRA)
    look(inn)
    before = len(inn.slack.calls_of("views.publish"))
    assert look(inn) == "nothing has changed"
    inn.says(ADMIN, "/operator add <@U8> operator")
    assert look(inn) == "showed 0 Home tabs anew"
    assert len(inn.slack.calls_of("views.publish")) == before


def test_times_stay_right_where_nothing_happens(inn: Inn) -> None:
    inn.has("demo")
    inn.opens_home(REQUESTER)
    assert "in 8 h" in first(inn, REQUESTER)
    look(inn)
    inn.clock.passes(minutes=14)
    assert look(inn) == "showed 1 Home tab anew"
    assert "in 7 h 46 min" in first(inn, REQUESTER)


def test_what_came_of_a_click_stands_there_for_a_minute(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up web demo")
    inn.opens_home(INFRA)
    inn.clicks_home(INFRA, "Approve")
    inn.says(REQUESTER, "/lab up web other")
    look(inn)
    assert first(inn, INFRA) == "Your approval of *demo* counts for *infra*. Waiting for *security*."
    assert "*other* · proposed" in inn.home(INFRA).all
    inn.clock.passes(minutes=1)
    look(inn)
    assert "Your approval" not in inn.home(INFRA).all


def test_a_tab_that_nobody_has_touched_for_a_while_is_left(inn: Inn) -> None:
    inn.opens_home(INFRA)
    inn.clock.passes(minutes=16)
    inn.says(REQUESTER, "/lab up web demo")
    assert look(inn) == "nobody looks at a Home tab"
    assert "*demo*" not in inn.home(INFRA).all


def test_it_goes_by_the_persons_rights_at_that_moment(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up web demo")
    inn.opens_home(INFRA)
    inn.sees_out(ADMIN, "<@U3>")
    look(inn)
    assert inn.home(INFRA).texts == ["You are not a trusted operator any more."]
    assert list(inn.home(INFRA).buttons) == ["Look again"]
    assert look(inn) == "nobody looks at a Home tab"


def test_who_has_left_is_turned_away_as_soon_as_slack_takes_it(inn: Inn) -> None:
    inn.has("demo")
    inn.opens_home(INFRA)
    inn.sees_out(ADMIN, "<@U3>")
    inn.slack.rate_limit("views.publish", 5)
    look(inn)
    assert first(inn, INFRA) == "You have no lab. Operators ask for them."
    inn.clock.passes(minutes=1)
    look(inn)
    assert inn.home(INFRA).texts == ["You are not a trusted operator any more."]


def test_what_was_read_before_a_click_does_not_cover_its_answer(inn: Inn) -> None:
    inn.opens_home(INFRA)
    old = home.of(inn.deps, inn.vault.operator(INFRA), ())
    inn.clock.passes(seconds=1)
    inn.says(REQUESTER, "/lab up web demo")
    inn.opens_home(INFRA)
    assert not inn.notifier.home_tab.refresh(INFRA.user, old, inn.deps.draw_costs)
    assert first(inn, INFRA).startswith("*demo* · proposed")


def test_one_whose_answer_was_lost_follows_again(inn: Inn) -> None:
    inn.opens_home(INFRA)
    inn.says(REQUESTER, "/lab up web demo")
    inn.slack.lose_answer("views.publish")
    look(inn)
    inn.clock.passes(minutes=1)
    inn.says(REQUESTER, "/lab cancel demo")
    look(inn)
    assert first(inn, INFRA) == "You have no lab. Operators ask for them."


def test_while_vault_is_away_it_stays_as_it_is(inn: Inn) -> None:
    inn.opens_home(INFRA)
    inn.says(REQUESTER, "/lab up web demo")
    inn.vault.state = "away"
    assert look(inn) == "showed 0 Home tabs anew"
    assert first(inn, INFRA) == "You have no lab. Operators ask for them."
    inn.vault.state = "ready"
    look(inn)
    assert first(inn, INFRA).startswith("*demo* · proposed")


def test_what_slack_does_not_take_now_is_shown_later(inn: Inn) -> None:
    inn.opens_home(INFRA)
    inn.says(REQUESTER, "/lab up web demo")
    inn.slack.rate_limit("views.publish", 5)
    assert look(inn) == "showed 0 Home tabs anew"
    inn.clock.passes(seconds=5)
    assert look(inn) == "showed 1 Home tab anew"
    assert first(inn, INFRA).startswith("*demo* · proposed")


def test_a_click_that_comes_meanwhile_is_newer(inn: Inn) -> None:
    inn.opens_home(INFRA)
    inn.says(REQUESTER, "/lab up web demo")
    inn.slack.meanwhile("views.publish", lambda: inn.opens_home(INFRA))
    assert look(inn) == "showed 0 Home tabs anew"
    assert first(inn, INFRA).startswith("*demo* · proposed")
    inn.says(REQUESTER, "/lab cancel demo")
    look(inn)
    assert "*demo*" not in inn.home(INFRA).all


def test_its_picture_stays(inn: Inn) -> None:
    drawn = []

    def draw(month: DailyCosts) -> Picture:
        drawn.append(month)
        return Picture(b"png", "Two bars")

    inn.intake._deps = replace(inn.deps, draw_costs=draw)
    inn.has("demo")
    inn.clock.passes(hours=3)
    inn.opens_home(REQUESTER)
    inn.clock.passes(minutes=2)
    inn.says(REQUESTER, "/lab up web other")
    assert look(inn) == "showed 1 Home tab anew"
    shown = [block["alt_text"] for block in inn.home(REQUESTER).view["blocks"] if block["type"] == "image"]
    assert (shown, len(drawn)) == (["Two bars"], 1)


def test_the_first_month_that_there_is_gets_its_picture(inn: Inn) -> None:
    inn.home_watch = HomeWatch(
        replace(inn.deps, draw_costs=lambda month: Picture(b"png", "A bar")), inn.notifier.home_tab
    )
    inn.opens_home(REQUESTER)
    inn.has("demo")
    inn.clock.passes(minutes=10)
    look(inn)
    inn.works()
    assert [
        block["alt_text"] for block in inn.home(REQUESTER).view["blocks"] if block["type"] == "image"
    ] == ["A bar"]


def test_more_time_that_waits_for_infra_appears_too(inn: Inn) -> None:
    inn.has("demo")
    inn.opens_home(INFRA)
    inn.says(REQUESTER, "/lab extend demo 4d")
    look(inn)
    assert first(inn, INFRA).startswith("<@U1> wants *demo* to live until")
    assert "wants" not in inn.opens_home(COLLEAGUE).all
    inn.clock.passes(minutes=1)
    inn.clicks_home(INFRA, "Approve")
    assert "wants" not in inn.home(INFRA).all
    assert inn.lab().expires_at is not None
    assert inn.lab().expires_at > inn.clock() + timedelta(days=4)  # type: ignore[operator]


def test_one_that_was_open_when_the_process_ended_follows_again(inn: Inn) -> None:
    inn.opens_home(INFRA)
    inn.opens_home(STRANGER)
    inn.clock.passes(minutes=2)
    inn.kills()
    inn.says(REQUESTER, "/lab up web demo")
    assert look(inn) == "showed 1 Home tab anew"
    assert first(inn, INFRA).startswith("*demo* · proposed")
    inn.clock.passes(minutes=14)
    inn.kills()
    assert look(inn) == "nobody looks at a Home tab"


def test_after_that_its_picture_is_there_again(inn: Inn) -> None:
    inn.has("demo")
    inn.clock.passes(hours=3)
    inn.opens_home(REQUESTER)
    inn.kills()
    drawing = replace(inn.deps, draw_costs=lambda month: Picture(b"png", "A bar"))
    inn.home_watch = HomeWatch(drawing, inn.notifier.home_tab)
    look(inn)
    inn.works()
    shown = [block["alt_text"] for block in inn.home(REQUESTER).view["blocks"] if block["type"] == "image"]
    assert shown == ["A bar"]


def test_one_that_cannot_be_followed_yet_is_followed_later(inn: Inn) -> None:
    inn.opens_home(INFRA)
    inn.kills()
    inn.says(REQUESTER, "/lab up web demo")
    inn.vault.state = "sealed"
    assert look(inn) == "nobody looks at a Home tab"
    inn.vault.state = "ready"
    assert look(inn) == "showed 1 Home tab anew"
