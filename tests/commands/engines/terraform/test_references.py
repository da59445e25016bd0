"""Whether a plan touches nothing but what follows from one variable: by real plans of a real Terraform."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commands.engines.terraform.engine import Terraform
from commands.engines.terraform.references import touches_only
from tests.commands.engines.following import follow
from tests.commands.engines.state_server import StateServer

pytestmark = pytest.mark.integration

HEAD = """
variable "trusted_ssh_keys" { type = list(string) }
variable "size" {
  type    = string
  default = "small"
}
"""
MODULE = f"""{HEAD}
resource "terraform_data" "keys" {{ input = var.trusted_ssh_keys }}
resource "terraform_data" "host" {{ triggers_replace = [terraform_data.keys.output] }}
resource "terraform_data" "each" {{
  for_each = toset(var.trusted_ssh_keys)
  input    = each.key
}}
resource "terraform_data" "other" {{ input = var.size }}
output "count" {{ value = length(var.trusted_ssh_keys) }}
output "size" {{ value = terraform_data.other.output }}
"""
LOCALS = f"""{HEAD}
locals {{ keys = join(" ", var.trusted_ssh_keys) }}
resource "terraform_data" "keys" {{ input = local.keys }}
"""
WAITING = f"""{HEAD}
resource "terraform_data" "keys" {{ input = var.trusted_ssh_keys }}
resource "terraform_data" "other" {{
  input      = var.size
  depends_on = [terraform_data.keys]
}}
"""
OUTPUT = f"""{HEAD}
resource "terraform_data" "keys" {{ input = var.trusted_ssh_keys }}
output "size" {{ value = var.size }}
"""


class Lab:
    """A lab that was applied with two keys; planned() says what another plan of it would touch."""

    def __init__(self, folder: Path, states: StateServer, text: str) -> None:
        self.terraform = Terraform("terraform", folder / "data")
        self.access = states.access("demo")
        self.module = folder / "module"
        self.module.mkdir()
        (self.module / "main.tf").write_text(text)
        self._plans = 0
        self.applies(trusted_ssh_keys=["one", "two"])

    def applies(self, **variables: Any) -> None:
        work = self._plan(**variables)
        saved = self.terraform.read_plan(work)
        digest = hashlib.sha256(saved).hexdigest()
        assert follow(self.terraform.start_apply(work, self.access, saved, digest, {}))[0] == 0

    def planned(self, **variables: Any) -> bool:
        work = self._plan(**variables)
        return touches_only(self.terraform.show(work, self.access, {}), "trusted_ssh_keys")

    def _plan(self, **variables: Any) -> Path:
        self._plans += 1
        work = self.terraform.stage(f"run{self._plans}", self.module)
        self.terraform.init(work, self.access, {})
        code, lines = follow(self.terraform.start_plan(work, self.access, variables, "apply", {}))
        assert code == 2, lines
        return work


@pytest.fixture
def states() -> Iterator[StateServer]:
    server = StateServer()
    yield server
    server.close()


def test_what_follows_from_the_keys_is_all_that_is_touched(tmp_path: Path, states: StateServer) -> None:
    lab = Lab(tmp_path, states, MODULE)
    assert lab.planned(trusted_ssh_keys=["one"])
    assert lab.planned(trusted_ssh_keys=["one", "two", "three"])
    assert not lab.planned(trusted_ssh_keys=["one"], size="large")
    assert not lab.planned(trusted_ssh_keys=["one", "two"], size="large")


def test_what_goes_through_a_local_is_left_to_people(tmp_path: Path, states: StateServer) -> None:
    assert not Lab(tmp_path, states, LOCALS).planned(trusted_ssh_keys=["one"])


def test_to_wait_for_the_keys_is_not_to_follow_from_them(tmp_path: Path, states: StateServer) -> None:
    lab = Lab(tmp_path, states, WAITING)
    assert lab.planned(trusted_ssh_keys=["one"])
    assert not lab.planned(trusted_ssh_keys=["one"], size="large")


def test_an_output_of_something_else_is_something_else(tmp_path: Path, states: StateServer) -> None:
    lab = Lab(tmp_path, states, OUTPUT)
    assert lab.planned(trusted_ssh_keys=["one"])
    assert not lab.planned(trusted_ssh_keys=["one"], size="large")


def test_what_is_taken_out_of_the_module_is_something_else(tmp_path: Path, states: StateServer) -> None:
    lab = Lab(tmp_path, states, MODULE)
    (lab.module / "main.tf").write_text(WAITING)
    assert not lab.planned(trusted_ssh_keys=["one"])


def test_a_module_of_a_module_is_left_to_people(tmp_path: Path, states: StateServer) -> None:
    inner = tmp_path / "module" / "inner"
    text = f'{HEAD}\nmodule "inner" {{\n  source = "./inner"\n  keys = var.trusted_ssh_keys\n}}'

    class Nested(Lab):
        def applies(self, **variables: Any) -> None:
            inner.mkdir()
            body = 'variable "keys" {}\nresource "terraform_data" "keys" { input = var.keys }'
            (inner / "main.tf").write_text(body)
            super().applies(**variables)

    assert not Nested(tmp_path, states, text).planned(trusted_ssh_keys=["one"])


KEYS = {
    "address": "x.keys",
    "mode": "managed",
    "type": "x",
    "name": "keys",
    "expressions": {"keys": {"references": ["var.trusted_ssh_keys"]}},
}


def shown(**more: Any) -> dict[str, Any]:
    change = {"address": "x.keys", "mode": "managed", "type": "x", "name": "keys"}
    return {
        "configuration": {"root_module": {"resources": [KEYS]}},
        "resource_changes": [{**change, "change": {"actions": ["update"]}}],
        **more,
    }


def test_what_has_drifted_is_left_to_people() -> None:
    assert touches_only(shown(), "trusted_ssh_keys")
    assert touches_only(shown(resource_drift=[{"address": "x.other"}]), "trusted_ssh_keys")
    assert not touches_only(shown(resource_drift=[{"address": "x.keys"}]), "trusted_ssh_keys")


@pytest.mark.parametrize("more", [{"previous_address": "x.old"}, {"module_address": "module.inner"}])
def test_what_is_moved_or_elsewhere_is_left_to_people(more: dict[str, str]) -> None:
    (change,) = shown()["resource_changes"]
    assert not touches_only(shown(resource_changes=[{**change, **more}]), "trusted_ssh_keys")


def test_what_says_nothing_of_its_configuration_is_left_to_people() -> None:
    assert not touches_only(shown(configuration={}), "trusted_ssh_keys")
    assert not touches_only(shown(), "trusted_ssh")
    assert not touches_only(shown(), "trusted_ssh_keys_too")
