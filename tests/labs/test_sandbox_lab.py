"""A sandbox lab as Terraform makes it, with ssh: from what Innkeeper fills in to somebody who logs in."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.playground.house import end_hosts
from commands.blueprints.catalogue import Catalogue
from commands.engines.terraform import events as events
from commands.engines.terraform.drift import drift
from commands.engines.terraform.engine import Access, Terraform
from state.records import PlannedChange, RunKind
from tests.commands.engines.following import follow
from tests.commands.engines.state_server import StateServer
from tests.labs.sandbox_machine import SANDBOX, ActiveServer, Authority, KrlServer, is_open, lab_with_ports
from tests.waiting import until

pytestmark = pytest.mark.integration

TOKEN = "token-of-the-lab"


class Lab:
    """A lab, planned and applied with a CA and a list of revoked certificates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = lab_with_ports("sandbox")
        self.ca = Authority(folder / "ca")
        self.krls = KrlServer(self.ca.krl())
        self.active = ActiveServer()
        self.states = StateServer()
        self.access: Access = self.states.access(self.name)
        self.terraform = Terraform("terraform", folder / "data")
        self.variables: dict[str, Any] = {
            "lab": self.name,
            "ssh_ca_public_key": self.ca.public_key + "\n",
            "innkeeper_url": self.krls.url.removesuffix("/ssh/krl"),
            "active_url": self.active.url,
            "active_token": TOKEN,
        }
        self._runs = 0

    def plan(self, kind: RunKind = "apply", **more: Any) -> tuple[Path, int]:
        self._runs += 1
        work = self.terraform.stage(f"r{self._runs}", SANDBOX)
        self.terraform.init(work, self.access, {})
        child = self.terraform.start_plan(work, self.access, {**self.variables, **more}, kind, {})
        code, lines = follow(child)
        assert code in (0, 2), events.readable(lines)
        return work, code

    def apply(self, kind: RunKind = "apply", **more: Any) -> dict[str, Any]:
        work, _ = self.plan(kind, **more)
        saved = self.terraform.read_plan(work)
        code, lines = follow(
            self.terraform.start_apply(work, self.access, saved, hashlib.sha256(saved).hexdigest(), {})
        )
        assert code == 0, events.readable(lines)
        self.said = events.readable(lines)
        self.terraform.remove(work)
        return events.outputs(lines)

    def drifted(self) -> tuple[PlannedChange, ...]:
        work, _ = self.plan("refresh")
        return drift(self.terraform.show(work, self.access, {}))

    def ssh(self, address: str, known_hosts: list[str], *words: str) -> subprocess.CompletedProcess[str]:
        file = self.folder / "known_hosts"
        file.write_text("".join(f"{line}\n" for line in known_hosts))
        key = self.folder / "ca" / "anna"
        if not key.exists():
            self.ca.certificate("anna", key_id=f"T1-U1:{self.name}:g1")
        command = [
            "ssh",
            "-F",
            "none",
            "-i",
            str(key),
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=yes",
        ]
        command += [
            "-o",
            f"UserKnownHostsFile={file}",
            "-o",
            "GlobalKnownHostsFile=/dev/null",
            address,
            *words,
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    try:
        lab.apply(kind="destroy")
    finally:  # also where a test has failed in the middle of an apply
        end_hosts(tmp_path / "data")
    lab.krls.close()
    lab.active.close()
    lab.states.close()


def test_a_host_key_that_is_taken_away_is_drift(lab: Lab) -> None:
    lab.apply()
    assert lab.drifted() == ()  # though Terraform ends with 2
    (key,) = (lab.folder / "data").rglob(f"{lab.name}-1/known_hosts")
    key.unlink()
    assert lab.drifted() == (PlannedChange("output.known_hosts", "update"),)


def test_its_hosts_let_a_certificate_in_until_the_lab_is_destroyed(lab: Lab) -> None:
    outputs = lab.apply()
    assert [re.sub(r"\d+$", "PORT", each) for each in outputs["ssh"]] == ["ssh://root@127.0.0.1:PORT"] * 2
    assert [f"ssh://root@127.0.0.1:{port}" for port in outputs["ssh_ports"]] == outputs["ssh"]
    assert len(set(outputs["ssh_ports"])) == 2
    for address in outputs["ssh"]:
        done = lab.ssh(address, outputs["known_hosts"], "basename $(dirname $(pwd))")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"{lab.name}-")
    until(lambda: len(lab.active.reports) == 2)
    assert set(lab.active.reports) == {(f"Bearer {TOKEN}", f"T1-U1:{lab.name}:g1")}
    assert TOKEN not in lab.said
    assert TOKEN.encode() not in b"".join(lab.states.states.values())
    assert lab.ssh(outputs["ssh"][0], outputs["known_hosts"][1:]).returncode == 255  # another host's key
    assert lab.plan()[1] == 0

    large = lab.apply(size="large")
    assert large["ssh_ports"][:2] == outputs["ssh_ports"]
    assert large["known_hosts"][:2] == outputs["known_hosts"]
    assert [is_open(port) for port in large["ssh_ports"]] == [True] * 4
    assert lab.plan(size="large")[1] == 0

    lab.apply(kind="destroy", size="large")
    assert [is_open(port) for port in large["ssh_ports"]] == [False] * 4
    assert not (lab.folder / "data" / "home" / ".sandbox").exists()


def test_another_ca_replaces_the_services_and_the_old_ones_certificates_end(lab: Lab, tmp_path: Path) -> None:
    first = lab.apply()
    assert lab.ssh(first["ssh"][0], first["known_hosts"], "true").returncode == 0
    second = lab.apply(ssh_ca_public_key=Authority(tmp_path / "new").public_key)
    assert second["known_hosts"] == first["known_hosts"]
    assert lab.ssh(second["ssh"][0], second["known_hosts"], "true").returncode == 255


def test_without_a_ca_there_are_web_servers_alone(lab: Lab) -> None:
    outputs = lab.apply(ssh_ca_public_key="")
    assert (outputs["ssh"], outputs["ssh_ports"], outputs["known_hosts"]) == ([], [], [])
    assert f"{lab.name}-1 has no ssh server: ssh_ca_public_key is empty" in lab.said
    with_ssh = lab.apply()
    assert [is_open(port) for port in with_ssh["ssh_ports"]] == [True] * 2


def test_the_module_lets_in_whom_the_blueprint_names() -> None:
    blueprint = Catalogue(SANDBOX.parent).get("sandbox")
    assert blueprint.secure.ssh is not None
    assert f'ssh_user = "{blueprint.secure.ssh.user}"' in (SANDBOX / "main.tf").read_text()
    assert blueprint.secure.ssh.ttl_seconds == 30 * 60
