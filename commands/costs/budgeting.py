"""`/lab budget`: what a channel's labs may cost in a calendar month (UTC), and what happens as it is spent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from commands.deps import Deps
from commands.request import Outcome, Refused, Request, id_from
from commands.words import code, money, plural, sums
from state import audit, budgets, outbox, usages
from state.budgets import Budget
from state.database import Database
from state.records import Lab, OutboxMessage, RunKind

LEVELS = (50, 80, 100)  # percent
HIGHEST = 10_000_000  # whole units of the currency
EXAMPLE = "/lab budget 200"

_SYMBOLS = {"$": "USD", "€": "EUR", "£": "GBP"}
_AMOUNT = re.compile(r"([$€£]?)(\d{1,3}(?:[,']\d{3})+|\d{1,9})(?:\.(\d{1,2}))?(?: ?([A-Z]{3}))?", re.ASCII)


@dataclass(frozen=True)
class Spending:
    """A channel's budget, and what was spent of it in a month, in cents."""

    budget: Budget
    spent_cents: float

    @property
    def percent(self) -> float:
        return self.spent_cents / self.budget.per_month_cents * 100

    @property
    def words(self) -> str:
        """`$210 of its $200 this month`."""
        currency = self.budget.currency
        limit = money(self.budget.per_month_cents, currency).replace(".00", "")
        return f"{sums({currency: self.spent_cents})} of its {limit} this month"


def budget(request: Request, deps: Deps) -> Outcome:
    """`/lab budget [200|none]`: see what this channel may spend in a month; admins set it."""
    asked = request.words[2:]
    if not request.channel:
        raise Refused("A budget is a channel's: say it there.", EXAMPLE)
    if not asked:
        return Outcome(_shown(deps, request.channel))
    if request.operator is None or "admin" not in request.operator.roles:
        raise Refused("An admin sets a channel's budget. You can look at it.", "/lab budget")
    now, before = deps.now(), budgets.of(deps.database, request.channel)
    new = _budget(request, deps)
    with deps.database.transaction():
        if new is None:
            budgets.remove(deps.database, request.channel)
        else:
            budgets.set(deps.database, new)
        audit.append(
            deps.database,
            now,
            request.person.key,
            "budget_set",
            request.channel,
            per_month_cents=None if new is None else new.per_month_cents,
            before=None if before is None else before.per_month_cents,
        )
    return Outcome(_shown(deps, request.channel))


def sweep(deps: Deps, now: datetime) -> str:
    """Tell each channel once a month as half, four fifths and all of its budget are spent."""
    told = 0
    for each in budgets.all(deps.database):
        spending = spent(deps.database, each, now)
        level = max((level for level in LEVELS if spending.percent >= level), default=None)
        if level is not None:
            told += outbox.add(deps.database, _notice(spending, level, now))
    return f"told {plural(told, 'channel')} of their budget"


def reviewed(
    database: Database, lab: Lab, kind: RunKind, needed: Mapping[str, int], now: datetime
) -> tuple[Mapping[str, int], str]:
    """Who approves a plan, and what they are told: above its channel's budget infra people approve each new lab."""
    if kind != "apply" or lab.applied_at is not None:
        return needed, ""
    said = overspent(database, lab.channel, now)
    return ({**needed, "infra": max(1, needed.get("infra", 0))} if said else needed), said


def overspent(database: Database, channel: str, now: datetime) -> str:
    """What is said where a channel has no budget left for this month; else nothing."""
    known = budgets.of(database, channel)
    spending = None if known is None else spent(database, known, now)
    if spending is None or spending.percent < 100:
        return ""
    return f"This channel has spent {spending.words}, so infra people approve new labs."


def spent(database: Database, known: Budget, now: datetime) -> Spending:
    """What was spent of a budget this month, in its currency."""
    cents = usages.month_cents(database, now, channel=known.channel)
    return Spending(known, cents.get(known.currency, 0.0))


def _budget(request: Request, deps: Deps) -> Budget | None:
    """The budget that was typed; None takes it away. Raises Refused."""
    typed = " ".join(request.words[2:])
    if typed.lower() in ("none", "off"):
        return None
    match = _AMOUNT.fullmatch(typed.upper())
    if match is None:
        raise Refused(
            f"A budget is an amount a month, such as 200, $200 or 200 EUR, or `none`. {code(typed)} is not.",
            EXAMPLE,
        )
    symbol, whole, fraction, letters = match.groups()
    named = _SYMBOLS.get(symbol)
    if named and letters and named != letters:
        raise Refused(f"Is it {symbol} or {letters}?", EXAMPLE)
    cents = float(re.sub("[,']", "", whole)) * 100 + int((fraction or "0").ljust(2, "0"))
    if not cents:
        raise Refused("A budget is more than nothing. `/lab budget none` takes it away.", EXAMPLE)
    if cents > HIGHEST * 100:
        raise Refused(f"A budget is {HIGHEST:,} a month at most.", EXAMPLE)
    return Budget(request.channel, cents, named or letters or "USD", request.person, deps.now())


def _shown(deps: Deps, channel: str) -> str:
    now, known = deps.now(), budgets.of(deps.database, channel)
    everything = usages.month_cents(deps.database, now, channel=channel)
    if known is None:
        told = f"This channel has no budget. Its labs have cost {sums(everything)} this month."
        return f"{told} An admin sets one: `{EXAMPLE}`"
    spending = spent(deps.database, known, now)
    others = {
        currency: cents for currency, cents in everything.items() if currency != known.currency and cents
    }
    beside = f" Beside it, {sums(others)} in other currencies." if others else ""
    after = (
        "Infra people approve each new lab now."
        if spending.percent >= 100
        else "I tell it at 50, 80 and 100 %."
    )
    return f"This channel has spent {spending.words} ({spending.percent:.0f} %).{beside} {after}"


def _notice(spending: Spending, level: int, now: datetime) -> OutboxMessage:
    known = spending.budget
    left = max(0.0, known.per_month_cents - spending.spent_cents)
    after = (
        "From now on infra people approve each new lab here, until the month is over."
        if level == 100
        else f"{money(left, known.currency)} is left until the month is over. `/lab list` shows what costs."
    )
    return OutboxMessage(
        id=id_from(f"budget {known.channel} {now:%Y-%m} {level}"),
        channel=known.channel,
        text=f"This channel has spent {spending.words} ({spending.percent:.0f} %). {after}",
        due_at=now,
        fallback=known.set_by,
    )
