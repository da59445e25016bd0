"""Which Terraform is used, and what it gets to see."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.engines.terraform.engine import Terraform, TerraformFailed
from commands.engines.terraform.setting import Setting


@pytest.fixture
def bin_path(tmp_path: Path) -> Path:
    """A folder with a program that is called terraform."""
    path = tmp_path / "bin"
    path.mkdir()
    (path / "terraform").write_text("#!/bin/sh\necho Terraform v9.9.9\necho on linux\n")
    (path / "terraform").chmod(0o755)
    return path


def test_the_one_on_path_is_used(bin_path: Path, tmp_path: Path) -> None:
    terraform = Terraform("terraform", tmp_path / "data", {"PATH": f"{bin_path}:/bin"})
    assert terraform.version() == "Terraform 9.9.9"
    assert not Setting.find("terraform", tmp_path / "data", {}).temporary(tmp_path / "data" / "runs").exists()


def test_a_path_is_used_whatever_is_on_path(bin_path: Path, tmp_path: Path) -> None:
    found = Setting.find(str(bin_path / "terraform"), tmp_path / "data", {"PATH": "/bin"})
    assert found.command == (str(bin_path / "terraform"),)


def test_without_one_on_path_the_library_steps_in(tmp_path: Path) -> None:
    found = Setting.find("terraform", tmp_path / "data", {"PATH": str(tmp_path)})
    assert found.command[-1].endswith("library.py")


@pytest.mark.parametrize(
    ("terraform_bin", "sentence"),
    [
        ("/nowhere/terraform", "TERRAFORM_BIN is /nowhere/terraform, which is not a program."),
        ("/etc/passwd", "TERRAFORM_BIN is /etc/passwd, which is not a program."),
        ("terrafrom", "TERRAFORM_BIN is terrafrom, which is not on PATH."),
    ],
)
def test_a_wrong_path_is_told_with_the_remedy(tmp_path: Path, terraform_bin: str, sentence: str) -> None:
    with pytest.raises(ValueError, match="Give `terraform`, `tofu` or the path of one") as told:
        Terraform(terraform_bin, tmp_path / "data", {"PATH": "/bin"})
    assert str(told.value).startswith(sentence)


def test_only_what_is_listed_is_given(bin_path: Path, tmp_path: Path) -> None:
    outer = {
        "PATH": f"{bin_path}:/bin",
        "SLACK_BOT_TOKEN": "xoxb",
        "TF_HTTP_ADDRESS": "http://evil",
        "HOME": "/root",
    }
    found = Setting.find("terraform", tmp_path / "data", outer)
    given = found.environment(tmp_path, {"DIGITALOCEAN_TOKEN": "t"}, "run", "password", retries=20)
    assert set(given) == {
        "PATH",
        "HOME",
        "TMPDIR",
        "TF_CLI_CONFIG_FILE",
        "CHECKPOINT_DISABLE",
        "TF_IN_AUTOMATION",
        "TF_INPUT",
        "TF_HTTP_USERNAME",
        "TF_HTTP_PASSWORD",
        "TF_HTTP_RETRY_MAX",
        "TF_HTTP_RETRY_WAIT_MIN",
        "TF_HTTP_RETRY_WAIT_MAX",
        "INNKEEPER_PYTHON",
        "DIGITALOCEAN_TOKEN",
    }
    assert given["HOME"] == str(tmp_path / "data" / "home")
    assert given["TF_HTTP_RETRY_MAX"] == "20"


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "HOME",
        "LD_PRELOAD",
        "TF_HTTP_ADDRESS",
        "TF_CLI_ARGS_plan",
        "TF_DATA_DIR",
        "TF_LOG",
        "PYTHONPATH",
    ],
)
def test_credentials_cannot_take_the_wheel(bin_path: Path, tmp_path: Path, name: str) -> None:
    found = Setting.find("terraform", tmp_path / "data", {"PATH": str(bin_path)})
    with pytest.raises(TerraformFailed, match=f"A blueprint's credentials may not set {name}"):
        found.environment(tmp_path, {name: "x"})


def test_credentials_of_terraforms_own_kinds_are_given(bin_path: Path, tmp_path: Path) -> None:
    found = Setting.find("terraform", tmp_path / "data", {"PATH": str(bin_path)})
    given = found.environment(tmp_path, {"TF_VAR_token": "a", "TF_TOKEN_registry_example_com": "b"})
    assert (given["TF_VAR_token"], given["TF_TOKEN_registry_example_com"]) == ("a", "b")


@pytest.mark.parametrize("by", ["variable", "file in HOME"])
def test_the_operators_provider_mirror_is_kept(bin_path: Path, tmp_path: Path, by: str) -> None:
    config = tmp_path / (".terraformrc" if by == "file in HOME" else "mirror.rc")
    config.write_text("provider_installation {}")
    outer = {"PATH": str(bin_path), "HOME": str(tmp_path)}
    outer |= {"TF_CLI_CONFIG_FILE": str(config)} if by == "variable" else {}
    assert Setting.find("terraform", tmp_path / "data", outer).cli_config == config


def test_a_configuration_that_is_not_there_is_no_reason_to_stop(bin_path: Path, tmp_path: Path) -> None:
    outer = {"PATH": str(bin_path), "TF_CLI_CONFIG_FILE": "/nowhere/.terraformrc", "HOME": "/nowhere"}
    found = Setting.find("terraform", tmp_path / "data", outer)
    assert found.cli_config == tmp_path / "data" / "terraform.rc"
    assert "disable_checkpoint" in found.cli_config.read_text()


def test_temporary_files_have_a_private_folder_with_a_short_path(bin_path: Path, tmp_path: Path) -> None:
    found = Setting.find("terraform", tmp_path / "data", {"PATH": str(bin_path)})
    work = tmp_path / ("long" * 20)
    work.mkdir()
    temporary = Path(found.environment(work, {})["TMPDIR"])
    assert temporary.stat().st_mode & 0o777 == 0o700
    assert len(str(temporary)) < 90
    temporary.chmod(0o777)
    with pytest.raises(TerraformFailed, match="is not ours"):
        found.environment(work, {})
    found.remove_temporary(work)
    assert not temporary.exists()
