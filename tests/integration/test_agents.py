"""A machine that asks for labs, from `/operator add-agent` to exit status 0, on real parts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import hvac
import pytest
import requests

from tests.integration.bot_process import REPOSITORY
from tests.integration.house import House
from tests.integration.keyholder import secrets_in

pytestmark = pytest.mark.integration


@dataclass
class Agent:
    """A machine with what it was given: its command line, and its token."""

    house: House
    role_id: str = field(repr=False)
    secret_id: str = field(repr=False)

    def begins(self, *words: str, **more: str) -> subprocess.Popen[str]:
        """`innkeeper lab …`, in an environment of its own."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.house.folder),
            "INNKEEPER_URL": self.house.address,
            "INNKEEPER_CHANNEL": self.house.channel,
            "VAULT_ADDR": self.house.front.addr,
            "VAULT_NAMESPACE": self.house.namespace,
            "INNKEEPER_ROLE_ID": self.role_id,
            "INNKEEPER_SECRET_ID": self.secret_id,
            **more,
        }
        command = [sys.executable, "-m", "bot", "lab", *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=pipe, stderr=pipe, text=True)

    def runs(self, *words: str, **more: str) -> tuple[int, str, str]:
        """Exit status, and what it said to both."""
        process = self.begins(*words, **more)
        out, err = process.communicate(timeout=90)
        return process.returncode, out, err

    def logs_in(self) -> str:
        """What CI does that has Vault's own command line."""
        client = hvac.Client(self.house.openbao.addr, token="", namespace=self.house.namespace)
        answer = client.auth.approle.login(self.role_id, self.secret_id, mount_point="agents")
        return str(answer["auth"]["client_token"])

    def asks(self, method: str, path: str, token: str, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        return requests.request(method, f"{self.house.address}{path}", headers=headers, timeout=70, **more)


@pytest.fixture
def add_agent(house: House) -> Iterator[Callable[[str], Agent]]:
    """Ada adds one, and reads once what it logs in with."""
    added: list[str] = []

    def add(name: str) -> Agent:
        house.asks(house.ada, f"/operator add-agent {name} operator", expect="is a trusted operator now")
        added.append(name)
        house.slack.click(house.ada, house.answers[house.ada], "Reveal once")
        shown = house.wait_for(lambda: what_opened(house, house.ada))
        house.slack.close_view(house.ada)
        return Agent(house, shown["INNKEEPER_ROLE_ID"], shown["INNKEEPER_SECRET_ID"])

    yield add
    for name in added:
        house.asks(house.ada, f"/operator remove-agent {name}", expect="operator")


def what_opened(house: House, user: str) -> dict[str, str]:
    """What the window shows, once it does."""
    views = house.slack.views_of(user)
    return secrets_in(views[-1]) if views else {}


def said_until(process: subprocess.Popen[str], words: str) -> str:
    """What it has said of its run by the time that it says that; whoever approves sooner is quicker than it looks."""
    said = ""
    assert process.stderr is not None
    for line in process.stderr:
        said += line
        if words in said:
            return said
    raise AssertionError(f"It has never said {words!r}: {said}")


def test_a_machine_asks_people_approve_and_its_build_goes_on(
    house: House, add_agent: Callable[[str], Agent]
) -> None:
    ci = add_agent("ci")
    waits = ci.begins("up", "pair", "built", "size=large", "note=two words", "--wait", "--timeout", "80s")
    said = said_until(waits, "waits for infra and security")
    house.approve_all("built")
    out, err = waits.communicate(timeout=80)
    assert waits.returncode == 0, said + err
    assert "built: applied" in out
    card = house.card("built: applied")
    assert "Asked for by agent ci" in json.dumps(card.blocks)
    (run,) = house.runs("built")
    assert run["requester"] == "AGENT-ci"
    assert json.loads(run["variables"])["note"] == "two words"
    assert house.audited("built", "approved") == 2

    down = ci.begins("down", "built", "--wait", "--json")
    house.approve_all("built")
    out, err = down.communicate(timeout=80)
    assert (down.returncode, json.loads(out)["run"]["state"]) == (0, "applied"), err
    house.card("built: destroyed")


def test_a_rejection_ends_the_build(house: House, add_agent: Callable[[str], Agent]) -> None:
    waits = add_agent("ci-two").begins("up", "pair", "turned-down", "--wait", "--timeout", "80s")
    card = house.card("turned-down: proposed")
    house.presses(house.sam, card, "Reject")
    form = house.form(house.sam)
    house.slack.submit(house.sam, form, {"reason": "not on a Friday"})
    out, err = waits.communicate(timeout=80)
    assert waits.returncode == 1, err
    assert "turned-down: rejected" in out


def test_the_same_build_twice_is_one_run(house: House, add_agent: Callable[[str], Agent]) -> None:
    ci = add_agent("ci-three")
    token = ci.logs_in()
    body = {"text": "/lab up pair again", "channel": house.channel}
    key = {"Idempotency-Key": "build-7"}
    first = ci.asks("POST", "/api/commands", token, json=body, headers=key)
    house.kill()
    house.start()
    again = ci.asks("POST", "/api/commands", token, json=body, headers=key)
    assert first.json()["run"]["id"] == again.json()["run"]["id"]
    shown = ci.asks("GET", f"/api/runs/{first.json()['run']['id']}", token, params={"wait": 60}).json()
    assert (shown["state"], shown["waiting_for"]) == ("proposed", {"infra": 1, "security": 1})
    assert len(house.runs("again")) == 1


def test_whoever_took_its_token_is_out_when_it_is_removed(
    house: House, add_agent: Callable[[str], Agent]
) -> None:
    ci = add_agent("ci-four")
    token = ci.logs_in()
    listing = {"json": {"text": "/lab list", "channel": house.channel}}
    assert ci.asks("POST", "/api/commands", token, **listing).status_code == 200
    house.asks(house.ada, "/operator remove-agent ci-four", expect="no longer an operator")
    assert ci.asks("POST", "/api/commands", token, **listing).status_code == 401
    status, _, err = ci.runs("list")
    assert status == 2
    assert "Vault does not take INNKEEPER_ROLE_ID" in err
    stolen = hvac.Client(house.openbao.addr, token=token, namespace=house.namespace)
    with pytest.raises(hvac.exceptions.Forbidden):
        stolen.auth.token.lookup_self()


def test_a_person_with_a_token_of_their_own_and_nobody_with_roots(
    house: House, add_agent: Callable[[str], Agent]
) -> None:
    client, team = house.vault_client, house.slack.team
    client.sys.enable_auth_method("userpass", path="people")
    client.adapter.post(
        "/v1/auth/people/users/riley",
        json={"password": "a-password", "token_policies": ["innkeeper-operator"]},
    )
    metadata = {"slack_team": team, "slack_user": house.riley}
    entity = client.secrets.identity.create_or_update_entity("riley", metadata=metadata)["data"]["id"]
    accessor = client.sys.list_auth_methods()["data"]["people/"]["accessor"]
    client.secrets.identity.create_or_update_entity_alias("riley", entity, accessor)
    logged_in = client.adapter.post("/v1/auth/people/login/riley", json={"password": "a-password"})
    mine = {"INNKEEPER_ROLE_ID": "", "VAULT_TOKEN": logged_in["auth"]["client_token"]}

    somebody = Agent(house, "", "")
    status, out, err = somebody.runs("up", "pair", "typed", **mine)
    assert (status, out.startswith("typed: ")) == (0, True), err
    assert house.runs("typed")[0]["requester"] == f"{team}-{house.riley}"
    status, _, err = somebody.runs("list", INNKEEPER_ROLE_ID="", VAULT_TOKEN=house.openbao.root_token)
    assert status == 2
    assert "a root token is nobody's" in err
    status, _, err = somebody.runs("approve", "typed", **mine)
    assert status == 2
