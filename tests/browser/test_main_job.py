"""A lab from asking to its end, typed and clicked in the page by five people, with the real bot under it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.integration.house import House

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def test_five_people_play_the_main_job(visit: Callable[..., Page], house: House) -> None:
    page = visit(house.slack)
    page.set_default_timeout(60_000)

    def be(user: str) -> None:
        page.select_option("#me", user)
        page.wait_for_function("id => document.getElementById('me').value === id", arg=user)

    def types(user: str, text: str) -> None:
        be(user)
        page.fill("#text", text)
        page.press("#text", "Enter")

    def sees(text: str) -> Locator:
        found = page.locator("#log article", has_text=text).last
        found.wait_for()
        return found

    def approves(user: str) -> None:
        be(user)
        page.locator("#log").get_by_role("button", name="Approve").last.click()

    types(house.eve, "/lab up pair shown")
    sees("not a trusted operator")
    types(house.riley, "/lab up pair shown")
    sees("pair · proposed")
    approves(house.riley)
    sees("You asked for this plan")
    approves(house.ines)
    sees("Your approval of shown counts for infra")
    approves(house.sam)
    sees("Your approval of shown counts for security")
    house.card("shown: applied")
    sees("pair · applied")
    types(house.riley, "/lab down shown")
    house.card("shown: proposed", number=2)
    sees("to destroy")
    approves(house.ines)
    approves(house.sam)
    house.card("shown: destroyed")
    sees("pair · destroyed")
    types(house.ada, "/operator audit shown")
    page.locator("#log article", has_text="Audit").filter(has_text="destroyed").wait_for()
    assert house.audited("shown", "destroyed") == 1
