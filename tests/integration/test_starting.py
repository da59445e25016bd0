"""How the bot begins and ends: wrong settings, SIGTERM, and the other commands of its command line."""

from __future__ import annotations

import re
import socket
import sqlite3
from pathlib import Path

import hvac
import pytest

from tests.integration.bot_process import free_port
from tests.integration.house import House
from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("changes", "variable"),
    [
        ({"SLACK_BOT_TOKEN": ""}, "SLACK_BOT_TOKEN"),
        ({"VAULT_ROLE_ID": "", "VAULT_SECRET_ID": ""}, "VAULT_ROLE_ID"),
        ({"VAULT_SECRET_ID": ""}, "VAULT_SECRET_ID"),
        ({"STATE_URL": "sqlite:////dev/null/innkeeper.db"}, "STATE_URL"),
        ({"LABS_PATH": "/nonexistent"}, "LABS_PATH"),
        ({"PORT": "web"}, "PORT"),
        ({"TERRAFORM_BIN": "no-such-program"}, "TERRAFORM_BIN"),
        ({"DATA_PATH": "/dev/null/data"}, "DATA_PATH"),
        ({"HOST": "no.such.host.invalid"}, "HOST"),
    ],
)
def test_a_wrong_start_ends_with_one_sentence(house: House, changes: dict[str, str], variable: str) -> None:
    """What is read from the environment alone is in tests/bot/test_settings.py."""
    status, told = house.runs_bot("serve", **{"PORT": str(free_port()), **changes})
    assert status == 2, told
    assert told.count("\n") == 1, told
    assert variable in told
    assert "Traceback" not in told
    for secret in (house.slack.bot_token, house.slack.signing_secret, house.environment["VAULT_SECRET_ID"]):
        assert secret not in told


def test_a_port_that_is_taken_is_said(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, told = house.runs_bot("serve", PORT=port)
    assert status == 2, told
    assert told.count("\n") == 1, told
    assert f"HOST and PORT name 127.0.0.1:{port}, where this process cannot listen" in told


@pytest.mark.parametrize("arguments", [["serve", "--fast"], ["init"], ["init", "--admin", "ada"]])
def test_bad_usage_ends_with_2(house: House, arguments: list[str]) -> None:
    status, told = house.runs_bot(*arguments, VAULT_TOKEN="x", VAULT_ROLE_ID="", VAULT_SECRET_ID="")
    assert status == 2
    assert "Traceback" not in told


def test_sigterm_ends_it_quickly_and_an_apply_goes_on(house: House, tmp_path: Path) -> None:
    house.asks(house.riley, f"/lab up slow terminated gate={tmp_path}")
    house.presses(house.riley, house.card("terminated: proposed"), "Approve", expect="counts for")
    until(lambda: (tmp_path / "applied").exists())
    house.hold("plan")
    house.asks(house.riley, "/lab up solo planned-later")
    until(lambda: house.is_held("plan"))
    assert house.stop() == 0
    assert house.runs("planned-later")[0]["state"] == "queued", "a plan is made again"
    assert house.runs("terminated")[0]["state"] == "applying"
    assert house.terraforms(), "Terraform goes on"
    house.let_go()
    (tmp_path / "go").touch()
    house.start()
    house.card("terminated: applied")
    house.card("planned-later: proposed")
    assert (tmp_path / "applied").read_text() == "started\n"


def test_init_can_be_run_again_and_again(house: House) -> None:
    admin = f"{house.slack.team}:{house.ada}"
    environment = {
        "VAULT_TOKEN": house.openbao.root_token,
        "VAULT_ROLE_ID": "",
        "VAULT_SECRET_ID": "",
        "VAULT_ADDR": house.openbao.addr,
    }
    told = [house.runs_bot("init", "--admin", admin, "--name", "Ada", **environment) for _ in range(2)]
    assert [status for status, _ in told] == [0, 0], told
    role_ids = {match[1] for _, text in told if (match := re.search(r"VAULT_ROLE_ID=(\S+)", text))}
    assert role_ids == {house.environment["VAULT_ROLE_ID"]}
    wrapped = [match[1] for _, text in told if (match := re.search(r"wrapped secret id: (\S+)", text))]
    assert len(set(wrapped)) == 2
    for each in wrapped:
        client = hvac.Client(house.openbao.addr, token=each, namespace=house.namespace)
        assert client.sys.unwrap()["data"]["secret_id"]
    assert house.openbao.root_token not in told[1][1]
    operator = house.vault.operator(house.trust(house.ada, "admin"))
    assert operator is not None
    assert operator.roles == ("admin",)
    status, text = house.runs_bot("init", "--admin", admin, **{**environment, "VAULT_TOKEN": "guess"})
    assert (status, text.count("\n")) == (2, 1)


def test_doctor_looks_at_everything(house: House) -> None:
    house.has("solo", "examined")
    status, told = house.runs_bot("doctor")
    assert "ok   vault: ready" in told
    assert "ok   slack: ready" in told
    assert re.search(r"ok   terraform: \w+ \d+\.\d+", told)
    assert "examined: its state holds 1 resource" in told
    assert "BAD  catalogue: labs/broken/blueprint.yaml:3:" in told
    assert status == 2, "one blueprint is broken"
    status, told = house.runs_bot("doctor", VAULT_ADDR="http://127.0.0.1:1", SLACK_BOT_TOKEN="xoxb-wrong")
    assert status == 2
    assert "BAD  vault: away. Look at VAULT_ADDR" in told
    assert "BAD  slack: refuses the token (invalid_auth)" in told
    assert "Traceback" not in told


def test_audit_verify_names_the_first_broken_entry(house: House, tmp_path: Path) -> None:
    house.has("solo", "recorded")
    assert house.runs_bot("audit", "verify") == (0, "The audit is whole.\n")
    copy = sqlite3.connect(tmp_path / "copy.db")
    with house.database() as database:
        database.backup(copy)
    for (trigger,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        copy.execute(f"DROP TRIGGER {trigger}")  # whoever owns the file can do that
    for tampering in (
        "UPDATE audit SET actor = 'T1-UEVE' WHERE sequence = 2",
        "DELETE FROM audit WHERE sequence = 2",
    ):
        copy.execute(tampering)
        copy.commit()
        status, told = house.runs_bot("audit", "verify", STATE_URL=f"sqlite:///{tmp_path / 'copy.db'}")
        assert status == 2
        assert told.startswith("The audit is broken at entry 2: ")
    copy.close()
