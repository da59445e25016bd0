"""A lab that is asked for from a message: what the message says stands in the form, and secrets never do."""

from __future__ import annotations

import pytest

from bot.views.message import Message
from tests.commands.forms.test_asking import element, fields
from tests.inn import BLUEPRINTS, CHANNEL, REQUESTER, Inn, View


def opened(inn: Inn, text: str) -> View:
    """The form that opens from a message with this text."""
    said = inn.slack._put(CHANNEL, Message(text, []))
    return inn.uses(REQUESTER, "lab_from_thread", said.ts)


@pytest.fixture
def catalogue(inn: Inn) -> Inn:
    inn.offers("region", BLUEPRINTS["region"] + "\ncost: {per_hour: 0.01}")
    inn.offers("form", BLUEPRINTS["form"].replace("variables: {", "variables: {tags: {default: [a]}, "))
    return inn


def test_the_blueprint_and_the_values_that_it_names(catalogue: Inn) -> None:
    view = opened(catalogue, "Could we have a *web*, `size=large`, title=Tom&amp;Anna, ttl=5h please?")
    assert fields(view) == ["Blueprint", "Name", "size", "title", "Lifetime"]
    assert element(view, "size")["initial_option"]["value"] == "large"  # type: ignore[index]
    assert element(view, "title")["initial_value"] == "Tom&Anna"
    assert view.all.startswith("Some of it is filled in as the message says.")
    assert "$0.10 for 5 h" in view.all
    catalogue.submits(REQUESTER, name="demo")
    assert catalogue.lab().variables == {"size": "large", "title": "Tom&Anna"}
    assert catalogue.lab().ttl_seconds == 5 * 3600


@pytest.mark.parametrize(
    "text", ["The customer wants to see it on Thursday.", "web or region, what do you think?"]
)
def test_a_message_that_names_none_or_several_says_nothing(catalogue: Inn, text: str) -> None:
    view = opened(catalogue, text)
    assert "region" in fields(view)
    assert "Some of it" not in view.all


def test_what_does_not_fit_is_left_to_its_default(catalogue: Inn) -> None:
    view = opened(catalogue, "web size=huge ttl=90d colour=red title=")
    assert element(view, "size")["initial_option"]["value"] == "small"  # type: ignore[index]
    assert element(view, "title")["initial_value"] == "Welcome"
    assert "for 8 h" in view.all


def test_a_secret_in_a_message_is_not_taken(catalogue: Inn) -> None:
    view = opened(catalogue, "form password=canary-of-a-password tags=b,c")
    assert "initial_value" not in element(view, "password")
    assert element(view, "tags")["initial_value"] == "b,c"
    kept = str(catalogue.database.rows("SELECT payload FROM inbox"))
    assert "canary-of-a-password" not in kept


def test_the_menu_has_no_message(catalogue: Inn) -> None:
    assert "Some of it" not in catalogue.uses(REQUESTER, "ask_for_lab").all
