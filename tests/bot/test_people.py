"""What Slack says of a person, through slack-sdk and a local workspace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.people import standing
from bot.playground.server import LocalSlack
from bot.web_client import KeptWebClient
from commands.authorise import StandingUnknown
from commands.request import Refused
from state.records import Person


@pytest.fixture(scope="module")
def slack() -> Iterator[LocalSlack]:
    with LocalSlack() as workspace:
        yield workspace


@pytest.fixture(scope="module")
def client(slack: LocalSlack) -> KeptWebClient:
    return KeptWebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])


def test_a_member(slack: LocalSlack, client: KeptWebClient) -> None:
    user = slack.add_user("ines", "Ines Ferreira", tz="Europe/Lisbon")
    found = standing(client, Person(slack.team, user))
    assert found.person == Person(slack.team, user)
    assert (found.name, found.timezone) == ("Ines Ferreira", "Europe/Lisbon")
    assert not any((found.is_bot, found.is_guest, found.is_deleted))


def test_somebody_of_another_workspace_is_themselves(slack: LocalSlack, client: KeptWebClient) -> None:
    other = slack.add_team("Other")
    user = slack.add_user("vic", team=other)
    assert standing(client, Person(slack.team, user)).person == Person(other, user)


@pytest.mark.parametrize("guest", ["single_channel", "multi_channel"])
def test_guests(slack: LocalSlack, client: KeptWebClient, guest: str) -> None:
    user = slack.add_user(f"gil-{guest}", guest=guest)  # type: ignore[arg-type]
    assert standing(client, Person(slack.team, user)).is_guest


def test_bots_and_deactivated_accounts(slack: LocalSlack, client: KeptWebClient) -> None:
    bot, gone = slack.add_user("robo", is_bot=True), slack.add_user("gone", deleted=True)
    assert standing(client, Person(slack.team, bot)).is_bot
    assert standing(client, Person(slack.team, gone)).is_deleted
    assert standing(client, Person(slack.team, "USLACKBOT")).is_bot


def test_whom_slack_does_not_know_is_nobody(slack: LocalSlack, client: KeptWebClient) -> None:
    with pytest.raises(Refused) as caught:
        standing(client, Person(slack.team, "U99999999"))
    assert caught.value.sentence == (
        "Slack does not tell me who you are (`user_not_found`), so I have not done anything."
    )


@pytest.mark.parametrize("error", ["ratelimited", "internal_error", "invalid_auth"])
def test_what_slack_does_not_say_now_is_asked_again_later(
    slack: LocalSlack, client: KeptWebClient, error: str
) -> None:
    user = slack.add_user(f"who-{error}")
    slack.refuse("users.info", error)
    with pytest.raises(StandingUnknown) as caught:
        standing(client, Person(slack.team, user))
    assert caught.value.sentence == (
        f"Slack does not tell me who you are (`{error}`), so I have not done anything. Try again in a minute."
    )


def test_slack_that_does_not_answer(client: KeptWebClient) -> None:
    away = KeptWebClient("xoxb-1", base_url="http://127.0.0.1:9/api/", retry_handlers=[], timeout=1)
    with pytest.raises(OSError, match="refused"):
        standing(away, Person("T1", "U1"))


def test_an_answer_that_breaks_off(slack: LocalSlack, client: KeptWebClient) -> None:
    user = slack.add_user("brief")
    slack.lose_answer("users.info", "dropped")
    with pytest.raises(OSError, match="broke off"):
        standing(client, Person(slack.team, user))
