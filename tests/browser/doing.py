"""What a person does at the page, and what a test looks for there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.playground.server import LocalSlack

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def user(slack: LocalSlack, name: str) -> str:
    return next(known.id for known in slack.workspace.users.values() if known.name == name)


def be(page: Page, slack: LocalSlack, name: str) -> None:
    page.select_option("#me", user(slack, name))
    page.wait_for_function("id => document.getElementById('me').value === id", arg=user(slack, name))


def says(page: Page, text: str) -> None:
    page.fill("#text", text)
    page.press("#text", "Enter")


def latest(page: Page, text: str) -> Locator:
    return page.locator("#log article", has_text=text).last


def serious(page: Page) -> list[str]:
    """What axe-core holds to be a serious or critical fault of accessibility."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['html'][:200]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
