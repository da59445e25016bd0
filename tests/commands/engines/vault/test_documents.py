"""An operator's document in Vault: read as agreed, or it gives nobody any right."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.engines.vault.documents import ENDED, ROLES, from_document, path_of, to_document
from state.records import Person

ANNA = Person("T1", "U1")
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SOUND: dict[str, Any] = {
    "slack_team": "T1",
    "slack_user": "U1",
    "name": "Anna",
    "roles": ["operator", "infra"],
    "ssh_public_keys": ["ssh-ed25519 AAAA"],
    "added_by": "T1-U0",
    "added_at": "2026-11-24T09:00:00Z",
}


def test_the_agreed_document_is_read_and_written_alike() -> None:
    operator = from_document(ANNA, SOUND, 3, NOW)
    assert (operator.roles, operator.version, operator.problem) == (("operator", "infra"), 3, "")
    assert operator.added_at == datetime(2026, 11, 24, 9, tzinfo=UTC)
    assert to_document(operator) == SOUND


def test_an_unknown_role_gives_nothing_and_a_role_twice_counts_once() -> None:
    operator = from_document(ANNA, {**SOUND, "roles": ["root", "admin", "ADMIN", "admin"]}, 1, NOW)
    assert operator.roles == ("admin",)


@pytest.mark.parametrize(
    "change",
    [
        {"roles": "admin"},
        {"roles": None},
        {"roles": {"admin": True}},
        {"roles": ["admin", None]},
        {"slack_team": "T2"},
        {"slack_user": "u1"},
        {"slack_user": None},
        {"ssh_public_keys": "ssh-ed25519 AAAA"},
        {"ssh_public_keys": [1]},
        {"name": 1},
        {"added_by": []},
        {"added_at": "yesterday"},
        {"added_at": 1764000000},
        {"expires_at": "one day"},
        {"expires_at": 1764000000},
        {"expires_at": ""},
    ],
)
def test_whatever_is_not_as_agreed_is_a_problem_and_no_right(change: dict[str, Any]) -> None:
    operator = from_document(ANNA, {**SOUND, **change}, 2, NOW)
    assert (operator.roles, operator.ssh_public_keys, operator.version) == ((), (), 2)
    assert operator.problem


def test_time_ends_on_the_moment_and_leaves_nothing_but_when_it_was() -> None:
    document = {**SOUND, "expires_at": "2026-11-24T12:00:00Z"}
    before = from_document(ANNA, document, 1, NOW - timedelta(seconds=1))
    assert (before.roles, before.problem, before.expires_at) == (("operator", "infra"), "", NOW)
    assert to_document(before, document) == document
    after = from_document(ANNA, document, 1, NOW)
    assert (after.roles, after.ssh_public_keys, after.problem, after.expires_at) == ((), (), ENDED, NOW)


def test_who_may_stay_for_good_is_written_without_an_end() -> None:
    document = {**SOUND, "expires_at": "2026-11-24T12:00:00Z", "room": "12"}
    ended = from_document(ANNA, document, 1, NOW)
    assert to_document(replace(ended, expires_at=None), document) == {
        **SOUND,
        "roles": [],
        "ssh_public_keys": [],
        "room": "12",
    }


def test_what_an_admin_writes_by_hand_may_be_short() -> None:
    short = {key: SOUND[key] for key in ("slack_team", "slack_user", "roles")}
    operator = from_document(ANNA, short, 1, NOW, created_at="2026-11-24T05:40:00.123456789Z")
    assert operator.problem == ""
    assert operator.added_at == datetime(2026, 11, 24, 5, 40, 0, 123456, tzinfo=UTC)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(ROLES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(SOUND)), inner),
    max_leaves=8,
)


@given(JSON)
def test_no_document_is_too_strange_to_be_read(document: object) -> None:
    operator = from_document(ANNA, document, 1, NOW)
    assert set(operator.roles) <= set(ROLES)
    assert not (operator.roles and operator.problem)


@pytest.mark.parametrize(
    ("person", "path"),
    [
        (ANNA, "operators/T1-U1"),
        (Person("E1", "W1"), "operators/E1-W1"),
        (Person("", ""), None),
        (Person("T1", "U1/../U0"), None),
        (Person("T1-U1", "U2"), None),
        (Person("t1", "u1"), None),
    ],
)
def test_only_slacks_ids_become_a_path(person: Person, path: str | None) -> None:
    assert path_of(person) == path
