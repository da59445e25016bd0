"""Agents in Vault: an AppRole for each machine that asks for labs, and whose a token is. Through hvac."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import hvac
from hvac import exceptions

from commands.engines.vault import approles as vault_approles
from commands.engines.vault.connection import Connection
from commands.engines.vault.credentials import Wrapped
from commands.engines.vault.errors import Doing, VaultDenied, VaultRefused, VaultUnprepared
from commands.engines.vault.places import AGENT_POLICY, AGENT_SECONDS, AGENTS_MOUNT
from state.records import Person

_TOKEN = re.compile(r"[!-~]{1,4096}")
_ROLE = {
    # Text, not lists: a policy's allowed_parameters know one text from another, and no list.
    "token_policies": AGENT_POLICY,
    "token_no_default_policy": True,
    "token_ttl": AGENT_SECONDS,
    "token_max_ttl": AGENT_SECONDS,
    "token_type": "service",
    "bind_secret_id": True,
}


class HvacAgents:
    """The part of HvacVault that lets machines log in, and knows them again."""

    _connection: Connection
    token_reads_operator: Callable[[str, Person], bool]  # HvacVault's own

    def add_agent(self, agent: Person) -> str:
        name = _named(agent)
        doing = Doing("I cannot let an agent log in", in_doubt="Try again: twice does no harm.")

        def make(client: hvac.Client) -> str:
            before = vault_approles.role_id(client, AGENTS_MOUNT, name)
            vault_approles.close(client, AGENTS_MOUNT, name, before)
            client.adapter.post(vault_approles.place(AGENTS_MOUNT, name), json=_ROLE)
            return str(vault_approles.role_id(client, AGENTS_MOUNT, name))

        return self._connection.call(doing, make)

    def agent_secret_id(self, agent: Person) -> Wrapped:
        name = _named(agent)
        doing = Doing("I cannot give an agent a secret id", in_doubt="Try again.")
        return self._connection.call(
            doing, lambda client: vault_approles.wrapped_secret_id(client, AGENTS_MOUNT, name, {})
        )

    def remove_agent(self, agent: Person) -> None:
        name = _named(agent)
        doing = Doing("I cannot end an agent's logins", in_doubt="I try again by myself.")

        def remove(client: hvac.Client) -> None:
            its_id = vault_approles.role_id(client, AGENTS_MOUNT, name)
            vault_approles.close(client, AGENTS_MOUNT, name, its_id)

        self._connection.call(doing, remove)

    def person_of_token(self, token: str) -> Person | None:
        if _TOKEN.fullmatch(token) is None:
            return None
        doing = Doing("I cannot check who you are", untouched=True)
        try:
            person = self._connection.call_as(token, doing, _person_of)
        except (VaultDenied, VaultUnprepared):
            return None
        if person is None or person.is_agent:
            return person
        return person if self.token_reads_operator(token, person) else None


def _person_of(client: hvac.Client) -> Person | None:
    """Whom Vault says this token belongs to: an agent by the AppRole it came from, a person by their identity.

    Of a token that somebody made by hand only where it came from cannot be made up; what else it says of itself is
    held to what it can read.
    """
    about: dict[str, Any] = client.auth.token.lookup_self()["data"]
    if "root" in (about.get("policies") or []):
        return None  # it may do everything, and is nobody
    meta = about.get("meta") or {}
    if about.get("path") == f"auth/{AGENTS_MOUNT}/login":
        return _agent_called(str(meta.get("role_name", "")))
    if "slack_user" not in meta and about.get("entity_id"):
        try:
            found = client.adapter.get(f"/v1/identity/entity/id/{about['entity_id']}")
        except (exceptions.Forbidden, exceptions.InvalidPath):
            return None
        meta = (found or {}).get("data", {}).get("metadata") or {}
    try:
        person = Person.parse(f"{meta.get('slack_team')}-{meta.get('slack_user')}")
    except ValueError:
        return None
    return None if person.is_agent else person


def _agent_called(name: str) -> Person | None:
    try:
        return Person.agent(name)
    except ValueError:
        return None


def _named(agent: Person) -> str:
    """The agent's name, which is that of its AppRole. Raises VaultRefused for who is none."""
    if _agent_called(agent.user) != agent:
        raise VaultRefused(f"`{agent.key[:60]}` is no agent.")
    return agent.user
