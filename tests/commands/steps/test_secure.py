"""The step secure: what is handed over, issued and put under Vault, as often as it is done; and its end."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography import x509

from bot.playground.postgresql_server import LocalPostgreSQL
from commands.blueprints.records import Blueprint, DataStore, Secure, Ssh
from commands.engines.vault.protocol import DatabaseRole, VaultAway, VaultMissing, VaultUnprepared
from commands.steps import secure
from commands.steps.step import StepFailed, Work
from tests.commands.engines.vault.worlds import RealWorld
from tests.conftest import VaultSpace
from tests.inn import REQUESTER, Inn

PASSWORD = "canary-of-the-root-user"
STORE = Secure(database_role="readonly", data_store=DataStore("database", "database_root"))
PLACE = {"host": "203.0.113.7", "port": 5432, "name": "app"}
URL = "postgresql://{{username}}:{{password}}@/app?host=203.0.113.7&port=5432&sslmode=prefer"
OUTPUTS = {"database": PLACE, "database_root": {"username": "postgres", "password": PASSWORD}}


def work(inn: Inn, asked: Secure, outputs: Mapping[str, Any] | None = None) -> Work:
    """The step of a lab `demo` that was applied."""
    if not inn.slack.public("C1"):
        inn.has("demo", "open")
    lab, run = inn.lab(), inn.run()
    folder = Path(inn.folder)
    blueprint = Blueprint("open", "", folder, folder, secure=asked)
    given = OUTPUTS if outputs is None else outputs
    hidden = (PASSWORD,)
    no = threading.Event()
    return Work(inn.deps, lab, run, blueprint, given, hidden, folder, no, lambda: False, lambda said: None)


def test_a_lab_that_asks_for_ssh_gets_its_tick_and_nothing_in_vault(inn: Inn) -> None:
    inn.steps["secure"] = secure
    inn.offers("opened", "approvals: {operator: 1, self: true}\nsecure: {ssh: {user: root}}")
    card = inn.has("demo", "opened")
    assert "✓ secure ssh" in card.all
    assert inn.vault.lab_secrets == {}


def test_a_vault_that_was_never_prepared_fails_the_step_and_says_what_to_do(inn: Inn) -> None:
    def unprepared() -> str:
        raise VaultUnprepared

    inn.vault.ssh_ca_public_key = unprepared  # type: ignore[method-assign]
    with pytest.raises(VaultUnprepared, match="innkeeper init"):
        secure.perform(work(inn, Secure(ssh=Ssh())))


def test_the_labs_certificate_is_kept_for_what_is_deployed(inn: Inn) -> None:
    step = work(inn, Secure(tls_domain="lab.test"))
    assert secure.perform(step).sentence == "tls"
    kept = inn.vault.lab_secrets["demo/tls"]
    certificate = x509.load_pem_x509_certificate(kept["certificate"].encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["demo.lab.test"]
    assert kept["private_key"].startswith("-----BEGIN")
    assert kept["ca_chain"] == inn.vault.tls_ca().strip()
    assert certificate.not_valid_after_utc - inn.clock() > timedelta(seconds=step.lab.lifetime.max_seconds)


def test_a_certificate_stays_until_a_third_of_its_life_is_left(inn: Inn) -> None:
    step = work(inn, Secure(tls_domain="lab.test"))
    secure.perform(step)
    first = inn.vault.lab_secrets["demo/tls"]["serial_number"]
    inn.clock.passes(days=2)
    secure.perform(step)
    assert inn.vault.lab_secrets["demo/tls"]["serial_number"] == first
    inn.clock.passes(days=1)
    secure.perform(step)
    assert inn.vault.lab_secrets["demo/tls"]["serial_number"] != first
    assert inn.vault.tls_revoked == {first}


def test_a_death_between_issuing_and_keeping_leaves_nothing_that_is_not_ended(inn: Inn) -> None:
    step = work(inn, Secure(tls_domain="lab.test"))
    inn.vault.failing["I cannot open it"] = "away"
    with pytest.raises(VaultAway):
        secure.perform(step)
    inn.vault.failing.clear()
    (lost,) = inn.vault.grants.values()
    secure.perform(step)
    assert lost.revoked
    assert len([each for each in inn.vault.grants.values() if not each.revoked]) == 1


def test_undo_revokes_and_removes_it(inn: Inn) -> None:
    step = work(inn, Secure(tls_domain="lab.test"))
    secure.perform(step)
    serial = inn.vault.lab_secrets["demo/tls"]["serial_number"]
    secure.undo(step)
    secure.undo(step)
    assert (inn.vault.lab_secrets, inn.vault.tls_revoked) == ({}, {serial})


def test_the_data_store_is_put_under_vault_and_its_root_password_changed_once(inn: Inn) -> None:
    inn.vault.data_stores[URL] = PASSWORD
    step = work(inn, STORE)
    for _ in range(3):
        assert secure.perform(step).sentence == "database"
    assert inn.vault.rotations == 1
    assert inn.vault.data_stores[URL] != PASSWORD
    assert inn.vault.database_role("demo", "readonly").name == "lab-demo.readonly"
    assert PASSWORD not in str(inn.vault.lab_secrets)


@pytest.mark.parametrize(
    "trouble",
    [
        "I cannot change the root password of the lab's data store",
        "I cannot connect Vault to the lab's data store",
    ],
)
def test_a_death_in_the_middle_is_made_good_by_doing_it_again(inn: Inn, trouble: str) -> None:
    inn.vault.data_stores[URL] = PASSWORD
    inn.vault.failing[trouble] = "away"
    with pytest.raises(VaultAway):
        secure.perform(work(inn, STORE))
    inn.vault.failing.clear()
    secure.perform(work(inn, STORE))
    assert inn.vault.rotations == 1


def test_another_data_store_takes_the_place_of_the_first(inn: Inn) -> None:
    inn.vault.data_stores |= {URL: PASSWORD, URL.replace(".7", ".8"): PASSWORD}
    secure.perform(work(inn, STORE))
    secure.perform(work(inn, STORE, OUTPUTS | {"database": PLACE | {"host": "203.0.113.8"}}))
    assert inn.vault.connected["demo"].connection_url == URL.replace(".7", ".8")
    assert inn.vault.rotations == 2


def test_a_connection_that_was_lost_is_told_as_what_it_is(inn: Inn) -> None:
    inn.vault.data_stores[URL] = PASSWORD
    secure.perform(work(inn, STORE))
    inn.vault.disconnect_lab_database("demo")
    with pytest.raises(StepFailed, match="nobody but Vault knew its root password"):
        secure.perform(work(inn, STORE))


def test_what_an_earlier_lab_of_the_name_left_is_taken_back(inn: Inn) -> None:
    step = work(inn, Secure(tls_domain="lab.test"))
    secure.perform(step)
    serial = inn.vault.lab_secrets["demo/tls"]["serial_number"]
    later = replace(step, lab=replace(step.lab, id="another"))
    secure.perform(later)
    assert serial in inn.vault.tls_revoked
    assert inn.vault.lab_secrets["demo/secured"]["lab_id"] == "another"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no output": ({"database_root": {}}, "There is no output `database`"),
    "no object": (OUTPUTS | {"database": "db:5432"}, "The output `database` is no object"),
    "no host": (OUTPUTS | {"database": PLACE | {"host": ""}}, "is no place of a PostgreSQL"),
    "a host that is more": (OUTPUTS | {"database": PLACE | {"host": "db&sslmode=disable"}}, "is no place"),
    "a name that is more": (OUTPUTS | {"database": PLACE | {"name": "app?host=other"}}, "is no place"),
    "a port that is none": (OUTPUTS | {"database": PLACE | {"port": 70_000}}, "is no place"),
    "no password": (OUTPUTS | {"database_root": {"username": "x"}}, "has no `username` and `password`"),
    "in the clear": (
        OUTPUTS | {"database_root": {"username": "x", "password": "not-marked"}},
        "marks it `sensitive = true`",
    ),
    "another password": (OUTPUTS, "Vault does not come into the lab's data store"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_outputs_that_cannot_be_used_are_named(inn: Inn, wrong: str) -> None:
    outputs, said = WRONG[wrong]
    with pytest.raises(StepFailed, match=said) as failed:
        secure.perform(work(inn, STORE, outputs))
    assert PASSWORD not in failed.value.sentence


def test_what_is_deployed_has_a_database_user_of_its_own(inn: Inn) -> None:
    step = work(inn, Secure(database_role="readonly", application_role="readonly"))
    secure.perform(step)
    kept = inn.vault.lab_secrets["demo/database"]
    assert inn.vault.read_field("innkeeper/labs/demo/database#username", "demo") == kept["username"]
    secure.perform(step)
    assert inn.vault.lab_secrets["demo/database"] == kept
    secure.undo(step)
    assert [each.revoked for each in inn.vault.grants.values()] == [True]


def test_a_database_whose_role_is_there_already_gets_its_tick(inn: Inn) -> None:
    assert secure.perform(work(inn, Secure(database_role="readonly"))).sentence == "database"
    assert inn.vault.lab_secrets == {}


@pytest.mark.integration
def test_a_real_data_store_answers_vault_alone(
    inn: Inn, vault_space: VaultSpace, postgresql: LocalPostgreSQL
) -> None:
    world = RealWorld(vault_space, postgresql)
    root = world.data_store()
    place = {"host": str(postgresql.folder), "name": "postgres"}
    who = {"username": root.username, "password": root.password}
    asked = replace(STORE, application_role="readwrite", tls_domain="lab.test")
    step = work(inn, asked, {"database": place, "database_root": who})
    step = replace(step, deps=replace(step.deps, vault=world.vault), secrets=(root.password,))
    assert secure.perform(step).sentence == "tls, database"
    assert secure.perform(step).sentence == "tls, database"
    with pytest.raises(psycopg.OperationalError):
        postgresql.connect(root.username, root.password)

    kept = world.vault.lab_secret("demo", "database") or {}
    with postgresql.connect(kept["username"], kept["password"]) as session:
        session.execute("CREATE TABLE IF NOT EXISTS visits (number INTEGER)")
        session.execute("INSERT INTO visits VALUES (1)")
    assert isinstance(world.vault.database_role("demo", "readonly"), DatabaseRole)
    token = world.vault.grant_token(REQUESTER, "g1", 600).token
    mine = world.vault.unwrap(world.vault.database_credentials(token, "lab-demo.readonly").token)
    with postgresql.connect(mine["username"], mine["password"]) as session:
        assert session.execute("SELECT count(*) FROM visits").fetchone() is not None
        with pytest.raises(psycopg.Error):
            session.execute("INSERT INTO visits VALUES (2)")

    serial = (world.vault.lab_secret("demo", "tls") or {})["serial_number"]
    secure.undo(step)
    assert {kept["username"], mine["username"]} & postgresql.users() == set()
    assert world.vault.labs_with_secrets() == set()
    with pytest.raises(VaultMissing):
        world.vault.database_role("demo", "readonly")
    crl = x509.load_der_x509_crl(world.vault.tls_crl())
    assert crl.get_revoked_certificate_by_serial_number(int(serial.replace(":", ""), 16)) is not None
