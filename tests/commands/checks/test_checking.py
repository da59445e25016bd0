"""Checks that log in: on a host of the sandbox with a certificate for minutes, in PostgreSQL as a user for a moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.playground.postgresql_server import LocalPostgreSQL
from commands.steps import test as step
from tests.commands.engines.checks.test_network import closed_port
from tests.fakes.vault import FakeVault
from tests.inn import ROLES, Inn, Shown
from tests.labs.sandbox_machine import Authority, KrlServer, Machine

pytestmark = pytest.mark.integration

LOCKED = (
    "approvals: {operator: 1, self: true}\nsecure: {ssh: {user: root}, database: {role: readonly}}\ntest:\n"
)


@pytest.fixture
def inn(tmp_path: Path) -> Iterator[Inn]:
    opened = Inn(tmp_path)
    opened.clock.at = datetime.now(UTC)  # a host and a database go by a clock of their own
    opened.steps["test"] = step
    yield opened
    opened.ends()


@pytest.fixture
def machine(tmp_path: Path, inn: Inn) -> Iterator[Machine]:
    krls = KrlServer(Authority(tmp_path / "ca").krl())
    host = Machine(tmp_path / "hosts").with_ssh(inn.vault.ssh_ca_public_key(), krls.url)
    assert host.run("start").returncode == 0
    yield host
    host.run("stop")
    krls.close()


def checked(inn: Inn, *wanted: str) -> Shown:
    inn.offers("locked", LOCKED + "".join(f"  - {each}\n" for each in wanted))
    return inn.has("demo", "locked")


def test_a_host_is_looked_at_over_ssh(inn: Inn, machine: Machine) -> None:
    inn.terraform.outputs = {"ssh": [f"ssh://root@127.0.0.1:{machine.ssh_port}"], "word": "$(id); a b"}
    card = checked(
        inn,
        '{ssh: "${ssh}"}',
        '{ssh: "${ssh}", run: [test, "${word}", "=", "$(id); a b"]}',
        '{ssh: "127.0.0.1:' + str(machine.ssh_port) + '", run: "sh -c \'exit 3\'", exit: 3}',
        '{ssh: "${ssh}", run: "false", within: 4s}',
        '{ssh: "root@127.0.0.1:' + str(closed_port()) + '", within: 1s}',
    )
    assert f"✓ ssh `ssh://root@127.0.0.1:{machine.ssh_port}` ended with 0 in " in card.all
    assert f"✓ ssh `127.0.0.1:{machine.ssh_port}` ended with 3 in " in card.all
    assert "it ended with 1, not 0" in card.all
    assert "it does not let us in: nobody answers (connection refused)" in card.all
    assert "2 of 5 checks failed" in card.all
    (key_id,) = {each["key_id"] for each in machine.events("login")}
    assert key_id == f"innkeeper:demo:{inn.run().id}"
    assert not (inn.folder / "data" / "steps").exists() or not list((inn.folder / "data" / "steps").iterdir())


def test_a_host_that_is_another_one_is_not_believed(inn: Inn, machine: Machine, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other").public_key
    inn.terraform.outputs = {"known_hosts": [f"[127.0.0.1]:{machine.ssh_port} {other}"]}
    card = checked(inn, '{ssh: "127.0.0.1:' + str(machine.ssh_port) + '", within: 4s}')
    assert "it does not let us in: its key is not the one that the lab has told" in card.all


class UsersInPostgreSQL(FakeVault):
    """One whose database users are there for as long as it says."""

    def __init__(self, now: Callable[[], datetime], postgresql: LocalPostgreSQL) -> None:
        super().__init__(now)
        self.postgresql = postgresql
        self.made: list[str] = []

    def unwrap(self, wrapping_token: str) -> dict[str, Any]:
        user = super().unwrap(wrapping_token)
        with self.postgresql.connect() as admin:
            admin.execute(f"CREATE ROLE \"{user['username']}\" LOGIN PASSWORD '{user['password']}'")
        self.made.append(user["username"])
        return user

    def revoke_accessor(self, accessor: str) -> None:
        super().revoke_accessor(accessor)
        with self.postgresql.connect() as admin:
            admin.execute(f'DROP ROLE "{self.grants[accessor].database_user}"')


def test_a_database_is_asked_as_a_user_that_ends_right_after(inn: Inn, postgresql: LocalPostgreSQL) -> None:
    vault = inn.vault = UsersInPostgreSQL(inn.clock, postgresql)
    for person, roles in ROLES.items():
        vault.add(person, *roles)
    inn.ends()
    inn.starts()
    inn.terraform.outputs = {"folder": str(postgresql.folder)}
    card = checked(
        inn,
        '{postgres: "postgresql:///postgres?host=${folder}", query: "select 6 * 7", equals: "42"}',
        '{postgres: "postgresql:///postgres?host=${folder}", query: "select 1", equals: "2", within: 4s}',
        '{postgres: "postgresql://127.0.0.1:' + str(closed_port()) + '/app", query: "select 1", within: 1s}',
    )
    assert "answered in " in card.all
    assert "its first value is not the one that is asked for" in card.all
    assert "(connection refused)" in card.all
    assert "2 of 3 checks failed" in card.all
    assert len(vault.made) >= 2
    assert all(grant.revoked for grant in vault.grants.values())
    with postgresql.connect() as admin:
        assert not set(vault.made) & {row[0] for row in admin.execute("SELECT rolname FROM pg_roles")}


def test_where_vault_has_no_role_the_check_says_so(inn: Inn) -> None:
    inn.vault.databases.clear()
    card = checked(inn, '{postgres: "postgresql:///app?host=/nowhere", query: "select 1", within: 1s}')
    assert "Vault's database engine has no role" in card.all
