"""Who is called for an approval where they do not see the card: directly, each once, and only they."""

from __future__ import annotations

from tests.bot.test_notifier import queued
from tests.inn import BOTH, CHANNEL, INFRA, INFRA_TOO, REQUESTER, SECURITY, Inn

CALLED = (INFRA, INFRA_TOO, SECURITY, BOTH)


def closed(inn: Inn) -> str:
    """A card that went to the requester directly, as its channel takes none. Gives where it is."""
    inn.slack.closed[CHANNEL] = "not_in_channel"
    queued(inn)
    inn.works()
    return inn.slack.direct_channel(REQUESTER.user)


def test_those_who_do_not_see_the_card_are_told_directly(inn: Inn) -> None:
    (card,) = inn.cards(closed(inn))
    said = (
        "<@U1>'s *demo* needs your approval for *infra* and *security* (2 to add, nothing to change or destroy). "
        "Its card is in their messages with me, where you do not see it: the plan waits in my Home tab, and "
        f"`/lab logs {inn.run().id}` has all of it."
    )
    assert [inn.told(person) for person in CALLED] == [said] * len(CALLED)
    told = "I have told <@U3>, <@U4>, <@U5> and <@U6> directly."
    assert inn.replies(card)[-1] == (
        f"*demo* waits for *infra* and *security*. Nobody else sees our direct messages, so {told}"
    )
    inn.is_tidy()


def test_they_are_told_once_and_can_approve_from_their_home_tab(inn: Inn) -> None:
    closed(inn)
    for person in (INFRA, SECURITY):
        assert "*demo* · proposed" in inn.opens_home(person).all
        inn.clicks_home(person, "Approve")
    assert [len(inn.slack.private(person.user)) for person in CALLED] == [1] * len(CALLED)
    assert inn.runs() == ["applied"]


def test_in_a_channel_they_are_called_below_the_card_alone(inn: Inn) -> None:
    card = inn.says(REQUESTER, "/lab up web demo").card()
    assert inn.replies(card)[-1].startswith("<@U3> <@U4> <@U5> <@U6> *demo* needs your approval")
    assert [inn.slack.private(person.user) for person in CALLED] == [[], [], [], []]


def test_where_nobody_can_be_named_the_teams_are_called_below_the_card(inn: Inn) -> None:
    inn.vault.failing["I cannot read who the operators are"] = "sealed"
    (card,) = inn.cards(closed(inn))
    assert inn.replies(card)[-1].startswith("*infra* and *security*: *demo* needs your approval")


def test_a_question_about_more_time_is_put_to_infra_people_directly(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up open demo", channel="D1")
    (card,) = inn.cards("D1")
    approve = card.seen.buttons["Approve"]["value"]
    inn.asks(inn.presses(REQUESTER, "approve", approve, channel="D1"))
    inn.says(REQUESTER, "/lab extend demo 3d", channel="D1")
    assert "I have asked them directly." in inn.told(REQUESTER)
    for person in (INFRA, INFRA_TOO, BOTH):
        shown = inn.private(person)
        assert shown.text.startswith("<@U1> wants *demo* to live until")
        assert shown.buttons == ["Approve", "Reject"]
    assert inn.slack.private(SECURITY.user) == []
    inn.clicks(INFRA_TOO, inn.private(INFRA_TOO), "Approve")
    inn.clicks(INFRA, inn.private(INFRA), "Reject")
    assert inn.told(INFRA) == "That question was approved already by <@U4>."
