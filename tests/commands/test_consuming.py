"""Labs that use other labs: what they are given, who is told, and who is asked before the other one goes."""

from __future__ import annotations

import pytest

from commands.blueprints.catalogue import Catalogue
from commands.lifetime import sweep as lifetime_sweep
from state import consumers
from tests.inn import BOTH, COLLEAGUE, INFRA, REQUESTER, Inn

CANARY = "canary-of-a-database"
POSTGRES = """
        approvals: {operator: 1, self: true}
        lifetime: {idle: 4h}
        integrate: {publish: [host, password], shared: true}"""
WEB = """
        approvals: {operator: 1, self: true}
        variables: {size: {default: small}}
        consumes: {db: postgres}"""


@pytest.fixture
def provided(inn: Inn) -> Inn:
    """The requester's lab `orders`, of a blueprint that shares."""
    inn.offers("postgres", POSTGRES)
    inn.offers("app", WEB)
    inn.terraform.outputs = {"host": "203.0.113.7", "other": "of no interest"}
    inn.secret_outputs = {"password": CANARY}
    inn.has("orders", "postgres")
    return inn


def uses(inn: Inn, name: str = "mine", owner: object = COLLEAGUE) -> None:
    """A lab that uses it, applied."""
    inn.says(owner, f"/lab up app {name} db=orders")  # type: ignore[arg-type]
    inn.clicks(owner, inn.newest_card(), "Approve")  # type: ignore[arg-type]
    assert inn.newest_card().text.startswith(f"{name}: applied")


def test_what_the_other_lab_publishes_arrives_as_a_variable(provided: Inn) -> None:
    uses(provided)
    assert provided.terraform.given_variables[-1]["db"] == {"host": "203.0.113.7", "password": CANARY}
    assert provided.lab("mine").variables == {"size": "small", "db": "orders"}
    assert provided.holds(CANARY) == []


def test_both_labs_show_it(provided: Inn) -> None:
    uses(provided)
    provided.says(COLLEAGUE, "/lab show mine")
    assert "It uses another lab: `db` is *orders*." in provided.told(COLLEAGUE)
    provided.says(COLLEAGUE, "/lab show orders")
    assert "It is used by *mine*." in provided.told(COLLEAGUE)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/lab up app mine", "`app` also needs `db` (The name of a lab of `postgres`, which this one uses)."),
        ("/lab up app mine db=nothing", "There is no lab `nothing` that could be `db`."),
        ("/lab up app mine db=*", "does not fit `db`."),
        ("/lab up app mine db=waiting", "*waiting* is not there yet, so nothing can use it."),
        ("/lab up app mine db=another", "`db` is a lab of `postgres`, and *another* is one of `web`."),
    ],
)
def test_a_lab_that_cannot_be_used_is_refused(provided: Inn, typed: str, said: str) -> None:
    provided.says(REQUESTER, "/lab up postgres waiting")
    provided.says(REQUESTER, "/lab up web another")
    provided.says(COLLEAGUE, typed)
    assert said in provided.told(COLLEAGUE)


def test_a_lab_that_is_not_shared_is_for_its_owner_and_infra_people(provided: Inn) -> None:
    provided.offers("postgres", POSTGRES.replace(", shared: true", ""))
    provided.says(COLLEAGUE, "/lab up app mine db=orders")
    assert "*orders* is <@U1>'s lab, and its blueprint does not share it." in provided.told(COLLEAGUE)
    uses(provided, "mine", REQUESTER)


def test_that_waits_in_the_home_tab_of_those_owners(provided: Inn) -> None:
    uses(provided)
    provided.says(REQUESTER, "/lab down orders")
    home = provided.opens_home(COLLEAGUE)
    assert home.texts[0].startswith("*orders* · to be destroyed · asked for by <@U1> in <#C1>")
    assert "Waiting for *operator* and *owner of mine*." in home.texts[0]
    assert "to be destroyed" not in provided.opens_home(INFRA).all
    home = provided.clicks_home(COLLEAGUE, "Approve")
    assert home.texts[0].startswith("Your approval of *orders* counts for")


def test_destroying_it_asks_the_owners_of_what_uses_it(provided: Inn) -> None:
    uses(provided)
    uses(provided, "own", REQUESTER)
    provided.says(REQUESTER, "/lab down orders")
    card = provided.newest_card()
    assert "*mine* (<@U2>) and *own* (<@U1>) use it, and will not work without it." in card.all
    assert "wants to destroy *orders*, which your lab *mine* uses" in provided.told(COLLEAGUE)
    provided.clicks(REQUESTER, card, "Approve")
    assert "Waiting for *owner of mine*." in provided.card(card).all.replace("**", "*")
    provided.clicks(BOTH, card, "Approve")
    assert "This plan needs" in provided.told(BOTH)
    provided.clicks(COLLEAGUE, provided.card(card), "Approve")
    assert provided.card(card).text.startswith("orders: destroyed")


