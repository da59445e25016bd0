"""What a step adds to what its engine takes, on one host of the sandbox.

deploy: against ansible-playbook by hand. test: against the same checks, when all that they need is there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bench.measure import Measure, Tell, absolute
from bench.parts import LABS, Parts, bot
from bot.playground.ports import free_port
from commands.authorise import Standing
from commands.blueprints.catalogue import Catalogue
from commands.blueprints.records import Check, Deploy, Secure, Ssh
from commands.checks import checking
from commands.deps import Deps
from commands.engines import openssh
from commands.engines.ansible.playbook import Play, environment, stage
from commands.engines.checks import looking as checks
from commands.engines.openssh import Login
from commands.engines.terraform.engine import Terraform
from commands.engines.vault.protocol import AppRole, HvacVault
from commands.steps import deploy, hosts, test
from commands.steps.step import Work
from state import labs, runs, tfstate
from state.database import connect
from state.records import Lab, Person, Run, StateLock
from state.transitions import RunState

ROUNDS = 7
LIMIT_SECONDS = 0.3
PLAYBOOK = """\
- hosts: all
  gather_facts: false
  tasks:
    - {name: look, ansible.builtin.raw: "true", changed_when: false}
    - {name: look again, ansible.builtin.raw: "true", changed_when: false}
