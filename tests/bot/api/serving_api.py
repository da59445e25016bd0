"""The API of an Inn on a port of its own, and what an agent and a person with their Vault tokens ask there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import requests
from starlette.applications import Starlette

from bot.api import routes
from bot.api.run_watch import RunWatch
from state.records import Person
from tests.inn import ADMIN, CHANNEL, COLLEAGUE, INFRA, REQUESTER, ROLES, STRANGER, Inn
from tests.listening import listening

CI = Person.agent("ci")
AGENTS = "hvs.agents"


@dataclass
class Served:
    """A running API. token: whose, by default the agent's."""

    inn: Inn
    base_url: str

    def asks(
        self, text: str, token: str = AGENTS, key: str = "", channel: str = CHANNEL, **more: Any
    ) -> requests.Response:
        headers = {"X-Vault-Token": token} | ({"Idempotency-Key": key} if key else {})
        return self.posts({"text": text, "channel": channel, **more}, headers)

    def posts(self, body: Any, headers: Mapping[str, str]) -> requests.Response:
        given = {"data": body} if isinstance(body, bytes | str) else {"json": body}
        return requests.post(f"{self.base_url}/api/commands", headers=headers, timeout=90, **given)

    def run(self, run_id: str, token: str = AGENTS, **query: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"{self.base_url}/api/runs/{run_id}"
        return requests.get(url, params=query, headers=headers, timeout=90)


def token_of(person: Person) -> str:
    return f"hvs.{person.key}"


@contextmanager
def serving(inn: Inn, **otherwise: Any) -> Iterator[Served]:
    """With an agent, which is logged in, and people who are too. otherwise: what of the Inn's Deps is another."""
    inn.vault.add(CI, "operator")
    inn.vault.add_agent(CI)
    inn.vault.agent_roles[CI].tokens.add(AGENTS)
    for person in (*ROLES, STRANGER):
        inn.vault.tokens[token_of(person)] = {person}
    inn.vault.tokens["hvs.root"] = {REQUESTER, COLLEAGUE, INFRA, ADMIN}
    watch = RunWatch(inn.database)
    app = Starlette(routes=routes.routes(replace(inn.deps, **otherwise), inn.intake, watch))
    watch.start()
    with listening(app) as base_url:
        yield Served(inn, base_url)
        watch.stop(2)
