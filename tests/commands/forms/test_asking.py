"""Asking for a lab in a form: from nothing, from a shortcut, from a thread; what it shows, and what is wrong."""

from __future__ import annotations

import json
import shutil

import pytest

from bot import requests
from bot.requests import WrongFields
from bot.views.message import Message
from commands.forms.up_form import CHANGED
from tests.commands.grants.test_public_keys import ED25519
from tests.inn import ADMIN, BLUEPRINTS, CHANNEL, INFRA, REQUESTER, SECURITY, STRANGER, Inn, View

LISTS = """
variables:
  networks: {type: list, default: [a, b], help: Who may reach it}
  zones: {type: list, choices: [eu, us], default: [eu], help: Where it stands}
"""


def fields(view: View) -> list[str]:
    """What is asked for, by its label."""
    return [block["label"]["text"] for block in view.view["blocks"] if block["type"] == "input"]


def element(view: View, label: str) -> dict[str, object]:
    (found,) = [
        block["element"]
        for block in view.view["blocks"]
        if block["type"] == "input" and block["label"]["text"] == label
    ]
    return dict(found)


@pytest.fixture
def catalogue(inn: Inn) -> Inn:
    inn.offers("region", BLUEPRINTS["region"] + "\ncost: {per_hour: 0.01}")
    return inn


def test_lab_up_alone_opens_a_form_of_the_blueprint_that_costs_least(catalogue: Inn) -> None:
    catalogue.says(REQUESTER, "/lab up")
    view = catalogue.view()
    assert fields(view) == ["Blueprint", "Name", "region", "Lifetime"]
    assert [option["value"] for option in element(view, "Blueprint")["options"]] == ["region", "web"]  # type: ignore[attr-defined]
    assert (
        view.all
        == "About $0.01 an hour, $0.08 for 8 h. You see the plan first; *infra* and *security* people approve it."
    )


def test_another_blueprint_shows_its_variables_and_what_it_costs(catalogue: Inn) -> None:
    catalogue.says(REQUESTER, "/lab up")
    view = catalogue.chooses(REQUESTER, blueprint="web", name="demo")
    assert fields(view) == ["Blueprint", "Name", "size", "title", "Lifetime"]
    assert element(view, "size")["initial_option"]["value"] == "small"  # type: ignore[index]
    assert element(view, "title")["initial_value"] == "Welcome"
    assert view.all.startswith("About $0.02 an hour, $0.16 for 8 h.")
    options = element(view, "Lifetime")["options"]
    assert [option["value"] for option in options] == ["1h", "2h", "4h", "8h", "12h", "1d", "2d", "3d"]  # type: ignore[attr-defined]
    assert catalogue.chooses(REQUESTER, ttl="3d").all.startswith("About $0.02 an hour, $1.44 for 3 days.")


