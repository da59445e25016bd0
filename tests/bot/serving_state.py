"""A running bot as far as Terraform's state goes, and who may use it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from starlette.applications import Starlette

from bot.state_backend import routes
from commands.authorise import Standing
from state import audit, labs, runs, tfstate
from state.database import Database
from state.records import Person
from state.transitions import RunState
from tests.databases import a_database
from tests.fakes.vault import FakeVault
from tests.listening import listening
from tests.state.examples import ADA, BEN, NOW, a_lab, a_run

SEC = Person("T1", "U3")
RUN = (tfstate.username_of_run("run1"), "the-token-of-run1")
PERSON = (ADA.key, "hvs.ada")
MAX_BYTES = 100_000


def a_state(serial: int, lineage: str = "8a1f", **parts: Any) -> bytes:
    return json.dumps({"version": 4, "serial": serial, "lineage": lineage, "resources": [], **parts}).encode()


@dataclass
class Backend:
    """A running bot, as far as Terraform's state goes. Calls give status and body."""

    base_url: str
    database: Database
    vault: FakeVault
    guests: set[Person]  # of whom Slack says that they are guests

    def call(
        self,
        method: str,
        user: tuple[str, str] | None,
        body: bytes = b"",
        lab: str = "demo",
        md5_of: bytes | None = None,
        **query: str,
    ) -> requests.Response:
        headers = {}
        if method == "POST":
            digest = hashlib.md5(body if md5_of is None else md5_of).digest()
            headers["Content-MD5"] = base64.b64encode(digest).decode()
        url = f"{self.base_url}/tfstate/{lab}"
        return requests.request(method, url, auth=user, data=body, params=query, headers=headers, timeout=30)

    def lock(self, user: tuple[str, str], lock_id: str = "L1", lab: str = "demo") -> requests.Response:
        info = {"ID": lock_id, "Operation": "OperationTypeApply", "Who": "somebody@host"}
        return self.call("LOCK", user, json.dumps(info).encode(), lab)

    def unlock(self, user: tuple[str, str], lock_id: str = "L1") -> requests.Response:
        return self.call("UNLOCK", user, json.dumps({"ID": lock_id}).encode())

    def audited(self) -> list[tuple[str, str]]:
        return [(entry.actor, entry.action) for entry in reversed(audit.entries(self.database))]


@contextmanager
def serving(folder: Path) -> Iterator[Backend]:
    """A lab `demo` with a run that applies, a lab `other`, an operator, and a security person."""
    database, vault = a_database(folder / "state.db"), FakeVault()
    labs.create(database, a_lab())
    labs.create(database, a_lab(id="lab2", name="other"))
    token = hashlib.sha256(RUN[1].encode()).hexdigest()
    runs.create(database, a_run(state=RunState.APPLYING, token_sha256=token))
    for person, role in ((ADA, "operator"), (BEN, "infra"), (SEC, "security")):
        vault.add(person, role)
    vault.tokens = {"hvs.ada": {ADA}, "hvs.ben": {BEN}, "hvs.sec": {SEC}}
    guests: set[Person] = set()

    def standing(person: Person) -> Standing:
        return Standing(person, person.user, is_guest=person in guests)

    app = Starlette(routes=routes(database, vault, standing, lambda: NOW, max_state_bytes=MAX_BYTES))
    with listening(app) as base_url:
        yield Backend(base_url, database, vault, guests)
    database.close()
