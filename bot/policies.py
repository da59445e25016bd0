"""`innkeeper policy test`: what a catalogue's policies say of a plan file, as a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from commands.blueprints import file as blueprint_file
from commands.blueprints.records import Blueprint, BlueprintBroken
from commands.engines import policy
from commands.engines.module_sources.module_facts import facts
from commands.engines.policy import Finding, Verdict
from commands.guardrails import Subject, judge_plan

PERSON = "T0-U0"  # asks for it; no policy of ours looks at who that is


def run(policies: Path, plan: Path, sources: Path | None, console: Console) -> bool:
    """Judge a plan (`terraform show -json`), print the table, and tell whether nothing was denied.

    With sources, the plan is judged as that of a branch whose module is that folder. What it costs is what a
    blueprint.yaml in it says. Raises ValueError with a sentence that names the argument and the remedy.
    """
    shown = _plan(plan)
    if policy.count(policies) == 0:
        raise ValueError(
            f"--policy is {policies}, and there is no policy in it. Give a folder with .rego files."
        )
    if sources is not None and not sources.is_dir():
        raise ValueError(f"--sources is {sources}, and there is no such folder. Give the module's folder.")
    subject = Subject(
        "apply", "demo", _blueprint(sources), PERSON, ("operator",), "a branch" if sources else ""
    )
    try:
        verdict = judge_plan(policies, subject, shown, (), facts(sources) if sources else None)
    except (KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"{plan} is no plan: give what `terraform show -json PLAN` prints.") from None
    console.print(table(verdict))
    return not verdict.denials


def table(verdict: Verdict) -> Table:
    """A row for each message, and what passed as one."""
    shown = Table("", "policy", "message", "where")
    for finding in verdict.denials:
        shown.add_row(
            Text("denied, overridable" if finding.overridable else "denied"), *_cells(finding), style="red"
        )
    for finding in verdict.warnings:
        shown.add_row(Text("warned"), *_cells(finding), style="yellow")
    policies = "policy" if verdict.passed == 1 else "policies"
    shown.add_row(Text("passed"), Text(f"{verdict.passed} {policies}"), style="green")
    return shown


def _cells(finding: Finding) -> tuple[Text, Text, Text]:
    place = f"{finding.file}:{finding.line}" if finding.line else finding.file
    return Text(finding.policy), Text(finding.message), Text(finding.address or place)


def _plan(path: Path) -> dict[str, Any]:
    try:
        shown = json.loads(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        shown = None
    if not isinstance(shown, dict) or not isinstance(shown.get("resource_changes", []), list):
        raise ValueError(f"{path} is no plan: give what `terraform show -json PLAN` prints.")
    if "planned_values" not in shown and "resource_changes" not in shown:
        raise ValueError(f"{path} has no changes in it: give what `terraform show -json PLAN` prints.")
    return shown


def _blueprint(sources: Path | None) -> Blueprint:
    folder = (sources or Path()).resolve()
    if sources is None or not (folder / blueprint_file.FILE_NAME).is_file():
        return Blueprint(folder.name, "", folder, folder)
    try:
        return blueprint_file.read(folder, folder.parent)
    except BlueprintBroken as wrong:
        raise ValueError(f"--sources: {wrong}") from None
