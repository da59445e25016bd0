"""A running bot as far as hosts see it: /ssh on a port of its own, with what is revoked set by the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import requests
from starlette.applications import Starlette
from starlette.types import ASGIApp

from bot.revocations import Revocations, Source
from bot.ssh_routes import routes
from commands.grants.krl import Revoked
from state.database import Database
from tests.databases import a_database
from tests.fakes.clock import FakeClock
from tests.fakes.krl_signer import KrlSigner
from tests.listening import listening


@dataclass
class Told:
    """What is revoked, as a test says it."""

    now: Revoked = field(default_factory=Revoked)
    reads: int = 0

    def revokes(self, *serials: int, **more: frozenset[str]) -> None:
        self.now = replace(self.now, serials=self.now.serials | set(serials), **more)

    def source(self) -> Source:
        return Source(lambda now: repr(sorted(self.now.serials)) + repr(self.now), self._revoked)

    def _revoked(self, now: datetime) -> Revoked:
        self.reads += 1
        return self.now


@dataclass
class Hosts:
    """What hosts reach, and what stands behind it."""

    base_url: str
    told: Told
    signer: KrlSigner
    clock: FakeClock
    database: Database
    revocations: Revocations

    def get(self, path: str, method: str = "GET", **headers: str) -> requests.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.request(method, self.base_url + path, headers=names, timeout=30)


@contextmanager
def serving_hosts(
    folder: Path,
    ca_public_key: str = "",
    clock: FakeClock | None = None,
    between: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    address: str = "127.0.0.1",
) -> Iterator[Hosts]:
    """A bot that has signed nothing yet. between: what stands between it and its hosts."""
    database = a_database(folder / "hosts.db")
    signer, told, clock = KrlSigner(ca_public_key), Told(), clock or FakeClock()
    revocations = Revocations(database, signer, told.source(), clock)
    with listening(between(Starlette(routes=routes(revocations))), address) as base_url:
        yield Hosts(base_url, told, signer, clock, database, revocations)
    database.close()
