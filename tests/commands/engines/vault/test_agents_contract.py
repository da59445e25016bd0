"""Machines that log in, and whose a token is: the same on the fake and on a real OpenBao."""

from __future__ import annotations

from dataclasses import replace

import hvac
import pytest
from hvac import exceptions

from commands.engines.vault.protocol import (
    Operator,
    Vault,
    VaultDenied,
    VaultRefused,
    VaultUnprepared,
    WrappingSpent,
)
from commands.engines.vault.setup import prepare, unwrap_secret_id
from state.records import Person
from tests.commands.engines.vault.worlds import ADMIN, NOW, World
from tests.conftest import VaultSpace

ANNA, BEN, CI = Person("T1", "U1"), Person("T1", "U2"), Person.agent("ci")


def secret_id(vault: Vault, agent: Person = CI) -> str:
    return str(vault.unwrap(vault.agent_secret_id(agent).token)["secret_id"])


def written(world: World, person: Person, *roles: str) -> None:
    world.vault.write_operator(Operator(person, person.user, roles, (), "T1-U0", NOW))


def test_an_agent_logs_in_and_is_known_by_its_token(world: World) -> None:
    role_id = world.vault.add_agent(CI)
    other = world.vault.add_agent(Person.agent("other"))
    token = world.agent_logs_in(role_id, secret_id(world.vault))
    assert world.vault.person_of_token(token) == CI
    with pytest.raises(VaultDenied):
        world.agent_logs_in(other, secret_id(world.vault))


def test_an_agents_secret_id_opens_once(world: World) -> None:
    world.vault.add_agent(CI)
    wrapped = world.vault.agent_secret_id(CI)
    world.vault.unwrap(wrapped.token)
    with pytest.raises(WrappingSpent):
        world.vault.unwrap(wrapped.token)


def test_without_an_approle_there_is_no_secret_id(world: World) -> None:
    with pytest.raises(VaultUnprepared):
        world.vault.agent_secret_id(CI)
    world.vault.remove_agent(CI)


@pytest.mark.parametrize("who", [ANNA, Person("AGENT", "../ci"), Person("AGENT", "CI"), Person("AGENT", "")])
def test_who_is_no_agent_gets_no_approle(world: World, who: Person) -> None:
    for ask in (world.vault.add_agent, world.vault.agent_secret_id, world.vault.remove_agent):
        with pytest.raises(VaultRefused):
            ask(who)


def test_removing_an_agent_ends_what_it_logged_in_as(world: World) -> None:
    role_id, other = world.vault.add_agent(CI), world.vault.add_agent(Person.agent("other"))
    its_secret = secret_id(world.vault)
    token = world.agent_logs_in(role_id, its_secret)
    others = world.agent_logs_in(other, secret_id(world.vault, Person.agent("other")))
    world.vault.remove_agent(CI)
    assert world.vault.person_of_token(token) is None
    with pytest.raises(VaultDenied):
        world.agent_logs_in(role_id, its_secret)
    assert world.vault.person_of_token(others) == Person.agent("other")


def test_adding_it_again_ends_what_was_before(world: World) -> None:
    before = world.vault.add_agent(CI)
    its_secret = secret_id(world.vault)
    token = world.agent_logs_in(before, its_secret)
    after = world.vault.add_agent(CI)
    assert after != before
    assert world.vault.person_of_token(token) is None
    for role_id in (before, after):
        with pytest.raises(VaultDenied):
            world.agent_logs_in(role_id, its_secret)


def test_a_person_is_known_by_their_own_token(world: World) -> None:
    written(world, ANNA, "operator")
    written(world, BEN, "operator")
    assert world.vault.person_of_token(world.token_of(ANNA)) == ANNA
    assert world.vault.person_of_token(world.token_of(BEN)) == BEN


def test_a_person_without_a_document_is_nobody(world: World) -> None:
    assert world.vault.person_of_token(world.token_of(ANNA)) is None


def test_no_other_token_is_anybodys(world: World) -> None:
    written(world, ANNA, "operator")
    written(world, CI, "operator")
    world.vault.add_agent(CI)
    tokens = ["", "nonsense", "two\nlines", "s.ünïcode", "x" * 5000, *world.tokens_of_nobody()]
    assert [world.vault.person_of_token(token) for token in tokens] == [None] * len(tokens)


