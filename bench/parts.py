"""The real parts, each in a process of its own: the local Slack, OpenBao, the bot, and what it is compared with."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from bench.slack import SlackProcess, slack_process
from bot.playground.ports import free_port
from bot.playground.vault_server import EmbeddedVault
from bot.setup import needs_of
from commands.engines.vault.protocol import FixedToken, HvacVault, Operator
from commands.engines.vault.setup import admin_client, prepare, unwrap_secret_id
from state.records import Person

LABS = Path(__file__).resolve().parents[1] / "labs"
READY_SECONDS = 20.0
STOP_SECONDS = 12.0
LOOK_SECONDS = 0.005


@dataclass(frozen=True)
class Parts:
    """What stays the same for all measures."""

    folder: Path
    slack: SlackProcess
    environment: Mapping[str, str]  # what the bot needs to reach Slack and Vault
    root_token: str  # of that Vault


@dataclass(frozen=True)
class Serving:
    """A process that serves. ready_seconds: from its start until /readyz answered 200."""

    port: int
    process: psutil.Process
    ready_seconds: float

    def resident_megabytes(self) -> float:
        """Its resident memory now."""
        return float(self.process.memory_info().rss) / 1e6


@contextmanager
def parts(folder: Path) -> Iterator[Parts]:
    """A Slack, and a Vault that trusts its one person as an operator."""
    with slack_process() as slack, EmbeddedVault(folder / "vault") as vault:
        person, now = Person(slack.address.team, slack.address.user), datetime.now(UTC)
        needs = needs_of(str(LABS), folder)
        done = prepare(admin_client(vault.addr, vault.root_token), person, "Riley", now, needs)
        documents = HvacVault(vault.addr, FixedToken(vault.root_token))
        written = documents.operator(person)
        version = written.version if written is not None else 0
        documents.write_operator(Operator(person, "Riley", ("operator",), (), person.key, now, version))
        secret_id = unwrap_secret_id(vault.addr, done.wrapped_secret_id)
        yield Parts(
            folder,
            slack,
            {
                "SLACK_BOT_TOKEN": slack.address.bot_token,
                "SLACK_SIGNING_SECRET": slack.address.signing_secret,
                "SLACK_API_URL": slack.address.api_url,
                "VAULT_ADDR": vault.addr,
                "VAULT_ROLE_ID": done.role_id,
                "VAULT_SECRET_ID": secret_id,
                "LABS_PATH": str(LABS),
            },
            vault.root_token,
        )


@contextmanager
def bot(parts: Parts, name: str) -> Iterator[Serving]:
    """The bot as `python -m bot serve` starts it, with a new database and an empty DATA_PATH."""
    folder = parts.folder / name
    folder.mkdir()
    own = {"STATE_URL": f"sqlite:///{folder / 'innkeeper.db'}", "DATA_PATH": str(folder / "data")}
    with _serving("bot", ["serve"], {**parts.environment, **own}, folder) as serving:
        yield serving


@contextmanager
def baseline(parts: Parts) -> Iterator[Serving]:
    """The ack-only Bolt app of bench/baseline.py."""
    with _serving("bench.baseline", [], parts.environment, parts.folder) as serving:
        yield serving


def outer_environment() -> dict[str, str]:
    """What of our own environment Terraform and the bot get."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "TF_CLI_CONFIG_FILE") if name in os.environ}


@contextmanager
def _serving(
    module: str, words: list[str], environment: Mapping[str, str], folder: Path
) -> Iterator[Serving]:
    port, log_path = free_port(), folder / f"{module}.log"
    began = time.perf_counter()
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            cwd=LABS.parent,
            env={**outer_environment(), **environment, "PORT": str(port)},
            stdout=log,
            stderr=log,
        )
    try:
        _wait_ready(process, port, log_path)
        yield Serving(port, psutil.Process(process.pid), time.perf_counter() - began)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    ends_at = time.monotonic() + READY_SECONDS
    while time.monotonic() < ends_at and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_SECONDS)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(LOOK_SECONDS)
    raise SystemExit(f"It did not get ready. The end of its log:\n{log.read_text(errors='replace')[-2000:]}")
