"""Whose Home tab is open, until nobody has touched it for a while."""

from __future__ import annotations

from datetime import timedelta

from state import home_tabs
from state.database import Database
from state.home_tabs import OpenTab
from state.records import Person
from tests.state.examples import NOW

ADA, BEN = Person("T1", "U1"), Person("T1", "U2")


def test_the_last_touch_counts_and_old_ones_are_forgotten(database: Database) -> None:
    home_tabs.touch(database, ADA, NOW)
    home_tabs.touch(database, BEN, NOW + timedelta(minutes=1))
    later = NOW + timedelta(minutes=2)
    home_tabs.touch(database, ADA, later)
    both = [OpenTab(BEN, NOW + timedelta(minutes=1)), OpenTab(ADA, later)]
    assert home_tabs.touched_since(database, NOW) == both
    assert home_tabs.touched_since(database, later) == [OpenTab(ADA, later)]
    assert home_tabs.touched_since(database, NOW) == [OpenTab(ADA, later)]
