"""Terraform itself: what it keeps apart, what it leaves behind, what survives its starter."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from bot.playground.house import end_hosts
from commands.checks import checking
from commands.engines.terraform import events as events
from commands.engines.terraform.engine import Access, ChildLost, Terraform, TerraformFailed, attribute_diff
from commands.engines.terraform.events import Counts
from state.records import RunKind
from tests.commands.engines.following import follow, follow_until
from tests.commands.engines.state_server import StateServer
from tests.labs.sandbox_machine import lab_with_ports
from tests.waiting import until

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[4]
SANDBOX = ROOT / "labs" / "sandbox"
CANARY = "canary-4711-in-a-sensitive-variable"
ECHO = """
variable "lab" { type = string }
variable "values" { type = map(string) }
resource "terraform_data" "echo" { input = var.values }
output "values" { value = terraform_data.echo.output }
"""
SLOW = """
variable "lab" { type = string }
resource "terraform_data" "first" { input = var.lab }
resource "terraform_data" "slow" {
  input = terraform_data.first.id
  provisioner "local-exec" { command = "echo be''gun; exec sleep ${SECONDS}" }
}
"""  # what Terraform says that it executes is not yet what that says

HANGING = """
variable "lab" { type = string }
data "terraform_remote_state" "x" {
  backend = "http"
  config  = { address = "http://127.0.0.1:%d/" }
}
"""


@pytest.fixture
def states() -> Iterator[StateServer]:
    server = StateServer()
    yield server
    server.close()


@pytest.fixture
def terraform(tmp_path: Path) -> Terraform:
    return Terraform("terraform", tmp_path / "data")


def module(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "blueprint"
    path.mkdir(exist_ok=True)
    (path / "main.tf").write_text(text)
    return path


def plan(
    terraform: Terraform, run_id: str, source: Path, access: Access, kind: RunKind = "apply", **variables: Any
) -> Any:
    """The run's folder, the exit code and the lines of its plan."""
    work = terraform.stage(run_id, source)
    terraform.init(work, access, {})
    child = terraform.start_plan(work, access, variables, kind, {})
    return work, *follow(child)


def apply(terraform: Terraform, work: Path, access: Access, **more: Any) -> Any:
    """The running apply of the plan in that folder."""
    saved = terraform.read_plan(work)
    return terraform.start_apply(work, access, saved, hashlib.sha256(saved).hexdigest(), {}, **more)


def is_open(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(url.rstrip("/").rpartition(":")[2]))) == 0


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """The name of a sandbox. Its hosts go, also where a test fails: they would keep their ports for good."""
    yield lab_with_ports("sandbox")
    end_hosts(tmp_path / "data")


def test_the_sandbox_lives_until_it_is_destroyed(terraform: Terraform, states: StateServer, lab: str) -> None:
    access = states.access(lab)
    name = {"lab": lab}
    work, code, lines = plan(terraform, "r1", SANDBOX, access, **name)
    assert (code, events.counts(lines)) == (2, Counts(add=5))
    code, lines = follow(apply(terraform, work, access))
    assert code == 0, events.readable(lines)
    outputs = events.outputs(lines)
    assert (outputs["address"], outputs["password"]) == ("127.0.0.1", "(sensitive)")
    assert len(outputs["urls"]) == 2
    with urllib.request.urlopen(outputs["urls"][1], timeout=30) as answer:
        said = json.loads(answer.read())
    assert (said["lab"], said["host"], said["size"]) == (lab, f"{lab}-2", "small")

    assert plan(terraform, "r2", SANDBOX, access, **name)[1] == 0

    large = {**name, "size": "large", "message": '${file("/etc/passwd")} "quoted"'}
    work, _, lines = plan(terraform, "r3", SANDBOX, access, **large)
    assert events.counts(lines) == Counts(add=6, destroy=2)
    code, lines = follow(apply(terraform, work, access))
    assert code == 0, events.readable(lines)
    urls = events.outputs(lines)["urls"]
    with urllib.request.urlopen(urls[0], timeout=30) as answer:
        assert json.loads(answer.read())["message"] == large["message"]
    assert [is_open(url) for url in urls] == [True] * 4

    work, _, _ = plan(terraform, "r4", SANDBOX, access, kind="destroy", **large)
    password = states.state(lab)["outputs"]["password"]["value"]
    assert password not in attribute_diff(terraform.show(work, access, {}))
    code, lines = follow(apply(terraform, work, access))
    assert code == 0, events.readable(lines)
    assert [is_open(url) for url in urls] == [False] * 4
    assert states.state(lab)["resources"] == []


