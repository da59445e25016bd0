"""Claim a run, perform it, record it. Plans are work for the processor, applies mostly wait: each has its own limit."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog

from bot.liveness import LOST_AFTER, is_lost
from commands.authorise import StandingUnknown
from commands.blueprints.proposals import RepositoryAway
from commands.deps import Deps
from commands.engines.vault.protocol import VaultUnavailable
from commands.steps import applying, endings, provision
from state import runs
from state.records import Run
from state.transitions import RunState

APPLIES_AT_ONCE = 12
LOOK_SECONDS = 0.5  # how soon another process's changes are seen
HEARTBEAT_SECONDS = 3.0
REPOSITORY_PAUSE = timedelta(seconds=15)  # to ask it may take as long as that, and the others wait meanwhile

log = structlog.get_logger()


class Worker:
    """plan_once() and apply_once() do one run's worth of work; start() calls them in threads."""

    def __init__(self, deps: Deps, plans_at_once: int, name: str) -> None:
        self._deps = deps
        self._plans_at_once = plans_at_once
        self.name = name
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._not_before: dict[str, datetime] = {}  # run → when its repository is asked again
        # Runs, and what is done with each: an apply may begin while its plan is still being told.
        self._in_hand: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Take up what a process that died left behind, then work as runs come."""
        log.info("recovered", did=self.recover(self._deps.now()))
        self._spawn("heartbeat", self._beat_forever)
        for number in range(self._plans_at_once):
            self._spawn(f"plan-{number}", lambda: self._forever(self.plan_once))
        if self._plans_at_once:
            self._spawn("apply", lambda: self._forever(self.apply_once))

    def stop(self, timeout_seconds: float) -> None:
        """Take no more work; plans go back to the queue, applies go on without us."""
        self._stopping.set()
        ends_at = time.monotonic() + timeout_seconds
        for thread in list(self._threads):
            thread.join(max(0.0, ends_at - time.monotonic()))

    def plan_once(self, now: datetime) -> str | None:
        """Plan the oldest queued run. Returns what it did, None when there was none."""
        run = runs.claim(self._deps.database, self.name, now)
        if run is None:
            return None
        with self._hold(run, "planning"):
            try:
                return provision.plan(run, self._deps, self._stopping)
            except Exception as fault:
                return self._broken(run, fault)

    def apply_once(self, now: datetime) -> str | None:
        """Start to apply the oldest approved run, and follow it in a thread of its own."""
        with self._lock:
            if sum(doing == "applying" for _, doing in self._in_hand) >= APPLIES_AT_ONCE:
                return None
        for run in runs.in_state(self._deps.database, RunState.APPROVED):
            if now < self._not_before.get(run.id, now):
                continue
            with self._hold(run, "applying"):
                try:
                    started = applying.start_apply(run, self._deps, self.name)
                except RepositoryAway as away:
                    log.warning("an apply waits", because=str(away))
                    self._not_before[run.id] = now + REPOSITORY_PAUSE
                    continue
                except (VaultUnavailable, StandingUnknown, OSError) as away:
                    log.warning("an apply waits", because=str(away))
                    continue  # it stays approved, and is looked at again
                except Exception as fault:
                    return self._broken(run, fault)
            self._not_before.pop(run.id, None)
            if started:
                self._follow(run)
                return f"{run.lab_name}: applying"
        return None

    def beat(self, now: datetime) -> str:
        """Say that what is in hand is in good hands."""
        in_hand = self._runs_in_hand()
        for run_id in in_hand:
            runs.heartbeat(self._deps.database, run_id, self.name, now)
        return f"{len(in_hand)} runs are in hand"

    def recover(self, now: datetime) -> str:
        """Runs whose process is gone: plans are queued again, applies are followed to their end, the rest tidied up."""
        planning = [
            run for run in runs.in_state(self._deps.database, RunState.PLANNING) if self._is_lost(run, now)
        ]
        applied_by_lost = [
            run for run in runs.in_state(self._deps.database, RunState.APPLYING) if self._is_lost(run, now)
        ]
        queued = [run for run in planning if runs.take_over(self._deps.database, run, self.name, now)]
        for run in queued:
            provision.recover_plan(run, self._deps)
        # Before they are ours: what planned a run that is applied by now may have died over its folder.
        tidied = provision.tidy(self._deps, lambda run: self._is_lost(run, now))
        followed = [
            run for run in applied_by_lost if runs.take_over(self._deps.database, run, self.name, now)
        ]
        for run in followed:
            self._follow(run)
        return f"queued {len(queued)} plans again, followed {len(followed)} applies, {tidied}"

    def _is_lost(self, run: Run, now: datetime) -> bool:
        if run.id in self._runs_in_hand():
            return False
        if run.worker == self.name:  # ours, and we do not have it: it is being let go, or was forgotten
            return run.heartbeat_at is None or now - run.heartbeat_at > LOST_AFTER
        return is_lost(run.worker, run.heartbeat_at, now)

    def _runs_in_hand(self) -> set[str]:
        with self._lock:
            return {run_id for run_id, _ in self._in_hand}

    def _follow(self, run: Run) -> None:
        with self._lock:
            self._in_hand.add((run.id, "applying"))
        self._spawn(f"follow-{run.lab_name}", lambda: self._follow_to_end(run))

    def _follow_to_end(self, run: Run) -> None:
        with self._hold(run, "applying"):
            try:
                said = applying.follow_apply(run, self._deps, self._stopping)
                log.info("followed", did=said)
            except Exception:
                # The run stays applying; a later sweep finds that nobody follows it.
                log.exception("an apply could not be followed")
        self._threads = [thread for thread in self._threads if thread.is_alive()]

    @contextmanager
    def _hold(self, run: Run, doing: str) -> Iterator[None]:
        """While this lasts the run's heart beats, and the log says whose lines they are."""
        with self._lock:
            self._in_hand.add((run.id, doing))
        try:
            with structlog.contextvars.bound_contextvars(run=run.id, lab=run.lab_name):
                yield
        finally:
            with self._lock:
                self._in_hand.discard((run.id, doing))

    def _broken(self, run: Run, fault: Exception) -> str:
        """A fault of ours must not leave a run alive that nobody works on."""
        incident = os.urandom(2).hex().upper()
        log.exception("a run broke", incident=incident, error=type(fault).__name__)
        current = runs.get(self._deps.database, run.id) or run
        said = f"Something broke on my side (incident {incident}). The admins can find it in the log. Plan it again."
        if current.state in (RunState.PLANNING, RunState.APPROVED):
            endings.failed(self._deps, current, current.state, said)
        return f"{run.lab_name}: broke, incident {incident}"

    def _spawn(self, name: str, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _beat_forever(self) -> None:
        while not self._stopping.wait(HEARTBEAT_SECONDS):
            try:
                self.beat(self._deps.now())
            except Exception:
                log.exception("the heart missed a beat")

    def _forever(self, once: Callable[[datetime], str | None]) -> None:
        while not self._stopping.is_set():
            try:
                said = once(self._deps.now())
            except Exception:
                log.exception("the worker stumbled")
                said = None
            if said is None:
                self._deps.database.wait("runs", LOOK_SECONDS)
            else:
                log.info("worked", did=said)
