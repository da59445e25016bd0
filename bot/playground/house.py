"""What the demo's tours play with: an embedded Vault, a database, the real bot, and a leaver's laptop.

The bot is a process of its own that knows nothing of this: SLACK_API_URL and VAULT_ADDR are all the difference.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import requests
import yaml

from bot.playground.guide import Stage
from bot.playground.laptop import Laptop
from bot.playground.ports import free_port
from bot.playground.postgresql_server import ADMIN, PASSWORD, LocalPostgreSQL
from bot.playground.server import LocalSlack
from bot.playground.tour import Tour
from bot.playground.tour_acts import Cast, free_name
from bot.playground.vault_server import EmbeddedVault
from bot.playground.watch import Watch
from bot.setup import needs_of
from commands.engines import openssh
from commands.engines.vault.database import configure_database
from commands.engines.vault.setup import admin_client, prepare, unwrap_secret_id
from state.records import Person

FLEETING = """\
name: fleeting
summary: Two hosts on this machine, to see how a lab is forgotten
terraform: ../sandbox
variables: {size: {default: small, choices: [small, large]}, message: {default: Welcome}}
cost: {per_hour: 0.02, currency: USD}
lifetime: {ttl: 1h, idle: 4s, remind_every: 3s, grace: 3s}  # seconds here, hours in life
approvals: {operator: 1, self: true}
"""
READY_SECONDS = 120.0  # a busy machine takes its time; a bot that ends is not waited for
STOP_SECONDS = 10.0
LABS = Path(__file__).resolve().parents[2] / "labs"


@dataclass(frozen=True)
class Login:
    """How the bot logs in to Vault."""

    role_id: str
    secret_id: str


@contextmanager
def house(folder: Path, slack: LocalSlack, cast: Cast) -> Iterator[Callable[[Stage], Tour]]:
    """A Vault, a database, the bot, and a leaver's laptop. Gives what makes a tour with labs of its own."""
    _start_afresh(folder)
    with ExitStack() as stack:
        stack.callback(end_hosts, folder / "data")
        vault = stack.enter_context(EmbeddedVault(folder / "vault"))
        catalogue = _catalogue(folder / "labs")
        login = _prepare_vault(vault, Person(slack.team, cast.admin), catalogue)
        database = stack.enter_context(_lab_database())
        stack.enter_context(_bot(folder, slack, vault, login, catalogue))
        laptop = Laptop(folder / "laptop")

        def new_tour(stage: Stage) -> Tour:
            lab, fleeting = free_name(slack, "tour"), free_name(slack, "forgotten")
            if database is not None:
                client = admin_client(vault.addr, vault.root_token)
                configure_database(client, lab, database.vault_url, ADMIN, PASSWORD)
            return Tour(slack, cast, stage, laptop, lab, fleeting, database)

        yield new_tour


def _start_afresh(folder: Path) -> None:
    """The local Slack forgets everything at its end, so the bot's own memory must not outlive it. Vault's does."""
    end_hosts(folder / "data")
    for name in ("innkeeper.db", "innkeeper.db-wal", "innkeeper.db-shm", "bot.log"):
        (folder / name).unlink(missing_ok=True)
    for name in ("runs", "logs", "errored"):
        shutil.rmtree(folder / "data" / name, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _prepare_vault(vault: EmbeddedVault, admin: Person, catalogue: Path) -> Login:
    needs = needs_of(str(catalogue), vault.folder)
    done = prepare(admin_client(vault.addr, vault.root_token), admin, "Ada", datetime.now(UTC), needs)
    return Login(done.role_id, unwrap_secret_id(vault.addr, done.wrapped_secret_id))


@contextmanager
def _lab_database() -> Iterator[LocalPostgreSQL | None]:
    """A PostgreSQL for the tour's labs. None where its wheel is not installed."""
    if importlib.util.find_spec("pgserver") is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="innkeeper-"))  # short: a socket's path has some hundred characters
    database = LocalPostgreSQL(folder)
    try:
        with database.connect() as admin:
            admin.execute("CREATE TABLE visits AS SELECT * FROM generate_series(1, 42) AS visit")
        yield database
    finally:
        database.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _catalogue(folder: Path) -> Path:
    """The shipped blueprints, their health looked at more often, and one whose labs are forgotten within seconds.

    Where there is no ssh client nothing is deployed: the tour goes on without it.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(LABS if LABS.is_dir() else Path("labs").resolve(), folder)
    (folder / "fleeting").mkdir()
    (folder / "fleeting" / "blueprint.yaml").write_text(FLEETING)
    sandbox = folder / "sandbox" / "blueprint.yaml"
    said = sandbox.read_text().replace("health: 10m", "health: 2s")
    sandbox.write_text(said if openssh.has_client() else without_ssh(said))
    return folder


def without_ssh(blueprint: str) -> str:
    """The text of the sandbox's blueprint without what it deploys, and without the checks of that and over ssh."""
    said = yaml.safe_load(blueprint)
    said.pop("deploy", None)
    said["test"] = [check for check in said["test"] if "ssh" not in check and "app_" not in str(check)]
    return str(yaml.safe_dump(said, sort_keys=False))


@contextmanager
def _bot(
    folder: Path, slack: LocalSlack, vault: EmbeddedVault, login: Login, catalogue: Path
) -> Iterator[None]:
    port = free_port()
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "TF_CLI_CONFIG_FILE") if name in os.environ},
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_SIGNING_SECRET": slack.signing_secret,
        "SLACK_API_URL": slack.api_url,
        "VAULT_ADDR": vault.addr,
        "VAULT_ROLE_ID": login.role_id,
        "VAULT_SECRET_ID": login.secret_id,
        "STATE_URL": f"sqlite:///{folder / 'innkeeper.db'}",
        "DATA_PATH": str(folder / "data"),
        "LABS_PATH": str(catalogue),
        "PORT": str(port),
        "SWEEP_SECONDS": "1",
    }
    slack.app_url = f"http://127.0.0.1:{port}/slack/events"
    with (folder / "bot.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", "serve"],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is ours to pass on, after the tour
        )
    watch = Watch(process.pid, signal.SIGTERM)
    try:
        _wait_ready(process, f"http://127.0.0.1:{port}/readyz", folder / "bot.log")
        yield
    finally:
        watch.stop()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_ready(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    ends_at = time.monotonic() + READY_SECONDS
    while time.monotonic() < ends_at and process.poll() is None:
        try:
            if requests.get(address, timeout=1).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(0.05)
    last = log.read_text(errors="replace")[-2000:]
    raise SystemExit(f"The bot did not start. The end of its log, {log}:\n{last}")


def end_hosts(data: Path) -> None:
    """The sandbox's hosts outlive everybody but their destruction; the demo leaves no process behind."""
    for path in (data / "home" / ".sandbox").glob("*.pid"):
        text = path.read_text().strip()
        path.unlink()
        if text.isdigit():
            with suppress(psutil.Error):  # it is gone, or somebody else's by now
                host = psutil.Process(int(text))
                if "host.py" in host.cmdline():
                    host.terminate()
