"""The Home tab, the forms and the pictures, with the real bot between a real Vault and the local Slack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bot.playground.model import Message, View
from tests.integration.house import House

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def house(new_house: Callable[[], House]) -> Iterator[House]:
    """A house of one's own: a Home tab shows what waits of all labs, those of other tests too."""
    own = new_house()
    own.start()
    yield own
    own.close()


def texts(view: View) -> str:
    return "\n".join(str(block["text"]["text"]) for block in view.blocks if block["type"] == "section")


def home(house: House, user: str, expect: str) -> View:
    """Open the Home tab, and wait until it shows that."""
    house.slack.open_home(user)
    return shown(house, user, expect)


def shown(house: House, user: str, expect: str) -> View:
    def there() -> View | None:
        view = house.slack.home_of(user)
        return view if view is not None and expect in texts(view) else None

    found = house.wait_for(there)
    assert found is not None
    return found


def test_a_lab_from_a_form_to_its_approval_in_home_tabs(house: House) -> None:
    assert "Ask <@" in texts(home(house, house.eve, "You are not a trusted operator yet."))
    house.slack.shortcut(house.riley, "ask_for_lab", house.channel)
    view = house.form(house.riley)
    delivery = house.slack.click(house.riley, view, "value", "pair", block_id="blueprint")
    assert delivery.is_acked

    def changed() -> View | None:
        newest = house.slack.views_of(house.riley)[-1]
        return newest if "pair/size" in [block["block_id"] for block in newest.blocks] else None

    view = house.wait_for(changed) or view
    wrong = {"name": "Form Ed", "blueprint": "pair", "channel": house.channel}
    assert (
        house.slack.submit(house.riley, view, wrong)
        .answer["errors"]["name"]
        .startswith("A lab cannot be called")
    )
    right = {**wrong, "name": "formed", "pair/size": "large"}
    assert house.slack.submit(house.riley, view, right).answer == {}
    house.card("formed: proposed")
    home(house, house.ines, "*formed* · proposed")
    view = shown(house, house.ines, "*formed* · proposed")
    house.slack.click(house.ines, view, "Approve")
    shown(house, house.ines, "Your approval of *formed* counts for *infra*.")
    view = home(house, house.sam, "*formed* · proposed")
    house.slack.click(house.sam, view, "Approve")
    house.card("formed: applied")
    home(house, house.riley, "*formed* · pair · applied")


def test_a_lab_from_a_thread_is_linked_there(house: House) -> None:
    said = house.slack.say(house.riley, house.channel, "We need something for the demo.")
    house.slack.message_shortcut(house.riley, said, "lab_from_thread")
    view = house.form(house.riley)
    house.slack.click(house.riley, view, "value", "solo", block_id="blueprint")
    view = house.wait_for(lambda: _of(house, "solo/ttl=")) or view
    house.slack.submit(house.riley, view, {"blueprint": "solo", "name": "threaded"})
    card = house.card("threaded: proposed")

    def linked() -> Message | None:
        replies = [each for each in house.slack.messages(house.channel) if each.thread_ts == said.ts]
        return replies[-1] if replies else None

    link = house.wait_for(linked)
    assert link is not None
    assert "has asked for *threaded* from here. <" in link.text
    assert card.ts.replace(".", "") in link.text


def _of(house: House, block_id: str) -> View | None:
    newest = house.slack.views_of(house.riley)[-1]
    return newest if block_id in [block["block_id"] for block in newest.blocks] else None


TRIO = """name: trio
summary: Three things, one after the other
terraform: .
approvals: {operator: 1, self: true}
"""
CHAIN = """
resource "terraform_data" "network" {}
resource "terraform_data" "host" {
  count = 2
  input = terraform_data.network.id
}
"""


def test_a_plan_comes_with_its_graph(house: House) -> None:
    (house.labs / "trio").mkdir()
    (house.labs / "trio" / "blueprint.yaml").write_text(TRIO)
    (house.labs / "trio" / "main.tf").write_text(CHAIN)
    house.asks(house.riley, "/lab up trio chained")
    card = house.card("chained: proposed")

    def files() -> list[str]:
        thread = [each for each in house.slack.messages(house.channel) if each.thread_ts == card.ts]
        return [file.name for each in thread for file in each.files]

    house.wait_for(lambda: files() == ["plan.txt", "graph.png"])


def test_a_history_comes_with_its_picture(house: House) -> None:
    house.has("solo", "drawn")

    def image() -> dict[str, Any] | None:
        blocks = [block for each in house.private(house.riley) for block in each.blocks]
        return next((block for block in blocks if block["type"] == "image"), None)

    house.asks(house.riley, "/lab history drawn", expect="History of drawn")
    found = house.wait_for(image)
    assert found is not None
    assert found["alt_text"].startswith("drawn, ")
    assert "applied" in found["alt_text"]


def test_an_open_home_tab_follows_what_others_do(house: House) -> None:
    home(house, house.ines, "You have no lab.")
    house.asks(house.riley, "/lab up pair followed")
    shown(house, house.ines, "*followed* · proposed")  # without opening it again
    house.asks(house.riley, "/lab cancel followed", expect="Cancelled")

    def is_over() -> bool:
        view = house.slack.home_of(house.ines)
        return view is not None and "*followed*" not in texts(view)

    assert house.wait_for(is_over)
