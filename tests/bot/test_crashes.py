"""The process dies at every single write to its database, from the request to the end: it always ends well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from commands.steps import applying
from state import runs
from state.database import Cursor, Database
from state.records import InboxEntry
from state.rows import Column
from state.transitions import RunState
from tests.databases import a_database, open_quickly
from tests.fakes.slack import Killed
from tests.inn import INFRA, REQUESTER, SECURITY, Inn

_WRITES = ("INSERT", "UPDATE", "DELETE")


class Mortal:
    """An engine whose process dies before its n-th write, and stays dead."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.words, self.name = engine.words, engine.name
        self.writes_left = 10**9

    def run(self, sql: str, values: Mapping[str, Column]) -> Cursor:
        if sql.lstrip().upper().startswith(_WRITES):
            self.writes_left -= 1
        if self.writes_left < 0:
            raise Killed
        answer: Cursor = self._engine.run(sql, values)
        return answer

    def begin(self) -> None:
        self._engine.begin()

    def commit(self) -> None:
        if self.writes_left < 0:
            raise Killed
        self._engine.commit()

    def rollback(self) -> None:
        self._engine.rollback()

    def close(self) -> None:
        self._engine.close()


class MortalInn(Inn):
    """An Innkeeper that dies after so many writes. Applies are followed in the same thread."""

    def __init__(self, folder: Path) -> None:
        self.engines: list[Mortal] = []
        self.asked: InboxEntry
        self.states: Database | None = None
        super().__init__(folder, self.opened)

    @property
    def database_of_states(self) -> Database:
        """Terraform writes again until it is heard, so its writes do not die with the process."""
        if self.states is None:
            self.states = a_database(self.folder / "state.db")
        return self.states

    def opened(self, path: str) -> Mortal:
        self.engines.append(Mortal(open_quickly(path)))
        return self.engines[-1]

    def dies_after(self, writes: int) -> None:
        self.engines[-1].writes_left = writes

    def dies_at_each_write(self, work: Callable[[], object]) -> int:
        """Do something again and again, by a process that dies one write later each time, until it is done.

        Gives how often it died.
        """
        for deaths in range(40):
            self.dies_after(deaths)
            try:
                work()
            except Killed:
                self.ends()
                self.starts()
                continue
            self.dies_after(10**9)
            return deaths
        raise AssertionError("it is never done")

    def lives(self) -> None:
        """Everything from the request to the end, each request delivered again where it was not answered."""
        self.intake.take(self.asked)
        self.intake.work(self.asked, self.clock())
        self.worker.plan_once(self.clock())
        self.shows()
        for person in (INFRA, SECURITY):
            if "Approve" in self.newest_card().buttons:
                click = self.click(person, self.newest_card(), "Approve")
                self.intake.take(click)
                self.intake.work(click, self.clock())
        self.applies()
        self.shows()

    def applies(self) -> None:
        for run in runs.in_state(self.database, RunState.APPROVED):
            if applying.start_apply(run, self.deps, self.worker.name):
                applying.follow_apply(run, self.deps, self.worker._stopping)

    def shows(self) -> None:
        self.notifier.send_cards(self.clock())
        self.notifier.send_replies(self.clock())
        self.clock.passes(2)


def a_life(inn: MortalInn) -> None:
    inn.asked = inn.command(REQUESTER, "/lab up web demo", trigger="T.1")
    inn.lives()


def writes_of_a_life(folder: Path) -> int:
    inn = MortalInn(folder)
    inn.dies_after(10**6)
    a_life(inn)
    left = inn.engines[-1].writes_left
    inn.ends()
    return 10**6 - left


@pytest.fixture(scope="module")
def writes(tmp_path_factory: pytest.TempPathFactory) -> int:
    return writes_of_a_life(tmp_path_factory.mktemp("whole-life"))


def test_killed_before_each_write(tmp_path_factory: pytest.TempPathFactory, writes: int) -> None:
    assert writes > 40
    for number in range(writes):
        inn = MortalInn(tmp_path_factory.mktemp("life"))
        inn.dies_after(number)
        with pytest.raises(Killed):
            a_life(inn)
        inn.kills()
        inn.works()
        if not inn.cards():  # it died before the request was recorded, so Slack delivers it again
            inn.asks(inn.asked)
        for _ in range(3):
            for person in (INFRA, SECURITY):
                if "Approve" in inn.newest_card().buttons:
                    inn.clicks(person, inn.newest_card(), "Approve")
        at = f"killed before write {number}"
        assert inn.runs() in (["applied"], ["interrupted", "applied"]), at
        assert len(inn.cards()) == len(inn.runs()), at
        assert len(inn.terraform.applied) == 1, at
        for card in inn.cards():
            replies = inn.replies(card)
            assert len(replies) == len(set(replies)), at
        assert inn.replies(inn.newest_card())[-1].startswith("<@U1> *demo* is ready."), at
        assert inn.lab().applied_at is not None, at
        assert list((inn.folder / "data" / "runs").glob("*")) == [], at
        inn.is_tidy()
        inn.ends()