def test_a_sandbox_whose_apply_was_interrupted_is_destroyed_whole(
    terraform: Terraform, states: StateServer, lab: str
) -> None:
    """The host runs already when the start of its service is cut off: to destroy the lab must stop it."""
    copy = terraform.staged(terraform.stage("copy", SANDBOX))
    started = "    listener.close()\n    os.close(lock)\n"
    text = (copy / "host.py").read_text()
    assert started in text
    (copy / "host.py").write_text(
        text.replace(started, f'{started}    print("begun", flush=True)\n    time.sleep(60)\n')
    )
    access = states.access(lab)
    work, _, _ = plan(terraform, "r1", copy, access, lab=lab)
    child = apply(terraform, work, access)
    follow_until(child, "begun")
    child.interrupt()
    code, _ = follow(child)
    assert code == 1
    urls = [
        f"http://127.0.0.1:{each['attributes']['input']['value']['port']}/"
        for each in instances(states, lab, "host")
    ]
    assert any(is_open(url) for url in urls)
    work, _, _ = plan(terraform, "r2", SANDBOX, access, kind="destroy", lab=lab)
    assert follow(apply(terraform, work, access))[0] == 0
    assert not any(is_open(url) for url in urls)


def instances(states: StateServer, lab: str, name: str) -> list[dict[str, Any]]:
    return [
        one for each in states.state(lab)["resources"] if each["name"] == name for one in each["instances"]
    ]


def test_hostile_values_stay_text(terraform: Terraform, states: StateServer, tmp_path: Path) -> None:
    values = {
        "function": '${file("/etc/passwd")}',
        "directive": "%{ if true }x%{ endif }",
        "quotes": "\"'`\\",
        "lines": "a\nb\r\n\tc",
        "unicode": "ü 🏨 \u202e\u200b",
        "json": '{"a": [1, null]}',
        "shell": "$(id); `id` && rm -rf /",
        "heredoc": "<<EOT\nx\nEOT",
        "empty": "",
    }
    access = states.access("demo")
    work, code, _ = plan(terraform, "r1", module(tmp_path, ECHO), access, lab="demo", values=values)
    assert code == 2
    code, lines = follow(apply(terraform, work, access))
    assert (code, events.outputs(lines)["values"]) == (0, values)


def test_the_plan_of_one_lab_does_not_reach_anothers_state(
    terraform: Terraform, states: StateServer, tmp_path: Path
) -> None:
    source = module(tmp_path, ECHO)
    mine, theirs = states.access("mine"), states.access("theirs")
    work, _, _ = plan(terraform, "r1", source, mine, lab="mine", values={})
    stolen = terraform.read_plan(work)
    other = terraform.stage("r2", source)
    terraform.init(other, theirs, {})
    child = terraform.start_apply(other, theirs, stolen, hashlib.sha256(stolen).hexdigest(), {})
    code, lines = follow(child)
    assert code == 1
    assert "invalid auth" in events.failed(lines).sentence()
    # Terraform 1.11 asks for the lock first, the library's 1.15 for the state: at the plan's own lab, and refused.
    assert {("LOCK", "mine", 403), ("GET", "mine", 403)} & set(states.requests)
    assert states.states == {}
    assert states.locks == {}


def test_no_secret_of_the_backend_is_in_a_file(
    terraform: Terraform, states: StateServer, tmp_path: Path
) -> None:
    access = replace(states.access("demo"), password=CANARY)
    states.passwords["demo"] = CANARY
    plan(terraform, "r1", module(tmp_path, ECHO), access, lab="demo", values={})
    assert files_with(tmp_path, CANARY) == []


def files_with(path: Path, text: str) -> list[Path]:
    return [each for each in path.rglob("*") if each.is_file() and text.encode() in each.read_bytes()]


