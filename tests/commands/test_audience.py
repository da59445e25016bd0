"""What is asked for in direct messages with the bot, where nobody sees it who could approve it."""

from __future__ import annotations

import pytest

from tests.inn import CHANNEL, COLLEAGUE, INFRA_TOO, REQUESTER, Inn, Shown

DIRECT = "D1"  # the requester's
ONLY_HERE = "Nobody else sees our direct messages, and infra and security people approve that plan."


def directly(inn: Inn) -> list[Shown]:
    """The cards in the requester's direct messages."""
    return [card for card in inn.cards(DIRECT) if card.text.startswith("demo: ")]


def test_a_lab_that_others_approve_is_asked_for_in_a_channel(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up web demo size=large", channel=DIRECT)
    said = f"{ONLY_HERE} Ask for it in a channel where they are."
    assert inn.told(REQUESTER) == f"{said} `/lab up web demo size=large`"
    assert directly(inn) == inn.cards() == []
    inn.says(REQUESTER, "/lab list mine")
    assert "You have no lab." in inn.private(REQUESTER).all


def test_where_the_requester_alone_decides_it_works_there(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up open demo", channel=DIRECT)
    (card,) = directly(inn)
    inn.vault.add(REQUESTER, "operator", "infra")
    assert "asked for by <@U1> in direct messages" in inn.opens_home(REQUESTER).all
    inn.asks(inn.presses(REQUESTER, "approve", card.seen.buttons["Approve"]["value"], channel=DIRECT))
    assert inn.runs() == ["applied"]
    inn.says(REQUESTER, "/lab down demo", channel=DIRECT)
    assert [card.text.partition(" ")[2].split(" ")[0] for card in directly(inn)] == ["applied", "proposed"]
    assert inn.cards() == []


def test_alone_is_who_holds_the_role(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up solo demo", channel=DIRECT)
    assert "and infra people approve that plan." in inn.told(REQUESTER)
    inn.says(INFRA_TOO, "/lab up solo demo", channel="D4")
    assert inn.cards("D4")[-1].text.startswith("demo: proposed")


@pytest.mark.parametrize("typed", ["/lab plan demo size=large", "/lab down demo"])
def test_of_a_lab_that_is_there_its_channel_is_named(inn: Inn, typed: str) -> None:
    inn.has("demo")
    inn.says(REQUESTER, typed, channel=DIRECT)
    assert inn.told(REQUESTER) == f"{ONLY_HERE} Ask for it in <#{CHANNEL}>. `{typed}`"
    assert inn.runs() == ["applied"]


def test_the_example_can_be_pasted(inn: Inn) -> None:
    inn.says(REQUESTER, '/lab up web demo title="hello big world"', channel=DIRECT)
    assert inn.told(REQUESTER).endswith('`/lab up web demo title="hello big world"`')


@pytest.mark.parametrize("action", ["destroy", "replan"])
def test_a_button_that_is_pressed_there_means_the_labs_channel(inn: Inn, action: str) -> None:
    inn.has("demo")
    inn.asks(inn.presses(REQUESTER, action, inn.run().id, channel=DIRECT))
    assert directly(inn) == []
    assert inn.newest_card().text.startswith("demo: proposed") or inn.runs() == ["applied", "no_changes"]
    assert len(inn.cards()) == 2


def test_the_owner_of_what_uses_it_is_somebody_else(inn: Inn) -> None:
    inn.offers("base", "approvals: {operator: 1, self: true}\nintegrate: {publish: [host], shared: true}")
    inn.offers("app", "approvals: {operator: 1, self: true}\nconsumes: {db: base}")
    inn.terraform.outputs = {"host": "203.0.113.7"}
    inn.has("demo", "base")
    inn.says(COLLEAGUE, "/lab up app theirs db=demo")
    inn.clicks(COLLEAGUE, inn.newest_card(), "Approve")
    inn.says(REQUESTER, "/lab down demo", channel=DIRECT)
    assert "and operator people and the owner of theirs approve that plan." in inn.told(REQUESTER)


def test_the_form_asks_for_a_channel_there(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up", channel=DIRECT)
    blocks = {block["block_id"]: block for block in inn.view().view["blocks"] if block["type"] == "input"}
    assert blocks["channel"]["label"]["text"] == "Channel"
    assert not blocks["channel"].get("optional")
    inn.submits(REQUESTER, name="demo", channel=CHANNEL)
    assert inn.newest_card().text.startswith("demo: proposed")
    assert directly(inn) == []


def test_the_form_leaves_it_open_where_the_requester_alone_may_decide(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up open first")  # it is in the catalogue from now on
    inn.says(REQUESTER, "/lab up", channel=DIRECT)
    inn.chooses(REQUESTER, blueprint="open")
    blocks = {block["block_id"]: block for block in inn.view().view["blocks"] if block["type"] == "input"}
    assert blocks["channel"]["optional"]
    inn.submits(REQUESTER, name="demo")
    assert directly(inn)[-1].text.startswith("demo: proposed")


def test_secrets_are_not_asked_for_in_vain(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up form demo", channel=DIRECT)
    assert inn.slack.views == []
    assert ONLY_HERE in inn.told(REQUESTER)
