"""The five steps as a card shows them: their ticks, which of them is under way, and how one is done again. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.views.message import data
from commands import words
from commands.request import Button
from state.records import Run, Step
from state.transitions import ALIVE, RunState

_TICKS = {"waiting": "○", "running": "◐", "done": "✓", "failed": "✗", "skipped": "–"}


def ticks(run: Run, steps: Sequence[Step]) -> str:
    """`✓ provision 48 s   ◐ deploy task 7: install nginx   ○ test`."""
    return "   ".join(_tick(run, step) for step in steps)


def under_way(steps: Sequence[Step]) -> str:
    """The step after provision that is being done; empty where there is none."""
    doing = [step.name for step in steps if step.state == "running" and step.name != "provision"]
    return doing[0] if doing else ""


def asked_for(steps: Sequence[Step]) -> str:
    """Of a run without a plan, the steps that it is about: `deploy and test`."""
    return words.listed([step.name for step in steps if step.state != "skipped" and step.name != "provision"])


def failed_step(run: Run, steps: Sequence[Step]) -> str:
    """The step after provision that did not come to a good end; empty where none did."""
    if run.state not in (RunState.FAILED, RunState.CANCELLED):
        return ""
    failed = [step.name for step in steps if step.state == "failed" and step.name != "provision"]
    return failed[0] if failed and run.kind in ("apply", "steps") else ""


def retry_button(run: Run) -> Button:
    """Do the step that failed again, and those after it."""
    return Button("Retry step", "retry_step", run.id, "primary")


def _tick(run: Run, step: Step) -> str:
    current = step.name == "provision" and step.state == "waiting" and run.state in ALIVE
    tick = "●" if current else _TICKS[step.state]
    if step.state == "failed" and run.kind != "destroy" and step.name != "provision":
        return f"{tick} *{step.name}*"  # why is said above
    if step.state in ("running", "done", "failed") and step.sentence:
        return f"{tick} {step.name} {data(step.sentence, 60)}"
    if step.state == "done" and step.started_at and step.ended_at:
        return f"{tick} {step.name} {words.duration((step.ended_at - step.started_at).total_seconds())}"
    return f"{tick} {step.name}"
