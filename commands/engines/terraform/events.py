"""What Terraform's `-json` lines say: planned changes, counts, diagnostics, outputs, progress. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from state.records import Counts, PlannedChange

Line = Mapping[str, Any]

SENSITIVE = "(sensitive)"
_STALE = ("Saved plan is stale", "Saved plan does not match the given state")


@dataclass(frozen=True)
class Diagnostic:
    """An error or warning of Terraform's. file is relative to the module; line 0: not known."""

    severity: str
    summary: str
    detail: str = ""
    address: str = ""
    file: str = ""
    line: int = 0
    snippet: str = ""

    def sentence(self) -> str:
        """Give it as a paragraph, with its place: `Unsupported argument (main.tf:12, aws_vpc.a): …`."""
        place = f"{self.file}:{self.line}" if self.file and self.line else self.file
        where = ", ".join(part for part in (place, self.address) if part)
        head = f"{self.summary.rstrip('.')} ({where})" if where else self.summary.rstrip(".")
        detail = " ".join(self.detail.split())
        return f"{head}: {detail}" if detail else f"{head}."


class TerraformFailed(Exception):
    """Terraform said no. diagnostics are what it said, errors first."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(sorted(diagnostics, key=lambda each: each.severity != "error"))
        super().__init__(self.sentence())

    def sentence(self) -> str:
        """Give the first error, and how many more there are."""
        errors = [each for each in self.diagnostics if each.severity == "error"] or list(self.diagnostics)
        if not errors:
            return "Terraform ended with an error and said nothing."
        more = len(errors) - 1
        return errors[0].sentence() + (f" (and {more} more)" if more else "")


@dataclass(frozen=True)
class Doing:
    """How far an apply is, in operations (a replaced resource is two), and which resource is in work."""

    done: int
    total: int
    address: str = ""
    failed: tuple[str, ...] = ()  # addresses whose operation ended with an error


def diagnostics(lines: Iterable[Line]) -> tuple[Diagnostic, ...]:
    """Give the errors and warnings. Lines that are not JSON are an error when nothing else is."""
    lines = list(lines)
    found = [_diagnostic(line["diagnostic"]) for line in lines if isinstance(line.get("diagnostic"), Mapping)]
    text = "\n".join(line.get("@message", "") for line in lines if line.get("type") == "text").strip()
    if text and not any(each.severity == "error" for each in found):
        summary, _, detail = text.partition("\n")
        found.append(Diagnostic("error", summary.removeprefix("Error: "), detail.strip()))
    return tuple(found)


def failed(lines: Iterable[Line]) -> TerraformFailed:
    """Make the exception that tells what these lines of a command that failed say."""
    return TerraformFailed(diagnostics(lines))


def is_stale(lines: Iterable[Line]) -> bool:
    """Tell whether an apply did nothing, because the state has moved since its plan was made."""
    return any(each.summary.startswith(_STALE) for each in diagnostics(lines))


def warnings(lines: Iterable[Line]) -> tuple[str, ...]:
    """Give the warnings as sentences, each once; a failed `check` block is one of them."""
    found = (each.sentence() for each in diagnostics(lines) if each.severity == "warning")
    return tuple(dict.fromkeys(found))


def planned_changes(lines: Iterable[Line]) -> tuple[PlannedChange, ...]:
    """Give the resources that a plan touches, sorted by address."""
    found = (_change(line["change"]) for line in lines if line.get("type") == "planned_change")
    return tuple(sorted(found, key=lambda change: natural(change.address)))


def natural(address: str) -> list[tuple[int, str]]:
    """Give a key that sorts `host[2]` before `host[10]`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", address)]


def counts(lines: Iterable[Line]) -> Counts:
    """Give the sums that a plan or an apply ends with. A plan may have none, and yet exit code 2."""
    found = Counts()
    for line in lines:
        if line.get("type") == "change_summary":
            changes = line["changes"]
            found = Counts(changes.get("add", 0), changes.get("change", 0), changes.get("remove", 0))
    return found


def outputs(lines: Iterable[Line]) -> dict[str, Any]:
    """Give the outputs that an apply ended with, sensitive ones as `(sensitive)`."""
    found: dict[str, Any] = {}
    for line in lines:
        if line.get("type") == "outputs":
            for name, output in line["outputs"].items():
                if output.get("sensitive"):
                    found[name] = SENSITIVE
                elif "value" in output:
                    found[name] = output["value"]
    return found


def sensitive_outputs(lines: Iterable[Line]) -> tuple[Any, ...]:
    """Give the values of sensitive outputs, so that they can be scrubbed from everything else.

    Terraform 1.11 leaves them out of what it says by itself; that is not promised for every version.
    """
    every = [line["outputs"].values() for line in lines if line.get("type") == "outputs"]
    return tuple(
        each["value"] for group in every for each in group if each.get("sensitive") and "value" in each
    )


def doing(lines: Iterable[Line], planned: Counts) -> Doing:
    """Tell how far an apply is from all of its lines so far, and the counts of its plan."""
    in_work: dict[str, None] = {}
    ended, broken = 0, list[str]()
    for line in lines:
        hook = line.get("hook")
        kind = line.get("type", "")
        if not isinstance(hook, Mapping) or hook.get("action") == "read":
            continue
        address = str(hook.get("resource", {}).get("addr", ""))
        if kind == "apply_start":
            in_work[address] = None
        elif kind in ("apply_complete", "apply_errored"):
            in_work.pop(address, None)
            ended += kind == "apply_complete"
            broken += [address] if kind == "apply_errored" else []
    total = planned.add + planned.change + planned.destroy
    return Doing(ended, max(total, ended), next(iter(in_work), ""), tuple(broken))


def readable(lines: Sequence[Line]) -> str:
    """Give the lines as a terminal would show them, for a log. Scrub it before it goes anywhere."""
    return "\n".join(_readable(line) for line in lines)


def _readable(line: Line) -> str:
    if line.get("type") == "provision_progress":
        hook = line["hook"]
        return f"{hook['resource']['addr']} ({hook['provisioner']}): {hook['output']}"
    if isinstance(line.get("diagnostic"), Mapping):
        each = _diagnostic(line["diagnostic"])
        where = f"  on {each.file} line {each.line}: {each.snippet}\n" if each.file else ""
        return f"{each.severity.capitalize()}: {each.summary}\n{where}  {each.detail}".rstrip()
    return str(line.get("@message", ""))


def _change(change: Mapping[str, Any]) -> PlannedChange:
    action = change["action"]
    if change.get("importing"):
        action = "import"
    elif action == "noop" and change.get("previous_resource"):
        action = "move"
    return PlannedChange(change["resource"]["addr"], {"remove": "forget"}.get(action, action))


def _diagnostic(said: Mapping[str, Any]) -> Diagnostic:
    place = said.get("range") or {}
    snippet = said.get("snippet") or {}
    return Diagnostic(
        severity=said.get("severity", "error"),
        summary=said.get("summary", ""),
        detail=said.get("detail", ""),
        address=said.get("address", ""),
        file=place.get("filename", ""),
        line=(place.get("start") or {}).get("line", 0),
        snippet=str(snippet.get("code", "")).strip(),
    )
