"""`innkeeper init`: a Vault made ready once and found ready from then on, for a bot that can do what it must."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import hvac
import pytest
from hvac import exceptions

from commands.engines.vault.places import HOOK_SECRET
from commands.engines.vault.protocol import AppRole, HvacVault, VaultDenied, VaultError
from commands.engines.vault.setup import (
    WRAPPED_TTL_SECONDS,
    Needs,
    Prepared,
    admin_client,
    prepare,
    unwrap_secret_id,
)
from state.records import Person
from tests.conftest import VaultSpace

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ADMIN = Person("T1", "U0")


def ready(space: VaultSpace) -> Prepared:
    return prepare(space.client, ADMIN, "admin", NOW)


def document(space: VaultSpace) -> dict[str, Any]:
    answer = space.client.secrets.kv.v2.read_secret_version(
        "operators/T1-U0", mount_point="innkeeper", raise_on_deleted_version=True
    )
    return dict(answer["data"]["data"])


def put(space: VaultSpace, values: dict[str, Any]) -> None:
    space.client.secrets.kv.v2.create_or_update_secret(
        "operators/T1-U0", secret=values, mount_point="innkeeper"
    )


def bots_own_client(space: VaultSpace) -> hvac.Client:
    prepared = ready(space)
    client = hvac.Client(space.addr, token="", namespace=space.namespace)
    secret_id = unwrap_secret_id(space.addr, prepared.wrapped_secret_id, space.namespace)
    client.auth.approle.login(prepared.role_id, secret_id)
    return client


def test_a_second_run_changes_nothing_and_hands_out_another_secret_id(vault_space: VaultSpace) -> None:
    first, second = ready(vault_space), ready(vault_space)
    assert first.created == second.present
    assert "the policy `innkeeper-bot`" in first.created
    assert "`T1:U0` as an admin" in first.created
    assert second.created == []
    assert (first.role_id, first.wrapped_ttl_seconds) == (second.role_id, WRAPPED_TTL_SECONDS)
    assert first.wrapped_secret_id != second.wrapped_secret_id
    assert first.wrapped_secret_id not in repr(first)


def test_both_secret_ids_log_in(vault_space: VaultSpace) -> None:
    for prepared in (ready(vault_space), ready(vault_space)):
        secret_id = unwrap_secret_id(vault_space.addr, prepared.wrapped_secret_id, vault_space.namespace)
        vault = HvacVault(
            vault_space.addr, AppRole(prepared.role_id, secret_id), vault_space.namespace, timeout_seconds=30
        )
        assert vault.health() == "ready"


def test_the_wrapping_opens_once(vault_space: VaultSpace) -> None:
    wrapped = ready(vault_space).wrapped_secret_id
    assert unwrap_secret_id(vault_space.addr, wrapped, vault_space.namespace)
    with pytest.raises(VaultError, match="opened already, or is older than 15 min"):
        unwrap_secret_id(vault_space.addr, wrapped, vault_space.namespace)


def test_the_first_admin_is_written_as_agreed(vault_space: VaultSpace) -> None:
    ready(vault_space)
    assert document(vault_space) == {
        "slack_team": "T1",
        "slack_user": "U0",
        "name": "admin",
        "roles": ["admin"],
        "ssh_public_keys": [],
        "added_by": "innkeeper-init",
        "added_at": "2026-11-24T09:00:00Z",
    }


def test_an_operator_who_is_named_admin_keeps_the_rest(vault_space: VaultSpace) -> None:
    ready(vault_space)
    put(vault_space, {**document(vault_space), "roles": ["operator", "infra"], "name": "Olga", "more": 1})
    assert ready(vault_space).created == ["`T1:U0` as an admin"]
    written = document(vault_space)
    assert (written["roles"], written["name"], written["more"]) == (["operator", "infra", "admin"], "Olga", 1)


def test_a_damaged_document_of_the_admin_is_mended(vault_space: VaultSpace) -> None:
    ready(vault_space)
    put(vault_space, {"roles": "admin"})
    ready(vault_space)
    assert document(vault_space)["roles"] == ["admin"]


def test_our_policy_is_restored_and_what_blueprints_may_read_is_left_alone(vault_space: VaultSpace) -> None:
    ready(vault_space)
    anything = 'path "*" {\n  capabilities = ["read"]\n}'
    ours = 'path "kv/data/team" {\n  capabilities = ["read"]\n}'
    vault_space.client.sys.create_or_update_policy("innkeeper-bot", anything)
    vault_space.client.sys.create_or_update_policy("innkeeper-blueprints", ours)
    assert ready(vault_space).created == ["the policy `innkeeper-bot`"]
    assert vault_space.client.sys.read_policy("innkeeper-bot")["data"]["rules"] != anything
    assert vault_space.client.sys.read_policy("innkeeper-blueprints")["data"]["rules"] == ours


def test_a_role_that_somebody_widened_is_restored(vault_space: VaultSpace) -> None:
    ready(vault_space)
    vault_space.client.auth.approle.create_or_update_approle("innkeeper", token_policies=["root-like"])
    assert ready(vault_space).created == ["the AppRole `innkeeper`"]


def test_a_server_that_takes_no_audit_device_through_its_api_is_noted(vault_space: VaultSpace) -> None:
    (note,) = ready(vault_space).notes
    assert note.startswith("This server takes audit devices only in its configuration file")


def test_a_mount_of_another_kind_is_not_touched(vault_space: VaultSpace) -> None:
    vault_space.client.sys.enable_secrets_engine("kv", path="innkeeper", options={"version": "1"})
    with pytest.raises(VaultError, match="`vault secrets move innkeeper OTHER`"):
        ready(vault_space)
    assert vault_space.client.sys.read_mount_configuration("innkeeper")


@pytest.mark.parametrize("token", ["nonsense", "a policy that allows nothing"])
def test_a_token_that_is_no_admins_is_told_so(vault_space: VaultSpace, token: str) -> None:
    if token != "nonsense":
        token = vault_space.client.auth.token.create(policies=["default"])["auth"]["client_token"]
    with pytest.raises(VaultDenied) as refusal:
        prepare(admin_client(vault_space.addr, token, vault_space.namespace), ADMIN, "admin", NOW)
    assert refusal.value.sentence.endswith("Give me the token of an admin of Vault in VAULT_TOKEN.")
    assert token not in str(refusal.value)


@pytest.mark.parametrize("person", [Person("", ""), Person("T1", "../x"), Person("admin", "U1")])
def test_an_admin_must_be_somebody_in_slack(vault_space: VaultSpace, person: Person) -> None:
    with pytest.raises(VaultError, match="is not TEAM:USER"):
        prepare(vault_space.client, person, "admin", NOW)


def test_the_secret_of_the_push_hook_is_made_once_and_the_bot_may_read_it(vault_space: VaultSpace) -> None:
    def prepared() -> Prepared:
        return prepare(vault_space.client, ADMIN, "admin", NOW, Needs(is_pushed_to=True))

    first = prepared()
    assert "the secret of the push hook, `innkeeper/catalogue`" in first.created
    secret_id = unwrap_secret_id(vault_space.addr, first.wrapped_secret_id, vault_space.namespace)
    vault = HvacVault(
        vault_space.addr, AppRole(first.role_id, secret_id), vault_space.namespace, timeout_seconds=30
    )
    secret = vault.read_field(HOOK_SECRET)
    assert len(secret) > 40
    assert prepared().created == []
    assert vault.read_field(HOOK_SECRET) == secret


FORBIDDEN = {
    "write the push hook's secret": lambda c: c.secrets.kv.v2.create_or_update_secret(
        "catalogue", secret={"hook_secret": "x"}, mount_point="innkeeper"
    ),
    "write a provider's secret": lambda c: c.secrets.kv.v2.create_or_update_secret(
        "providers/aws", secret={"token": "x"}, mount_point="innkeeper"
    ),
    "list the providers": lambda c: c.secrets.kv.v2.list_secrets("providers", mount_point="innkeeper"),
    "read another mount": lambda c: c.secrets.kv.v2.read_secret_version(
        "aws", mount_point="secret", raise_on_deleted_version=True
    ),
    "destroy old versions": lambda c: c.secrets.kv.v2.destroy_secret_versions(
        "operators/T1-U0", [1], mount_point="innkeeper"
    ),
    "list the mounts": lambda c: c.sys.list_mounted_secrets_engines(),
    "mount an engine": lambda c: c.sys.enable_secrets_engine("kv", path="more"),
    "change its policy": lambda c: c.sys.create_or_update_policy("innkeeper-bot", 'path "*" {}'),
    "read its policy": lambda c: c.sys.read_policy("innkeeper-bot"),
    "make a token": lambda c: c.auth.token.create(),
    "look up a token": lambda c: c.auth.token.lookup("x"),
    "make a secret id": lambda c: c.auth.approle.generate_secret_id("innkeeper"),
    "read its role": lambda c: c.auth.approle.read_role("innkeeper"),
    "rotate the key": lambda c: c.secrets.transit.rotate_key("innkeeper"),
    "delete the key": lambda c: c.secrets.transit.delete_key("innkeeper"),
    "export the key": lambda c: c.secrets.transit.export_key("innkeeper", "encryption-key"),
    "use another key": lambda c: c.secrets.transit.generate_data_key("other", "plaintext"),
}


def test_the_bot_is_refused_all_that_it_does_not_need(vault_space: VaultSpace) -> None:
    client = bots_own_client(vault_space)
    allowed = []
    for what, attempt in FORBIDDEN.items():
        try:
            attempt(client)
        except exceptions.Forbidden:
            continue
        allowed.append(what)
    assert allowed == []


def test_the_bots_token_is_short_lived_and_has_two_policies(vault_space: VaultSpace) -> None:
    token = bots_own_client(vault_space).auth.token.lookup_self()["data"]
    assert token["policies"] == ["innkeeper-blueprints", "innkeeper-bot"]
    assert 3500 < token["ttl"] <= 3600


def test_the_wrapped_secret_id_is_no_token_of_an_operator(vault_space: VaultSpace) -> None:
    prepared = ready(vault_space)
    secret_id = unwrap_secret_id(vault_space.addr, prepared.wrapped_secret_id, vault_space.namespace)
    vault = HvacVault(
        vault_space.addr, AppRole(prepared.role_id, secret_id), vault_space.namespace, timeout_seconds=30
    )
    another = ready(vault_space).wrapped_secret_id
    assert vault.token_reads_operator(another, ADMIN) is False


def test_a_token_that_says_it_is_somebody_else_proves_nothing(vault_space: VaultSpace) -> None:
    ready(vault_space)
    vault = HvacVault(vault_space.addr, AppRole("", ""), vault_space.namespace, timeout_seconds=30)

    def token(**meta: str) -> str:
        made = vault_space.client.auth.token.create(policies=["innkeeper-bot"], meta=meta)
        return str(made["auth"]["client_token"])

    assert vault.token_reads_operator(token(), ADMIN) is True
    assert vault.token_reads_operator(token(slack_team="T1", slack_user="U0"), ADMIN) is True
    assert vault.token_reads_operator(token(slack_team="T1", slack_user="U1"), ADMIN) is False
    assert vault.token_reads_operator(token(slack_team="T2"), ADMIN) is False
