"""Many labs in SQLite: a sweep that finds nothing, and one that finds 500 due; `/lab list`; the report of a month.

Each with 10,000 labs, 20,000 times of theirs and 100,000 runs, and with a tenth of that: the ratio says how it grows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, cast

from bench.measure import Measure, Tell, percentile
from bench.parts import LABS, Parts
from bot.pictures.costs import cost_picture
from commands import reports
from commands.blueprints.catalogue import Catalogue
from commands.costs import report as cost_report
from commands.deps import Deps
from commands.engines.vault.protocol import FixedToken, HvacVault, Operator
from commands.lifetime import sweep as lifetime_sweep
from commands.request import Request
from state import labs, outbox, runs
from state.database import Database, connect
from state.records import Counts, Lab, Person, PlannedChange, Run
from state.transitions import RunState
from state.usages import USAGES, Usage

ROUNDS = 5
LISTS = 200  # for a p99
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)  # a Tuesday, in nobody's quiet hours
MANY, FEW = 10_000, 1_000
RUNS_EACH, DUE, OWNERS = 10, 500, 20
NOTHING_MS, DUE_SECONDS, LIST_MS, REPORT_SECONDS, GROWTH = 50, 1.0, 50, 2.0, MANY / FEW
CHANNEL = "C0BENCH"


@dataclass
class Times:
    """Seconds, one a round."""

    nothing: list[float] = field(default_factory=list)
    due: list[float] = field(default_factory=list)
    listed: list[float] = field(default_factory=list)
    report: list[float] = field(default_factory=list)


def measure(parts: Parts, rounds: int, tell: Tell) -> list[Measure]:
    """Both sizes in turns, so that what else the machine does is in both."""
    few, many = Times(), Times()
    with _inn(parts, FEW, rounds, tell) as small, _inn(parts, MANY, rounds, tell) as large:
        for number in range(rounds):
            tell(f"lifetimes, round {number + 1} of {rounds}")
            _round(small, few, number, rounds)
            _round(large, many, number, rounds)
    few_p99, many_p99 = percentile(few.listed, 99), percentile(many.listed, 99)
    return [
        _measure("sweep, nothing due", many.nothing, NOTHING_MS, "ms"),
        _measure(f"sweep, {DUE} reminders due", many.due, DUE_SECONDS, "s"),
        Measure("/lab list, p99", many_p99 * 1000, LIST_MS, "ms", f"p50 {median(many.listed) * 1000:.1f} ms"),
        _measure("report of a month", many.report, REPORT_SECONDS, "s"),
        _growth("sweep, nothing due", median(few.nothing), median(many.nothing)),
        _growth(f"sweep, {DUE} reminders due", median(few.due), median(many.due)),
        _growth("/lab list, p99", few_p99, many_p99),
        _growth("report of a month", median(few.report), median(many.report)),
    ]


def _measure(name: str, seconds: list[float], limit: float, unit: str) -> Measure:
    scale = 1000 if unit == "ms" else 1
    detail = f"{MANY:,} labs; rounds {min(seconds) * scale:.2f} to {max(seconds) * scale:.2f}"
    return Measure(name, median(seconds) * scale, limit, unit, detail)


def _growth(name: str, few: float, many: float) -> Measure:
    detail = f"{many * 1000:.1f} ms with {MANY:,} labs against {few * 1000:.1f} ms with {FEW:,}"
    return Measure(f"{name}: growth", many / few, GROWTH, "×", detail)


def _round(deps: Deps, times: Times, number: int, rounds: int) -> None:
    now = NOW + timedelta(seconds=number)
    times.nothing.append(_seconds(lambda: lifetime_sweep.sweep(deps, now)))
    before = len(outbox.due(deps.database, now))
    _make_due(deps.database, number)
    times.due.append(_seconds(lambda: lifetime_sweep.sweep(deps, now)))
    queued = len(outbox.due(deps.database, now)) - before
    if queued != 2 * DUE:  # to the owner, and to the thread
        raise SystemExit(f"{queued} messages were queued for {DUE} labs that are due.")
    person = Person("T1", "U1")
    for page in range(LISTS // rounds):
        asked = Request(
            f"list{number}-{page}", person, CHANNEL, ("lab", "list", "all", f"page={page % 20 + 1}")
        )
        times.listed.append(_seconds(lambda asked=asked: reports.list_labs(asked, deps)))
    asked = Request(f"report{number}", person, CHANNEL, ("lab", "report", "month"))
    times.report.append(_seconds(lambda: cost_report.report(asked, deps)))


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


@contextmanager
def _inn(parts: Parts, number: int, rounds: int, tell: Tell) -> Iterator[Deps]:
    """A database with so many labs, and what commands work with."""
    tell(f"{number:,} labs, {number * RUNS_EACH:,} runs")
    folder = parts.folder / f"lifetime-{number}"
    folder.mkdir()
    database = connect(f"sqlite:///{folder / 'innkeeper.db'}")
    database.migrate()
    _fill(database, number)
    vault = HvacVault(parts.environment["VAULT_ADDR"], FixedToken(parts.root_token))
    for each in range(OWNERS):
        person = _owner(each)
        known = vault.operator(person)
        vault.write_operator(
            Operator(person, "Owner", ("operator",), (), person.key, NOW, known.version if known else 0)
        )
    try:
        yield Deps(
            database=database,
            vault=vault,
            terraform=cast(Any, None),  # nothing is planned here
            catalogue=Catalogue(Path(LABS)),
            standing=cast(Any, None),
            now=lambda: NOW,
            base_url="http://127.0.0.1",
            data_path=folder,
            plan_ttl_seconds=86_400,
            draw_costs=cost_picture,
        )
    finally:
        database.close()


def _owner(number: int) -> Person:
    return Person("T1", f"U0BENCH{number:02}")


def _fill(database: Database, number: int) -> None:
    """Each lab lives for a month, was asleep once, and has its runs behind it."""
    with database.transaction():
        for each in range(number):
            lab = _lab(each)
            labs.create(database, lab)
            at = lab.created_at
            first = _usage(lab, f"{lab.id}a", at)
            USAGES.insert(
                database,
                replace(first, ended_at=at + timedelta(hours=20), ended_by="lifetime", saved_cents=5),
            )
            USAGES.insert(database, _usage(lab, f"{lab.id}b", at + timedelta(hours=30)))
            for run in range(RUNS_EACH):
                runs.RUNS.insert(database, _run(lab, run))
    database.execute("ANALYZE")


def _lab(number: int) -> Lab:
    made_at = NOW - timedelta(minutes=(number * 7919) % 40_000 + 60)
    return Lab(
        id=f"lab{number:06}",
        name=f"lab-{number:06}",
        blueprint=("sandbox", "digitalocean-droplet", "aws-ec2")[number % 3],
        commit="0" * 64,
        owner=_owner(number % OWNERS),
        channel=CHANNEL,
        variables={"size": "small", "message": "Welcome"},
        sealed_variables=None,
        cost_per_hour_cents=2.0,
        currency="USD",
        ttl_seconds=60 * 86_400,
        created_at=made_at,
        last_active_at=NOW - timedelta(minutes=30),
        applied_at=made_at,
        expires_at=NOW + timedelta(days=30),
        idle_at=NOW + timedelta(hours=3),
        look_at=NOW + timedelta(hours=3),
    )


def _usage(lab: Lab, usage_id: str, at: datetime) -> Usage:
    return Usage(
        usage_id,
        lab.id,
        lab.name,
        lab.blueprint,
        lab.owner,
        lab.channel,
        lab.cost_per_hour_cents,
        lab.currency,
        at,
    )


def _run(lab: Lab, number: int) -> Run:
    at = lab.created_at + timedelta(minutes=number)
    return Run(
        id=f"{lab.id}-{number}",
        lab_id=lab.id,
        lab_name=lab.name,
        kind="apply",
        state=RunState.APPLIED,
        requester=lab.owner,
        channel=lab.channel,
        variables=lab.variables,
        sealed_variables=None,
        approvals_needed={"infra": 1, "security": 1},
        self_approval=False,
        created_at=at,
        commit=lab.commit,
        digest="f" * 64,
        counts=Counts(add=4),
        changes=tuple(PlannedChange(f"terraform_data.host[{each}]", "create") for each in range(4)),
        outputs={"address": "203.0.113.7"},
        ended_at=at + timedelta(minutes=1),
    )


def _make_due(database: Database, number: int) -> None:
    """Idle for a minute, and not reminded of since; what an earlier round asked is long ago."""
    due = count((number * DUE) % FEW)
    idle, long_ago = NOW - timedelta(minutes=1), NOW - timedelta(days=3, hours=number)
    changes = {"idle_at": idle, "look_at": idle, "reminded_at": long_ago, "reminders": 0, "kept_until": None}
    with database.transaction():
        for _ in range(DUE):
            labs.update(database, f"lab{next(due):06}", **changes)
