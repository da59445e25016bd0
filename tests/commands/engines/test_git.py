from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from commands.blueprint import catalogue
from commands.engines.git import checked_out
from tests.conftest import cannot_be_had


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Anna", "-c", "user.email=anna@lab.test", "-c", "commit.gpgsign=false")
    return subprocess.run(
        ["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    if shutil.which("git") is None:
        cannot_be_had("git")
    folder = tmp_path / "repository"
    (folder / "web").mkdir(parents=True)
    (folder / "web" / "blueprint.yaml").write_text("name: web\nsummary: First\n")
    (folder / "web" / "main.tf").write_text("")
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=First")
    return folder


def test_a_catalogue_in_git_is_pinned_to_its_commit(repository: Path, tmp_path: Path) -> None:
    address = f"git+file://{repository}#main"
    before = catalogue(address, tmp_path / "data")
    assert before.get("web").summary == "First"
    (repository / "web" / "blueprint.yaml").write_text("name: web\nsummary: Second\n")
    git(repository, "commit", "--quiet", "--all", "--message=Second")
    after = catalogue(address, tmp_path / "data")
    assert after.get("web").summary == "Second"
    assert before.get("web").summary == "First"
    assert git(repository, "rev-parse", "main") in str(after.path)


def test_a_commit_is_checked_out_once(repository: Path, tmp_path: Path) -> None:
    first = checked_out(f"git+file://{repository}", tmp_path / "data")
    assert checked_out(f"git+file://{repository}#main", tmp_path / "data") == first
    assert [path.name for path in first.iterdir()] == ["web"]
    assert [path.name for path in (tmp_path / "data").iterdir()] == [git(repository, "rev-parse", "main")]


@pytest.mark.parametrize(
    "address",
    [
        "git+http://host/labs",
        "git+ext::sh -c id",
        "git+file:///labs#--upload-pack=id",
        "git+https://",
        "git+https://u:p@h/x",
        "git+-x",
    ],
)
def test_an_address_that_is_none_is_refused_before_git_sees_it(address: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not an address such as"):
        checked_out(address, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_repository_or_ref_that_is_not_there_is_told(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"LABS_PATH: The repository cannot be fetched: .*none"):
        catalogue(f"git+file://{repository}#none", tmp_path / "data")
    with pytest.raises(ValueError, match="cannot be fetched"):
        checked_out(f"git+file://{tmp_path}/nowhere", tmp_path / "data")
