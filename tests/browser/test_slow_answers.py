"""The page on a slow line: what is answered late loses nothing that somebody does meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bot.playground.server import LocalSlack
from tests.browser.conftest import PATIENCE_MILLISECONDS
from tests.browser.doing import latest, says
from tests.waiting import until

if TYPE_CHECKING:
    from playwright.sync_api import APIResponse, Page, Route

Visit = Callable[..., "Page"]


def test_nothing_is_said_before_the_page_knows_where(visit: Visit, slack: LocalSlack, channel: str) -> None:
    page = visit(slack)
    held: list[Route] = []
    page.route("**/page/news*", lambda route: held.append(route), times=1)
    page.reload()
    assert until(lambda: page.locator("#text").is_hidden() and held)
    held[0].continue_()
    says(page, "now")
    latest(page, "now").wait_for()


def test_a_form_is_sent_again_as_soon_as_its_faults_are_told(
    visit: Visit, slack: LocalSlack, channel: str
) -> None:
    page = visit(slack)
    says(page, "/form")
    modal = page.locator("#modal")
    modal.get_by_label("Why").fill("bad")
    late: list[tuple[Route, APIResponse]] = []
    page.route("**/page/do", lambda route: late.append((route, route.fetch(timeout=PATIENCE_MILLISECONDS))))
    modal.get_by_role("button", name="Send").click()
    modal.locator("[data-input=reason] .error", has_text="Say more.").wait_for()
    modal.get_by_label("Why").fill("enough")
    modal.get_by_role("button", name="Send").click()
    modal.wait_for(state="hidden")
    until(lambda: modal.is_hidden() and len(late) == 2)  # the news of it may have come before the answer
    for route, answer in late:
        route.fulfill(response=answer)


def test_a_form_waits_for_the_files_in_it(visit: Visit, slack: LocalSlack, channel: str) -> None:
    page = visit(slack)
    says(page, "/everything")
    modal = page.locator("#modal")
    modal.locator(".use-email_text_input input").fill("riley@example.test")
    modal.locator(".use-number_input input").fill("7")
    held: list[Route] = []
    page.route("**/page/upload*", lambda route: held.append(route))
    chosen = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"abc"}
    with page.expect_request("**/page/upload*"):
        modal.locator(".use-file_input input").set_input_files(chosen)
    modal.get_by_role("button", name="Send").click()
    modal.locator("[type=submit][aria-busy]").wait_for()
    held[0].continue_()
    modal.wait_for(state="hidden")
    values = slack.deliveries[-1].payload["view"]["state"]["values"]
    ((state,),) = [each.values() for each in values.values() if "files" in next(iter(each.values()))]
    assert [slack.workspace.files[each["id"]].content for each in state["files"]] == [b"abc"]
