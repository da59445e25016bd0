"""What Prometheus reads at /metrics: how fast requests are acknowledged, and where the runs are."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from state import labs
from state.database import Database
from state.transitions import RunState

_ACK_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 3.0)


class Metrics:
    """One registry for one process, so that two of them in a test do not meet."""

    def __init__(self, database: Database) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Counted(database))
        self._acks = Histogram(
            "innkeeper_ack_seconds",
            "From a request of Slack's to its acknowledgement",
            ["status"],
            buckets=_ACK_BUCKETS,
            registry=self.registry,
        )

    def acknowledged(self, status: int, seconds: float) -> None:
        """One request was answered."""
        self._acks.labels(str(status)).observe(seconds)


class _Counted(Collector):
    """Counts rows when it is asked, so that they are never out of date."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[GaugeMetricFamily]:
        runs = GaugeMetricFamily("innkeeper_runs", "Runs by state", labels=["state"])
        counted = {
            row["state"]: row["runs"]
            for row in self._database.rows("SELECT state, COUNT(*) AS runs FROM runs GROUP BY state")
        }
        for state in RunState:
            runs.add_metric([state], counted.get(state, 0))
        living = GaugeMetricFamily("innkeeper_labs", "Labs that live")
        living.add_metric([], len(labs.all_living(self._database)))
        yield from (runs, living)
