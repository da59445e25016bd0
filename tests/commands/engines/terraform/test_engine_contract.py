"""What Innkeeper relies on from a Terraform: the same from the fake, the one on PATH, and the library's."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commands.engines.terraform import events as events
from commands.engines.terraform.drift import as_changes, drift
from commands.engines.terraform.engine import (
    Access,
    AlreadyStarted,
    PlanTampered,
    Terraform,
    TerraformFailed,
    attribute_diff,
)
from commands.engines.terraform.events import Counts
from state.records import PlannedChange, RunKind
from tests.commands.engines.following import follow, follow_until
from tests.commands.engines.state_server import StateServer
from tests.fakes.terraform import FakeTerraform

MODULE = """
variable "lab" { type = string }
variable "greeting" {
  type    = string
  default = "hello"
}
variable "password" {
  type      = string
  default   = ""
  sensitive = true
}
resource "terraform_data" "a" { input = var.greeting }
resource "terraform_data" "b" {
  input = [var.greeting, terraform_data.a.id]
%s}
output "greeting" { value = terraform_data.a.output }
output "secret" {
  value     = "s3cret-value"
  sensitive = true
}
output "outside" { value = fileexists("@OUTSIDE") }
"""
SLOW = '  provisioner "local-exec" { command = "echo be\'\'gun; exec sleep 30" }\n'


@pytest.fixture(
    params=[
        "fake",
        pytest.param("terraform", marks=pytest.mark.integration),
        pytest.param("library", marks=pytest.mark.integration),
    ]
)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


class World:
    """One Terraform, a module, and labs to make with it."""

    def __init__(self, kind: str, path: Path, states: StateServer) -> None:
        self.states = states
        self.module = path / "blueprint"
        self.module.mkdir()
        self._outside = path / "outside"
        self._write("")
        self.fake: FakeTerraform | None = None
        if kind == "fake":
            self.fake = FakeTerraform(path / "data")
            self.fake.outputs = {"greeting": "hello", "outside": False}
            self.fake.sensitive_outputs = ("secret",)
            self.terraform: Any = self.fake
        else:
            search = os.environ["PATH"] if kind == "terraform" else "/usr/bin:/bin"
            self.terraform = Terraform("terraform", path / "data", {"PATH": search})

    def access(self, lab: str = "demo") -> Access:
        return self.states.access(lab)

    def plan(
        self, run_id: str, lab: str = "demo", kind: RunKind = "apply", **variables: Any
    ) -> tuple[Path, int, list]:
        work = self.terraform.stage(run_id, self.module)
        self.terraform.init(work, self.access(lab), {})
        child = self.terraform.start_plan(work, self.access(lab), {"lab": lab, **variables}, kind, {})
        return work, *follow(child)

    def start_apply(self, work: Path, lab: str = "demo") -> Any:
        plan = self.terraform.read_plan(work)
        return self.terraform.start_apply(work, self.access(lab), plan, hashlib.sha256(plan).hexdigest(), {})

    def be_slow(self) -> None:
        """From now on an apply does not get past `b` by itself."""
        self._write(SLOW)
        if self.fake is not None:
            self.fake.holding = True

    def change_outside(self) -> None:
        """From now on what an output tells is another thing."""
        self._outside.touch()
        if self.fake is not None:
            sides = {"before": False, "after": True, "after_unknown": False}
            self.fake.drifted_outputs = {"outside": {"actions": ["update"], **sides}}

    def _write(self, provisioner: str) -> None:
        text = (MODULE % provisioner).replace("@OUTSIDE", str(self._outside))
        (self.module / "main.tf").write_text(text)

    def let_a_be_made(self, work: Path, child: Any) -> None:
        if self.fake is not None:
            self.fake.step(work)
        else:
            follow_until(child, "begun")


@pytest.fixture
def world(kind: str, tmp_path: Path) -> Iterator[World]:
    states = StateServer()
    yield World(kind, tmp_path, states)
    states.close()


def test_it_says_which_terraform_it_is(world: World) -> None:
    name, number = world.terraform.version().split(" ")
    assert name in ("Terraform", "OpenTofu")
    assert len(number.split(".")) == 3


def test_a_lab_is_planned_applied_found_unchanged_changed_and_destroyed(world: World) -> None:
    work, code, lines = world.plan("r1")
    assert code == 2
    assert events.planned_changes(lines) == (
        PlannedChange("terraform_data.a", "create"),
        PlannedChange("terraform_data.b", "create"),
    )
    assert events.counts(lines) == Counts(add=2)

    code, lines = follow(world.start_apply(work))
    assert code == 0
    assert events.outputs(lines) == {"greeting": "hello", "outside": False, "secret": "(sensitive)"}
    assert "s3cret-value" not in str(lines)
    doing = events.doing(lines, Counts(add=2))
    assert (doing.done, doing.total) == (2, 2)

    assert world.plan("r2")[1] == 0

    work, code, lines = world.plan("r3", greeting="good day")
    assert code == 2
    assert events.counts(lines) == Counts(change=2)

    work, code, lines = world.plan("r4", kind="destroy")
    assert events.counts(lines) == Counts(destroy=2)
    assert {each.action for each in events.planned_changes(lines)} == {"delete"}
    code, lines = follow(world.start_apply(work))
    assert code == 0
    assert events.outputs(lines) == {}
    assert world.plan("r5", kind="destroy")[1] == 0


def test_what_changed_outside_is_found_and_taken_over(world: World) -> None:
    assert follow(world.start_apply(world.plan("r1")[0]))[0] == 0
    assert world.plan("r2", kind="refresh")[1] == 0

    world.change_outside()
    work, code, lines = world.plan("r3", kind="refresh", greeting="not asked for")
    assert code == 2
    assert (events.planned_changes(lines), events.counts(lines)) == ((), Counts())
    shown = world.terraform.show(work, world.access(), {})
    assert drift(shown) == (PlannedChange("output.outside", "update"),)
    assert attribute_diff(as_changes(shown)) == "~ output outside: false -> true"

    code, lines = follow(world.start_apply(work))
    assert code == 0
    assert events.outputs(lines)["outside"] is True
    assert world.plan("r4", kind="refresh")[1] == 0
    assert world.plan("r5")[1] == 0


def test_the_plan_can_be_looked_at_before_it_is_applied(world: World) -> None:
    work, _, _ = world.plan("r1")
    shown = world.terraform.show(work, world.access(), {})
    text = attribute_diff(shown)
    assert "+ terraform_data.a" in text
    assert "+ terraform_data.b" in text
    planned = shown["planned_values"]["root_module"]["resources"]
    assert [(each["address"], each["mode"], each["type"]) for each in planned] == [
        ("terraform_data.a", "managed", "terraform_data"),
        ("terraform_data.b", "managed", "terraform_data"),
    ]
    assert all(isinstance(each["values"], dict) for each in planned)


def test_what_is_known_from_the_last_time_needs_no_init(world: World) -> None:
    first = world.terraform.stage("r1", world.module)
    assert world.terraform.init(first, world.access(), {}) is True
    second = world.terraform.stage("r2", world.module)
    assert world.terraform.init(second, world.access("other"), {}) is False
    (world.module / "more.tf").write_text('resource "terraform_data" "c" {}')
    third = world.terraform.stage("r3", world.module)
    assert world.terraform.init(third, world.access(), {}) is True


def test_a_staged_module_stays_as_it_was(world: World) -> None:
    work = world.terraform.stage("r1", world.module)
    digest = world.terraform.sources_digest(world.module)
    assert world.terraform.sources_digest(world.terraform.staged(work)) == digest
    (world.module / "main.tf").write_text("")
    assert world.terraform.stage("r1", world.module) == work == world.terraform.work("r1")
    assert world.terraform.sources_digest(world.terraform.staged(work)) == digest
    assert world.terraform.sources_digest(world.module) != digest


def test_the_variables_that_a_module_declares(world: World) -> None:
    declared = world.terraform.declared(world.module)
    assert set(declared) == {"lab", "greeting", "password"}
    assert declared["password"].sensitive
    assert not declared["lab"].has_default


def test_a_plan_with_one_byte_changed_is_refused(world: World) -> None:
    work, _, _ = world.plan("r1")
    plan = world.terraform.read_plan(work)
    approved = hashlib.sha256(plan).hexdigest()
    changed = plan[:-1] + bytes([plan[-1] ^ 1])
    with pytest.raises(PlanTampered, match="not the one that was approved"):
        world.terraform.start_apply(work, world.access(), changed, approved, {})
    attached = world.terraform.attach(work)
    assert attached is None or attached.name == "plan"


def test_an_apply_is_never_started_twice(world: World) -> None:
    work, _, _ = world.plan("r1")
    child = world.start_apply(work)
    with pytest.raises(AlreadyStarted):
        world.start_apply(work)
    assert follow(child)[0] == 0


def test_a_plan_whose_state_has_moved_is_stale_and_does_nothing(world: World) -> None:
    early, _, _ = world.plan("r1")
    late, _, _ = world.plan("r2")
    assert follow(world.start_apply(late))[0] == 0
    code, lines = follow(world.start_apply(early))
    assert code == 1
    assert events.is_stale(lines)


def test_whoever_attaches_reads_everything_from_the_beginning(world: World) -> None:
    assert world.terraform.attach(world.terraform.work("r0")) is None
    work, _, lines = world.plan("r1")
    attached = world.terraform.attach(work)
    assert attached.name == "plan"
    assert follow(attached) == (2, lines)
    _, lines = follow(world.start_apply(work))
    attached = world.terraform.attach(work)
    assert (attached.name, attached.alive()) == ("apply", False)
    assert follow(attached) == (0, lines)


def test_an_interrupted_apply_says_what_it_had_done(world: World) -> None:
    world.be_slow()
    work, _, _ = world.plan("r1")
    child = world.start_apply(work)
    world.let_a_be_made(work, child)
    assert child.alive()
    child.interrupt()
    child.interrupt()
    assert child.interrupted
    code, lines = follow(world.terraform.attach(work))
    assert code == 1
    assert events.doing(lines, Counts(add=2)).done == 1
    assert events.doing(lines, Counts(add=2)).failed == ("terraform_data.b",)


def test_a_module_that_does_not_plan_is_told_with_file_and_line(world: World) -> None:
    (world.module / "main.tf").write_text('resource "terraform_data" "a" {\n  input = file("none")\n}\n')
    if world.fake is not None:
        detail = 'Invalid value for "path" parameter: no file exists.'
        world.fake.plan_failure = events.Diagnostic(
            "error", "Invalid function argument", detail, "", "main.tf", 2
        )
    work = world.terraform.stage("r1", world.module)
    world.terraform.init(work, world.access(), {})
    code, lines = follow(world.terraform.start_plan(work, world.access(), {}, "apply", {}))
    assert code == 1
    sentence = events.failed(lines).sentence()
    assert sentence.startswith("Invalid function argument (main.tf:2")
    assert "no file exists" in sentence


def test_what_init_does_not_like_is_told(world: World) -> None:
    (world.module / "main.tf").write_text('module "other" {\n  source = "./none"\n}\n')
    if world.fake is not None:
        world.fake.init_failure = events.Diagnostic("error", "Unreadable module directory")
    work = world.terraform.stage("r1", world.module)
    with pytest.raises(TerraformFailed, match="Unreadable module"):
        world.terraform.init(work, world.access(), {})


def test_nothing_is_left_of_a_run_that_was_removed(world: World) -> None:
    work, _, _ = world.plan("r1")
    world.terraform.remove(work)
    assert world.terraform.attach(work) is None
    assert not work.exists()
    assert world.terraform.errored_state(work) is None
