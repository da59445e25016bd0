"""`innkeeper init` and what issues: made once, mended when it differs, with the least that bot and grant need."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import hvac
import pytest
from hvac import exceptions

from bot.playground import postgresql_server
from bot.playground.postgresql_server import LocalPostgreSQL
from commands.engines.vault.database import configure_database
from commands.engines.vault.protocol import VaultError
from commands.engines.vault.setup import Needs, Prepared, prepare, unwrap_secret_id
from state.records import Person
from tests.commands.engines.vault.worlds import ADMIN, RealWorld
from tests.conftest import VaultSpace

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ANNA = Person("T1", "U1")


def ready(space: VaultSpace, *principals: str, domains: tuple[str, ...] = ()) -> Prepared:
    return prepare(space.client, ADMIN, "admin", NOW, Needs(principals=principals, domains=domains))


def read(space: VaultSpace, path: str) -> dict[str, Any]:
    return dict(space.client.adapter.get(f"/v1/{path}")["data"])


def bots_own_client(space: VaultSpace) -> hvac.Client:
    prepared = ready(space, "root", domains=("lab.test",))
    client = hvac.Client(space.addr, token="", namespace=space.namespace)
    secret_id = unwrap_secret_id(space.addr, prepared.wrapped_secret_id, space.namespace)
    client.auth.approle.login(prepared.role_id, secret_id)
    return client


def grants_own_client(space: VaultSpace) -> hvac.Client:
    bot = bots_own_client(space)
    made = bot.adapter.post("/v1/auth/token/create/grants", json={"policies": ["innkeeper-grant"]})
    return hvac.Client(space.addr, token=made["auth"]["client_token"], namespace=space.namespace)


def test_all_that_issues_is_made_once(vault_space: VaultSpace) -> None:
    first = ready(vault_space, "root", "ubuntu", domains=("lab.test",))
    assert {
        "the policy `innkeeper-grant`",
        "the ssh mount `ssh-lab`",
        "the labs' ssh certificate authority",
        "the ssh role `lab`",
        "the ssh role `innkeeper`",
        "the pki mount `pki-lab`",
        "the labs' root certificate",
        "the TLS role `lab.test`",
        "the TLS role `lab.test-csr`",
        "the database mount `database`",
        "the totp mount `totp`",
        "the transit key `innkeeper-krl`",
        "the token role `grants`",
        "the token role `ssh-grants`",
    } <= set(first.created)
    second = ready(vault_space, "root", "ubuntu", domains=("lab.test",))
    assert (second.created, second.present) == ([], first.created)


def test_a_second_run_leaves_every_key_as_it_is(vault_space: VaultSpace) -> None:
    paths = ("ssh-lab/config/ca", "pki-lab/cert/ca", "transit/keys/innkeeper-krl")
    ready(vault_space)
    before = [read(vault_space, path) for path in paths]
    ready(vault_space)
    assert [read(vault_space, path) for path in paths] == before


def test_a_catalogue_that_grows_is_added_and_nothing_is_taken_away(vault_space: VaultSpace) -> None:
    ready(vault_space, "root", domains=("lab.test",))
    grown = ready(vault_space, "ubuntu", domains=("dev.example.org",))
    assert grown.created == [
        "the ssh role `lab`",
        "the ssh role `innkeeper`",
        "the TLS role `dev.example.org`",
        "the TLS role `dev.example.org-csr`",
    ]
    for role in ("lab", "innkeeper"):
        assert read(vault_space, f"ssh-lab/roles/{role}")["allowed_users"] == "root,ubuntu"
    assert read(vault_space, "pki-lab/roles/lab.test")["allowed_domains"] == ["lab.test"]


@pytest.mark.parametrize(
    ("path", "widened", "what"),
    [
        (
            "ssh-lab/roles/lab",
            {"key_type": "ca", "allow_user_certificates": True, "max_ttl": 99},
            "the ssh role `lab`",
        ),
        ("pki-lab/roles/lab.test", {"allow_any_name": True}, "the TLS role `lab.test`"),
        ("auth/token/roles/grants", {"allowed_policies": ["root-like"]}, "the token role `grants`"),
    ],
)
def test_what_somebody_widened_is_restored(
    vault_space: VaultSpace, path: str, widened: dict[str, Any], what: str
) -> None:
    ready(vault_space, "root", domains=("lab.test",))
    before = read(vault_space, path)
    vault_space.client.adapter.post(f"/v1/{path}", json=widened)
    assert ready(vault_space, "root", domains=("lab.test",)).created == [what]
    assert read(vault_space, path) == before


@pytest.mark.parametrize("mount", ["ssh-lab", "pki-lab", "database", "totp"])
def test_a_mount_of_another_kind_is_not_touched(vault_space: VaultSpace, mount: str) -> None:
    vault_space.client.sys.enable_secrets_engine("kv", path=mount)
    with pytest.raises(VaultError, match=f"`vault secrets move {mount} OTHER`"):
        ready(vault_space)


def test_a_signing_key_of_another_kind_is_not_touched(vault_space: VaultSpace) -> None:
    vault_space.client.sys.enable_secrets_engine("transit")
    vault_space.client.secrets.transit.create_key("innkeeper-krl", key_type="rsa-2048")
    with pytest.raises(VaultError, match="is not an ed25519 key"):
        ready(vault_space)


def test_where_a_list_is_found_is_an_admins_to_change(vault_space: VaultSpace) -> None:
    ready(vault_space)
    urls = read(vault_space, "pki-lab/config/urls")
    assert urls["crl_distribution_points"] == [f"{vault_space.addr}/v1/{vault_space.namespace}/pki-lab/crl"]
    ours = {"crl_distribution_points": ["http://pki.example.org/crl"]}
    vault_space.client.adapter.post("/v1/pki-lab/config/urls", json=ours)
    ready(vault_space)
    assert read(vault_space, "pki-lab/config/urls")["crl_distribution_points"] == list(*ours.values())


@pytest.mark.parametrize("domain", ["", "test", "*.lab.test", "lab.test/x", "Lab Test", "a,b.test"])
def test_what_is_no_domain_makes_no_role(vault_space: VaultSpace, domain: str) -> None:
    with pytest.raises(VaultError, match="is no domain for certificates"):
        ready(vault_space, domains=(domain,))


@pytest.mark.parametrize("principal", ["*", "root,lab", "-o", "{{identity.entity.name}}"])
def test_what_is_no_user_is_no_principal(vault_space: VaultSpace, principal: str) -> None:
    with pytest.raises(VaultError, match="is no user name for ssh"):
        ready(vault_space, principal)


def _post(path: str, **values: Any) -> Any:
    return lambda client: client.adapter.post(f"/v1/{path}", json=values)


def _put(path: str) -> Any:
    return lambda client: client.adapter.put(f"/v1/{path}", json={})


def _get(path: str) -> Any:
    return lambda client: client.adapter.get(f"/v1/{path}")


BOT_MUST_NOT = {
    "issue what people get: ssh": _post("ssh-lab/sign/lab", public_key="x"),
    "issue anything itself: TLS": _post("pki-lab/issue/lab.test", common_name="demo.lab.test"),
    "issue anything itself: database": _get("database/creds/demo.readonly"),
    "give a token other policies": _post("auth/token/create/grants", policies=["innkeeper-bot"]),
    "give a token for ssh other policies": _post(
        "auth/token/create/ssh-grants", policies=["innkeeper-grant"]
    ),
    "make a token without the role": _post("auth/token/create-orphan", policies=["innkeeper-grant"]),
    "list the tokens": lambda client: client.adapter.list("/v1/auth/token/accessors"),
    "see a token": _post("auth/token/lookup-accessor", accessor="x"),
    "change whom one may log in as": _post("ssh-lab/roles/lab", key_type="ca", allowed_users="*"),
    "replace the ssh authority": _post("ssh-lab/config/ca", generate_signing_key=True),
    "change the names of certificates": _post("pki-lab/roles/lab.test", allow_any_name=True),
    "sign another authority": _post("pki-lab/root/sign-intermediate", csr="x", common_name="x"),
    "sign anything": _post("pki-lab/sign-verbatim", csr="x"),
    "see a database's login": _get("database/config/demo"),
    "change a database's role": _post("database/roles/demo.readonly", db_name="demo"),
    "list the databases": lambda client: client.adapter.list("/v1/database/roles"),
    "connect a database that is no lab's": _post(
        "database/config/orders", plugin_name="postgresql-database-plugin"
    ),
    "connect with another plugin": _post("database/config/lab-demo", plugin_name="mysql-database-plugin"),
    "make a role of a database that is no lab's": _post("database/roles/lab-demo.readonly", db_name="orders"),
    "change the root of a database that is no lab's": _post("database/rotate-root/orders"),
    "end the users of a database that is no lab's": _put("sys/leases/revoke-prefix/database/creds/orders"),
    "use a lab's database": _get("database/creds/lab-demo.readonly"),
    "give consumers another policy": _post("auth/labs/role/demo", token_policies="innkeeper-bot"),
    "give consumers two policies": _post("auth/labs/role/demo", token_policies="innkeeper-lab,innkeeper-bot"),
    "give consumers a list of policies": _post(
        "auth/labs/role/demo", token_policies=["innkeeper-lab", "innkeeper-bot"]
    ),
    "give consumers policies by their old name": _post("auth/labs/role/demo", policies="innkeeper-bot"),
    "give consumers policies afterwards": _post(
        "auth/labs/role/demo/token-policies", token_policies="innkeeper-bot"
    ),
    "let consumers log in without a secret": _post("auth/labs/role/demo", bind_secret_id=False),
    "see a secret id": _post("auth/labs/role/demo/secret-id", ttl="60s"),
    "choose a secret id": _post("auth/labs/role/demo/custom-secret-id", secret_id="known"),
    "make an AppRole beside the labs'": _post("auth/approle/role/lab-demo", token_policies="innkeeper-lab"),
    "write a policy": _post("sys/policies/acl/lab-demo", policy='path "*" {}'),
    "look for who somebody is": _post("identity/lookup/entity", name="anna"),
    "become somebody else": _post("identity/entity-alias", name="demo", canonical_id="x", mount_accessor="x"),
    "list who there is": lambda client: client.adapter.list("/v1/identity/entity/id"),
    "read a code": _get("totp/code/T1-U1"),
    "list who has a second factor": lambda client: client.adapter.list("/v1/totp/keys"),
    "take the signing key": _get("transit/export/signing-key/innkeeper-krl"),
    "change the signing key": _post("transit/keys/innkeeper-krl/rotate"),
    "sign with another key": _post("transit/sign/other", input="eA=="),
}

GRANT_MUST_NOT = {
    "read who the operators are": _get("innkeeper/data/operators/T1-U0"),
    "read a provider's secret": _get("innkeeper/data/providers/aws"),
    "look at itself": _get("auth/token/lookup-self"),
    "renew itself": _post("auth/token/renew-self"),
    "make a token": _post("auth/token/create"),
    "make another grant": _post("auth/token/create/grants"),
    "revoke a grant": _post("auth/token/revoke-accessor", accessor="x"),
    "sign anything": _post("pki-lab/sign-verbatim", csr="x"),
    "revoke a certificate": _post("pki-lab/revoke", serial_number="aa"),
    "sign a list": _post("transit/sign/innkeeper-krl", input="eA=="),
    "decrypt a plan": _post("transit/decrypt/innkeeper", ciphertext="x"),
    "check a code": _post("totp/code/T1-U1", code="123456"),
    "read a lease": _post("sys/leases/lookup", lease_id="x"),
}


def allowed(client: hvac.Client, attempts: dict[str, Any]) -> list[str]:
    found = []
    for what, attempt in attempts.items():
        try:
            attempt(client)
        except exceptions.Forbidden:
            continue
        except exceptions.InvalidRequest as error:  # refused by the token role, not by the policy
            if "subset of" in str(error):
                continue
        found.append(what)
    return found


def test_the_bot_makes_grants_and_uses_none(vault_space: VaultSpace) -> None:
    assert allowed(bots_own_client(vault_space), BOT_MUST_NOT) == []


def test_a_grant_issues_and_does_nothing_else(vault_space: VaultSpace) -> None:
    assert allowed(grants_own_client(vault_space), GRANT_MUST_NOT) == []


def test_a_grant_outlives_the_login_of_the_bot(vault_space: VaultSpace, postgresql: LocalPostgreSQL) -> None:
    world = RealWorld(vault_space, postgresql)
    grant = world.vault.grant_token(ANNA, "g1", 3600)
    world.vault._connection.call(  # the bot's token, and with it all that hangs from it
        None,  # type: ignore[arg-type]
        lambda client: vault_space.client.auth.token.revoke(client.token),
    )
    seen = vault_space.client.auth.token.lookup_accessor(grant.accessor)["data"]
    assert seen["meta"] == {"slack_team": "T1", "slack_user": "U1", "grant": "g1"}
    assert (seen["policies"], seen["orphan"], seen["renewable"]) == (["innkeeper-grant"], True, False)
    assert 3590 < seen["ttl"] <= seen["explicit_max_ttl"] == 3600


def test_a_database_that_is_not_reached_is_told_without_its_password(
    vault_space: VaultSpace, postgresql: LocalPostgreSQL
) -> None:
    ready(vault_space)
    with pytest.raises(VaultError, match="Vault does not come into the database of `demo`") as refusal:
        configure_database(
            vault_space.client, "demo", postgresql.vault_url, "vault_admin", "a wrong password"
        )
    assert "a wrong password" not in str(refusal.value)
    with pytest.raises(VaultError, match="into the database's address"):
        configure_database(vault_space.client, "demo", "postgresql://me:secret@/postgres", "me", "secret")


def test_a_database_can_be_connected_again_with_more_roles(
    vault_space: VaultSpace, postgresql: LocalPostgreSQL
) -> None:
    ready(vault_space)

    def connect(**roles: tuple[str, ...]) -> list[str]:
        user, password = postgresql_login()
        return configure_database(vault_space.client, "demo", postgresql.vault_url, user, password, roles)

    assert connect(readonly=()) == ["demo.readonly"]
    assert connect(readonly=(), owner=()) == ["demo.owner", "demo.readonly"]
    assert read(vault_space, "database/config/demo")["allowed_roles"] == ["demo.owner", "demo.readonly"]
    assert "password" not in read(vault_space, "database/config/demo")["connection_details"]


def postgresql_login() -> tuple[str, str]:
    return postgresql_server.ADMIN, postgresql_server.PASSWORD
