"""The ordinary terraform, and its state with us: what a person at a laptop and a run see."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from state import labs, tfstate
from tests.bot.serving_state import PERSON, RUN, Backend, serving
from tests.integration.laptop import Laptop, terraform_command
from tests.state.examples import NOW, a_lab
from tests.waiting import until

pytestmark = pytest.mark.integration

MODULE = """
terraform {
  backend "http" {}
}
variable "size" { default = "small" }
resource "terraform_data" "host" {
  count = 2
  input = "${var.size}-${count.index}"
}
"""
SLOW = """
resource "terraform_data" "slow" {
  provisioner "local-exec" { command = "touch started; while [ ! -e go ]; do sleep 0.02; done" }
}
"""


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    with serving(tmp_path / "bot") as it:
        yield it


@pytest.fixture
def laptop(tmp_path: Path, backend: Backend) -> Laptop:
    """The laptop of an operator, with the module of `demo`."""
    folder = tmp_path / "laptop"
    folder.mkdir()
    (folder / "main.tf").write_text(MODULE)
    return Laptop(folder, terraform_command(tmp_path), f"{backend.base_url}/tfstate/demo", PERSON)


def applied(laptop: Laptop) -> None:
    assert laptop.init()[0] == 0
    code, said = laptop.run("apply", "-auto-approve", "-no-color")
    assert code == 0, said


def test_a_person_applies_changes_and_destroys_with_the_ordinary_terraform(
    laptop: Laptop, backend: Backend
) -> None:
    applied(laptop)
    assert laptop.run("plan", "-detailed-exitcode")[0] == 0
    assert laptop.run("apply", "-auto-approve", "-var", "size=large")[0] == 0
    current = tfstate.current(backend.database, "lab1")
    assert current is not None
    assert current.resources == 2
    assert laptop.run("destroy", "-auto-approve", "-no-color")[0] == 0
    kept = tfstate.versions(backend.database, "lab1")
    assert kept[0].resources == 0
    assert {each.lineage for each in kept} == {current.lineage}
    assert tfstate.locks(backend.database) == []
    assert {action for _, action in backend.audited()} == {
        "state_locked",
        "state_read",
        "state_written",
        "state_unlocked",
    }


def test_whoever_comes_second_is_shown_the_lock_of_the_first(laptop: Laptop, backend: Backend) -> None:
    applied(laptop)
    backend.lock(RUN, "lock-of-run1")
    code, said = laptop.run("plan", "-no-color")
    assert (code, "already locked: ID=lock-of-run1" in said) == (1, True)
    code, said = laptop.run("force-unlock", "-force", "lock-of-run1")
    assert code == 1
    assert tfstate.lock_of(backend.database, "lab1") is not None


def test_a_frozen_lab_says_why_in_terraforms_own_output(laptop: Laptop, backend: Backend) -> None:
    applied(laptop)
    labs.update(backend.database, "lab1", frozen_because="a state of run1 is still to be taken in.")
    code, said = laptop.run("plan", "-no-color")
    assert code == 1
    assert "demo is frozen: a state of run1 is still to be taken in." in " ".join(said.split())


def test_without_vault_or_with_a_wrong_token_nothing_looks_like_an_empty_state(
    laptop: Laptop, backend: Backend
) -> None:
    applied(laptop)
    backend.vault.state = "sealed"
    for arguments in (("plan", "-no-color"), ("plan", "-no-color", "-lock=false")):
        code, said = laptop.run(*arguments)
        assert (code, "to add" in said) == (1, False)
    backend.vault.state = "ready"
    laptop.user = (PERSON[0], "hvs.guess")
    code, said = laptop.run("plan", "-no-color", "-lock=false")
    assert (code, "to add" in said) == (1, False)


def test_a_gone_lab_is_not_planned_from_nothing(laptop: Laptop, backend: Backend) -> None:
    applied(laptop)
    labs.leave(backend.database, "lab1", NOW)
    code, said = laptop.run("plan", "-no-color", "-lock=false")
    assert (code, "to add" in said) == (1, False)


def test_a_state_that_could_not_be_written_is_taken_in_and_goes_on(laptop: Laptop, backend: Backend) -> None:
    """Vault goes away during a run's apply: the state is in errored.tfstate alone, and nothing is lost."""
    laptop.user = RUN
    applied(laptop)
    (laptop.folder / "main.tf").write_text(MODULE + SLOW)
    process = subprocess.Popen(
        [*laptop.command, "apply", "-auto-approve", "-no-color"],
        cwd=laptop.folder,
        env=laptop.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    until(lambda: (laptop.folder / "started").exists(), 30)
    backend.vault.state = "away"
    (laptop.folder / "go").touch()
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1, said
    errored = (laptop.folder / "errored.tfstate").read_bytes()
    backend.vault.state = "ready"
    assert tfstate.take_in_errored(backend.database, a_lab(), errored, backend.vault, NOW, "run:run1")
    code, said = laptop.run("plan", "-detailed-exitcode", "-no-color")
    assert code == 0, said
