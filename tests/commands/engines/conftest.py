"""The Vaults that a contract is held to; and what the engines' tests leave behind: nothing, also elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.engines.terraform.engine import Terraform
from tests.commands.engines.vault.worlds import FakeWorld, RealWorld, World


@pytest.fixture(params=["fake", pytest.param("openbao", marks=pytest.mark.integration)])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "fake":
        return FakeWorld()
    return RealWorld(request.getfixturevalue("vault_space"), request.getfixturevalue("postgresql"))


@pytest.fixture(autouse=True)
def no_temporary_folder_stays(tmp_path: Path) -> Iterator[None]:
    """A run's temporary folder lies outside of its own where that path would be too long, as pytest's are."""
    yield
    runs = tmp_path / "data" / "runs"
    if runs.is_dir():
        terraform = Terraform("terraform", tmp_path / "data")
        for work in runs.iterdir():
            terraform.remove(work)
