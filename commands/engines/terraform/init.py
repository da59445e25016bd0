"""What `terraform init` made, kept so that it runs again only where something has changed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from commands.engines.terraform.events import Diagnostic, TerraformFailed

_UNUSED_SECONDS = 14 * 24 * 3600
_LINKED = ("providers", "modules")
_BACKEND = "terraform.tfstate"
_LOCK_FILE = ".terraform.lock.hcl"


class InitCache:
    """A folder for each key: `providers` and `modules`, the lock file, the backend's settings as a pattern.

    Work folders link to providers and modules, and get the settings with their own lab's address. No secret
    is in it: the backend's username and password are only ever in Terraform's environment.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def restore(self, key: Sequence[str], module: Path, address: str) -> bool:
        """Make module as `init` would leave it. False: this key is not known, so that init must run."""
        kept = self._folder(key)
        try:
            os.utime(kept)  # the day it was last used
            settings = json.loads((kept / _BACKEND).read_text())
        except FileNotFoundError:
            return False
        dot = module / ".terraform"
        shutil.rmtree(dot, ignore_errors=True)
        dot.mkdir(mode=0o700)
        for name in _LINKED:
            if (kept / name).exists():
                (dot / name).symlink_to(kept / name)
        if (kept / _LOCK_FILE).exists():
            shutil.copyfile(kept / _LOCK_FILE, module / _LOCK_FILE)
        settings["backend"]["config"].update(
            address=address, lock_address=address, unlock_address=address, username=None, password=None
        )
        (dot / _BACKEND).write_text(json.dumps(settings))
        return True

    def store(self, key: Sequence[str], module: Path, address: str) -> None:
        """Keep what `init` has just made in module, and leave module linked to it.

        Raises TerraformFailed when init has settled on another backend than ours.
        """
        dot = module / ".terraform"
        settings = json.loads((dot / _BACKEND).read_text())
        check_backend(settings, address)
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._prune()
        unfinished = Path(tempfile.mkdtemp(dir=self._path, prefix=".unfinished-"))
        for name in _LINKED:
            if (dot / name).exists():
                (dot / name).rename(unfinished / name)
        if (module / _LOCK_FILE).exists():
            shutil.copyfile(module / _LOCK_FILE, unfinished / _LOCK_FILE)
        (unfinished / _BACKEND).write_text(json.dumps(settings))
        try:
            unfinished.rename(self._folder(key))
        except OSError:  # another run has stored the same meanwhile
            shutil.rmtree(unfinished)
        self.restore(key, module, address)

    def _folder(self, key: Sequence[str]) -> Path:
        return self._path / hashlib.sha256("\0".join(key).encode()).hexdigest()

    def _prune(self) -> None:
        before = time.time() - _UNUSED_SECONDS
        for kept in self._path.iterdir():
            if kept.stat().st_mtime < before:
                shutil.rmtree(kept, ignore_errors=True)


def check_backend(settings: Any, address: str) -> None:
    """Raise TerraformFailed unless these are settings of the `http` backend at that address."""
    backend = settings.get("backend") or {}
    config = backend.get("config") or {}
    where = {config.get(name) for name in ("address", "lock_address", "unlock_address")}
    if backend.get("type") != "http" or where != {address}:
        summary = f"The module would keep its state in backend {backend.get('type')}, not with Innkeeper"
        detail = "Take the `backend` or `cloud` block out of the module's override files."
        raise TerraformFailed((Diagnostic("error", summary, detail),))