def test_a_wrapping_is_no_login(world: World) -> None:
    world.vault.add_agent(CI)
    assert world.vault.person_of_token(world.vault.agent_secret_id(CI).token) is None


def test_whatever_its_document_says_an_agent_only_asks(world: World) -> None:
    everything = {
        "slack_team": "AGENT",
        "slack_user": "ci",
        "roles": ["admin", "infra", "operator", "security"],
        "added_at": "2026-11-24T09:00:00Z",
    }
    world.put("AGENT-ci", everything)
    read = world.vault.operator(CI)
    assert read is not None
    assert read.roles == ("operator",)
    assert [each.person for each in world.vault.operators()] == [CI]
    world.vault.write_operator(replace(read, name="ci"))
    world.vault.remove_operator(CI)
    assert world.vault.operator(CI) is None


@pytest.mark.integration
def test_what_an_agent_logs_in_as_opens_nothing_in_vault(vault_space: VaultSpace) -> None:
    bot = bots_client(vault_space)
    bot.adapter.post("/v1/auth/agents/role/ci", json={"token_policies": "innkeeper-agent"})
    role_id = bot.adapter.get("/v1/auth/agents/role/ci/role-id")["data"]["role_id"]
    wrapped = bot.adapter.post("/v1/auth/agents/role/ci/secret-id", json={}, wrap_ttl="60s")
    opened = hvac.Client(
        vault_space.addr, token=wrapped["wrap_info"]["token"], namespace=vault_space.namespace
    )
    its_secret = opened.sys.unwrap()["data"]["secret_id"]
    agent = hvac.Client(vault_space.addr, token="", namespace=vault_space.namespace)
    agent.auth.approle.login(role_id, its_secret, mount_point="agents")
    assert agent.auth.token.lookup_self()["data"]["meta"]["role_name"] == "ci"
    for path in (
        "innkeeper/data/operators/AGENT-ci",
        "innkeeper/data/providers/x",
        "sys/internal/ui/mounts/x",
    ):
        with pytest.raises(exceptions.Forbidden):
            agent.adapter.get(f"/v1/{path}")
    with pytest.raises(exceptions.Forbidden):
        agent.auth.token.create(meta={"role_name": "other"})


@pytest.mark.integration
@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("auth/agents/role/ci", {"token_policies": "root"}),
        ("auth/agents/role/ci", {"token_policies": "innkeeper-bot"}),
        ("auth/agents/role/ci", {"token_policies": ["innkeeper-agent", "innkeeper-bot"]}),
        ("auth/agents/role/ci", {"policies": "innkeeper-bot"}),
        ("auth/agents/role/ci", {"token_policies": "innkeeper-agent", "role_id": "known"}),
        ("auth/agents/role/ci", {"token_policies": "innkeeper-agent", "bind_secret_id": False}),
        ("auth/agents/role/ci/policies", {"token_policies": "innkeeper-bot"}),
        ("auth/agents/role/ci/secret-id", {}),
        ("auth/agents/role/ci/custom-secret-id", {"secret_id": "known"}),
        ("auth/approle/role/ci", {"token_policies": "innkeeper-agent"}),
    ],
)
def test_the_bot_can_make_agents_and_nothing_else_of_them(
    vault_space: VaultSpace, path: str, asked: dict[str, object]
) -> None:
    bot = bots_client(vault_space)
    bot.adapter.post("/v1/auth/agents/role/ci", json={"token_policies": "innkeeper-agent"})
    with pytest.raises(exceptions.Forbidden):
        bot.adapter.post(f"/v1/{path}", json=asked)


def bots_client(space: VaultSpace) -> hvac.Client:
    prepared = prepare(space.client, ADMIN, "admin", NOW)
    secret = unwrap_secret_id(space.addr, prepared.wrapped_secret_id, space.namespace)
    client = hvac.Client(space.addr, token="", namespace=space.namespace)
    client.auth.approle.login(prepared.role_id, secret)
    return client
