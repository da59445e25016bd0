"""Waiting so long and no longer, whatever happens in the thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event, current_thread

import pytest

from commands.engines.deadline import Threads


def test_what_a_job_returns_or_raises_comes_back() -> None:
    threads = Threads("test", 2)
    assert threads.run(lambda: 7, 30) == 7
    with pytest.raises(ZeroDivisionError):
        threads.run(lambda: 1 / 0, 30)


def test_nobody_waits_for_what_is_stuck_and_others_go_on() -> None:
    threads, release = Threads("test", 2), Event()
    with pytest.raises(TimeoutError):
        threads.run(release.wait, 0.05)
    assert threads.run(lambda: "still here", 30) == "still here"
    release.set()


def test_what_had_not_begun_in_time_never_begins() -> None:
    threads, release, stuck, begun = Threads("test", 1), Event(), Event(), Event()
    threads.begin(lambda: stuck.set() or release.wait(), 30)
    assert stuck.wait(30)
    with pytest.raises(TimeoutError):
        threads.run(begun.set, 0.05)
    release.set()
    assert threads.run(lambda: "free again", 30) == "free again"
    assert not begun.is_set()


def test_what_was_begun_is_waited_for_later_or_never() -> None:
    threads, begun, release = Threads("test", 2), Event(), Event()
    answer = threads.begin(lambda: begun.set() or 7, 30)
    assert begun.wait(30)
    late = threads.begin(release.wait, 0.05)
    assert answer() == 7
    with pytest.raises(TimeoutError):
        late()
    threads.begin(lambda: 1 / 0, 30)
    release.set()
    assert threads.run(lambda: "still here", 30) == "still here"


def test_threads_are_used_again_and_never_more_than_the_limit() -> None:
    threads = Threads("test", 3)
    assert {threads.run(lambda: current_thread().name, 30) for _ in range(20)} == {"test-1"}
    with ThreadPoolExecutor(16) as pool:
        names = set(pool.map(lambda _: threads.run(lambda: current_thread().name, 30), range(200)))
    assert names <= {"test-1", "test-2", "test-3"}
