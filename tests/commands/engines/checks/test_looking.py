"""Several looks at once, each again until its time is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from commands.engines.checks.looking import AT_ONCE, NotSo, Probe, look, run


def a_probe(
    name: str = "tcp a:1", failures: int = 0, within_seconds: float = 60, is_final: bool = False
) -> Probe:
    """It fails so often, then it is as it should be."""
    left = [failures]

    def see(seconds: float, over: threading.Event) -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise NotSo("nobody answers", is_final)
        return "open"

    return Probe(name, see, within_seconds)


def looks_until(over: threading.Event) -> Callable[[float, threading.Event], str]:
    def see(seconds: float, ended: threading.Event) -> str:
        ended.wait(60)
        over.set()
        raise NotSo("it was stopped")

    return see


def test_what_is_well_is_said_with_how_long_it_took() -> None:
    (found,) = run([a_probe()])
    assert (found.name, found.is_good) == ("tcp a:1", True)
    assert found.sentence.startswith("open in ")
    assert found.sentence.endswith(" ms")


def test_it_is_looked_at_again_until_it_is_well() -> None:
    (found,) = run([a_probe(failures=2)])
    assert found.is_good


def test_it_is_not_well_when_its_time_is_over() -> None:
    began_at = time.monotonic()
    (found,) = run([a_probe(failures=1000, within_seconds=0.5)])
    assert (found.is_good, found.sentence) == (False, "nobody answers")
    assert time.monotonic() - began_at >= 0.2


def test_what_cannot_change_is_not_looked_at_again() -> None:
    (found,) = run([a_probe(failures=1, is_final=True)])
    assert not found.is_good


def test_results_are_in_order_and_progress_is_told() -> None:
    told: list[int] = []
    names = [f"tcp a:{number}" for number in range(3 * AT_ONCE)]
    found = run([a_probe(name) for name in names], tell=told.append)
    assert [each.name for each in found] == names
    assert told == list(range(1, len(names) + 1))


def test_they_are_looked_at_side_by_side() -> None:
    together = threading.Barrier(AT_ONCE, timeout=30)

    def see(seconds: float, over: threading.Event) -> str:
        together.wait()
        return "open"

    assert all(each.is_good for each in run([Probe(f"tcp a:{number}", see) for number in range(AT_ONCE)]))


def test_a_stop_ends_them_at_once() -> None:
    over = threading.Event()
    stopped = threading.Event()
    stopped.set()
    began_at = time.monotonic()
    (found,) = run([Probe("command x", looks_until(over))], is_over=stopped.is_set)
    assert not found.is_good
    assert time.monotonic() - began_at < 20


def test_a_round_has_its_limit() -> None:
    over = threading.Event()
    (found,) = run([Probe("command x", looks_until(over))], limit_seconds=0.2)
    assert found.sentence == "there was no time left to look at it"
    assert over.wait(30)


def test_a_check_that_breaks_is_not_well() -> None:
    def see(seconds: float, over: threading.Event) -> str:
        raise RuntimeError("a secret")

    found = look(Probe("http x", see), threading.Event())
    assert (found.is_good, found.sentence) == (False, "the check itself broke; the bot's log says how")


def test_nothing_to_look_at_is_nothing_found() -> None:
    assert run([]) == []
