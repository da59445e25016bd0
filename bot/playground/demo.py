"""`make demo`: a local Slack, an embedded Vault and the real bot on this machine, and the tour through them.

The bot is a process of its own that knows nothing of this: SLACK_API_URL and VAULT_ADDR are all the difference.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests
import yaml
from rich.console import Console

from bot.playground.guide import Guide
from bot.playground.laptop import Laptop
from bot.playground.manifest import Manifest, read_manifest
from bot.playground.model import SlashCommand
from bot.playground.postgresql_server import ADMIN, PASSWORD, LocalPostgreSQL
from bot.playground.server import LocalSlack
from bot.playground.tour import Tour
from bot.playground.tour_acts import Cast, TourFailed
from bot.playground.transcript import Transcript
from bot.playground.vault_server import EmbeddedVault
from bot.setup import needs_of
from commands.engines import openssh
from commands.engines.vault_database import configure_database
from commands.engines.vault_setup import admin_client, prepare, unwrap_secret_id
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
READY_SECONDS = 20.0
STOP_SECONDS = 10.0
LABS = Path(__file__).resolve().parents[2] / "labs"
COMMANDS = ("/lab", "/key", "/operator")


@dataclass(frozen=True)
class Login:
    """How the bot logs in to Vault."""

    role_id: str
    secret_id: str


def play(folder: Path, only_tour: bool) -> int:
    """Start everything, play the tour, and stay until Ctrl-C unless only_tour. Returns the exit status."""
    console = Console(highlight=False)
    folder = folder.resolve()
    _start_afresh(folder)
    failed = 0
    with ExitStack() as stack:
        stack.callback(_end_hosts, folder)
        console.print("Starting a Vault, a Slack workspace and the bot, all on this machine …", style="dim")
        app = _manifest()
        slack = LocalSlack(
            app_name="innkeeper",
            team_name="Innkeeper Demo",
            commands=app.commands,
            events=app.events,
            shortcuts=app.shortcuts,
        )
        stack.enter_context(slack)
        cast = _cast(slack)
        vault = stack.enter_context(EmbeddedVault(folder / "vault"))
        catalogue = _catalogue(folder / "labs")
        login = _prepare_vault(vault, Person(slack.team, cast.admin), catalogue)
        database = stack.enter_context(_lab_database(vault))
        stack.enter_context(_bot(folder, slack, vault, login, catalogue))
        console.print(f"The workspace is at {slack.page_url}", style="bold")
        laptop = Laptop(folder / "laptop")
        try:
            seconds = Tour(slack, cast, Transcript(slack, cast.channel, console), laptop, database).play()
            console.print(f"\nThe tour took {seconds:.1f} s.", style="dim")
        except TourFailed as problem:
            console.print(
                f"\nThe tour ended early: {problem}\nThe bot's log is {folder / 'bot.log'}.", style="red"
            )
            failed = 1
        if not only_tour:
            slack.guide = Guide(
                slack.workspace, cast.channel, lambda guide: Tour(slack, cast, guide, laptop, database).play()
            )
            slack.workspace.note()
            console.print(
                f"\nNow it is yours: open {slack.page_url} and play any part. Ctrl-C ends it.", style="bold"
            )
            _until_asked_to_end()
    return failed


def _manifest() -> Manifest:
    """The app as its manifest has it; its commands alone where that is not at hand, as in an installed wheel."""
    path = LABS.parent / "app.yaml"
    return (
        read_manifest(path)
        if path.is_file()
        else Manifest(commands=[SlashCommand(word) for word in COMMANDS])
    )


def _start_afresh(folder: Path) -> None:
    """The local Slack forgets everything at its end, so the bot's own memory must not outlive it. Vault's does."""
    _end_hosts(folder)
    for name in ("innkeeper.db", "innkeeper.db-wal", "innkeeper.db-shm", "bot.log"):
        (folder / name).unlink(missing_ok=True)
    for name in ("runs", "logs", "errored"):
        shutil.rmtree(folder / "data" / name, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _cast(slack: LocalSlack) -> Cast:
    people = {
        "admin": slack.add_user("ada", "Ada (admin)", is_admin=True),
        "requester": slack.add_user("riley", "Riley (asks for labs)"),
        "infra": slack.add_user("ines", "Ines (infrastructure)"),
        "security": slack.add_user("sam", "Sam (security)"),
        "stranger": slack.add_user("eve", "Eve (a stranger)"),
        "leaver": slack.add_user("ivo", "Ivo (infrastructure, leaves today)"),
    }
    channel = slack.add_channel("lab", list(people.values()))
    return Cast(channel=channel, **people)


def _prepare_vault(vault: EmbeddedVault, admin: Person, catalogue: Path) -> Login:
    needs = needs_of(str(catalogue), vault.folder)
    done = prepare(admin_client(vault.addr, vault.root_token), admin, "Ada", datetime.now(UTC), needs)
    return Login(done.role_id, unwrap_secret_id(vault.addr, done.wrapped_secret_id))


@contextmanager
def _lab_database(vault: EmbeddedVault) -> Iterator[LocalPostgreSQL | None]:
    """A PostgreSQL for the lab `demo`, put under Vault. None where its wheel is not installed."""
    if importlib.util.find_spec("pgserver") is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="innkeeper-"))  # short: a socket's path has some hundred characters
    database = LocalPostgreSQL(folder)
    try:
        with database.connect() as admin:
            admin.execute("CREATE TABLE visits AS SELECT * FROM generate_series(1, 42) AS visit")
        client = admin_client(vault.addr, vault.root_token)
        configure_database(client, "demo", database.vault_url, ADMIN, PASSWORD)
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
    port = _free_port()
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
    try:
        _wait_ready(process, f"http://127.0.0.1:{port}/readyz", folder / "bot.log")
        yield
    finally:
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


def _until_asked_to_end() -> None:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()


def _end_hosts(folder: Path) -> None:
    """The sandbox's hosts outlive everybody but their destruction; the demo leaves no process behind."""
    for path in (folder / "data" / "home" / ".sandbox").glob("*.pid"):
        text = path.read_text().strip()
        path.unlink()
        if text.isdigit():
            try:
                os.kill(int(text), signal.SIGTERM)
            except ProcessLookupError:
                continue


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
