"""Real git repositories for the tests, made and changed as people do it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.conftest import cannot_be_had

SMALL = "name: {name}\nsummary: First\n"


class Repository:
    """A repository with a work tree, as a colleague has it."""

    def __init__(self, folder: Path, files: Mapping[str, str] | None = None) -> None:
        if shutil.which("git") is None:
            cannot_be_had("git")
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        if files is not None:
            self.commit(files)

    def git(self, *arguments: str, given: bytes = b"") -> str:
        who = ("-c", "user.name=Anna", "-c", "user.email=anna@lab.test", "-c", "commit.gpgsign=false")
        home = {"HOME": str(self.folder), "PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", *who, *arguments], cwd=self.folder, env=home, input=given, check=True, capture_output=True
        )
        return done.stdout.decode().strip()

    def commit(self, files: Mapping[str, str | None], message: str = "Change") -> str:
        """Write files (None: remove it), commit, and give the commit."""
        for name, text in files.items():
            path = self.folder / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")
        return self.head

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    @property
    def address(self) -> str:
        return f"git+file://{self.folder}#main"

    def tree(self, entries: list[tuple[str, str, str]]) -> str:
        """Make main a commit of exactly these (mode, oid, path), which git itself would not all make."""
        lines = [
            f"{mode} {'commit' if mode == '160000' else 'blob'} {oid}\t{path}" for mode, oid, path in entries
        ]
        tree = self.git("mktree", "--missing", given="\n".join(lines).encode() + b"\n")
        return self.move_main_to(tree)

    def move_main_to(self, tree: str) -> str:
        commit = self.git("commit-tree", "-m", "Tree", tree)
        self.git("update-ref", "refs/heads/main", commit)
        return commit

    def blob(self, content: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", given=content)


def blueprint(name: str, more: str = "") -> dict[str, str]:
    """The files of a small blueprint."""
    text = f"name: {name}\nsummary: First\n{more}"
    return {f"{name}/blueprint.yaml": text, f"{name}/main.tf": ""}