def test_a_canary_is_in_no_file_after_the_run_is_cleaned(
    terraform: Terraform, states: StateServer, tmp_path: Path
) -> None:
    source = module(
        tmp_path,
        """
variable "lab" { type = string }
variable "secret" {
  type      = string
  sensitive = true
}
resource "terraform_data" "a" {
  input = var.secret
  provisioner "local-exec" {
    command     = "echo $SECRET > made-by-provisioner; echo $SECRET > \\"$TMPDIR/x\\"; mkdir -p some/folder; exit 3"
    environment = { SECRET = var.secret }
  }
}
""",
    )
    access = states.access("demo")
    work, _, lines = plan(terraform, "r1", source, access, lab="demo", secret=CANARY)
    assert CANARY not in events.readable(lines)
    assert CANARY not in attribute_diff(terraform.show(work, access, {}))
    assert files_with(work, CANARY) != []
    code, lines = follow(apply(terraform, work, access))
    assert code == 1
    assert (terraform.staged(work) / "made-by-provisioner").exists()
    terraform.remove(work)
    assert files_with(tmp_path / "data", CANARY) == []
    assert files_with(Path(terraform._setting.temporary(work)), CANARY) == []


def test_terraform_sees_nothing_of_our_environment(states: StateServer, tmp_path: Path) -> None:
    source = module(
        tmp_path,
        """
variable "lab" { type = string }
resource "terraform_data" "a" {
  provisioner "local-exec" { command = "env | sort" }
}
""",
    )
    starter = """
import sys, hashlib
from pathlib import Path
from commands.engines.terraform.engine import Access, Terraform
from tests.commands.engines.following import follow
from commands.engines.terraform import events
terraform = Terraform("terraform", Path(sys.argv[1]))
access = Access(*sys.argv[3:6])
given = {"CLOUD_TOKEN": "for-this-run"}
work = terraform.stage("r1", Path(sys.argv[2]))
terraform.init(work, access, given)
follow(terraform.start_plan(work, access, {"lab": "demo"}, "apply", given))
plan = terraform.read_plan(work)
print(events.readable(follow(terraform.start_apply(work, access, plan, hashlib.sha256(plan).hexdigest(), given))[1]))
"""
    access = states.access("demo")
    command = [sys.executable, "-c", starter, str(tmp_path / "data"), str(source)]
    command += [access.address, access.username, access.password]
    outer = {
        **os.environ,
        "SLACK_BOT_TOKEN": CANARY,
        "VAULT_TOKEN": CANARY,
        "TF_VAR_lab": CANARY,
        "TF_LOG": "TRACE",
    }
    seen = subprocess.run(
        command, env=outer, cwd=ROOT, capture_output=True, text=True, timeout=180, check=True
    ).stdout
    assert "CLOUD_TOKEN=for-this-run" in seen
    assert "TF_IN_AUTOMATION=1" in seen
    assert CANARY not in seen
    assert "TRACE" not in seen


