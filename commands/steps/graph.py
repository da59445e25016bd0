"""The picture of a plan, which goes to its card's thread beside the text: for plans that a picture makes clearer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import structlog

from commands.deps import Deps
from commands.engines.terraform.engine import TerraformFailed, scrub
from commands.engines.terraform.graph import graph
from commands.pictures import Node, Picture, Plan
from state.records import Run

FEWEST, MOST = 3, 60  # resources that are touched

log = structlog.get_logger()


def picture(
    deps: Deps, run: Run, show: Callable[[], dict[str, Any]], secrets: tuple[str, ...]
) -> Picture | None:
    """What the plan does to which resource. None: too few or too many, a look for drift, or it cannot be drawn."""
    if run.kind == "refresh" or not FEWEST <= len(run.changes) <= MOST:
        return None
    try:
        return deps.draw_plan(_scrubbed(_fewer(graph(show(), run.lab_name)), secrets))
    except TerraformFailed:
        return None
    except Exception:  # the plan stands without it
        log.exception("a plan is not drawn", run=run.id)
        return None


def _fewer(plan: Plan) -> Plan:
    """Where there are many, what does not change only where something that does is next to it."""
    if len(plan.nodes) <= MOST:
        return plan
    touched = {each.address for each in plan.nodes if each.action != "no-op"}
    near = {each for edge in plan.edges for each in edge if touched & set(edge)}
    return replace(plan, nodes=tuple(each for each in plan.nodes if each.address in touched | near))


def _scrubbed(plan: Plan, secrets: tuple[str, ...]) -> Plan:
    """An index may be a value that nobody shall see."""
    clean = {each.address: scrub(each.address, secrets) for each in plan.nodes}
    return Plan(
        plan.title,
        tuple(Node(clean[each.address], each.action) for each in plan.nodes),
        tuple((clean[one], clean[other]) for one, other in plan.edges if one in clean and other in clean),
    )
