"""What a fake Terraform runs, what follows it, and the `-json` lines that it says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from commands.engines.terraform.engine import ChildLost, Progress
from commands.engines.terraform.events import Diagnostic
from state.records import PlannedChange

Line = dict[str, Any]
_COUNTED = {"create": ("add",), "update": ("change",), "delete": ("remove",), "replace": ("add", "remove")}


@dataclass
class FakeProcess:
    """What runs, or has run: shared by every FakeChild that follows it."""

    name: str
    lines: list[Line] = field(default_factory=list)
    exit_code: int | None = None
    lost: bool = False
    interrupted: bool = False
    operations: list[tuple[str, str]] = field(
        default_factory=list
    )  # (address, create or delete or update) to come
    done: Callable[[str, str], None] = lambda address, action: None
    end: Callable[[], list[Line]] = list
    release: Callable[[], None] = lambda: None  # gives the state's lock back, when it ends by itself
    changed: threading.Condition = field(default_factory=threading.Condition)


class FakeChild:
    """One view of a fake process, reading from its beginning."""

    def __init__(self, process: FakeProcess) -> None:
        self._process = process
        self._offset = 0

    @property
    def name(self) -> str:
        return self._process.name

    @property
    def interrupted(self) -> bool:
        return self._process.interrupted

    def poll(self, wait_seconds: float = 0.0) -> Progress:
        process = self._process
        with process.changed:
            process.changed.wait_for(lambda: self._has_news, timeout=wait_seconds)
            lines = process.lines[self._offset :]
            self._offset += len(lines)
            if process.lost and not lines:
                raise ChildLost(f"terraform {self.name} ended without an exit code")
            return Progress(list(lines), process.exit_code)

    @property
    def _has_news(self) -> bool:
        process = self._process
        return len(process.lines) > self._offset or process.exit_code is not None or process.lost

    def alive(self) -> bool:
        return self._process.exit_code is None and not self._process.lost

    def interrupt(self) -> None:
        process = self._process
        with process.changed:
            if process.interrupted or not self.alive():
                return
            process.interrupted = True
            if process.operations:
                address, action = process.operations[0]
                process.lines.append(hook("apply_errored", address, action))
            process.lines.append(diagnostic(Diagnostic("error", "execution halted")))
            process.release()
            process.exit_code = 1
            process.changed.notify_all()

    def kill(self) -> None:
        with self._process.changed:
            self._process.lost = self.alive() or self._process.lost
            self._process.changed.notify_all()


def planned(change: PlannedChange) -> Line:
    return {
        "type": "planned_change",
        "@message": f"{change.address}: Plan to {change.action}",
        "change": {"resource": {"addr": change.address}, "action": change.action},
    }


def drifted(resource: Mapping[str, Any]) -> Line:
    """What has changed outside of a resource, an entry of `resource_drift` in `show -json`."""
    address, action = resource["address"], resource["change"]["actions"][0]
    return {
        "type": "resource_drift",
        "@message": f"{address}: Drift detected ({action})",
        "change": {"resource": {"addr": address}, "action": action},
    }


def summary(operation: str, changes: Sequence[PlannedChange]) -> Line:
    sums = {"add": 0, "change": 0, "remove": 0}
    for change in changes:
        for name in _COUNTED.get(change.action, ()):
            sums[name] += 1
    return {
        "type": "change_summary",
        "@message": f"{operation}: {sums}",
        "changes": {**sums, "operation": operation},
    }


def hook(kind: str, address: str, action: str) -> Line:
    hook = {"resource": {"addr": address}, "action": action}
    return {"type": kind, "@message": f"{address}: {kind}", "hook": hook}


def diagnostic(said: Diagnostic) -> Line:
    place = {"range": {"filename": said.file, "start": {"line": said.line}}} if said.file else {}
    whole = {
        "severity": said.severity,
        "summary": said.summary,
        "detail": said.detail,
        "address": said.address,
    }
    return {"type": "diagnostic", "@message": said.summary, "diagnostic": {**whole, **place}}