def test_an_apply_whose_starter_was_killed_is_followed_to_its_end(
    states: StateServer, tmp_path: Path
) -> None:
    source = module(tmp_path, SLOW.replace("${SECONDS}", "1"))
    access = states.access("demo")
    starter = """
import sys, hashlib, time
from pathlib import Path
from commands.engines.terraform.engine import Access, Terraform
from tests.commands.engines.following import follow, follow_until
terraform = Terraform("terraform", Path(sys.argv[1]))
access = Access(*sys.argv[3:6])
work = terraform.stage("r1", Path(sys.argv[2]))
terraform.init(work, access, {})
follow(terraform.start_plan(work, access, {"lab": "demo"}, "apply", {}))
plan = terraform.read_plan(work)
follow_until(terraform.start_apply(work, access, plan, hashlib.sha256(plan).hexdigest(), {}), "begun")
print("begun", flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", starter, str(tmp_path / "data"), str(source)]
    command += [access.address, access.username, access.password]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        os.kill(process.pid, signal.SIGHUP)
        process.kill()
    terraform = Terraform("terraform", tmp_path / "data")
    child = terraform.attach(terraform.work("r1"))
    assert child is not None
    assert (child.name, child.alive()) == ("apply", True)
    code, lines = follow(child)
    assert code == 0
    assert events.counts(lines) == Counts(add=2)
    assert sorted(states.addresses("demo")) == ["terraform_data.first", "terraform_data.slow"]
    assert states.locks == {}


def test_an_apply_that_was_killed_is_lost_and_nothing_of_it_goes_on(
    terraform: Terraform, states: StateServer, tmp_path: Path
) -> None:
    access = states.access("demo")
    work, _, _ = plan(terraform, "r1", module(tmp_path, SLOW.replace("${SECONDS}", "77")), access, lab="demo")
    follow_until(apply(terraform, work, access), "begun")
    attached = terraform.attach(work)
    assert attached is not None
    process = attached._process()
    assert process is not None
    provisioner = until(process.children)[0]  # it is not in the list of processes in its very first moment
    os.kill(attached._pids()[1], signal.SIGKILL)  # the shell that would write the exit code
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(ChildLost, match="terraform apply ended without an exit code"):
        follow(attached)
    assert provisioner.is_running()
    attached.kill()
    until(lambda: not psutil.pid_exists(provisioner.pid))
    assert "demo" in states.locks


def test_kill_ends_terraform_and_its_provisioners(
    terraform: Terraform, states: StateServer, tmp_path: Path
) -> None:
    access = states.access("demo")
    work, _, _ = plan(terraform, "r1", module(tmp_path, SLOW.replace("${SECONDS}", "77")), access, lab="demo")
    child = apply(terraform, work, access)
    follow_until(child, "begun")
    process = child._process()
    provisioner = until(process.children)[0]  # it is not in the list of processes in its very first moment
    child.kill()
    with pytest.raises(ChildLost):
        follow(child)
    until(lambda: not psutil.pid_exists(process.pid) and not psutil.pid_exists(provisioner.pid))


def test_sigint_is_sent_once_even_after_a_restart(
    terraform: Terraform, states: StateServer, tmp_path: Path
) -> None:
    access = states.access("demo")
    trapping = SLOW.replace("exec sleep ${SECONDS}", "sleep 77")
    work, _, _ = plan(terraform, "r1", module(tmp_path, trapping), access, lab="demo")
    child = apply(terraform, work, access)
    follow_until(child, "begun")
    child.interrupt()
    again = terraform.attach(work)
    again.interrupt()
    assert again.interrupted
    code, lines = follow(again)
    assert code == 1
    assert events.readable(lines).count("Interrupt received") == 1
    assert instances(states, "demo", "slow")[0]["status"] == "tainted"
    assert states.locks == {}
    again.kill()  # what the provisioner had started goes on otherwise


def test_a_state_that_the_backend_does_not_take_is_found(
    terraform: Terraform, states: StateServer, tmp_path: Path
) -> None:
    access = states.access("demo")
    work, _, _ = plan(terraform, "r1", module(tmp_path, ECHO), access, lab="demo", values={"a": "b"})
    states.refuses_writes = True
    code, lines = follow(apply(terraform, work, access))
    assert code == 1
    assert "Failed to persist state" in events.readable(lines) or "Failed to save state" in events.readable(
        lines
    )
    found = json.loads(terraform.errored_state(work))
    assert found["resources"][0]["name"] == "echo"
    assert found["lineage"]
    terraform.remove(work)
    assert terraform.errored_state(work) is None


def test_an_ephemeral_variable_is_given_again_and_is_in_no_plan(
    terraform: Terraform, states: StateServer, tmp_path: Path
) -> None:
    source = module(
        tmp_path,
        """
