"""What a lab costs an hour where its blueprint does not say it: what is planned, by the catalogue's price table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands import words
from commands.blueprint import Blueprint
from commands.costs import prices
from commands.deps import Deps
from commands.request import id_from
from state import labs, runs, usages
from state.records import Run
from state.transitions import RunState

_NAMED = 5  # resources without a price


def cost_of_plan(deps: Deps, run: Run, blueprint: Blueprint, plan: Mapping[str, Any]) -> None:
    """Put it on the run, whose card shows it, with what it leaves out. plan: `terraform show -json` of it."""
    if run.kind != "apply" or blueprint.cost.per_hour_cents is not None:
        return
    per_hour_cents, currency, warning = priced(deps, plan)
    if currency or warning:
        _record(deps, run, per_hour_cents, currency, warning)


def priced(deps: Deps, plan: Mapping[str, Any]) -> tuple[float | None, str, str]:
    """Cents an hour (None: not known) and currency by the price table, and what to warn of. All empty without one."""
    try:
        table = prices.read(deps.catalogue.path)  # never a branch's, which could make itself cheap
    except prices.PricesBroken as broken:
        said = f"{broken.file}, line {broken.line}: {broken.sentence} So its cost is not known."
        return None, "", said
    if table is None:
        return None, "", ""
    found = prices.price(plan, table)
    per_hour_cents = found.per_hour_cents if found.per_hour_cents or not found.unpriced else None
    return per_hour_cents, table.currency, _left_out(found)


def _left_out(priced: prices.Priced) -> str:
    if not priced.unpriced:
        return ""
    named, more = priced.unpriced[:_NAMED], len(priced.unpriced) - _NAMED
    told = words.listed([*named, *([f"{more} more"] if more > 0 else [])])
    return f"The price table has no price for {told}: what it costs comes on top."


def _record(deps: Deps, run: Run, per_hour_cents: float | None, currency: str, warning: str) -> None:
    """The details may come when the plan is applied already: then it is the lab's cost, too."""
    with deps.database.transaction():
        now_run, lab = runs.get(deps.database, run.id), labs.get(deps.database, run.lab_id)
        if now_run is None or lab is None:
            return
        if per_hour_cents is not None and lab.cost_per_hour_cents and currency != lab.currency:
            warning = f"The price table is in {currency}, and this lab is counted in {lab.currency}."
            per_hour_cents = None
        warnings = (*now_run.warnings, warning) if warning else now_run.warnings
        runs.update(deps.database, run.id, cost_per_hour_cents=per_hour_cents, warnings=warnings)
        if per_hour_cents is None or lab.gone_at is not None:
            return
        labs.update(deps.database, lab.id, currency=currency)
        if now_run.state == RunState.APPLIED:
            labs.update(deps.database, lab.id, cost_per_hour_cents=per_hour_cents)
            lab = labs.get(deps.database, lab.id) or lab
            began_at, usage_id = now_run.ended_at or deps.now(), id_from(f"usage priced {run.id}")
            usages.start(deps.database, lab, per_hour_cents, began_at, usage_id)
