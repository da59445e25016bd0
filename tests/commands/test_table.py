"""The one table: what every request passes through."""

from __future__ import annotations

from dataclasses import replace

import pytest

from commands.request import Refused, Request
from commands.table import ACTIONS, COMMANDS, handle
from state import habits
from state.records import Person
from tests.inn import ADMIN, CHANNEL, INFRA, REQUESTER, STRANGER, Inn


def a_request(*words: str, person: Person = REQUESTER) -> Request:
    return Request(id="R1", person=person, channel=CHANNEL, words=words)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command.words))
def test_each_command_is_whole(command: object) -> None:
    surface, word = command.words  # type: ignore[attr-defined]
    assert command.example.startswith(f"/{surface} {word}")  # type: ignore[attr-defined]
    assert command.help.endswith(".")  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.roles], ids=lambda each: each.usage)
def test_a_stranger_may_ask_for_help_and_for_nothing_else(inn: Inn, command: object) -> None:
    with pytest.raises(Refused, match="You are not a trusted operator yet"):
        handle(a_request(*command.words, person=STRANGER), inn.deps)  # type: ignore[attr-defined]
    assert inn.audited()[-1][:2] == (STRANGER.key, "refused")


@pytest.mark.parametrize("action", ACTIONS)
def test_a_stranger_may_press_no_button(inn: Inn, action: str) -> None:
    with pytest.raises(Refused, match="You are not a trusted operator yet"):
        handle(a_request(action, "run:digest", person=STRANGER), inn.deps)


def test_rights_are_read_afresh_for_each_request(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab list")
    before = inn.vault.reads
    inn.says(REQUESTER, "/lab list")
    assert inn.vault.reads > before
    inn.vault.remove_operator(REQUESTER)
    inn.says(REQUESTER, "/lab list")
    assert inn.told(REQUESTER).startswith("You are not a trusted operator yet.")


@pytest.mark.parametrize(
    ("state", "because"),
    [
        ("sealed", "Vault is sealed, so I cannot check who you are. I have not done anything."),
        ("slow", "Vault took too long to answer, so I cannot check who you are. I have not done anything."),
        ("away", "Vault is away, so I cannot check who you are. I have not done anything."),
        ("denied", "Vault does not allow it, so I cannot check who you are. I have not done anything."),
    ],
)
def test_without_vault_nothing_is_done_and_afterwards_it_works_again(
    inn: Inn, state: str, because: str
) -> None:
    card = inn.says(REQUESTER, "/lab up web demo").card()
    inn.vault.state = state  # type: ignore[assignment]
    inn.says(REQUESTER, "/lab up web other")
    assert inn.told(REQUESTER).startswith(because)
    inn.clicks(INFRA, card, "Approve")
    assert inn.told(INFRA).startswith(because)
    assert inn.audited("refused", "approved") == [
        (REQUESTER.key, "refused", "web"),
        (INFRA.key, "refused", "demo"),
    ]
    assert len(inn.cards()) == 1
    inn.vault.state = "ready"
    inn.approved(card)
    assert inn.card(card).text.startswith("demo: applied")


def test_whom_slack_does_not_tell_is_not_let_in(inn: Inn) -> None:
    inn.slack_tells_who_is_who = False
    inn.says(REQUESTER, "/lab up web demo")
    assert inn.told(REQUESTER) == (
        "Slack does not tell me who you are (`ratelimited`), so I have not done anything. Try again in a minute."
    )
    assert inn.audited() == [(REQUESTER.key, "refused", "web")]


def test_help_needs_no_vault(inn: Inn) -> None:
    inn.vault.state = "sealed"
    inn.says(STRANGER, "/lab help")
    assert "/lab up BLUEPRINT" in inn.private(STRANGER).all


@pytest.mark.parametrize("words", [(), ("keys",), ("launch", "missiles"), ("",)])
def test_what_nobody_knows(inn: Inn, words: tuple[str, ...]) -> None:
    with pytest.raises(Refused, match="I know /lab, /key and /operator"):
        handle(a_request(*words), inn.deps)


def test_a_word_that_is_shown_back_is_harmless(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab `<!channel>` *x*")
    assert inn.told(REQUESTER).startswith("There is no `/lab '@channel'`.")


def test_the_audit_tells_what_was_refused_and_why(inn: Inn) -> None:
    card = inn.says(REQUESTER, "/lab up web demo").card()
    inn.clicks(REQUESTER, card, "Approve")
    inn.says(ADMIN, "/operator audit demo")
    assert "*refused*\ndemo · by <@U1>" in inn.private(ADMIN).all
    assert "why You asked for this plan, so infra and security people approve it." in inn.private(ADMIN).all


def test_where_an_operator_is_now_is_remembered_for_their_quiet_hours(inn: Inn) -> None:
    inn.standings[REQUESTER] = replace(inn.standings[REQUESTER], timezone="Europe/Paris")
    inn.says(REQUESTER, "/lab list")
    assert habits.of(inn.database, REQUESTER).timezone == "Europe/Paris"
    inn.standings[REQUESTER] = replace(inn.standings[REQUESTER], timezone="Asia/Tokyo")
    inn.says(REQUESTER, "/lab list")
    assert habits.of(inn.database, REQUESTER).timezone == "Asia/Tokyo"


def test_of_a_stranger_nothing_is_remembered(inn: Inn) -> None:
    inn.says(STRANGER, "/lab list")
    assert inn.database.rows("SELECT person FROM habits") == []