def test_an_owner_who_is_no_operator_any_more_does_not_count(provided: Inn) -> None:
    uses(provided)
    provided.says(REQUESTER, "/lab down orders")
    card = provided.newest_card()
    provided.clicks(COLLEAGUE, card, "Approve")
    provided.vault.add(COLLEAGUE)
    provided.clicks(REQUESTER, provided.card(card), "Approve")
    assert provided.card(card).text.startswith("orders: proposed")


def test_one_who_owns_what_uses_it_may_reject_it(provided: Inn) -> None:
    uses(provided)
    provided.says(REQUESTER, "/lab down orders")
    provided.clicks(COLLEAGUE, provided.newest_card(), "Reject")
    provided.submits(COLLEAGUE, reason="mine is still needed")
    assert provided.newest_card().text.startswith("orders: rejected")


def test_what_is_about_to_go_is_used_by_nothing_new(provided: Inn) -> None:
    provided.says(REQUESTER, "/lab down orders")
    provided.says(COLLEAGUE, "/lab up app mine db=orders")
    assert "*orders* is about to be destroyed" in provided.told(COLLEAGUE)


def test_a_lab_whose_other_lab_is_gone_can_be_destroyed_and_not_planned(provided: Inn) -> None:
    uses(provided)
    provided.says(REQUESTER, "/lab down orders")
    card = provided.newest_card()
    provided.clicks(REQUESTER, card, "Approve")
    provided.clicks(COLLEAGUE, provided.card(card), "Approve")
    provided.says(COLLEAGUE, "/lab plan mine")
    assert "There is no lab `orders` that could be `db`." in provided.told(COLLEAGUE)
    provided.says(COLLEAGUE, "/lab down mine")
    assert provided.terraform.given_variables[-1]["db"] is None
    provided.clicks(COLLEAGUE, provided.newest_card(), "Approve")
    assert provided.newest_card().text.startswith("mine: destroyed")


def test_it_counts_as_used_while_what_uses_it_is(provided: Inn) -> None:
    uses(provided)
    provided.clock.passes(hours=3)
    provided.says(COLLEAGUE, "/lab output mine")
    provided.clock.passes(hours=2)
    lifetime_sweep.sweep(provided.deps, provided.clock())
    assert provided.lab("orders").last_active_how == "its consumer mine"
    assert provided.lab("orders").reminders == 0


def test_the_owners_of_what_uses_it_are_told_of_its_end_and_do_not_keep_it(provided: Inn) -> None:
    uses(provided)
    provided.clock.passes(hours=5)
    lifetime_sweep.sweep(provided.deps, provided.clock())
    provided.works()
    told = [said.text for said in provided.slack.private(COLLEAGUE.user)]
    assert any("*orders*, which your lab *mine* uses, will be destroyed" in each for each in told)
    for _ in range(20):
        provided.clock.passes(minutes=30)
        lifetime_sweep.sweep(provided.deps, provided.clock())
        provided.works()
    assert provided.lab("orders").gone_at is not None


def test_another_lab_can_take_its_place(provided: Inn) -> None:
    uses(provided)
    provided.has("archive", "postgres")
    provided.says(COLLEAGUE, "/lab plan mine db=archive")
    found = consumers.of_consumer(provided.database, provided.lab("mine").id)
    assert [lab.name for lab in found.values()] == ["archive"]


def test_blueprints_that_need_one_another_are_broken(inn: Inn) -> None:
    for name, of in (("one", "two"), ("two", "three"), ("three", "one"), ("four", "one"), ("self", "self")):
        inn.offers(name, f"approvals: {{infra: 1}}\nconsumes:\n  other: {of}")
    catalogue = Catalogue(inn.folder / "labs")
    broken = {each.folder: each for each in catalogue.broken()}
    assert set(broken) == {"one", "two", "three", "self"}
    assert (
        broken["one"].sentence == "No lab of it could ever be made: `one` uses `two` uses `three` uses `one`."
    )
    lines = (inn.folder / "labs" / "one" / "blueprint.yaml").read_text().splitlines()
    assert lines[broken["one"].line - 1].strip() == "other: two"
    inn.says(INFRA, "/lab catalog")
    assert "one" in inn.private(INFRA).all
