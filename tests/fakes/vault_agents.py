"""The part of the FakeVault that lets agents log in, and knows whose a token is."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from commands.engines.vault.errors import Doing
from commands.engines.vault.protocol import VaultDenied, VaultRefused, VaultUnprepared, Wrapped
from state.records import Person


@dataclass
class FakeAgentRole:
    """An agent's AppRole: its secret ids, and the tokens that were got with them."""

    role_id: str
    secret_ids: set[str] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)


class FakeAgents:
    """Look at agent_roles: agent → FakeAgentRole. A token is ended by taking it out of its role."""

    tokens: dict[str, set[Person]]
    _lock: RLock

    def __init__(self) -> None:
        super().__init__()
        self.agent_roles: dict[Person, FakeAgentRole] = {}

    def _ask(self, doing: Doing) -> None:
        raise NotImplementedError

    def _wrap(self, values: dict[str, Any]) -> Wrapped:
        raise NotImplementedError

    def token_reads_operator(self, token: str, person: Person) -> bool:
        raise NotImplementedError

    def add_agent(self, agent: Person) -> str:
        self._ask(Doing("I cannot let an agent log in"))
        role = self.agent_roles[_checked(agent)] = FakeAgentRole(secrets.token_hex(16))
        return role.role_id

    def agent_secret_id(self, agent: Person) -> Wrapped:
        doing = Doing("I cannot give an agent a secret id")
        self._ask(doing)
        role = self.agent_roles.get(_checked(agent))
        if role is None:
            raise VaultUnprepared(doing)
        role.secret_ids.add(secret_id := secrets.token_hex(16))
        return self._wrap({"secret_id": secret_id})

    def remove_agent(self, agent: Person) -> None:
        self._ask(Doing("I cannot end an agent's logins"))
        self.agent_roles.pop(_checked(agent), None)

    def agent_logs_in(self, role_id: str, secret_id: str) -> str:
        """What a machine does with what it was given: a token. Raises VaultDenied."""
        for role in self.agent_roles.values():
            if role.role_id == role_id and secret_id in role.secret_ids:
                role.tokens.add(token := f"hvs.{secrets.token_hex(12)}")
                return token
        raise VaultDenied(Doing("you cannot log in"))

    def person_of_token(self, token: str) -> Person | None:
        self._ask(Doing("I cannot check who you are", untouched=True))
        for agent, role in self.agent_roles.items():
            if token in role.tokens:
                return agent
        reads = self.tokens.get(token, set())
        (person,) = (
            reads if len(reads) == 1 else (None,)
        )  # who reads several may do everything, and is nobody
        return person if person is not None and self.token_reads_operator(token, person) else None


def _checked(agent: Person) -> Person:
    try:
        if Person.agent(agent.user) == agent:
            return agent
    except ValueError:
        pass
    raise VaultRefused(f"`{agent.key[:60]}` is no agent.")
