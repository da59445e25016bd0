"""What people get wrong: each has a clear private answer, changes nothing, and is in the audit where it was refused."""

from __future__ import annotations

import json

import pytest

from tests.integration.house import House, said

pytestmark = pytest.mark.integration


def counts(house: House) -> tuple[int, ...]:
    """What must not change. What the house is still at, from before, does."""
    house.rests()
    tables = ("labs", "runs", "approvals", "cards", "outbox", "tfstate", "tflocks")
    return tuple(house.rows(f"SELECT COUNT(*) AS many FROM {table}")[0]["many"] for table in tables)


REFUSED = {
    "an unknown blueprint": ("/lab up pear demo", "There is no blueprint `pear`. Did you mean `pair`?"),
    "a name that is taken": ("/lab up pair taken", "There is a lab `taken` already."),
    "a name that is too long": (f"/lab up pair {'a' * 41}", "(this one has 41)"),
    "a way out of the folder": ("/lab up pair ../../etc", "A lab cannot be called `../../etc`."),
    "a blueprint outside": ("/lab up ../pair demo", "There is no blueprint `../pair`."),
    "an emoji for a name": ("/lab up pair 🏨🏨🏨", "A lab cannot be called"),
    "an unknown variable": (
        "/lab up pair demo siez=large",
        "`pair` has no variable `siez`. Did you mean `size`?",
    ),
    "a value outside the choices": ("/lab up pair demo size=larg", "Did you mean `large`?"),
    "a variable given twice": ("/lab up pair demo size=small size=large", "`size` is given twice."),
    "a ttl over max": ("/lab up pair demo ttl=4d", "lives 3 days at most"),
    "a ttl that is no time": ("/lab up pair demo ttl=soon", "`soon` is not a duration"),
    "five thousand characters": (f"/lab up pair demo note={'x' * 5000}", "I read up to 2,000"),
    "a control character": ("/lab up pair demo note=a\x07b", "There is an invisible character (U+0007)"),
    "a bidirectional override": (
        "/lab up pair demo note=a\u202eb",
        "There is an invisible character (U+202E)",
    ),
    "a quote without an end": ("/lab up pair demo note='a", "has no end"),
    "a wrong word": ("/lab upp pair demo", "Did you mean `/lab up`?"),
    "too many words": ("/lab up pair demo and more", "Say which blueprint, and how to call the lab."),
    "an unknown lab": ("/lab show takne", "Did you mean `taken`?"),
    "a broken blueprint": ("/lab up broken demo", "is broken in `labs/broken/blueprint.yaml`, line 3:"),
    "somebody who is no mention": ("/operator add ines infra", "admin"),
    "a right that one has not": ("/operator list all", "Trusted operators"),
}
CHANGES_NOTHING_AND_IS_RIGHT = ("a right that one has not",)


@pytest.mark.parametrize("what", REFUSED)
def test_a_mistake_is_answered_privately_and_changes_nothing(house: House, what: str) -> None:
    if not house.cards("taken"):
        house.asks(house.ines, "/lab list", expect="lab")
        house.has("solo", "taken")
    command, answer = REFUSED[what]
    before = counts(house)
    refusals = len(house.rows("SELECT sequence FROM audit WHERE action = 'refused'"))
    house.asks(house.riley, command, expect=answer)
    assert counts(house) == before
    if what not in CHANGES_NOTHING_AND_IS_RIGHT:
        assert len(house.rows("SELECT sequence FROM audit WHERE action = 'refused'")) == refusals + 1


def test_an_admins_mistakes_change_no_operator(house: House) -> None:
    for command, answer in (
        ("/operator add @riley infar", "There is no role `infar`. Did you mean `infra`?"),
        ("/operator add riley infra", "`riley` is not a person. Mention them with @."),
        ("/operator add @innkeeper infra", "is a bot in Slack"),
        ("/operator remove @ada", "is the last admin"),
        ("/operator remove @eve", "is no operator"),
        ("/operator show @eve", "is no operator"),
    ):
        before = [(each.person, each.roles, each.version) for each in house.vault.operators()]
        house.asks(house.ada, command, expect=answer)
        assert [(each.person, each.roles, each.version) for each in house.vault.operators()] == before


VALUES = {
    "a Terraform expression": '${file("/etc/passwd")}',
    "an HCL escape": "%{ for x in [1] }y%{ endfor }",
    "emoji and accents": "🏨 Zürich – naïve",
    "shell": "$(touch /tmp/innkeeper-was-here); `id` && exit",
    "JSON": '{"a": ["b", null]}',
    "a ping": "<!channel> @here <!here>",
    "bold and code": "*bold* `code` ~gone~ _it_",
    "markup": "a < b && c > d &amp;",
}


