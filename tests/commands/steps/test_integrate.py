"""The step integrate: what is published, who reads it, and that nobody does when the lab goes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from commands.blueprints.records import Blueprint, Secure
from commands.engines.vault.protocol import VaultDenied
from commands.steps import integrate, secure
from commands.steps.step import StepFailed, Work
from tests.inn import REQUESTER, Inn

PUBLISHED = "approvals: {operator: 1, self: true}\nintegrate: {publish: [address, password]}"


def work(inn: Inn, publish: tuple[str, ...], outputs: Mapping[str, Any], asked: Secure | None = None) -> Work:
    if not inn.slack.public("C1"):
        inn.has("demo", "open")
    folder = Path(inn.folder)
    blueprint = Blueprint("open", "", folder, folder, secure=asked or Secure(), publish=publish)
    no = threading.Event()
    return Work(
        inn.deps, inn.lab(), inn.run(), blueprint, outputs, (), folder, no, lambda: False, lambda said: None
    )


def consumer(inn: Inn) -> str:
    """Somebody who was let in."""
    wrapped = inn.vault.lab_secret_id("demo", REQUESTER, "g1", 3600)
    secret_id = inn.vault.unwrap(wrapped.token)["secret_id"]
    return inn.vault.consumer_logs_in(inn.vault.lab_roles["demo"].role_id, secret_id)


def test_what_a_lab_publishes_lies_in_vault_and_only_there(inn: Inn) -> None:
    inn.steps["integrate"] = integrate
    inn.terraform.outputs = {"address": "203.0.113.7"}
    inn.secret_outputs = {"password": "canary-of-an-output"}
    inn.offers("published", PUBLISHED)
    card = inn.has("demo", "published")
    assert "✓ integrate 2 values" in card.all
    assert inn.vault.lab_secrets == {"demo": {"address": "203.0.113.7", "password": "canary-of-an-output"}}
    assert inn.vault.consumer_reads(consumer(inn), "demo") == inn.vault.lab_secrets["demo"]
    assert inn.holds("canary-of-an-output") == []


def test_a_lab_that_is_destroyed_is_read_by_nobody(inn: Inn) -> None:
    inn.steps["integrate"] = integrate
    inn.offers("published", "approvals: {operator: 1, self: true}\nintegrate: {publish: [address]}")
    inn.terraform.outputs = {"address": "203.0.113.7"}
    inn.has("demo", "published")
    token = consumer(inn)
    inn.says(REQUESTER, "/lab down demo")
    inn.clicks(REQUESTER, inn.newest_card(), "Approve")
    assert inn.newest_card().text.startswith("demo: destroyed")
    assert (inn.vault.lab_secrets, inn.vault.lab_roles) == ({}, {})
    with pytest.raises(VaultDenied):
        inn.vault.consumer_reads(token, "demo")


def test_doing_it_twice_keeps_whoever_is_connected(inn: Inn) -> None:
    step = work(inn, ("address",), {"address": "203.0.113.7"})
    integrate.perform(step)
    token = consumer(inn)
    assert integrate.perform(step).sentence == "1 value"
    assert inn.vault.consumer_reads(token, "demo") == {"address": "203.0.113.7"}


def test_where_more_is_found_is_told_too(inn: Inn) -> None:
    inn.vault.databases["demo.readonly"] = 3600
    asked = Secure(tls_domain="lab.test", database_role="readonly")
    step = work(inn, ("address",), {"address": "x"}, asked)
    secure.perform(step)
    integrate.perform(step)
    assert inn.vault.lab_secrets["demo"] == {
        "address": "x",
        "vault_tls": "innkeeper/labs/demo/tls",
        "vault_database": "database/creds/demo.readonly",
    }


def test_a_role_that_labs_share_is_for_people_alone(inn: Inn) -> None:
    integrate.perform(work(inn, ("address",), {"address": "x"}, Secure(database_role="readonly")))
    assert inn.vault.lab_secrets["demo"] == {"address": "x"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "and not null"),
        ({"a": {"b": "c"}}, "and not a map of more than that"),
        ([["a"]], "and not a list of more than that"),
        ("x" * 300_000, "too long for Vault: look at the output `wrong`"),
    ],
)
def test_what_cannot_be_published_is_named(inn: Inn, value: Any, said: str) -> None:
    with pytest.raises(StepFailed, match=said) as failed:
        integrate.perform(work(inn, ("address", "wrong"), {"address": "x", "wrong": value}))
    assert "`wrong`" in failed.value.sentence
    assert inn.vault.lab_roles == {}


def test_an_output_that_is_missing_is_named(inn: Inn) -> None:
    with pytest.raises(StepFailed, match=r"There is no output `port`.*The lab has `address`"):
        integrate.perform(work(inn, ("port",), {"address": "x"}))


def test_plain_values_of_every_kind_can_be_published(inn: Inn) -> None:
    values: dict[str, Any] = {
        "a": "text",
        "b": 1.5,
        "c": True,
        "d": ["x", 1],
        "e": {"host": "x", "port": 5432},
    }
    integrate.perform(work(inn, tuple(values), values))
    assert inn.vault.lab_secrets["demo"] == values
