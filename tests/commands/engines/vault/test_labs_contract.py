"""What a lab has in Vault of its own: the same on the fake and on a real OpenBao with PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from commands.engines.vault.protocol import (
    DatabaseRole,
    Vault,
    VaultDenied,
    VaultError,
    VaultRefused,
    VaultUnprepared,
    WrappingSpent,
)
from state.records import Person
from tests.commands.engines.vault.worlds import World

ANNA = Person("T1", "U1")
HOUR = 3600


def secret_id(vault: Vault, lab: str = "demo", grant: str = "g1") -> str:
    return str(vault.unwrap(vault.lab_secret_id(lab, ANNA, grant, HOUR).token)["secret_id"])


def test_what_a_lab_publishes_is_kept_and_removed_with_all_its_versions(world: World) -> None:
    vault = world.vault
    assert vault.lab_secret("demo") is None
    vault.write_lab_secret("demo", {"address": "203.0.113.7", "ports": [80, 443]})
    vault.write_lab_secret("demo", {"address": "203.0.113.8"})
    vault.write_lab_secret("demo", {"certificate": "PEM"}, "tls")
    assert vault.lab_secret("demo") == {"address": "203.0.113.8"}
    assert vault.lab_secret("demo", "tls") == {"certificate": "PEM"}
    vault.remove_lab_secret("demo")
    vault.remove_lab_secret("demo")
    assert (vault.lab_secret("demo"), vault.lab_secret("demo", "tls")) == (None, {"certificate": "PEM"})


@pytest.mark.parametrize("lab", ["", "..", "demo/../operators", "Demo", "*", "demo/tls", "{{identity}}"])
def test_what_is_no_lab_is_no_path(world: World, lab: str) -> None:
    for ask in (
        lambda: world.vault.lab_secret(lab),
        lambda: world.vault.write_lab_secret(lab, {"a": "b"}),
        lambda: world.vault.remove_lab_secret(lab),
        lambda: world.vault.open_lab_role(lab, "l1"),
        lambda: world.vault.close_lab_role(lab),
        lambda: world.vault.lab_secret_id(lab, ANNA, "g1", HOUR),
        lambda: world.vault.disconnect_lab_database(lab),
    ):
        with pytest.raises(VaultRefused):
            ask()


def test_a_consumer_reads_what_its_lab_has_and_nothing_of_another(world: World) -> None:
    vault = world.vault
    for lab in ("demo", "demo2"):
        vault.write_lab_secret(lab, {"address": f"of {lab}"})
        vault.write_lab_secret(lab, {"certificate": lab}, "tls")
        vault.write_lab_secret(lab, {"private": lab}, "secured")
        assert vault.open_lab_role(lab, f"id-{lab}") is True
    token = world.log_in("demo-id-demo", secret_id(vault))
    assert world.consumer_reads(token, "demo") == {"address": "of demo"}
    assert world.consumer_reads(token, "demo", "tls") == {"certificate": "demo"}
    for lab, part in (("demo", "secured"), ("demo2", ""), ("demo2", "tls")):
        with pytest.raises(VaultDenied):
            world.consumer_reads(token, lab, part)
    with pytest.raises(VaultDenied):
        world.log_in("demo2-id-demo2", secret_id(vault))


def test_a_secret_id_is_in_its_wrapping_which_opens_once(world: World) -> None:
    world.vault.open_lab_role("demo", "l1")
    wrapped = world.vault.lab_secret_id("demo", ANNA, "g1", HOUR)
    assert timedelta(minutes=9) < wrapped.expires_at - datetime.now(UTC) <= timedelta(minutes=10)
    assert wrapped.token not in repr(wrapped)
    world.vault.unwrap(wrapped.token)
    with pytest.raises(WrappingSpent):
        world.vault.unwrap(wrapped.token)


def test_a_lab_without_a_role_has_no_secret_id(world: World) -> None:
    with pytest.raises(VaultUnprepared):
        world.vault.lab_secret_id("demo", ANNA, "g1", HOUR)


def test_no_secret_id_is_good_for_longer_than_thirty_days(world: World) -> None:
    world.vault.open_lab_role("demo", "l1")
    with pytest.raises(VaultRefused, match="longer than 30 days"):
        world.vault.lab_secret_id("demo", ANNA, "g1", 31 * 86_400)


def test_revoking_one_grant_ends_its_secret_id_and_what_was_logged_in_with(world: World) -> None:
    vault = world.vault
    vault.write_lab_secret("demo", {"address": "x"})
    vault.open_lab_role("demo", "l1")
    mine, theirs = secret_id(vault, grant="g1"), secret_id(vault, grant="g2")
    token = world.log_in("demo-l1", mine)
    vault.revoke_lab_secret_id("demo", "l1", "g1", end_sessions=True)
    vault.revoke_lab_secret_id("demo", "l1", "g1", end_sessions=True)
    with pytest.raises(VaultDenied):
        world.consumer_reads(token, "demo")
    with pytest.raises(VaultDenied):
        world.log_in("demo-l1", mine)
    assert world.consumer_reads(world.log_in("demo-l1", theirs), "demo") == {"address": "x"}


def test_a_secret_id_that_ends_by_itself_leaves_the_others_their_logins(world: World) -> None:
    vault = world.vault
    vault.write_lab_secret("demo", {"address": "x"})
    vault.open_lab_role("demo", "l1")
    mine, token = secret_id(vault), world.log_in("demo-l1", secret_id(vault, grant="g2"))
    vault.revoke_lab_secret_id("demo", "l1", "g1", end_sessions=False)
    assert world.consumer_reads(token, "demo") == {"address": "x"}
    with pytest.raises(VaultDenied):
        world.log_in("demo-l1", mine)


def test_a_later_lab_of_the_name_begins_anew(world: World) -> None:
    vault = world.vault
    vault.write_lab_secret("demo", {"address": "x"})
    vault.open_lab_role("demo", "l1")
    old = secret_id(vault)
    token = world.log_in("demo-l1", old)
    assert (vault.open_lab_role("demo", "l1"), vault.open_lab_role("demo", "l2")) == (False, True)
    for role_id in ("demo-l1", "demo-l2"):
        with pytest.raises(VaultDenied):
            world.log_in(role_id, old)
    with pytest.raises(VaultDenied):
        world.consumer_reads(token, "demo")


def test_closing_the_role_ends_every_login(world: World) -> None:
    vault = world.vault
    vault.write_lab_secret("demo", {"address": "x"})
    vault.open_lab_role("demo", "l1")
    token = world.log_in("demo-l1", secret_id(vault))
    vault.close_lab_role("demo")
    vault.close_lab_role("demo")
    with pytest.raises(VaultDenied):
        world.consumer_reads(token, "demo")


def test_what_labs_have_is_found_again(world: World) -> None:
    vault = world.vault
    assert vault.labs_with_secrets() == set()
    vault.write_lab_secret("one", {"a": "b"})
    vault.write_lab_secret("two", {"a": "b"}, "tls")
    vault.write_lab_secret("two", {"a": "b"})
    vault.remove_lab_secret("one")
    assert vault.labs_with_secrets() == {"two"}


def test_a_blueprint_reads_what_its_own_lab_has_and_nothing_of_another(world: World) -> None:
    world.vault.write_lab_secret("demo", {"private_key": "KEY"}, "tls")
    assert world.vault.read_field("innkeeper/labs/demo/tls#private_key", "demo") == "KEY"
    for lab in ("", "web", "demo/tls"):
        with pytest.raises(VaultRefused):
            world.vault.read_field("innkeeper/labs/demo/tls#private_key", lab)
    with pytest.raises(VaultRefused):
        world.vault.read_field("innkeeper/labs/demo/secured#tls_accessor", "demo")


def test_nobody_knows_the_root_password_of_a_data_store_any_more(world: World) -> None:
    vault, place = world.vault, world.data_store()
    assert vault.has_lab_database("demo") is False
    vault.connect_lab_database("demo", place)
    vault.rotate_lab_database("demo")
    vault.rotate_lab_database("demo")  # Vault knows the one that it made
    assert vault.has_lab_database("demo") is True
    with pytest.raises(VaultError, match="does not come into the database"):
        vault.connect_lab_database("web", place)


def test_a_data_store_has_users_of_its_own_which_end_with_it(world: World) -> None:
    vault = world.vault
    vault.connect_lab_database("demo", world.data_store())
    vault.make_lab_database_role("demo", "readonly", HOUR)
    assert vault.database_role("demo", "readonly") == DatabaseRole("lab-demo.readonly", HOUR)
    token = vault.grant_token(ANNA, "g1", HOUR).token
    made = vault.unwrap(vault.database_credentials(token, "lab-demo.readonly").token)
    assert world.has_database_user(made["username"])
    vault.disconnect_lab_database("demo")
    vault.disconnect_lab_database("demo")
    assert vault.has_lab_database("demo") is False
    with pytest.raises(VaultUnprepared):
        vault.database_credentials(token, "lab-demo.readonly")
