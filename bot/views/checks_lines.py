"""How a lab was found from outside: a line for each check, and whether it is well since. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.views.message import data, safe_mrkdwn, span, within
from commands.checks import health
from state.checks import CheckResult
from state.health import Illness
from state.records import Lab, Run

CHECKS_SHOWN = 12


def check_lines(lab: Lab, checks: Sequence[CheckResult]) -> list[str]:
    """`✓ http … 200 in 12 ms`, in the blueprint's order; where there are many, those that failed first."""
    ordered = list(checks) if lab.gone_at is None else []  # of what is gone nobody wants to know
    if len(ordered) > CHECKS_SHOWN:
        ordered.sort(key=lambda check: check.state != "failed")
    return within(
        (_line(check) for check in ordered), CHECKS_SHOWN, lambda more: f"and {more} more, in the thread"
    )


def illness_line(run: Run, lab: Lab, illness: Illness | None) -> str:
    """`:red_circle: Unhealthy since …`, on the card that says so. Empty: on none, or there is nothing to say."""
    if illness is None or illness.run_id != run.id or lab.gone_at is not None or lab.asleep_at is not None:
        return ""
    return safe_mrkdwn(health.words(illness), 700)


def _line(check: CheckResult) -> str:
    kind, _, what = check.name.partition(" ")
    tick = "✓" if check.state == "passed" else "✗"
    return f"{tick} {data(kind, 20)} {span(what, 100)} {data(check.sentence, 200)}"
