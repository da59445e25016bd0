"""What the engines' tests leave behind: nothing, also outside of their own folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.engines.terraform import Terraform


@pytest.fixture(autouse=True)
def no_temporary_folder_stays(tmp_path: Path) -> Iterator[None]:
    """A run's temporary folder lies outside of its own where that path would be too long, as pytest's are."""
    yield
    runs = tmp_path / "data" / "runs"
    if runs.is_dir():
        terraform = Terraform("terraform", tmp_path / "data")
        for work in runs.iterdir():
            terraform.remove(work)
