"""Who may do what: by the document in Vault as it stands now, and never for bots, guests and deactivated accounts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from commands.authorise import Standing, admins, may_run, operator_of, require
from commands.engines.vault.protocol import VaultAway, VaultSealed, VaultSlow, VaultUnavailable
from commands.request import Refused
from state.records import Person
from tests.fakes.clock import FakeClock
from tests.fakes.vault import FakeVault, State

ADMIN, ANNA, STRANGER = Person("T1", "U0"), Person("T1", "U1"), Person("T1", "U9")


@pytest.fixture
def vault() -> FakeVault:
    vault = FakeVault()
    vault.add(ADMIN, "admin")
    vault.add(ANNA, "operator")
    return vault


def standing(person: Person) -> Standing:
    return Standing(person, "somebody")


def refusal(vault: FakeVault, who: Standing) -> str:
    with pytest.raises(Refused) as refused:
        operator_of(who.person, vault, who)
    return refused.value.sentence


def test_an_operator_is_who_their_document_says(vault: FakeVault) -> None:
    assert operator_of(ANNA, vault, standing(ANNA)).roles == ("operator",)


def test_a_stranger_learns_whom_to_ask(vault: FakeVault) -> None:
    assert refusal(vault, standing(STRANGER)) == (
        "You are not a trusted operator yet. Ask <@U0> to run `/operator add @you operator`. "
        "I have not done anything."
    )


def test_without_any_admin_a_stranger_is_still_refused() -> None:
    assert "Ask an admin to run" in refusal(FakeVault(), standing(STRANGER))


def test_the_same_id_in_another_workspace_is_a_stranger(vault: FakeVault) -> None:
    assert "not a trusted operator" in refusal(vault, standing(Person("T2", "U1")))


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("is_bot", "Bots have no rights here"),
        ("is_guest", "You are a guest in this workspace"),
        ("is_deleted", "This Slack account is deactivated"),
    ],
)
def test_some_are_nobody_whatever_their_document_says(vault: FakeVault, flag: str, says: str) -> None:
    vault.add(ANNA, "operator", "infra", "security", "admin")
    sentence = refusal(vault, replace(standing(ANNA), **{flag: True}))
    assert says in sentence
    assert "I have not done anything." in sentence


def test_slacks_word_on_somebody_else_counts_for_nothing(vault: FakeVault) -> None:
    with pytest.raises(Refused):
        operator_of(ANNA, vault, standing(ADMIN))


def test_a_damaged_document_is_told_to_its_person(vault: FakeVault) -> None:
    vault.documents[ANNA.key] = ({"slack_team": "T1", "slack_user": "U1", "roles": "admin"}, 7)
    assert refusal(vault, standing(ANNA)) == (
        "Your operator document in Vault cannot be trusted: roles is not a list of texts. Ask <@U0> to mend it "
        "with `/operator add @you operator`. I have not done anything."
    )


def test_whose_time_is_over_is_nobody_from_that_moment_on() -> None:
    clock = FakeClock()
    vault = FakeVault(clock)
    vault.add(ADMIN, "admin")
    vault.add(ANNA, "operator", "admin", keys=("ssh-ed25519 AAAA",), expires_at=clock() + timedelta(days=30))
    assert operator_of(ANNA, vault, standing(ANNA)).roles == ("operator", "admin")
    clock.passes(days=30)
    assert refusal(vault, standing(ANNA)) == (
        "Your time as an operator ended <!date^1798102800^{date_short_pretty} {time}|2026-12-24 09:00 UTC>. "
        "Ask <@U0> to run "
        "`/operator add @you operator until=30d`. I have not done anything."
    )
    assert [each.person for each in admins(vault)] == [ADMIN]
    assert [each.ssh_public_keys for each in vault.operators()] == [(), ()]


def test_a_document_without_a_role_gives_nothing(vault: FakeVault) -> None:
    vault.add(ANNA)
    assert "You have no role here." in refusal(vault, standing(ANNA))


def test_rights_end_the_moment_they_are_taken(vault: FakeVault) -> None:
    assert operator_of(ANNA, vault, standing(ANNA))
    vault.remove_operator(ANNA)
    assert "not a trusted operator" in refusal(vault, standing(ANNA))


@pytest.mark.parametrize(
    ("state", "error"), [("sealed", VaultSealed), ("away", VaultAway), ("slow", VaultSlow)]
)
def test_without_vault_nobody_is_anybody(
    vault: FakeVault, state: State, error: type[VaultUnavailable]
) -> None:
    vault.state = state
    with pytest.raises(error) as refused:
        operator_of(ANNA, vault, standing(ANNA))
    assert "I have not done anything." in refused.value.sentence


def test_each_question_is_one_reading(vault: FakeVault) -> None:
    for _ in range(3):
        operator_of(ANNA, vault, standing(ANNA))
    assert vault.reads == 3


def test_a_missing_role_is_named(vault: FakeVault) -> None:
    anna = operator_of(ANNA, vault, standing(ANNA))
    require(anna, "operator", "infra")
    with pytest.raises(Refused) as refused:
        require(anna, "infra", "security")
    assert refused.value.sentence == (
        "That needs the role `infra` or `security`, and you have operator. I have not done anything."
    )
    with pytest.raises(Refused, match="Only admins do that"):
        require(anna, "admin", sentence="Only admins do that.")


def test_admins_are_those_with_the_role(vault: FakeVault) -> None:
    assert [each.person for each in admins(vault)] == [ADMIN]


def test_operators_run_their_own_labs_and_infra_runs_all(vault: FakeVault) -> None:
    anna = operator_of(ANNA, vault, standing(ANNA))
    admin = operator_of(ADMIN, vault, standing(ADMIN))
    assert may_run(anna, ANNA)
    assert not may_run(anna, ADMIN)
    assert may_run(replace(anna, roles=("infra",)), ADMIN)
    assert not may_run(admin, ADMIN)