"""
CHECKS = (
    *[Check("http", "http://127.0.0.1:${port}/healthz", 200, body="ok")] * 8,
    *[Check("tcp", "127.0.0.1:${port}")] * 3,
    Check("ssh", "${ssh}", words=("true",)),
)


def measure(parts: Parts, rounds: int, tell: Tell) -> list[Measure]:
    """The step and the command by hand, in turns. None where this machine has no ssh client."""
    if not openssh.has_client():
        tell(f"steps: nothing is deployed, because {openssh.NO_CLIENT}")
        return []
    (parts.folder / "site").mkdir()
    playbook = parts.folder / "site" / "site.yml"
    playbook.write_text(PLAYBOOK)
    given = parts.environment
    login = AppRole(given["VAULT_ROLE_ID"], given["VAULT_SECRET_ID"])
    vault = HvacVault(given["VAULT_ADDR"], login)
    deployed, tested = [], []
    with bot(parts, "steps") as serving, _host(parts.folder / "hosts", vault, serving.port) as outputs:
        work = _work(parts.folder / "steps-work", vault, playbook, outputs)
        _keep(work)
        for number in range(rounds + 1):
            tell(f"steps, round {number} of {rounds}")
            mine = _by_the_bot(work)
            by_hand = _by_hand(work, playbook)
            if number:  # the first one imports ansible-runner
                deployed.append(mine - by_hand)
            tested.append(_tested_by_the_bot(work) - _looked_at(work))
    return [
        absolute("deploy, beyond Ansible", deployed, LIMIT_SECONDS, "s"),
        absolute(f"test, beyond its {len(CHECKS)} checks", tested, LIMIT_SECONDS, "s"),
    ]


def _tested_by_the_bot(work: Work) -> float:
    _clear(work.folder)
    began = time.perf_counter()
    test.perform(work)
    return time.perf_counter() - began


def _looked_at(work: Work) -> float:
    """How long the checks themselves take."""
    _clear(work.folder)
    with checking.scene(work, CHECKS) as scene:
        probes = checking.probes(scene, CHECKS)
        began = time.perf_counter()
        found = checks.run(probes)
        took = time.perf_counter() - began
    if not all(each.is_good for each in found):
        raise SystemExit(f"a check fails: {found}")
    return took


def _keep(work: Work) -> None:
    """The lab, its run and its state, as a test finds them."""
    database, vault, now = work.deps.database, work.deps.vault, work.deps.now()
    labs.create(database, work.lab)
    runs.create(database, work.run)
    told = {name: {"value": value} for name, value in work.outputs.items()}
    state = json.dumps({"version": 4, "serial": 1, "lineage": "l", "resources": [], "outputs": told}).encode()
    tfstate.lock(database, StateLock(work.lab.id, "bench", "run:r1", {}, now))
    tfstate.put(database, tfstate.sealed(work.lab.id, state, vault, "run:r1", now), "bench")


def _clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _by_hand(work: Work, playbook: Path) -> float:
    """How long the same playbook takes: the same settings, and a login that is there already."""
    shutil.rmtree(work.folder, ignore_errors=True)
    (work.folder / "ansible").mkdir(parents=True)
    login: Login = hosts.log_in(work, None, 600)
    play = Play(work.folder / "ansible", playbook, login, hosts.hosts_of(work, "ssh"))
    stage(play)
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "../inventory.yaml", "site.yml"]
    settings = environment(play)
    del settings["ANSIBLE_CALLBACK_PLUGINS"]  # ansible-runner's
    try:
        began = time.perf_counter()
        done = subprocess.run(
            command, cwd=play.folder / "project", env=settings, check=False, capture_output=True
        )
        if done.returncode:
            raise SystemExit(f"Ansible by hand ends with {done.returncode}: {done.stderr.decode()}")
        return time.perf_counter() - began
    finally:
        openssh.close(login)


def _by_the_bot(work: Work) -> float:
    _clear(work.folder)
    began = time.perf_counter()
    deploy.perform(work)
    return time.perf_counter() - began


def _work(folder: Path, vault: HvacVault, playbook: Path, outputs: dict[str, object]) -> Work:
    folder.mkdir()
    person, now = Person("T1", "U1"), datetime.now(UTC)
    database = connect(f"sqlite:///{folder / 'steps.db'}")
    database.migrate()
    deps = Deps(
        database=database,
        vault=vault,
        terraform=Terraform("terraform", folder / "data"),
        catalogue=Catalogue(LABS),
        standing=lambda person: Standing(person, "riley"),
        now=lambda: datetime.now(UTC),
        base_url="",
        data_path=folder / "data",
        plan_ttl_seconds=3600,
    )
    sandbox = Catalogue(LABS).get("sandbox")
    blueprint = replace(sandbox, deploy=Deploy(playbook), secure=Secure(ssh=Ssh()), checks=CHECKS)
    lab = Lab(
        id="l1",
        name="demo",
        blueprint="sandbox",
        commit="",
        owner=person,
        channel="",
        variables={},
        sealed_variables=None,
        cost_per_hour_cents=0,
        currency="USD",
        ttl_seconds=3600,
        created_at=now,
        last_active_at=now,
    )
    run = Run(
        id="r1",
        lab_id="l1",
        lab_name="demo",
        kind="steps",
        state=RunState.APPLYING,
        requester=person,
        channel="",
        variables={},
        sealed_variables=None,
        approvals_needed={},
        self_approval=False,
        created_at=now,
    )
    return Work(
        deps,
        lab,
        run,
        blueprint,
        outputs,
        (),
        folder / "step",
        threading.Event(),
        lambda: False,
        lambda said: None,
    )


@contextmanager
def _host(folder: Path, vault: HvacVault, port: int) -> Iterator[dict[str, object]]:
    """A host of the sandbox, and the outputs that name it."""
    own, ssh = free_port(), free_port()
    told = {
        **{"LAB": "demo", "HOST": "demo-1", "PORT": str(own), "SSH_PORT": str(ssh), "SSH_USER": "root"},
        "FOLDER": str(folder),
        "SSH_CA": vault.ssh_ca_public_key(),
        "KRL_URL": f"http://127.0.0.1:{port}/ssh/krl",
        "KRL_PUBLIC_KEY": vault.signing_public_key(),
        "PATH": os.environ["PATH"],
    }
    command = [sys.executable, "-I", str(LABS / "sandbox" / "host.py")]
    subprocess.run([*command, "start"], env=told, check=True, capture_output=True)
    try:
        known = (folder / "demo-1" / "known_hosts").read_text().splitlines()
        yield {"ssh": [f"ssh://root@127.0.0.1:{ssh}"], "port": own, "known_hosts": known}
    finally:
        subprocess.run([*command, "stop"], env=told, check=True, capture_output=True)
