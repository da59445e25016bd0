"""What a lab costs where its blueprint does not say: on the card of its plan, and as its cost once it is applied."""

from __future__ import annotations

from state import usages
from tests.inn import CHANNEL, REQUESTER, Inn

PRICES = """date: 2026-06-17
currency: EUR
resources:
  terraform_data: {attribute: size, per_hour: {small: 0.01, large: 0.04}}
"""


def priced(inn: Inn, **values: dict[str, str]) -> Inn:
    """A catalogue with prices, and a blueprint that does not say what its labs cost."""
    inn.offers("plain", "approvals: {operator: 1, self: true}")
    (inn.folder / "labs" / "prices.yaml").write_text(PRICES)
    inn.terraform.values = values or {
        "terraform_data.a": {"size": "small"},
        "terraform_data.b": {"size": "large"},
    }
    return inn


def test_the_card_says_what_the_plan_comes_to(inn: Inn) -> None:
    card = priced(inn).says(REQUESTER, "/lab up plain demo ttl=8h").card()
    assert "about €0.05 an hour" in card.all
    assert "about €0.40 for 8 h" in card.all
    assert (inn.run().cost_per_hour_cents, inn.lab().cost_per_hour_cents) == (5.0, 0)


def test_it_is_the_labs_cost_once_it_is_applied(inn: Inn) -> None:
    priced(inn).has("demo", "plain")
    assert (inn.lab().cost_per_hour_cents, inn.lab().currency) == (5.0, "EUR")
    (usage,) = usages.of_lab(inn.database, inn.lab().id)
    assert (usage.per_hour_cents, usage.currency, usage.channel) == (5.0, "EUR", CHANNEL)


def test_another_plan_costs_something_else(inn: Inn) -> None:
    priced(inn).has("demo", "plain")
    inn.clock.passes(hours=1)
    inn.terraform.values["terraform_data.a"] = {"size": "large"}
    inn.terraform.next_changes = None
    inn.says(REQUESTER, "/lab plan demo")
    run = inn.run()
    if run.state == "proposed":
        inn.approved(inn.newest_card())
        assert inn.lab().cost_per_hour_cents == 8.0


def test_what_has_no_price_is_named(inn: Inn) -> None:
    priced(inn, **{"terraform_data.a": {"size": "small"}})
    card = inn.says(REQUESTER, "/lab up plain demo").card()
    assert "about €0.01 an hour" in card.all
    assert "The price table has no price for terraform_data.b: what it costs comes on top." in card.all


def test_nothing_has_a_price(inn: Inn) -> None:
    priced(inn, **{"terraform_data.a": {"size": "odd"}})
    card = inn.says(REQUESTER, "/lab up plain demo").card()
    assert "an hour" not in card.all
    assert "The price table has no price for terraform_data.a and terraform_data.b" in card.all
    assert inn.run().cost_per_hour_cents is None


def test_the_blueprint_knows_better(inn: Inn) -> None:
    priced(inn)
    card = inn.says(REQUESTER, "/lab up web demo").card()
    assert "about $0.02 an hour" in card.all
    assert inn.run().cost_per_hour_cents == 2.0


def test_a_price_table_that_is_broken(inn: Inn) -> None:
    priced(inn)
    (inn.folder / "labs" / "prices.yaml").write_text("date: soon\n")
    card = inn.says(REQUESTER, "/lab up plain demo").card()
    assert card.text.startswith("demo: proposed")
    assert "labs/prices.yaml, line 1: " in card.all
    assert "So its cost is not known." in card.all


def test_there_is_no_price_table(inn: Inn) -> None:
    priced(inn)
    (inn.folder / "labs" / "prices.yaml").unlink()
    card = inn.says(REQUESTER, "/lab up plain demo").card()
    assert "an hour" not in card.all
    assert "Warning" not in card.all


def test_a_destruction_is_not_priced(inn: Inn) -> None:
    priced(inn).has("demo", "plain")
    inn.says(REQUESTER, "/lab down demo")
    assert inn.run().cost_per_hour_cents is None


def test_a_plan_that_was_applied_before_its_details_came(inn: Inn) -> None:
    """Where nobody has to approve, the apply may be quicker than Terraform's description of the plan."""
    from commands.steps import pricing

    priced(inn)
    (inn.folder / "labs" / "prices.yaml").unlink()
    inn.has("demo", "plain")
    inn.clock.passes(minutes=1)
    (inn.folder / "labs" / "prices.yaml").write_text(PRICES)
    blueprint = inn.deps.catalogue.get("plain")
    planned = [{"address": "terraform_data.a", "type": "terraform_data", "values": {"size": "large"}}]
    pricing.cost_of_plan(
        inn.deps, inn.run(), blueprint, {"planned_values": {"root_module": {"resources": planned}}}
    )
    assert (inn.lab().cost_per_hour_cents, inn.lab().currency) == (4.0, "EUR")
    going_on = usages.open_of(inn.database, inn.lab().id)
    assert going_on is not None
    assert (going_on.per_hour_cents, going_on.started_at) == (4.0, inn.run().ended_at)
