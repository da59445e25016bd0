"""What a card shows reviewers beside the plan: the branch that it is from, and what the guardrails say. Pure."""

from __future__ import annotations

from bot.views import message
from bot.views.message import data, safe_mrkdwn, span
from commands import words
from commands.blueprints.restraint import TEAMS
from commands.guardrail_words import verdict_words
from state.records import Run
from state.transitions import RunState

FILES_SHOWN = 5
_JUDGED = (RunState.PROPOSED, RunState.APPROVED, RunState.APPLYING)


def branch_lines(run: Run) -> list[str]:
    """The commit that nobody has reviewed, whose it says to be, and the files that differ from what was reviewed."""
    shown = run.branch_commit
    if shown is None:
        return []
    by = f"{data(shown.author, 150)}, {words.at(shown.committed_at)}"
    head = f"Not reviewed yet: {span(run.branch)} at {span(run.commit[:10])} by {by}."
    if not shown.files_changed:
        return [f"{head} No file differs from what was reviewed."]
    files = message.within(
        (span(each, 100) for each in shown.files),
        FILES_SHOWN,
        lambda more: f"and {shown.files_changed - FILES_SHOWN:,} more",
    )
    differ = "file differs" if shown.files_changed == 1 else "files differ"
    return [head, f"{shown.files_changed:,} {differ} from what was reviewed: {'  '.join(files)}"]


def guardrail_lines(run: Run) -> list[str]:
    """What the policies say of a plan that waits or is applied; of one that they ended, its sentence says it."""
    if run.verdict is None or run.state not in _JUDGED:
        return []
    said = safe_mrkdwn(verdict_words(run.verdict), 2000)
    if run.verdict.denials:
        said += (
            f"\n{words.listed(TEAMS).capitalize()} people together may override that, and do so by approving."
        )
    return [said]


def made_from(run: Run, blueprint: str) -> str:
    """`web@anna/loose at 4c1d2e9`."""
    branch = f"@{data(run.branch, 80)}" if run.branch else ""
    return f"{data(blueprint)}{branch} at {data(run.commit[:7])}"