variable "lab" { type = string }
variable "passing" {
  type      = string
  ephemeral = true
}
resource "terraform_data" "a" { input = var.lab }
""",
    )
    access = states.access("demo")
    work, code, _ = plan(terraform, "r1", source, access, lab="demo", passing=CANARY)
    assert code == 2
    assert terraform.declared(source)["passing"].ephemeral
    assert CANARY not in json.dumps(terraform.show(work, access, {}))
    assert follow(apply(terraform, work, access, variables={"passing": CANARY}))[0] == 0
    assert CANARY.encode() not in states.states["demo"]


def test_a_state_tells_how_check_blocks_went(
    terraform: Terraform, states: StateServer, tmp_path: Path
) -> None:
    text = """
      variable "lab" { type = string }
      resource "terraform_data" "a" { input = var.lab }
      check "named" {
        assert {
          condition     = terraform_data.a.output == "demo"
          error_message = "It has another name."
        }
      }
      check "long" {
        assert {
          condition     = length(terraform_data.a.output) > 10
          error_message = "Its name is short."
        }
      }
    """
    access = states.access("demo")
    work, _, _ = plan(terraform, "r1", module(tmp_path, text), access, lab="demo")
    code, _ = follow(apply(terraform, work, access))
    assert code == 0
    assert checking.blocks_of(states.state("demo")) == {
        "named": ("pass", ""),
        "long": ("fail", "Its name is short."),
    }


@pytest.mark.parametrize(
    "block",
    [
        'backend "local" {}',
        'backend "http" { address = "http://127.0.0.1:1/x" }',
        'cloud { organization = "x" }',
    ],
)
def test_a_backend_of_the_modules_own_is_not_used(
    terraform: Terraform, states: StateServer, tmp_path: Path, block: str
) -> None:
    source = module(tmp_path, f"terraform {{\n  {block}\n}}\n{ECHO}")
    (source / "zz_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    access = states.access("demo")
    work, code, _ = plan(terraform, "r1", source, access, lab="demo", values={})
    assert code == 2
    assert follow(apply(terraform, work, access))[0] == 0
    assert states.addresses("demo") == ["terraform_data.echo"]


def test_a_backend_that_gets_past_the_override_is_refused(
    terraform: Terraform, states: StateServer, tmp_path: Path
) -> None:
    source = module(tmp_path, ECHO)
    (source / "ü_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    work = terraform.stage("r1", source)
    with pytest.raises(TerraformFailed) as refused:
        terraform.init(work, states.access("demo"), {})
    assert "backend" in refused.value.sentence()
    assert not (terraform.staged(work) / "terraform.tfstate").exists()


def test_a_lock_that_somebody_holds_is_told(
    terraform: Terraform, states: StateServer, tmp_path: Path
) -> None:
    access = states.access("demo")
    states.locks["demo"] = {"ID": "1234", "Who": "somebody@else", "Operation": "OperationTypeApply"}
    _, code, lines = plan(terraform, "r1", module(tmp_path, ECHO), access, lab="demo", values={})
    assert code == 1
    assert "Error acquiring the state lock" in events.failed(lines).sentence()


def test_what_init_made_is_shared_between_labs_but_not_their_addresses(
    terraform: Terraform, states: StateServer, tmp_path: Path
) -> None:
    source = module(tmp_path, 'module "inner" {\n  source = "./inner"\n}\nvariable "lab" { type = string }\n')
    (source / "inner").mkdir()
    (source / "inner" / "main.tf").write_text('resource "terraform_data" "a" {}\n')
    first, second = states.access("one"), states.access("two")
    work, code, _ = plan(terraform, "r1", source, first, lab="one")
    assert code == 2
    other = terraform.stage("r2", source)
    assert terraform.init(other, second, {}) is False
    _, code, _ = plan(terraform, "r2", source, second, lab="two")
    assert code == 2
    assert follow(apply(terraform, other, second))[0] == 0
    assert follow(apply(terraform, work, first))[0] == 0
    assert states.state("one")["lineage"] != states.state("two")["lineage"]


def test_a_plan_that_an_earlier_bot_left_running_is_stopped_first(
    terraform: Terraform, states: StateServer, tmp_path: Path
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        source = module(tmp_path, HANGING % silent.getsockname()[1])
        access = states.access("demo")
        work = terraform.stage("r1", source)
        terraform.init(work, access, {})
        earlier = terraform.start_plan(work, access, {"lab": "demo"}, "apply", {})
        until(lambda: ("LOCK", "demo", 200) in states.requests)
        process = earlier._process()
        later = terraform.start_plan(work, access, {"lab": "demo"}, "apply", {})
        assert until(lambda: not psutil.pid_exists(process.pid))
        later.kill()
