"""What people write: edited, deleted, and kept until it is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from slack_sdk import WebClient

from bot.playground.server import LocalSlack
from tests.browser.doing import be, latest, says, serious, user

if TYPE_CHECKING:
    from playwright.sync_api import Page

Visit = Callable[..., "Page"]


def test_one_edits_and_deletes_what_one_has_said(
    visit: Visit, slack: LocalSlack, client: WebClient, channel: str
) -> None:
    from playwright.sync_api import expect

    page = visit(slack)
    keys = page.keyboard
    client.chat_postMessage(channel=channel, text="the app's")
    slack.say(user(slack, "ines"), channel, "of somebody else")
    says(page, "helo @ines & https://x.test/?a=1&b=2")
    latest(page, "helo").wait_for()
    page.fill("#text", "a draft")
    page.fill("#text", "")
    keys.press("ArrowUp")
    expect(page.locator("#text")).to_have_value("helo @ines & https://x.test/?a=1&b=2")
    assert serious(page) == []
    keys.press("Escape")
    expect(page.locator("#text")).to_have_value("")
    keys.press("ArrowUp")
    page.fill("#text", "hello @ines")
    page.get_by_role("button", name="Save").click()
    latest(page, "hello @ines").get_by_text("(edited)").wait_for()
    page.get_by_role("button", name="Send").wait_for()
    for text, count in (("the app's", 0), ("of somebody else", 0), ("hello", 1)):
        expect(latest(page, text).locator("[data-edit]")).to_have_count(count)
    page.fill("#text", "a draft")
    latest(page, "hello").hover()
    latest(page, "hello").get_by_label("Message menu").click()
    latest(page, "hello").get_by_role("button", name="Edit message").click()
    page.fill("#text", "")
    keys.press("Enter")  # nothing is left of it: shall it go?
    page.locator("#deleting").wait_for()
    assert serious(page) == []
    keys.press("Escape")
    expect(page.locator("#text")).to_have_value("a draft")
    page.locator("#log").focus()
    keys.press("ArrowUp")
    keys.press("Delete")
    page.get_by_role("button", name="Delete", exact=True).click()
    latest(page, "hello").wait_for(state="detached")
    page.wait_for_function("() => document.activeElement.textContent.includes('of somebody else')")
    expect(page.locator("#text")).to_have_value("a draft")
    assert [message.text for message in slack.messages(channel)] == ["the app's", "of somebody else"]


def test_what_is_not_sent_yet_stays_where_it_was_typed(visit: Visit, slack: LocalSlack, channel: str) -> None:
    from playwright.sync_api import expect

    page = visit(slack)
    for text in ("first", "second"):
        says(page, text)
        latest(page, text).hover()
        latest(page, text).get_by_role("button", name="Reply in thread").click()
        expect(page.locator("#reply-text")).to_have_value("")
        page.fill("#reply-text", f"about the {text}")
    latest(page, "first").hover()
    latest(page, "first").get_by_role("button", name="Reply in thread").click()
    expect(page.locator("#reply-text")).to_have_value("about the first")
    page.press("#reply-text", "Enter")
    page.locator("#thread article", has_text="about the first").wait_for()
    page.press("#reply-text", "ArrowUp")
    expect(page.locator("#reply-text")).to_have_value("about the first")
    be(page, slack, "ines")  # somebody else does not go on editing it
    be(page, slack, "riley")
    latest(page, "first").hover()
    latest(page, "first").get_by_role("button", name="Reply in thread").click()
    expect(page.locator("#reply-text")).to_have_value("")
    expect(page.locator("#reply").get_by_role("button", name="Send")).to_be_visible()
