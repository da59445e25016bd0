"""Somebody puts files into a conversation at the page, and the app hears of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from bot.playground.server import LocalSlack
from tests.bot.playground.listening_app import event, listening_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture
def slack() -> Iterator[LocalSlack]:
    with listening_workspace(app_name="Keeper") as workspace:
        yield workspace


def test_files_are_attached_with_what_stands_in_the_box(
    visit: Callable[..., Page], slack: LocalSlack
) -> None:
    ada = slack.add_user("ada")
    where = slack.add_channel("lab", [ada])
    page = visit(slack)
    page.fill("#text", "Two of them")
    with page.expect_file_chooser() as asked:
        page.locator("#compose").get_by_role("button", name="Attach files").click()
    files = [("a.txt", b"one"), ("b.txt", b"two")]
    asked.value.set_files([{"name": name, "mimeType": "text/plain", "buffer": text} for name, text in files])
    article = page.locator("#log article", has_text="Two of them")
    article.get_by_role("link", name="a.txt", exact=True).wait_for()
    assert page.input_value("#text") == ""
    heard = event(slack, "message", subtype="file_share")
    assert [file["name"] for file in heard["files"]] == ["a.txt", "b.txt"]
    (message,) = slack.messages(where)
    assert [file.content for file in message.files] == [b"one", b"two"]
    article.hover()
    article.get_by_role("button", name="Reply in thread").click()
    with page.expect_file_chooser() as asked:
        page.locator("#reply").get_by_role("button", name="Attach files").click()
    asked.value.set_files([{"name": "c.txt", "mimeType": "text/plain", "buffer": b"three"}])
    page.locator("#thread article", has_text="c.txt").wait_for()
    assert slack.messages(where)[-1].thread_ts == message.ts