def test_what_is_sent_is_planned_as_if_it_were_typed(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up")
    inn.submits(REQUESTER, name="demo", size="large", title="Two words", ttl="4h")
    assert inn.newest_card().text.startswith("demo: proposed")
    assert inn.lab().variables == {"size": "large", "title": "Two words"}
    assert inn.lab().ttl_seconds == 4 * 3600
    assert inn.cards()[0].said.channel == CHANNEL


def test_a_form_sent_twice_is_one_lab(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up")
    asked = inn.submits(REQUESTER, name="demo")
    inn.intake.work(asked.entry, inn.clock())
    assert inn.runs() == ["proposed"]


def test_mistakes_are_told_under_their_fields_and_nothing_is_recorded(catalogue: Inn) -> None:
    catalogue.says(REQUESTER, "/lab up")
    before = len(catalogue.database.rows("SELECT id FROM inbox"))
    with pytest.raises(WrongFields) as wrong:
        catalogue.submits(REQUESTER, name="De Mo", region="paris")
    assert wrong.value.errors["name"].startswith("A lab cannot be called De Mo. A name has 3 to 40")
    assert wrong.value.errors["region/region"] == (
        "paris does not fit region. It is [a-z]+-[0-9]: such as paris-1."
    )
    assert len(catalogue.database.rows("SELECT id FROM inbox")) == before
    catalogue.submits(REQUESTER, name="demo", region="paris-1")
    assert catalogue.runs() == ["proposed"]


def test_a_name_that_is_taken_is_told_before_the_form_closes(inn: Inn) -> None:
    inn.has("demo")
    inn.says(REQUESTER, "/lab up")
    with pytest.raises(WrongFields) as wrong:
        inn.submits(REQUESTER, name="demo")
    assert wrong.value.errors == {"name": "There is a lab demo already. Choose another name."}


def test_a_name_is_taken_while_its_first_plan_waits_and_free_when_nothing_came_of_it(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up web demo")
    inn.says(REQUESTER, "/lab up")
    with pytest.raises(WrongFields) as wrong:
        inn.submits(REQUESTER, name="demo")
    assert wrong.value.errors == {"name": "There is a lab demo already. Choose another name."}
    inn.says(REQUESTER, "/lab cancel demo")
    inn.says(REQUESTER, "/lab up")
    inn.submits(REQUESTER, name="demo")
    assert inn.runs() == ["cancelled", "proposed"]


def test_a_blueprint_that_changes_while_the_form_is_open_is_told(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up")
    inn.offers("web", BLUEPRINTS["web"].replace("title: {default: Welcome,", "port: {type: number,"))
    with pytest.raises(WrongFields) as wrong:
        inn.submits(REQUESTER, name="demo", size="large", title="Hello")
    assert wrong.value.errors == {"blueprint": CHANGED}
    assert "port" in fields(inn.chooses(REQUESTER, ttl="4h"))
    inn.submits(REQUESTER, name="demo", size="large", port="80")
    assert inn.lab().variables == {"size": "large", "port": 80}


def test_a_blueprint_that_goes_while_the_form_is_open_is_told(catalogue: Inn) -> None:
    catalogue.says(REQUESTER, "/lab up")
    catalogue.chooses(REQUESTER, blueprint="web", name="demo")
    shutil.rmtree(catalogue.folder / "labs" / "web")
    view = catalogue.chooses(REQUESTER, ttl="1h")
    assert view.all.startswith("`web` is no longer in the catalogue. This is `region`.")


@pytest.mark.parametrize(
    ("approvals", "said"),
    [
        ("{operator: 1, self: true}", "You see the plan first, and can approve it yourself."),
        ("{infra: 1}", "You see the plan first; *infra* people approve it."),
        ("{infra: 2, self: true}", "*infra* people approve it, of whom you may be one."),
    ],
)
def test_a_form_says_who_approves(inn: Inn, approvals: str, said: str) -> None:
    inn.offers("asked", f"approvals: {approvals}")
    inn.says(REQUESTER, "/lab up")
    shown = inn.chooses(REQUESTER, blueprint="asked").all
    assert shown.startswith("Its plan says what it costs. ")
    assert shown.endswith(said)


def test_a_form_says_that_the_budget_is_spent(inn: Inn) -> None:
    inn.says(ADMIN, "/lab budget 10")
    inn.offers("dear", "cost: {per_hour: 1}\napprovals: {operator: 1, self: true}")
    inn.has("demo", "dear")
    inn.clock.passes(hours=11)
    inn.says(REQUESTER, "/lab up")
    assert inn.view().all.endswith(
        "This channel has spent $11 of its $10 this month, so infra people approve new labs."
    )


def test_a_form_with_too_many_variables_asks_for_those_that_must_be_given(inn: Inn) -> None:
    optional = "".join(f"  optional_{number}: {{default: x}}\n" for number in range(95))
    inn.offers("huge", f"variables:\n{optional}  required: {{help: This one}}\napprovals: {{infra: 1}}")
    inn.says(REQUESTER, "/lab up")
    view = inn.chooses(REQUESTER, blueprint="huge")
    asked = fields(view)
    assert asked[:3] == ["Blueprint", "Name", "required"]
    assert asked[-1] == "Lifetime"
    assert view.all.startswith("`huge` has 16 variables more, which keep their defaults here.")
    inn.submits(REQUESTER, blueprint="huge", name="demo", required="yes")
    assert inn.lab().variables["required"] == "yes"


def test_a_list_says_how_it_is_typed(inn: Inn) -> None:
    inn.offers("lists", LISTS)
    inn.says(REQUESTER, "/lab up")
    hints = {
        block["label"]["text"]: block["hint"]["text"]
        for block in inn.chooses(REQUESTER, blueprint="lists").view["blocks"]
        if "hint" in block
    }
    assert hints["networks"] == "Who may reach it. Several are separated by commas."
    assert hints["zones"] == "Where it stands"


def test_a_form_that_was_sent_while_it_changed_is_not_taken_for_another(catalogue: Inn) -> None:
    catalogue.says(REQUESTER, "/lab up")
    with pytest.raises(WrongFields) as wrong:
        catalogue.submits(REQUESTER, blueprint="web", region="paris-1")
    assert wrong.value.errors["blueprint"].startswith("The form was still changing")


def test_secrets_are_asked_for_in_the_same_form_and_sealed(inn: Inn) -> None:
    inn.offers("form", BLUEPRINTS["form"])
    inn.says(REQUESTER, "/lab up")
    inn.chooses(REQUESTER, blueprint="form")
    with pytest.raises(WrongFields) as wrong:
        inn.submits(REQUESTER, name="demo", password="canary")
    assert wrong.value.errors == {
        "secret:form/password": "That does not fit password. It is .{8,}: At least eight."
    }
    inn.submits(REQUESTER, name="demo", password="canary-in-a-form")
    assert inn.runs() == ["proposed"]
    assert inn.holds("canary-in-a-form") == []


def test_what_is_typed_as_a_secret_is_not_recorded_when_something_is_chosen(inn: Inn) -> None:
    inn.offers("form", BLUEPRINTS["form"])
    inn.says(REQUESTER, "/lab up")
    inn.chooses(REQUESTER, blueprint="form")
    inn.chooses(REQUESTER, password="canary-in-a-form", ttl="1h")
    assert inn.holds("canary-in-a-form") == []


def test_an_old_choice_does_not_undo_a_new_one(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up")
    old = dict(inn.slack.views[-1])
    inn.chooses(REQUESTER, ttl="2h")
    newest = inn.slack.views[-1]
    inn.slack.views[-1] = old | {"hash": newest["hash"]}
    body = {**inn._form_body(REQUESTER, {"ttl": "3d"}), "actions": [{"action_id": "value"}]}
    body["view"]["hash"] = old["hash"]
    inn.slack.views[-1] = newest
    inn.asks(requests.from_click(body, inn.clock()))
    assert "for 2 h" in inn.view().all


def test_the_shortcut_asks_for_the_channel_too(inn: Inn) -> None:
    assert fields(inn.uses(REQUESTER, "ask_for_lab")) == [
        "Blueprint",
        "Name",
        "size",
        "title",
        "Lifetime",
        "Channel",
    ]
    inn.submits(REQUESTER, name="demo", channel="C7")
    assert [card.text for card in inn.cards("C7")] == [
        "demo: proposed — 2 to add, nothing to change or destroy"
    ]
    (said,) = inn.slack.private(REQUESTER.user)
    assert said.text == "*demo* is being planned. Its card is in <#C7>."
    assert said.channel not in ("C7", CHANNEL)  # directly: they may be looking at any channel


def test_a_lab_from_a_thread_is_linked_there(inn: Inn) -> None:
    said = inn.slack._put(CHANNEL, Message("We need a host for the demo.", []))
    inn.uses(REQUESTER, "lab_from_thread", said.ts)
    inn.submits(REQUESTER, name="demo")
    card = inn.newest_card()
    link = f"https://inn.slack.test/archives/C1/p{card.said.ts.replace('.', '')}"
    assert [each.text for each in inn.slack.thread(said.ts)] == [
        f"<@U1> has asked for *demo* from here. <{link}|Its card.>"
    ]


def test_who_may_not_ask_gets_no_form(inn: Inn) -> None:
    for person in (STRANGER, SECURITY):
        inn.says(person, "/lab up")
        assert inn.slack.views == []
    assert inn.told(SECURITY).startswith("That is for people who hold operator")


def test_an_empty_catalogue(inn: Inn) -> None:
    shutil.rmtree(inn.folder / "labs" / "web")
    inn.says(REQUESTER, "/lab up")
    assert inn.told(REQUESTER).startswith("The catalogue has no blueprint yet")


# The other forms


def test_more_time_in_a_form(inn: Inn) -> None:
    inn.has("demo")
    before = inn.lab().expires_at
    inn.says(REQUESTER, "/lab extend demo")
    with pytest.raises(WrongFields) as wrong:
        inn.submits(REQUESTER, more="other", other="soon")
    assert wrong.value.errors == {
        "other": "soon is not a duration. Durations are written 45s, 30m, 4h or 2d."
    }
    inn.submits(REQUESTER, more="other", other="90m")
    after = inn.lab().expires_at
    assert before is not None
    assert after is not None
    assert (after - before).total_seconds() == 90 * 60
    inn.says(INFRA, "/lab extend demo")
    inn.submits(INFRA)
    assert inn.told(INFRA).startswith("*demo* lives until")


def test_how_much_longer_is_what_was_typed_before_what_was_chosen(inn: Inn) -> None:
    inn.has("demo")
    before = inn.lab().expires_at
    inn.says(REQUESTER, "/lab extend demo")
    with pytest.raises(WrongFields) as wrong:
        inn.submits(REQUESTER, more="other")
    assert wrong.value.errors == {"other": "Say how much longer, such as 12h."}
    inn.submits(REQUESTER, other="12h")  # the choice still says 4 h
    after = inn.lab().expires_at
    assert before is not None
    assert after is not None
    assert (after - before).total_seconds() == 12 * 3600


def test_somebody_is_let_in_with_a_form(inn: Inn) -> None:
    inn.says(ADMIN, "/operator add")
    with pytest.raises(WrongFields) as wrong:
        inn.submits(ADMIN, who="U8", roles="operator", until="a while")
    assert wrong.value.errors == {
        "until": "a while is not a duration. Durations are written 45s, 30m, 4h or 2d."
    }
    inn.submits(ADMIN, who="U8", roles="operator", until="30d")
    assert inn.told(ADMIN).startswith("<@U8> is a trusted operator now: operator, until <!date^")
    assert inn.audited("operator_added") == [(ADMIN.key, "operator_added", STRANGER.key)]


def test_a_key_is_mended_before_its_form_closes(inn: Inn) -> None:
    inn.says(REQUESTER, "/key enroll")
    with pytest.raises(WrongFields) as wrong:
        inn.submits(REQUESTER, key="ssh-ed25519 half")
    assert wrong.value.errors == {
        "key": "That key is not whole: something is missing, or was changed on its way."
    }
    assert "half" not in json.dumps(wrong.value.errors)
    inn.submits(REQUESTER, key=f' "{ED25519}" ')  # as it stood in somebody's notes
    assert inn.told(REQUESTER).startswith("Your key `SHA256:")


def test_a_reason_of_spaces_is_none(inn: Inn) -> None:
    card = inn.says(REQUESTER, "/lab up web demo").card()
    inn.clicks(INFRA, card, "Reject")
    with pytest.raises(WrongFields):
        inn.submits(INFRA, reason="   ")
    assert inn.runs() == ["proposed"]
