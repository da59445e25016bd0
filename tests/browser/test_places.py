"""What is seen stays in its place: the end of a conversation, the box below it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from slack_sdk import WebClient

from bot.playground.server import LocalSlack
from tests.bot.playground.small_app import plain, section
from tests.browser.doing import latest, user

if TYPE_CHECKING:
    from playwright.sync_api import Page

Visit = Callable[..., "Page"]
AT_THE_END = """() => {
    const log = document.querySelector("#log");
    const isLoaded = [...log.querySelectorAll("img")].every((each) => each.complete && each.naturalHeight);
    return log.querySelector("img") && isLoaded && log.scrollHeight - log.scrollTop - log.clientHeight < 2;
}"""


def picture(height: int) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (300, height), "teal").save(made, "PNG")
    return made.getvalue()


def test_a_picture_that_comes_late_pushes_nothing_out_of_sight(
    visit: Visit, slack: LocalSlack, client: WebClient, channel: str
) -> None:
    for number in range(30):
        slack.say(user(slack, "riley"), channel, f"number {number}")
    client.files_upload_v2(channel=channel, filename="a.png", content=picture(320), title="The plan")
    page = visit(slack)
    page.wait_for_function(AT_THE_END)
    page.reload()
    page.wait_for_function(AT_THE_END)


def test_the_box_on_a_phone_is_as_high_as_what_stands_in_it(
    visit: Visit, slack: LocalSlack, channel: str
) -> None:
    page = visit(slack, width=360, height=640)
    page.locator(f"[data-channel={channel}]").click()
    high = "() => document.getElementById('text').clientHeight"
    page.wait_for_function(f"({high})() > 20")
    one_line = page.evaluate(high)
    for text, lines in (("", 1), ("one\ntwo\nthree", 3)):
        page.fill("#text", text)
        page.get_by_role("button", name="Back").click()
        page.select_option("#me", user(slack, "ines"))
        page.wait_for_function("id => document.getElementById('me').value === id", arg=user(slack, "ines"))
        page.select_option("#me", user(slack, "riley"))
        page.locator(f"[data-channel={channel}]").click()
        page.wait_for_function(f"({high})() > {(lines - 0.5) * 22}")
        assert page.input_value("#text") == text
        assert abs(page.evaluate(high) - one_line - (lines - 1) * 22) < 4


def test_what_is_edited_on_a_phone_is_seen_whole(visit: Visit, slack: LocalSlack, channel: str) -> None:
    page = visit(slack, width=360, height=640)
    page.locator(f"[data-channel={channel}]").click()
    slack.say(user(slack, "riley"), channel, "what was said " * 8)
    latest(page, "what was said").wait_for()
    page.press("#text", "ArrowUp")
    page.get_by_role("button", name="Save").wait_for()
    assert page.evaluate("(box => box.scrollHeight <= box.clientHeight + 1)(document.getElementById('text'))")
    assert page.evaluate("document.getElementById('text').clientWidth") > 250


@pytest.mark.parametrize(("width", "height"), [(1200, 800), (360, 640)])
def test_a_menu_opens_where_there_is_room_for_it(
    visit: Visit, slack: LocalSlack, client: WebClient, channel: str, width: int, height: int
) -> None:
    """At the end of the conversation as at its beginning, at the left and at the right."""
    from playwright.sync_api import expect

    options = [{"text": plain(f"Do thing {number}"), "value": str(number)} for number in range(5)]
    menu = {"type": "overflow", "action_id": "end", "options": options}
    row = {"type": "actions", "elements": [menu | {"action_id": "first"}]}
    for name in ("early", "late"):
        client.chat_postMessage(channel=channel, text="x", blocks=[section(name) | {"accessory": menu}, row])
        if name == "early":
            slack.say(user(slack, "riley"), channel, "between\n" * 40)
    page = visit(slack, width=width, height=height)
    if width < 720:
        page.locator(f"[data-channel={channel}]").click()
    latest(page, "late").wait_for()
    for message in (latest(page, "late"), latest(page, "early")):
        for opener in message.get_by_label("More actions").all():
            opener.scroll_into_view_if_needed()
            opener.click()
            option = message.get_by_role("button", name="Do thing")
            expect(option).to_have_count(5)
            for each in option.all():
                expect(each).to_be_in_viewport(ratio=0.99)
            page.keyboard.press("Escape")
            option.first.wait_for(state="hidden")
