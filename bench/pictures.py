"""The pictures, from data to PNG with the start of the child that draws: as in life, and as large as they get."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial

from bench.measure import Measure, Tell, absolute
from bench.parts import Parts
from bot.pictures.bars import Bars, Series, bar_chart
from bot.pictures.plan_graph import Node, Plan, plan_graph
from bot.pictures.timeline import Life, Moment, Span, timeline

ROUNDS = 7
LIMIT_MILLISECONDS = 1000

_MONDAY = date(2026, 11, 16)
_NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
_ACTIONS = ("create", "create", "update", "replace", "delete", "no-op")


def measure(parts: Parts, rounds: int, tell: Tell) -> list[Measure]:
    """Every picture once in each round."""
    pictures: dict[str, Callable[[], bytes]] = {
        "bars of 7 days": partial(bar_chart, _bars(7, 4)),
        "bars of 31 days": partial(bar_chart, _bars(31, 12)),
        "timeline of 24 moments": partial(timeline, _life()),
        "graph of 3 nodes": partial(plan_graph, _plan(3)),
        "graph of 20 nodes": partial(plan_graph, _plan(20)),
        "graph of 60 nodes": partial(plan_graph, _plan(60)),
    }
    taken: dict[str, list[float]] = {name: [] for name in pictures}
    for number in range(rounds):
        tell(f"pictures, round {number + 1} of {rounds}")
        for name, draw in pictures.items():
            began = time.perf_counter()
            draw()
            taken[name].append((time.perf_counter() - began) * 1000)
    return [absolute(name, values, LIMIT_MILLISECONDS, "ms") for name, values in taken.items()]


def _bars(days: int, series: int) -> Bars:
    costs = (
        Series(f"blueprint-{number}", tuple((day * 37 + number * 101) % 900 for day in range(days)))
        for number in range(series)
    )
    return Bars("Cost by blueprint", tuple(_MONDAY + timedelta(day) for day in range(days)), tuple(costs))


def _life() -> Life:
    kinds = ("made", "applied", "extended", "asleep", "awake", "reminded")
    moments = (
        Moment(_NOON + timedelta(hours=5 * each), kinds[each % 6], kinds[each % 6]) for each in range(24)
    )
    nights = (
        Span(
            _NOON + timedelta(hours=24 * day + 8), _NOON + timedelta(hours=24 * day + 20), "asleep", "asleep"
        )
        for day in range(5)
    )
    return Life("demo", tuple(moments), tuple(nights))


def _plan(count: int) -> Plan:
    nodes = tuple(Node(f"aws_instance.node_{each}", _ACTIONS[each % len(_ACTIONS)]) for each in range(count))
    edges = tuple(
        (nodes[each].address, nodes[other].address)
        for each in range(1, count)
        for other in {each // 3, max(0, each - 5) // 2}
        if other < each
    )
    return Plan("demo", nodes, edges)
