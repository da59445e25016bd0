"""A lab's life as `/lab history` draws it, and how its picture comes below the list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from commands.authorise import Standing
from commands.pictures import Life, Picture
from tests.inn import KEYED, REQUESTER, Inn


def draws(inn: Inn, drawn: Callable[[Life], Picture | None]) -> None:
    inn.deps = replace(inn.deps, draw_life=drawn)
    inn.intake._deps = inn.deps


def lives(inn: Inn, name: str = "demo") -> Life:
    """The life that is drawn for its history."""
    asked: list[Life] = []

    def draw(life: Life) -> Picture:
        asked.append(life)
        return Picture(b"\x89PNG drawn", "demo: made and used.")

    draws(inn, draw)
    inn.says(REQUESTER, f"/lab history {name}")
    (life,) = asked
    return life


def labels(life: Life) -> list[str]:
    return [each.label for each in sorted(life.moments, key=lambda each: each.at)]


def test_a_life_is_drawn_by_the_clock_of_who_looks(inn: Inn) -> None:
    inn.has("demo")
    inn.standings[REQUESTER] = Standing(REQUESTER, "u1", timezone="Asia/Kolkata")
    assert str(lives(inn).zone) == "Asia/Kolkata"


def test_a_life_from_its_plan_to_its_end(inn: Inn) -> None:
    inn.has("demo")
    inn.clock.passes(hours=1)
    inn.says(REQUESTER, "/lab output demo")
    inn.clock.passes(hours=1)
    inn.says(REQUESTER, "/lab extend demo 4h")
    inn.clock.passes(hours=1)
    inn.says(REQUESTER, "/lab down demo")
    inn.approved(inn.newest_card())
    life = lives(inn)
    assert labels(life) == [
        "planned",
        "approved",
        "approved",
        "applied",
        "extended",
        "planned",
        "approved",
        "approved",
        "destroyed",
    ]
    (up,) = life.spans
    assert up.label == "up, $0.02 an hour"
    assert (up.ended - up.begun).total_seconds() == pytest.approx(3 * 3600, abs=5)


def test_a_key_is_a_use_and_one_that_lives_is_up_until_now(inn: Inn) -> None:
    inn.offers("locked", KEYED["locked"])
    inn.has("demo", "locked")
    inn.clock.passes(hours=2)
    inn.says(
        REQUESTER,
        "/key enroll ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGQw0mFLTBUHPcPmFtD5fjDQ6YBNK9EMsTGPvn7o3JbD",
    )
    inn.says(REQUESTER, "/key ssh demo")
    life = lives(inn)
    assert labels(life)[-1] == "used"
    assert labels(life).count("used") == 1
    assert life.spans[0].ended == inn.clock()


def test_the_picture_comes_below_the_list(inn: Inn) -> None:
    inn.has("demo")
    lives(inn)
    told, drawn = inn.slack.private(REQUESTER.user)[-2:]
    assert told.text.startswith("History of demo")
    assert (drawn.text, [block["type"] for block in drawn.blocks]) == ("demo: made and used.", ["image"])
    assert drawn.blocks[0]["alt_text"] == "demo: made and used."


def test_where_slack_shows_no_picture_it_comes_as_a_direct_message(inn: Inn) -> None:
    inn.has("demo")
    refuse = inn.slack.refuse
    inn.slack.meanwhile(
        "files.upload",
        lambda: (refuse("response_url", "403"), refuse("chat.postEphemeral", "invalid_arguments")),
    )
    lives(inn)
    sent = inn.slack.private(REQUESTER.user)[-1]
    assert (sent.channel, sent.file) == ("D1", "picture.png")


def test_what_cannot_be_drawn_is_left_out(inn: Inn) -> None:
    inn.has("demo")

    def breaks(life: Life) -> Picture:
        raise RuntimeError("no pen")

    for draw in (breaks, lambda life: None):
        draws(inn, draw)
        inn.says(REQUESTER, "/lab history demo")
        assert inn.told(REQUESTER).startswith("History of demo")


def test_what_never_was_there_has_no_picture(inn: Inn) -> None:
    asked: list[Life] = []
    draws(inn, lambda life: asked.append(life))  # type: ignore[func-returns-value]
    inn.says(REQUESTER, "/lab up web demo")
    inn.says(REQUESTER, "/lab history demo")
    assert asked == []
