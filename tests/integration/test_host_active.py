"""labs/hosts/innkeeper-active: it tells Innkeeper that somebody is logged in, and nobody on the host its token."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from starlette.applications import Starlette

from bot import activity_routes
from state import labs
from state.database import Database, connect
from state.records import Lab
from tests.conftest import cannot_be_had
from tests.fakes.clock import FakeClock
from tests.integration.bot_process import free_port
from tests.integration.host import HOSTS
from tests.listening import listening
from tests.state.examples import NOW, a_lab

pytestmark = pytest.mark.integration

TOKEN = "token-of-the-lab"
SOMEBODY = "root     pts/0        2026-11-24 09:00 (203.0.113.7)"


class Reporter:
    """A host of the lab `demo`, whose `who` says what a test wants, and the bot that it tells."""

    def __init__(self, folder: Path, database: Database, base_url: str) -> None:
        self.database = database
        self.base_url = base_url
        self.folder = folder / "innkeeper"
        self.programs = folder / "programs"
        self.folder.mkdir()
        self.programs.mkdir()
        self.tell("active_url", f"{base_url}/labs/demo/active")
        self.tell("active_token", TOKEN)
        self.is_there(SOMEBODY)

    def tell(self, name: str, value: str) -> None:
        (self.folder / name).write_text(f"{value}\n")

    def is_there(self, *people: str) -> None:
        self.program("who", "".join(f"echo '{each}'\n" for each in people))

    def program(self, name: str, text: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{text}")
        path.chmod(0o755)

    def run(self) -> subprocess.CompletedProcess[str]:
        path = f"{self.programs}:{os.environ['PATH']}"
        environment = {"PATH": path, "INNKEEPER_FOLDER": str(self.folder)}
        script = HOSTS / "innkeeper-active"
        return subprocess.run(
            [script], env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    @property
    def lab(self) -> Lab:
        lab = labs.living(self.database, "demo")
        assert lab is not None
        return lab


@pytest.fixture
def reporter(tmp_path: Path) -> Iterator[Reporter]:
    if shutil.which("curl") is None:
        cannot_be_had("curl")
    database, clock = connect(f"sqlite:///{tmp_path}/state.db"), FakeClock(NOW)
    database.migrate()
    labs.create(database, a_lab(active_token_sha256=sha256(TOKEN.encode()).hexdigest()))
    clock.passes(hours=1)
    with listening(Starlette(routes=activity_routes.routes(database, clock))) as base_url:
        yield Reporter(tmp_path, database, base_url)
    database.close()


def test_somebody_who_is_logged_in_is_reported(reporter: Reporter) -> None:
    done = reporter.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (reporter.lab.last_active_how, reporter.lab.last_active_by) == ("a login", None)


def test_nobody_is_not_reported(reporter: Reporter) -> None:
    reporter.is_there()
    assert reporter.run().returncode == 0
    assert reporter.lab.last_active_at == NOW


def test_a_token_that_is_not_taken_is_said(reporter: Reporter) -> None:
    reporter.tell("active_token", "another")
    done = reporter.run()
    address = f"{reporter.base_url}/labs/demo/active"
    assert (done.returncode, done.stderr) == (1, f"innkeeper-active: {address} answers with status 401.\n")


def test_a_bot_that_is_away_is_said(reporter: Reporter) -> None:
    reporter.tell("active_url", f"http://127.0.0.1:{free_port()}/labs/demo/active")
    done = reporter.run()
    assert (done.returncode, "answers with status 000" in done.stderr) == (1, True)


@pytest.mark.parametrize("name", ["active_url", "active_token"])
def test_a_file_that_is_missing_is_named(reporter: Reporter, name: str) -> None:
    (reporter.folder / name).unlink()
    done = reporter.run()
    assert (done.returncode, done.stderr) == (
        2,
        f"innkeeper-active: {reporter.folder}/{name} is missing.\n",
    )


def test_the_token_is_among_no_programs_words_and_in_no_environment(reporter: Reporter) -> None:
    told = reporter.folder.parent / "told"
    reporter.program("curl", f"{{ echo \"$@\"; env; }} >'{told}'; cat >/dev/null; printf 204")
    assert reporter.run().returncode == 0
    assert "/labs/demo/active" in told.read_text()
    assert TOKEN not in told.read_text()
