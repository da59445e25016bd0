"""What labs that are gone have left in Vault is taken back by a sweep, and nothing of anybody else's."""

from __future__ import annotations

import pytest

from commands import leftovers
from commands.steps import integrate, secure
from state import labs
from tests.inn import REQUESTER, Inn


@pytest.fixture
def left(inn: Inn) -> Inn:
    """A lab that is gone, while Vault was away when it went."""
    inn.steps |= {"secure": secure, "integrate": integrate}
    inn.terraform.outputs = {"address": "203.0.113.7"}
    inn.offers(
        "published",
        """
        approvals: {operator: 1, self: true}
        secure: {tls: {domain: lab.test}}
        integrate: {publish: [address]}""",
    )
    inn.has("demo", "published")
    inn.says(REQUESTER, "/lab connect demo")
    labs.leave(inn.database, inn.lab().id, inn.clock())
    return inn


def test_all_of_it_goes(left: Inn) -> None:
    serial = left.vault.lab_secrets["demo/tls"]["serial_number"]
    assert leftovers.sweep(left.deps, left.clock()) == "took back what 1 lab left in Vault, 0 wait"
    assert (left.vault.lab_secrets, left.vault.lab_roles) == ({}, {})
    assert left.vault.tls_revoked == {serial}
    assert leftovers.sweep(left.deps, left.clock()) == "took back what 0 labs left in Vault, 0 wait"
    assert left.audited("taken_back") == [("innkeeper", "taken_back", "demo")]


def test_a_living_lab_keeps_what_it_has(left: Inn) -> None:
    left.says(REQUESTER, "/lab up published demo")
    leftovers.sweep(left.deps, left.clock())
    assert set(left.vault.lab_secrets) == {"demo", "demo/tls", "demo/secured"}


def test_what_was_never_ours_stays(left: Inn) -> None:
    left.vault.write_lab_secret("somebody-elses", {"a": "b"})
    leftovers.sweep(left.deps, left.clock())
    assert left.vault.labs_with_secrets() == {"somebody-elses"}


def test_vault_away_is_no_fault(left: Inn) -> None:
    left.vault.failing["I cannot revoke it"] = "away"
    assert leftovers.sweep(left.deps, left.clock()) == "took back what 0 labs left in Vault, 1 wait"
    left.vault.state = "sealed"
    assert "is looked at later: Vault is sealed" in leftovers.sweep(left.deps, left.clock())
    left.vault.state = "ready"
    left.vault.failing.clear()
    leftovers.sweep(left.deps, left.clock())
    assert left.vault.labs_with_secrets() == set()