@pytest.mark.parametrize("what", VALUES)
def test_a_value_stays_the_text_that_was_typed(house: House, what: str) -> None:
    """It reaches Terraform letter by letter, and Slack shows it without obeying it."""
    lab = f"literal-{list(VALUES).index(what)}"
    quoted = '"' + VALUES[what] + '"' if '"' not in VALUES[what] else f"'{VALUES[what]}'"
    house.asks(house.riley, f"/lab up pair {lab} note={quoted}")
    card = house.card(f"{lab}: proposed")
    assert json.loads(house.runs(lab)[0]["variables"])["note"] == VALUES[what]
    assert "root:" not in said(card) + house.thread(card)
    for message in house.slack.messages(house.channel):
        assert "<!" not in said(message).replace("<!date", ""), "nobody is pinged"
    run = house.runs(lab)[0]
    plan = house.bots_vault().unseal(run["plan"], f"plan {run['id']}")
    assert b"root:x:" not in plan


def test_a_mention_and_a_link_as_values_ping_nobody(house: House) -> None:
    house.asks(house.riley, "/lab up pair pinging note=@ines size=small")
    card = house.card("pinging: proposed")
    head = card.blocks[0]["text"]["text"]
    assert f"<@{house.ines}>" not in head
    house.asks(house.riley, "/lab up pair linking note=https://example.com/a?b=c&d=e")
    house.card("linking: proposed")
    assert json.loads(house.runs("linking")[0]["variables"])["note"] == "https://example.com/a?b=c&d=e"


def test_a_module_that_does_not_plan_says_where(house: House) -> None:
    house.asks(house.riley, "/lab up unplannable puzzle")
    failed = house.card("puzzle: failed")
    assert "main.tf:2" in said(failed)
    assert "nowhere" in said(failed)
    house.reply(failed, "did not come up")
    house.rests()
    assert house.locks() == []
    assert "Re-plan" in said(failed)


def test_a_broken_blueprint_is_named_with_its_line_and_the_others_still_work(house: House) -> None:
    pages = ("/lab catalog", "/lab catalog page=2")
    catalog = "".join(house.asks(house.riley, each, expect="Blueprints") for each in pages)
    assert "labs/broken/blueprint.yaml:3" in catalog
    for name in ("pair", "solo", "leaky"):
        assert f"*{name}*" in catalog
    house.asks(house.riley, "/lab up solo beside-broken")
    house.card("beside-broken: proposed")


def test_clicks_on_the_cards_of_finished_runs_do_nothing(house: House) -> None:
    house.asks(house.riley, "/lab up solo finished")
    proposed = house.card("finished: proposed")
    house.presses(house.riley, proposed, "Approve", expect="counts for")
    house.card("finished: applied")
    before = counts(house)
    house.presses(house.riley, proposed, "Approve", expect="This plan is applied, so it waits for nobody.")
    house.presses(house.riley, proposed, "Reject", expect="This plan is applied, so it waits for nobody.")
    assert counts(house) == before
    house.asks(house.riley, "/lab down finished")
    house.presses(house.riley, house.card("finished: proposed", number=2), "Approve", expect="counts for")
    house.card("finished: destroyed")
    before = counts(house)
    house.presses(
        house.riley, proposed, "Re-plan", expect="That lab is gone, so there is nothing left to do."
    )
    assert counts(house) == before


def test_nobody_touches_somebody_elses_lab(house: House) -> None:
    house.has("solo", "somebodys")
    house.trust(house.eve, "operator")
    before = counts(house)
    for command in ("down", "plan", "cancel", "unlock"):
        house.asks(house.eve, f"/lab {command} somebodys", expect=f"*somebodys* is <@{house.riley}>'s lab.")
    assert counts(house) == before
    house.vault.remove_operator(house.trust(house.eve, "operator"))
    house.asks(house.eve, "/lab list", expect="not a trusted operator")


def test_guests_and_people_who_left_are_nobody_whatever_their_document_says(house: House) -> None:
    for name, values, answer in (
        ("gina", {"guest": "single_channel"}, "guests cannot be trusted operators"),
        ("dora", {"deleted": True}, "This Slack account is deactivated"),
    ):
        user = house.joins(name)
        house.trust(user, "operator", "infra")
        house.slack.workspace.change_user(user, **values)
        house.asks(user, "/lab up solo from-a-guest", expect=answer)
    assert house.rows("SELECT * FROM labs WHERE name = 'from-a-guest'") == []


def test_a_namesake_from_another_workspace_has_no_rights_here(house: House) -> None:
    """In a shared channel a person is their own workspace and id, and not the app's workspace and that id."""
    other = house.slack.add_team("Partner")
    visitor = house.joins("visitor", team=other)
    house.trust(visitor, "operator")  # written for the app's own workspace
    house.asks(visitor, "/lab up solo visited", expect="not a trusted operator")
    house.trust(visitor, "operator", team=other)
    house.asks(visitor, "/lab up solo visited")
    house.card("visited: proposed")
    assert house.runs("visited")[0]["requester"] == f"{other}-{visitor}"
