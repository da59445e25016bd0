"""A Terraform that plans and applies in no time, or step by step where a test wants to look in between.

It keeps the promises of commands.engines.terraform.engine.Terraform, to which engines/terraform/test_engine_contract.py
holds both: stages real files, says the same `-json` lines, refuses a changed plan, never starts an apply twice.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from commands.engines.terraform import module as terraform_module
from commands.engines.terraform.engine import Access, AlreadyStarted, Declared, PlanTampered, TerraformFailed
from commands.engines.terraform.events import Diagnostic
from state.records import PlannedChange, RunKind
from tests.fakes.terraform_process import (
    FakeChild,
    FakeProcess,
    Line,
    diagnostic,
    drifted,
    hook,
    planned,
    summary,
)


class StateBackend(Protocol):
    """What Terraform's `http` backend reaches: Innkeeper's /tfstate, without the HTTP."""

    def lock(self, access: Access) -> bool:
        """False: somebody else holds it."""

    def write(self, access: Access, serial: int, resources: Sequence[str]) -> None: ...
    def unlock(self, access: Access) -> None: ...


class NoBackend:
    """Where a test has nobody who keeps states."""

    def lock(self, access: Access) -> bool:
        return True

    def write(self, access: Access, serial: int, resources: Sequence[str]) -> None: ...
    def unlock(self, access: Access) -> None: ...


class FakeTerraform:
    """A Terraform whose every lab has the same resources.

    resources: their addresses. outputs and sensitive_outputs: what an apply ends with. plan_failure,
    init_failure, apply_failure: what the next ones end with. holding: applies stop before each operation
    until step() or finish(). planning_holds: plans stay unfinished until finish(). next_changes: what the next plan
    says, whatever there is. state: where states are locked and written. drifted, drifted_outputs: what has changed
    outside, as `resource_drift` and `output_changes` of `show -json` say it, until something is applied.
    """

    def __init__(
        self,
        data_path: Path,
        resources: Sequence[str] = ("terraform_data.a", "terraform_data.b"),
        state: StateBackend | None = None,
    ) -> None:
        self.resources = tuple(resources)
        self.state: StateBackend = state or NoBackend()
        self.outputs: dict[str, Any] = {}
        self.sensitive_outputs: tuple[str, ...] = ()
        self.init_failure: Diagnostic | None = None
        self.plan_failure: Diagnostic | None = None
        self.show_failure: Diagnostic | None = None
        self.apply_failure: Diagnostic | None = None
        self.warning: Diagnostic | None = None
        self.next_changes: Sequence[PlannedChange] | None = None
        self.values: dict[
            str, dict[str, Any]
        ] = {}  # address of a resource → what a plan says its attributes will be
        self.drifted: Sequence[Mapping[str, Any]] = ()
        self.drifted_outputs: Mapping[str, Any] = {}
        self.refers_to: dict[str, tuple[str, ...]] = {}  # address → what its configuration refers to
        self.holding = False
        self.planning_holds = False
        self.living: dict[str, dict[str, Any]] = {}  # state address → address of a resource → its variables
        self.serials: dict[str, int] = {}
        self.environments: list[dict[str, str]] = []  # what each plan and apply was given
        self.given_variables: list[dict[str, Any]] = []
        self.inits: list[str] = []  # the digest of what each init has seen
        self.applied: list[str] = []  # sha256 of each plan whose apply was started
        self.errored: bytes | None = None
        self._runs = data_path / "runs"
        self._known: set[str] = set()
        self._processes: dict[Path, FakeProcess] = {}

    # What Terraform has too.

    def version(self) -> str:
        return "Terraform 0.0.0"

    def work(self, run_id: str) -> Path:
        return self._runs / run_id

    def stage(self, run_id: str, module: Path) -> Path:
        work = self.work(run_id)
        work.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.staged(work).is_dir():
            terraform_module.copy(module, self.staged(work))
        return work

    def staged(self, work: Path) -> Path:
        return work / "module"

    def sources_digest(self, module: Path) -> str:
        return terraform_module.digest(module)

    def declared(self, module: Path) -> dict[str, Declared]:
        return terraform_module.declared(module)

    def init(self, work: Path, access: Access, environment: Mapping[str, str]) -> bool:
        if self.init_failure is not None:
            raise TerraformFailed((self.init_failure,))
        digest = self.sources_digest(self.staged(work))
        self.inits.append(digest)
        is_new = digest not in self._known
        self._known.add(digest)
        return is_new

    def start_plan(
        self,
        work: Path,
        access: Access,
        variables: Mapping[str, Any],
        kind: RunKind,
        environment: Mapping[str, str],
    ) -> FakeChild:
        holds = self.planning_holds
        process = self._processes[work / "plan"] = FakeProcess("plan")
        if not self._locked(process, access):
            return FakeChild(process)
        changes = self._changes(access.address, dict(variables), kind)
        outside = kind == "refresh" and bool(self.drifted or self.drifted_outputs)

        def end() -> list[Line]:
            process.release()
            if self.plan_failure is not None:
                process.exit_code = 1
                return [diagnostic(self.plan_failure)]
            saved = {
                "address": access.address,
                "serial": self.serials.get(access.address, 0),
                "changes": [[each.address, each.action] for each in changes],
                "variables": dict(variables),
                "kind": kind,
            }
            (work / "tfplan").write_text(json.dumps(saved))
            warned = [diagnostic(self.warning)] if self.warning is not None else []
            process.exit_code = 2 if changes or outside else 0
            told = [drifted(each) for each in self.drifted] if outside else [*map(planned, changes)]
            return [*told, *warned, summary("plan", changes)]

        process.end = end
        self.environments.append(dict(environment))
        self.given_variables.append(dict(variables))  # last: who waits for it may end or kill the plan then
        if not holds:
            self.finish(work)
        return FakeChild(process)

    def start_apply(
        self,
        work: Path,
        access: Access,
        plan: bytes,
        sha256: str,
        environment: Mapping[str, str],
        variables: Mapping[str, Any] | None = None,
    ) -> FakeChild:
        if hashlib.sha256(plan).hexdigest() != sha256:
            raise PlanTampered("The saved plan is not the one that was approved, so nothing was applied.")
        if work / "apply" in self._processes:
            raise AlreadyStarted(f"terraform apply was started before in {work}")
        self.environments.append(dict(environment))
        self.applied.append(sha256)
        saved = json.loads(plan)
        process = self._processes[work / "apply"] = FakeProcess("apply")
        address = saved["address"]
        if not self._locked(process, access):
            return FakeChild(process)
        if saved["serial"] != self.serials.get(address, 0):
            process.lines.append(diagnostic(Diagnostic("error", "Saved plan is stale")))
            process.release()
            process.exit_code = 1
            return FakeChild(process)
        changes = [PlannedChange(*each) for each in saved["changes"]]
        for change in changes:
            kinds = ("delete", "create") if change.action == "replace" else (change.action,)
            process.operations += [(change.address, kind) for kind in kinds]
        process.done = lambda resource, action: self._done(access, resource, action, saved["variables"])

        def end() -> list[Line]:
            if saved["kind"] == "refresh":
                self._take_over(access)
            self.drifted, self.drifted_outputs = (), {}
            process.release()
            process.exit_code = 0
            return [summary("apply", changes), self._outputs(address)]

        process.end = end
        if not self.holding:
            self.finish(work)
        return FakeChild(process)

    def attach(self, work: Path) -> FakeChild | None:
        for name in ("apply", "plan"):
            if work / name in self._processes:
                return FakeChild(self._processes[work / name])
        return None

    def read_plan(self, work: Path) -> bytes:
        return (work / "tfplan").read_bytes()

    def show(self, work: Path, access: Access, environment: Mapping[str, str]) -> dict[str, Any]:
        if self.show_failure is not None:
            raise TerraformFailed((self.show_failure,))
        saved = json.loads(self.read_plan(work))
        if saved["kind"] == "refresh":
            return {"resource_drift": list(self.drifted), "output_changes": dict(self.drifted_outputs)}
        actions = {"replace": ["delete", "create"]}
        configured = [
            {
                **_resource(address),
                "expressions": {"input": {"references": list(self.refers_to.get(address, ()))}},
            }
            for address in self.resources
        ]
        leaves = [
            {**_resource(address), "values": self.values.get(address, {})} for address in self.resources
        ]
        return {
            "planned_values": {"root_module": {"resources": leaves}},
            "configuration": {"root_module": {"resources": configured}},
            "resource_changes": [
                {
                    **_resource(address),
                    "change": {"actions": actions.get(action, [action]), "before": None, "after": None},
                }
                for address, action in saved["changes"]
            ],
        }

    def errored_state(self, work: Path) -> bytes | None:
        return self.errored

    def remove(self, work: Path) -> None:
        for name in ("plan", "apply"):
            self._processes.pop(work / name, None)
        shutil.rmtree(work, ignore_errors=True)

    # What a test does.

    def step(self, work: Path) -> None:
        """Let the running apply in that folder do one operation."""
        process = self._running(work)
        with process.changed:
            self._operate(process)
            process.changed.notify_all()

    def finish(self, work: Path) -> None:
        """Let what runs in that folder go to its end."""
        process = self._running(work)
        with process.changed:
            while process.operations and process.exit_code is None:
                self._operate(process)
            if process.exit_code is None:
                process.lines += process.end()
            process.changed.notify_all()

    def _locked(self, process: FakeProcess, access: Access) -> bool:
        if not self.state.lock(access):
            process.lines.append(diagnostic(Diagnostic("error", "Error acquiring the state lock")))
            process.exit_code = 1
            return False
        process.release = lambda: self.state.unlock(access)
        return True

    def _running(self, work: Path) -> FakeProcess:
        return self._processes.get(work / "apply") or self._processes[work / "plan"]

    def _operate(self, process: FakeProcess) -> None:
        address, action = process.operations[0]
        process.lines.append(hook("apply_start", address, action))
        if self.apply_failure is not None:
            process.lines += [hook("apply_errored", address, action), diagnostic(self.apply_failure)]
            process.release()
            process.exit_code = 1
            return
        process.operations.pop(0)
        process.done(address, action)
        process.lines.append(hook("apply_complete", address, action))

    def _changes(self, address: str, variables: dict[str, Any], kind: RunKind) -> list[PlannedChange]:
        if self.next_changes is not None:
            changes, self.next_changes = list(self.next_changes), None
            return changes
        living = {
            name: values for name, values in self.living.get(address, {}).items() if not self._lost(name)
        }
        if kind == "refresh":
            return []
        if kind == "destroy":
            return [PlannedChange(each, "delete") for each in living]
        made = [PlannedChange(each, "create") for each in self.resources if each not in living]
        outside = {each["address"] for each in self.drifted}
        other = [
            each
            for each in self.resources
            if each in living and (living[each] != variables or each in outside)
        ]
        return [*made, *(PlannedChange(each, "update") for each in other)]

    def _done(self, access: Access, resource: str, action: str, variables: dict[str, Any]) -> None:
        address = access.address
        living = self.living.setdefault(address, {})
        if action == "delete":
            living.pop(resource, None)
        else:
            living[resource] = variables
        self.serials[address] = self.serials.get(address, 0) + 1
        self.state.write(access, self.serials[address], list(living))

    def _lost(self, address: str) -> bool:
        return any(
            each["address"] == address and each["change"]["actions"] == ["delete"] for each in self.drifted
        )

    def _take_over(self, access: Access) -> None:
        """The state becomes what is there, and nothing else is touched."""
        living = self.living.setdefault(access.address, {})
        for address in [each for each in living if self._lost(each)]:
            del living[address]
        self.outputs |= {name: change["after"] for name, change in self.drifted_outputs.items()}
        self.serials[access.address] = self.serials.get(access.address, 0) + 1
        self.state.write(access, self.serials[access.address], list(living))

    def _outputs(self, address: str) -> Line:
        if not self.living.get(address):
            return {"type": "outputs", "outputs": {}}
        clear = {name: {"sensitive": False, "value": value} for name, value in self.outputs.items()}
        secret = {name: {"sensitive": True} for name in self.sensitive_outputs}
        return {"type": "outputs", "outputs": clear | secret}


def _resource(address: str) -> dict[str, str]:
    kind, _, name = address.partition("[")[0].partition(".")
    return {"address": address, "mode": "managed", "type": kind, "name": name}
