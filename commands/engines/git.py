"""A catalogue that is kept in git: fetched once, pinned to the commit that its ref named then."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

TIMEOUT_SECONDS = 60
# No password can stand in it: it would be seen in the list of processes. A credential helper or ssh has it.
_ADDRESS = re.compile(r"git\+((?:https://[^\s#@]+|ssh://[^\s#]+|file://[^\s#]+))(?:#([\w./][\w./-]*))?")
_FORM = "git+https://host/labs.git#main, without a password"


def checked_out(address: str, folder: Path) -> Path:
    """The files that `git+https://HOST/REPOSITORY#REF` (git+ssh, git+file; HEAD without a ref) has now.

    There is a folder for each commit below `folder`, and it does not change any more: what was planned from it
    stays what it was. Raises ValueError with a sentence that says what to mend; the address is not in it.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise ValueError(f"This is not an address such as {_FORM}.")
    url, ref = match[1], match[2] or "HEAD"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as unfinished:
        repository, files = Path(unfinished, "repository"), Path(unfinished, "commit", "labs")
        files.mkdir(parents=True)
        _git(folder, "init", "--quiet", "--bare", str(repository))
        _git(repository, "fetch", "--quiet", "--depth=1", "--no-tags", "--", url, ref)
        commit = _git(repository, "rev-parse", "--verify", "FETCH_HEAD^{commit}").strip()
        if not (folder / commit).exists():
            _git(repository, f"--work-tree={files}", "checkout", "--quiet", "--force", commit, "--", ".")
            # Whole or not at all; another process that starts at this moment may have been quicker.
            try:
                files.parent.rename(folder / commit)
            except OSError:
                if not (folder / commit).exists():
                    raise
    return folder / commit / "labs"


def _git(folder: Path, *arguments: str) -> str:
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("HOME", "/"),
        "SSH_AUTH_SOCK": os.environ.get("SSH_AUTH_SOCK", ""),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "https:ssh:file",
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    }
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_SECONDS,
        )
    except FileNotFoundError:
        raise ValueError("A catalogue in git needs git, and there is none on PATH. Install it.") from None
    except subprocess.TimeoutExpired:
        raise ValueError(f"The repository did not answer within {TIMEOUT_SECONDS} s.") from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["git gave no reason"])[-1]
        raise ValueError(f"The repository cannot be fetched: {said}")
    return done.stdout
