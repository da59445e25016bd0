"""The tour's frame: what a reader may press, and how a tour pauses, waits and ends."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from bot.playground.guide import Guide, Live, Scene, TourEnded
from bot.playground.page.acts import act
from bot.playground.server import LocalSlack
from tests.waiting import until

Play = Callable[[Guide], str]


@pytest.fixture
def slack() -> LocalSlack:
    workspace = LocalSlack()
    workspace.add_user("riley", title="asks for labs")
    workspace.add_channel("lab", ["U00000001"])
    return workspace


def guide_of(slack: LocalSlack, play: Play | None, late_seconds: float = 60.0) -> Guide:
    return Guide(slack.workspace, "C00000001", play, pause_seconds=0, late_seconds=late_seconds)


def comes_to(guide: Guide, state: str) -> Scene:
    until(lambda: guide.scene.state == state)
    return guide.scene


def test_a_tour_waits_at_each_caption_until_the_reader_goes_on(slack: LocalSlack) -> None:
    def play(guide: Guide) -> str:
        for number in (1, 2):
            guide.caption(f"Scene {number}")
        return ""

    guide = guide_of(slack, play)
    assert guide.scene.state == "offered"
    guide.press("start")
    assert comes_to(guide, "waiting").caption == "Scene 1"
    guide.press("start")  # it plays already
    guide.press("next")
    until(lambda: guide.scene.caption == "Scene 2")
    guide.press("through")
    assert comes_to(guide, "over") == Scene("over", "Scene 2")


def test_a_reader_who_is_asked_for_long_is_told_so(slack: LocalSlack) -> None:
    pressed = threading.Event()

    def play(guide: Guide) -> str:
        return str(guide.lets_reader("U00000001", "Approve", pressed.is_set))

    guide = guide_of(slack, play, late_seconds=0.01)
    guide.press("start")
    assert comes_to(guide, "asking").user == "U00000001"
    until(lambda: guide.scene.is_late)
    pressed.set()
    slack.workspace.note()
    over = comes_to(guide, "over")
    assert (over.end, over.is_late) == ("True", False)


def test_stop_ends_a_tour_wherever_it_is_and_lets_it_tidy_up(slack: LocalSlack) -> None:
    tidied = threading.Event()

    def play(guide: Guide) -> str:
        try:
            guide.caption("Scene 1")
        except TourEnded as end:
            guide.ending(str(end))
            guide.go_on()  # what ends is not stopped again
            tidied.wait(30)
            return f"{end} Nothing is left."
        return ""

    guide = guide_of(slack, play)
    guide.press("start")
    comes_to(guide, "waiting")
    guide.press("stop")
    assert comes_to(guide, "stopping").caption == "You stopped the tour."
    guide.press("stop")
    tidied.set()
    assert comes_to(guide, "over").end == "You stopped the tour. Nothing is left."
    guide.press("start")
    comes_to(guide, "waiting")
    guide.close()
    comes_to(guide, "over")


def test_what_goes_wrong_is_told_and_the_tour_can_be_played_again(slack: LocalSlack) -> None:
    def play(guide: Guide) -> str:
        raise RuntimeError("no card came")

    guide = guide_of(slack, play)
    guide.press("start")
    assert comes_to(guide, "over").problem == "no card came"
    guide.press("start")
    comes_to(guide, "over")


def test_nobody_acts_before_the_app_is_there(slack: LocalSlack) -> None:
    guide = slack.guide = guide_of(slack, None)
    said = {"kind": "say", "user": "U00000001", "channel": "C00000001", "text": "hello"}
    with pytest.raises(ValueError, match="starting"):
        act(slack, said)
    guide.offer(lambda guide: "")
    assert act(slack, said) == ""
    assert [message.text for message in slack.messages("C00000001")] == ["hello"]


def test_an_unknown_button_is_refused(slack: LocalSlack) -> None:
    with pytest.raises(LookupError):
        guide_of(slack, lambda guide: "").press("rewind")


def test_a_tour_that_plays_by_itself_is_shown_without_waiting_and_is_offered_afterwards(
    slack: LocalSlack,
) -> None:
    guide, told = guide_of(slack, None), guide_of(slack, lambda stage: "")
    told.press("through")
    live = Live(told, guide)
    assert guide.scene.state == "starting"
    guide.press("start")  # there is nothing to start yet
    live.caption("Scene 1")
    live.does("U00000001", "types /lab list")
    assert guide.scene == Scene("live", "Scene 1", ("Riley types /lab list",))
    assert live.lets_reader("U00000001", "Approve", lambda: False) is False
    guide.press("stop")
    with pytest.raises(TourEnded, match="You stopped"):
        live.go_on()
    live.ending("You stopped the tour.")
    live.go_on()
    guide.end_live("You stopped the tour.")
    guide.offer(lambda stage: "")
    assert (guide.scene.state, guide.scene.end) == ("over", "You stopped the tour.")
    guide.press("start")
    comes_to(guide, "over")
