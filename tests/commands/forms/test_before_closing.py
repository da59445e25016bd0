"""A form that cannot be taken stays open, with what was filled in: Vault or Slack away, people, channels, labs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.requests import WrongFields
from tests.commands.forms.test_asking import element, fields
from tests.commands.test_consuming import POSTGRES, WEB
from tests.inn import ADMIN, CHANNEL, COLLEAGUE, INFRA, REQUESTER, STRANGER, Inn

SEALED = (
    "Vault is sealed, so I cannot check who you are. I have not done anything. Try again when it is open."
)


def recorded(inn: Inn) -> int:
    return len(inn.database.rows("SELECT id FROM inbox"))


def wrong(inn: Inn, person: object, **given: str) -> dict[str, str]:
    """What stands in the form that was opened last once it was sent, and that nothing of it was recorded."""
    before, opened = recorded(inn), len(inn.slack.views)
    with pytest.raises(WrongFields) as told:
        inn.submits(person, **given)  # type: ignore[arg-type]
    assert (recorded(inn), len(inn.slack.views)) == (before, opened)
    return told.value.errors


def test_a_form_stays_open_while_vault_is_away(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up")
    inn.vault.state = "sealed"
    assert wrong(inn, REQUESTER, name="demo", title="Long thought of") == {"blueprint": SEALED}
    inn.vault.state = "ready"
    inn.submits(REQUESTER, name="demo", title="Long thought of")
    assert inn.lab().variables["title"] == "Long thought of"


def test_every_form_does(inn: Inn) -> None:
    card = inn.has("demo")
    opened = {
        "more": lambda: inn.says(REQUESTER, "/lab extend demo"),
        "key": lambda: inn.says(REQUESTER, "/key enroll"),
        "who": lambda: inn.says(ADMIN, "/operator add"),
        "reason": lambda: inn.clicks(
            INFRA, inn.says(REQUESTER, "/lab plan demo size=large").card(), "Reject"
        ),
    }
    for first, opens in opened.items():
        opens()
        inn.vault.state = "away"
        assert wrong(inn, REQUESTER)[first].startswith("Vault is away, so I cannot check who you are.")
        inn.vault.state = "ready"
    assert inn.card(card).text.startswith("demo: applied")


def test_a_form_stays_open_while_slack_does_not_tell_who_sent_it(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up")
    inn.slack_tells_who_is_who = False
    told = wrong(inn, REQUESTER, name="demo")
    assert told["blueprint"].startswith("Slack does not tell me who you are (ratelimited)")


def test_who_lost_their_right_meanwhile_is_refused_and_that_is_kept(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up")
    inn.vault.remove_operator(REQUESTER)
    inn.submits(REQUESTER, name="demo")
    assert inn.told(REQUESTER).startswith("You are not a trusted operator yet.")
    assert inn.audited("refused") == [(REQUESTER.key, "refused", REQUESTER.key)]


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ({"is_bot": True}, "That person is a bot in Slack, so they cannot be an operator."),
        ({"is_guest": True}, "That person is a guest in Slack, so they cannot be an operator."),
        ({"is_deleted": True}, "That person is deactivated in Slack, so they cannot be an operator."),
    ],
)
def test_who_cannot_be_an_operator_is_told_in_the_form(inn: Inn, who: dict[str, bool], said: str) -> None:
    inn.standings[STRANGER] = replace(inn.standings[STRANGER], **who)  # type: ignore[arg-type]
    inn.says(ADMIN, "/operator add")
    assert wrong(inn, ADMIN, who="U8", roles="operator") == {"who": said}


def test_the_last_admin_is_told_so_in_the_form(inn: Inn) -> None:
    inn.says(ADMIN, "/operator add")
    told = wrong(inn, ADMIN, who=ADMIN.user, roles="admin", until="1d")
    assert told["until"].startswith(
        "That person is the last admin, and without one nobody could let anybody in."
    )


def test_the_name_of_somebody_elses_failed_lab_is_taken(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up web demo")
    inn.says(REQUESTER, "/lab cancel demo")
    inn.says(COLLEAGUE, "/lab up")
    assert wrong(inn, COLLEAGUE, name="demo") == {"name": "There is a lab demo already. Choose another name."}


def test_a_channel_where_no_commands_are_taken_is_told_in_the_form(inn: Inn) -> None:
    inn.allowed_channels = (CHANNEL,)
    inn.kills()
    inn.uses(REQUESTER, "ask_for_lab")
    said = "I take no commands in that channel. Choose another one."
    assert wrong(inn, REQUESTER, name="demo", channel="C7") == {"channel": said}
    inn.submits(REQUESTER, name="demo", channel=CHANNEL)
    assert inn.newest_card().text.startswith("demo: proposed")


# Labs that use other labs


def test_a_lab_that_is_used_is_chosen_among_those_that_one_may_use(inn: Inn) -> None:
    inn.offers("postgres", POSTGRES)
    inn.offers("app", WEB)
    inn.says(COLLEAGUE, "/lab up")
    inn.chooses(COLLEAGUE, blueprint="app")
    assert "options" not in element(inn.view(), "db")
    hints = [block["hint"]["text"] for block in inn.view().view["blocks"] if "hint" in block]
    assert any(each.endswith("There is none yet that you may use, so ask for one first.") for each in hints)
    inn.has("orders", "postgres")
    inn.says(REQUESTER, "/lab up postgres waiting")
    inn.says(COLLEAGUE, "/lab up")
    inn.chooses(COLLEAGUE, blueprint="app")
    assert [each["value"] for each in element(inn.view(), "db")["options"]] == ["orders"]  # type: ignore[attr-defined]
    inn.submits(COLLEAGUE, name="mine", db="orders")
    assert inn.lab("mine").variables["db"] == "orders"


def test_a_lab_that_one_may_not_use_is_told_in_the_form(inn: Inn) -> None:
    inn.offers("postgres", POSTGRES.replace(", shared: true", ""))
    inn.offers("app", WEB)
    inn.has("orders", "postgres")
    inn.says(COLLEAGUE, "/lab up")
    inn.chooses(COLLEAGUE, blueprint="app")
    assert "db" in fields(inn.view())
    assert wrong(inn, COLLEAGUE, name="mine", db="orders")["app/db"] == (
        "orders is somebody else's lab, and its blueprint does not share it. "
        "Its owner and infra people may use it."
    )
