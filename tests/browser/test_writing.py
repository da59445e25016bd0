"""What people write: edited, deleted, and kept until it is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from slack_sdk import WebClient

from bot.playground.server import LocalSlack
from tests.bot.playground.small_app import plain, section
from tests.browser.doing import be, latest, says, serious, user

if TYPE_CHECKING:
    from playwright.sync_api import Page

Visit = Callable[..., "Page"]
BECOMES = """id => {
    const me = document.getElementById("me");
    me.value = id;
    me.dispatchEvent(new Event("change", { bubbles: true }));
}"""


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
    page.locator("#compose").get_by_role("button", name="Cancel").click()
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


def test_what_was_filled_in_outlives_what_happens_to_its_form(
    visit: Visit, slack: LocalSlack, client: WebClient, channel: str
) -> None:
    """Another form lay upon it, the app changed it, somebody else looked at the page meanwhile."""
    from playwright.sync_api import expect

    page = visit(slack)
    modal = page.locator("#modal")
    says(page, "/form")
    modal.get_by_label("Why").fill("next")
    modal.get_by_role("button", name="Send").click()
    modal.get_by_role("heading", name="Next").wait_for()
    modal.get_by_role("button", name="Cancel").click()
    modal.get_by_role("heading", name="Reject").wait_for()
    expect(modal.get_by_label("Why")).to_have_value("next")
    page.keyboard.press("Escape")
    modal.wait_for(state="hidden")
    says(page, "/everything")
    many = modal.locator(".use-multi_external_select")
    many.locator("summary").click()
    for host in ("host-1", "host-2"):
        many.get_by_label("Search").fill(host)
        many.get_by_label(host).check()
    modal.locator(".use-plain_text_input textarea").fill("because")
    (view,) = slack.views_of(user(slack, "riley"))
    blocks = [section("Changed by the app"), *view.blocks]
    shape = {"type": "modal", "title": plain(view.title), "submit": plain("Send"), "blocks": blocks}
    client.views_update(view_id=view.id, view=shape)
    modal.get_by_text("Changed by the app").wait_for()
    expect(many.locator("summary")).to_have_text("Small, host-1, host-2")
    expect(modal.locator(".use-plain_text_input textarea")).to_have_value("because")
    for name in ("sam", "riley"):  # as a tour does it
        page.evaluate(BECOMES, user(slack, name))
        page.wait_for_function("id => document.getElementById('me').value === id", arg=user(slack, name))
        expect(modal).to_be_visible(visible=name == "riley")
    expect(many.locator("summary")).to_have_text("Small, host-1, host-2")
    expect(modal.locator(".use-plain_text_input textarea")).to_have_value("because")
    many.locator("summary").click()
    many.get_by_label("Search").fill("host")
    expect(many.get_by_label("host-1")).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    modal.wait_for(state="hidden")


def test_the_browser_goes_back_and_forth_and_comes_back_where_one_was(
    visit: Visit, slack: LocalSlack, channel: str
) -> None:
    from playwright.sync_api import expect

    page = visit(slack, width=390, height=780)
    elsewhere = slack.add_channel("elsewhere", list(slack.workspace.channels[channel].members))
    page.locator(f"[data-channel={elsewhere}]").click()
    head = page.locator("#head h1")
    expect(head).to_contain_text("elsewhere")
    page.go_back()
    expect(page.locator("#sides")).to_be_visible()
    page.locator(f"[data-channel={channel}]").click()
    said = slack.say(user(slack, "ines"), channel, "root")
    slack.say(user(slack, "ines"), channel, "inside", thread_ts=said)
    latest(page, "root").get_by_role("button", name="1 reply").click()
    page.locator("#thread article", has_text="inside").wait_for()
    page.reload()
    page.locator("#thread article", has_text="inside").wait_for()
    page.go_back()
    expect(page.locator("#side")).to_be_hidden()
    expect(head).to_contain_text(slack.workspace.channels[channel].name)
    page.go_forward()
    page.locator("#thread article", has_text="inside").wait_for()
    page.go_back()
    says(page, "/form")
    modal = page.locator("#modal")
    modal.get_by_role("heading", name="Reject").wait_for()
    page.go_back()
    modal.wait_for(state="hidden")
    expect(head).to_contain_text(slack.workspace.channels[channel].name)
    page.get_by_role("button", name="Back").click()
    page.locator("#sides").get_by_role("button", name="Keeper").click()
    page.locator("#home .line", has_text="Home").wait_for()
    page.reload()
    page.locator("#home .line", has_text="Home").wait_for()
    page.go_back()
    expect(page.locator("#sides")).to_be_visible()
