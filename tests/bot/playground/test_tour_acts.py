"""How the tour goes by what it sees: its own labs' cards, and what others do with them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from bot.playground.guide import Guide, TourEnded
from bot.playground.model import Message
from bot.playground.server import LocalSlack
from bot.playground.tour_acts import Acting, Cast, TourFailed, free_name, ports_of
from tests.bot.playground.small_app import served_app, small_app


class Scenes(Acting):
    """A tour of one lab, `demo`, as the small app's cards call it."""

    def __init__(self, slack: LocalSlack, cast: Cast, guide: Guide) -> None:
        super().__init__(slack, cast, guide)
        self._labs.append("demo")


@pytest.fixture
def slack() -> Iterator[LocalSlack]:
    workspace = LocalSlack(ack_limit_seconds=30)
    with workspace, served_app(small_app(workspace)) as url:
        workspace.app_url = url
        yield workspace


@pytest.fixture
def cast(slack: LocalSlack) -> Cast:
    names = ("admin", "requester", "infra", "security", "stranger", "leaver")
    people = {name: slack.add_user(name) for name in names}
    return Cast(channel=slack.add_channel("lab", list(people.values())), **people)


@pytest.fixture
def scenes(slack: LocalSlack, cast: Cast) -> Scenes:
    guide = Guide(slack.workspace, cast.channel, lambda guide: "", pause_seconds=0)
    guide.press("through")  # nobody reads this
    return Scenes(slack, cast, guide)


def card(slack: LocalSlack, cast: Cast, text: str) -> Message:
    ts = slack.workspace.next_ts()
    return slack.workspace.put_message(Message(ts, cast.channel, slack.bot_user, text))


def approvals(slack: LocalSlack) -> list[Any]:
    return [each.payload["user"]["name"] for each in slack.deliveries if each.kind == "interaction"]


def test_what_the_reader_has_approved_is_not_pressed_again(
    slack: LocalSlack, cast: Cast, scenes: Scenes
) -> None:
    scenes._type(cast.requester, "/card")
    shown = scenes._card("demo: proposed")
    slack.click(cast.infra, shown, "Approve")
    card(slack, cast, "Your approval counts")
    scenes._approve(cast.infra, shown, expect="counts")
    scenes._approve(cast.security, shown, expect="counts")
    assert approvals(slack) == ["infra", "security"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("demo: rejected", "Somebody rejected the plan of demo"),
        ("demo: cancelled", "Somebody stopped the run of demo"),
        ("demo: superseded", "Somebody planned demo again"),
        ("demo: destroyed", "Somebody destroyed demo"),
    ],
)
def test_the_tour_ends_where_somebody_else_decides(
    slack: LocalSlack, cast: Cast, scenes: Scenes, text: str, told: str
) -> None:
    card(slack, cast, "other: rejected")  # a lab of somebody's own
    card(slack, cast, text)
    with pytest.raises(TourEnded, match=told):
        scenes._card("demo: applied")


def test_a_newer_card_does_not_hide_what_became_of_the_one_that_is_followed(
    slack: LocalSlack, cast: Cast, scenes: Scenes
) -> None:
    card(slack, cast, "demo: proposed")
    followed = scenes._card("demo: proposed")
    slack.workspace.edit(followed.ts, text="demo: superseded")
    card(slack, cast, "demo: planning")
    with pytest.raises(TourEnded, match="planned demo again"):
        scenes._card("demo: applied")


def test_a_run_that_fails_fails_the_tour(slack: LocalSlack, cast: Cast, scenes: Scenes) -> None:
    card(slack, cast, "demo: failed — no such host")
    with pytest.raises(TourFailed, match="no such host"):
        scenes._card("demo: applied")


def test_an_app_that_does_not_answer_fails_the_tour(slack: LocalSlack, cast: Cast, scenes: Scenes) -> None:
    slack.app_url = ""
    with pytest.raises(TourFailed, match="dispatch_failed"):
        scenes._type(cast.requester, "/card")


def test_a_name_is_free_that_no_card_has_and_whose_ports_nobody_has(slack: LocalSlack, cast: Cast) -> None:
    word = "of-nobody"  # labs of tours on this machine are called otherwise, and have other ports
    first = free_name(slack, word)
    card(slack, cast, f"{first}: destroyed")
    second = free_name(slack, word)
    assert second != first
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", ports_of(second)[5]))
        taken.listen()
        assert free_name(slack, word) not in (first, second)
