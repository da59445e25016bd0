"""The command line: exit status 2 and one sentence for what is missing or wrong."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.__main__ import cli
from bot.settings import Settings
from state import audit
from state.database import connect
from tests.state.examples import ADA, NOW

SLACK = {"SLACK_BOT_TOKEN": "xoxb-canary", "SLACK_SIGNING_SECRET": "canary"}


def innkeeper(*arguments: str, **environment: str) -> Result:
    """Run the command in this process, with only that environment."""
    empty: dict[str, str | None] = {name.upper(): None for name in Settings.model_fields}
    return CliRunner().invoke(cli, list(arguments), env={**empty, **environment})


@pytest.mark.parametrize("command", ["serve", "worker", "doctor"])
@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, "SLACK_BOT_TOKEN is missing"),
        ({"SLACK_BOT_TOKEN": "xoxb-canary"}, "SLACK_SIGNING_SECRET is missing"),
        (SLACK, "VAULT_ROLE_ID is missing"),
        ({**SLACK, "VAULT_TOKEN": "canary", "PORT": "eighty"}, "PORT is wrong"),
        ({**SLACK, "VAULT_TOKEN": "canary", "STATE_URL": "mysql://x:canary@y"}, "STATE_URL is wrong"),
    ],
)
def test_a_missing_or_wrong_variable_ends_the_start(
    command: str, environment: dict[str, str], told: str
) -> None:
    done = innkeeper(command, **environment)
    assert done.exit_code == 2
    assert done.stderr.startswith(told)
    assert done.stderr.strip().count("\n") == 0
    assert "canary" not in done.output


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("LABS_PATH", "/nowhere", "LABS_PATH is /nowhere, and there is no such folder."),
        ("TERRAFORM_BIN", "/nowhere/terraform", "TERRAFORM_BIN"),
        ("STATE_URL", "sqlite:////dev/null/state.db", "STATE_URL"),
        ("STATE_URL", "postgresql://innkeeper:canary@127.0.0.1:9/x", "STATE_URL"),
    ],
)
def test_what_is_not_there_ends_the_start(tmp_path: Path, name: str, value: str, told: str) -> None:
    given = {
        **SLACK,
        "VAULT_TOKEN": "canary",
        "STATE_URL": f"sqlite:///{tmp_path}/state.db",
        "LABS_PATH": str(tmp_path),
        "DATA_PATH": str(tmp_path / "data"),
    }
    done = innkeeper("doctor", **{**given, name: value})
    assert done.exit_code == 2
    assert told in done.stderr
    assert done.stderr.strip().count("\n") == 0
    assert "canary" not in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize("admin", ["U1", "T1:", "t1:u1", "T1:U1:U2", "../T1:U1"])
def test_an_admin_is_a_workspace_and_a_person(admin: str) -> None:
    done = innkeeper("init", "--admin", admin, VAULT_TOKEN="root")
    assert done.exit_code == 2
    assert done.stderr == (
        f"--admin is wrong: {admin!r} is not TEAM:USER with Slack's ids, such as T0123:U0456.\n"
    )


def test_init_needs_a_token_and_a_vault() -> None:
    assert innkeeper("init", "--admin", "T1:U1").stderr.startswith("VAULT_TOKEN is missing")
    done = innkeeper("init", "--admin", "T1:U1", VAULT_TOKEN="canary", VAULT_ADDR="http://127.0.0.1:9")
    assert done.exit_code == 2
    assert done.stderr.startswith("Vault is away")
    assert "canary" not in done.output


@pytest.mark.parametrize("arguments", [("launch",), ("init",), ("audit", "burn"), ("serve", "--now")])
def test_bad_usage(arguments: tuple[str, ...]) -> None:
    assert innkeeper(*arguments).exit_code == 2


def test_help_names_every_command() -> None:
    told = innkeeper("--help").output
    for command in ("serve", "worker", "init", "doctor", "demo", "audit", "bench"):
        assert command in told


def test_the_audit_is_whole_or_broken(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    database = connect(url)
    database.migrate()
    for number in range(3):
        audit.append(database, NOW, ADA, "requested", "demo", run=f"run{number}")
    database.close()
    done = innkeeper("audit", "verify", STATE_URL=url)
    assert (done.exit_code, done.stdout) == (0, "The audit is whole.\n")
    with sqlite3.connect(tmp_path / "state.db") as forged:
        forged.execute("DROP TRIGGER audit_is_not_changed")
        forged.execute("UPDATE audit SET actor = 'T1-U9' WHERE sequence = 2")
    done = innkeeper("audit", "verify", STATE_URL=url)
    assert done.exit_code == 2
    assert done.stderr == "The audit is broken at entry 2: it, or one before it, is not what was written.\n"


def test_bench_belongs_to_a_checkout(tmp_path: Path) -> None:
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        done = innkeeper("bench")
    finally:
        os.chdir(here)
    assert done.exit_code == 2
    assert done.stderr == "There is no bench/ here: run `innkeeper bench` in a checkout of Innkeeper.\n"


@pytest.mark.integration
def test_the_process_itself(tmp_path: Path) -> None:
    """As a user's shell sees it: status 2, one sentence, no traceback."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-m", "bot", "serve"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "SLACK_BOT_TOKEN is missing: copy the Bot User OAuth Token (xoxb-…) from your Slack app's "
        "OAuth & Permissions page.\n"
    )
