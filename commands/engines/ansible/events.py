"""What Ansible says while it runs → progress for a card, the log as a person reads it, and what failed where."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_BANNER = re.compile(r" \*{3,}$", re.MULTILINE)
_REASON_CHARACTERS = 300
_CUT = "\n[… left out …]\n"


@dataclass(frozen=True)
class Failure:
    """Why one host has not come to the end of the playbook."""

    host: str
    task: str
    reason: str
    is_unreachable: bool = False


class Listener:
    """Hears the events of one playbook, as ansible-runner tells them: hear()."""

    def __init__(self, tell: Callable[[str], None], log_characters: int) -> None:
        self._tell = tell
        self._most = log_characters
        self._said: list[str] = []
        self._length = 0
        self.tasks = 0
        self._failed: dict[str, Failure] = {}
        self._ended_badly: set[str] | None = None
        self.changed = 0

    @property
    def log(self) -> str:
        """What Ansible printed. Of a very long one the middle is left out."""
        text = _BANNER.sub("", "\n".join(self._said)).strip()
        if len(text) <= self._most:
            return text
        half = self._most // 2
        return text[:half] + _CUT + text[-half:]

    @property
    def failures(self) -> list[Failure]:
        """Of each host that did not come to the end, the failure that stopped it."""
        return [
            each
            for each in self._failed.values()
            if self._ended_badly is None or each.host in self._ended_badly
        ]

    @property
    def reason(self) -> str:
        """Ansible's own complaint: a playbook that cannot be read."""
        errors = [line for line in self.log.splitlines() if "ERROR" in line]
        return re.sub(r"^(\[ERROR\]|ERROR!):?\s*", "", errors[0])[:_REASON_CHARACTERS] if errors else ""

    def hear(self, event: Mapping[str, Any]) -> bool:
        """Take in one event. False: it is kept in no file."""
        text = str(event.get("stdout") or "").replace("\r\n", "\n")
        if text:
            self._said.append(text)
            self._length += len(text)
            if self._length > 4 * self._most:  # a playbook that says no end of it must not fill the memory
                kept = self.log
                self._said, self._length = [kept], len(kept)
        data = event.get("event_data") or {}
        match event.get("event"):
            case "playbook_on_task_start" | "playbook_on_handler_task_start":
                self.tasks += 1
                self._tell(f"task {self.tasks}: {data.get('name') or data.get('task')}")
            case "runner_on_failed" if not data.get("ignore_errors"):
                self._fail(data, is_unreachable=False)
            case "runner_on_unreachable":
                self._fail(data, is_unreachable=True)
            case "playbook_on_stats":
                self.changed = sum((data.get("changed") or {}).values())
                self._ended_badly = {*(data.get("failures") or {}), *(data.get("dark") or {})}
        return False

    def _fail(self, data: Mapping[str, Any], is_unreachable: bool) -> None:
        host, task = str(data.get("host")), str(data.get("task"))
        self._failed.pop(host, None)  # the last one counts: an earlier one was rescued
        self._failed[host] = Failure(host, task, _reason(data.get("res") or {}), is_unreachable)


def _reason(result: Mapping[str, Any]) -> str:
    """One line: what a program wrote to its error output, else what the module says; of a loop, the first item's."""
    for item in result.get("results") or []:
        if isinstance(item, Mapping) and item.get("failed"):
            return _reason(item)
    lines = [
        line
        for name in ("stderr", "module_stderr", "msg")
        for line in str(result.get(name) or "").strip().splitlines()[-1:]
        if line.strip()
    ]
    said = lines[0] if lines else "it gives no reason"
    if "stderr" in result and "rc" in result and said != result.get("msg"):
        return f"{said} (exit code {result['rc']})"[:_REASON_CHARACTERS]
    return said[:_REASON_CHARACTERS]
