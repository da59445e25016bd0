"""From a signed `/lab list` to its acknowledgement, against an app that does nothing but acknowledge."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from bench.client import ack_seconds
from bench.measure import Measure, Tell, percentile, ratio
from bench.parts import Parts, Serving, baseline, bot

ROUNDS = 5
WARM_UP = 100
DRAIN_SECONDS = 300.0


@dataclass(frozen=True)
class Load:
    """How many clients, how many requests for the bot and for the baseline, and the limits of p50 and p99.

    The baseline with one client needs twelve times as long, so it gets fewer.
    """

    clients: int
    requests: int
    baseline_requests: int
    p50: float
    p99: float


LOADS = (Load(1, 1000, 300, 0.25, 0.5), Load(16, 2000, 1500, 0.95, 0.95))


def measure(parts: Parts, rounds: int, tell: Tell) -> list[Measure]:
    """Both under the same load in turns, round after round; every request of the bot's is answered in the end."""
    seconds: dict[tuple[int, float], list[tuple[float, float]]] = {}
    meanwhile = dict.fromkeys((load.clients for load in LOADS), 0)
    with bot(parts, "ack") as ours, baseline(parts) as theirs:
        for serving in (ours, theirs):
            _acks(parts, serving, 1, WARM_UP)
        _wait_answered(parts, WARM_UP)
        for number in range(rounds):
            for load in LOADS:
                tell(f"ack, {_clients(load.clients)}, round {number + 1} of {rounds}")
                other = _acks(parts, theirs, load.clients, load.baseline_requests)
                before = parts.slack.answers()
                mine = _acks(parts, ours, load.clients, load.requests)
                handled = parts.slack.answers() - before
                meanwhile[load.clients] += handled
                drained = _wait_answered(parts, before + load.requests)
                tell(f"  {handled} of {load.requests} handled meanwhile, the rest {drained:.1f} s later")
                for percent in (50, 99):
                    pair = percentile(mine, percent), percentile(other, percent)
                    seconds.setdefault((load.clients, percent), []).append(pair)
    measures = []
    for load in LOADS:
        handled_part = f"{meanwhile[load.clients]} of {load.requests * rounds} handled meanwhile"
        for percent, limit in ((50, load.p50), (99, load.p99)):
            name = f"ack, {_clients(load.clients)}, p{percent}"
            told = ratio(name, seconds[load.clients, percent], limit)
            measures.append(replace(told, detail=f"{told.detail}; {handled_part}"))
    return measures


def _acks(parts: Parts, serving: Serving, clients: int, count: int) -> list[float]:
    bodies = parts.slack.commands("/lab list", count)
    return ack_seconds(serving.port, parts.slack.address.signing_secret, bodies, clients)


def _wait_answered(parts: Parts, count: int) -> float:
    """Until so many were answered, so that what is left of one round is not measured in the next."""
    began = time.monotonic()
    while parts.slack.answers() < count:
        if time.monotonic() - began > DRAIN_SECONDS:
            raise SystemExit(f"{parts.slack.answers()} of {count} requests were answered: see the bot's log.")
        time.sleep(0.1)
    return time.monotonic() - began


def _clients(count: int) -> str:
    return "1 client" if count == 1 else f"{count} clients"
