from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from bot.catalogue_refresher import CatalogueRefresher
from tests.fakes.clock import FakeClock
from tests.waiting import until


@dataclass
class Refreshing:
    """What a refresher calls: it waits at the gate, and counts."""

    clock: FakeClock
    gate: threading.Event = field(default_factory=threading.Event)
    begun: list[datetime] = field(default_factory=list)
    breaks: bool = False

    def __call__(self, now: datetime) -> str:
        self.begun.append(now)
        assert self.gate.wait(30)
        if self.breaks:
            self.breaks = False
            raise RuntimeError("a fault of ours")
        return "the catalogue is at commit 1234567890"


@pytest.fixture
def refreshing() -> Iterator[Refreshing]:
    found = Refreshing(FakeClock())
    yield found
    found.gate.set()


def following(refreshing: Refreshing, every_seconds: float = 3600) -> CatalogueRefresher:
    found = CatalogueRefresher(refreshing, refreshing.clock, every_seconds, spacing_seconds=0)
    found.start()
    return found


def test_many_pushes_at_once_are_one_refresh_and_one_after_it(refreshing: Refreshing) -> None:
    refresher = following(refreshing)
    refresher.ring()
    until(lambda: len(refreshing.begun) == 1)
    for _ in range(50):
        refresher.ring()
    assert len(refreshing.begun) == 1
    refreshing.gate.set()
    until(lambda: len(refreshing.begun) == 2)
    refresher.stop(10)
    assert refreshing.begun == [refreshing.clock()] * 2


def test_it_looks_without_being_told_and_a_fault_does_not_end_it(refreshing: Refreshing) -> None:
    refreshing.gate.set()
    refreshing.breaks = True
    refresher = following(refreshing, every_seconds=0.001)
    assert until(lambda: len(refreshing.begun) >= 3)
    refresher.stop(10)


def test_it_rests_between_two(refreshing: Refreshing) -> None:
    refreshing.gate.set()
    refresher = CatalogueRefresher(refreshing, refreshing.clock, 3600, spacing_seconds=3600)
    refresher.start()
    refresher.ring()
    until(lambda: len(refreshing.begun) == 1)
    refresher.ring()
    refresher.stop(10)
    assert len(refreshing.begun) == 1
