"""Claim a run, perform it, record it. Plans are work for the processor, applies mostly wait: each has its own limit."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import psutil
import structlog

from commands.engines.vault import VaultUnavailable
from commands.request import Deps
from commands.steps import endings, provision
from state import runs
from state.records import Run
from state.transitions import RunState

APPLIES_AT_ONCE = 12
LOOK_SECONDS = 0.5  # how soon another process's changes are seen
LOST_AFTER = timedelta(seconds=30)  # without a heartbeat, on another machine

log = structlog.get_logger()


def this_worker() -> str:
    """`HOST:PID:STARTED` of this process, so that a later process with the same pid is not taken for it."""
    process = psutil.Process()
    return f"{socket.gethostname()}:{process.pid}:{int(process.create_time())}"


class Worker:
    """plan_once() and apply_once() do one run's worth of work; start() calls them in threads."""

    def __init__(self, deps: Deps, plans_at_once: int, name: str) -> None:
        self._deps = deps
        self._plans_at_once = plans_at_once
        self.name = name
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._following: set[str] = set()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Take up what a process that died left behind, then work as runs come."""
        log.info("recovered", did=self.recover(self._deps.now()))
        for number in range(self._plans_at_once):
            self._spawn(f"plan-{number}", lambda: self._forever(self.plan_once))
        if self._plans_at_once:
            self._spawn("apply", lambda: self._forever(self.apply_once))

    def stop(self, timeout_seconds: float) -> None:
        """Take no more work; plans go back to the queue, applies go on without us."""
        self._stopping.set()
        for thread in list(self._threads):
            thread.join(timeout_seconds / max(1, len(self._threads)))

    def plan_once(self, now: datetime) -> str | None:
        """Plan the oldest queued run. Returns what it did, None when there was none."""
        run = runs.claim(self._deps.database, self.name, now)
        if run is None:
            return None
        with structlog.contextvars.bound_contextvars(run=run.id, lab=run.lab_name):
            return self._recorded(run, lambda: provision.plan(run, self._deps, self.name, self._stopping))

    def apply_once(self, now: datetime) -> str | None:
        """Start to apply the oldest approved run, and follow it in a thread of its own."""
        with self._lock:
            if len(self._following) >= APPLIES_AT_ONCE:
                return None
        for run in runs.in_state(self._deps.database, RunState.APPROVED):
            with structlog.contextvars.bound_contextvars(run=run.id, lab=run.lab_name):
                try:
                    child = provision.start_apply(run, self._deps, self.name)
                except VaultUnavailable as unavailable:
                    return f"{run.lab_name}: waits with its apply: {unavailable.sentence}"
                except Exception as fault:
                    return self._broken(run, fault)
                if child is not None:
                    self._follow(run)
                    return f"{run.lab_name}: applying"
        return None

    def recover(self, now: datetime) -> str:
        """Runs whose process is gone: plans are queued again, applies are followed to their end."""
        planning = [
            run for run in runs.in_state(self._deps.database, RunState.PLANNING) if self._is_lost(run, now)
        ]
        applying = [
            run for run in runs.in_state(self._deps.database, RunState.APPLYING) if self._is_lost(run, now)
        ]
        for run in planning:
            provision.recover_plan(run, self._deps)
        for run in applying:
            runs.heartbeat(self._deps.database, run.id, self.name, now)
            self._follow(run)
        return f"queued {len(planning)} plans again, followed {len(applying)} applies"

    def _is_lost(self, run: Run, now: datetime) -> bool:
        with self._lock:
            if run.id in self._following:
                return False
        host, _, process = (run.worker or "").partition(":")
        if host != socket.gethostname():
            return run.heartbeat_at is None or now - run.heartbeat_at > LOST_AFTER
        if run.worker == self.name:
            return run.heartbeat_at is None or now - run.heartbeat_at > LOST_AFTER
        pid, _, started = process.partition(":")
        try:
            return int(psutil.Process(int(pid)).create_time()) != int(started)
        except (psutil.Error, ValueError):
            return True

    def _follow(self, run: Run) -> None:
        with self._lock:
            self._following.add(run.id)
        self._spawn(f"follow-{run.lab_name}", lambda: self._follow_to_end(run))

    def _follow_to_end(self, run: Run) -> None:
        with structlog.contextvars.bound_contextvars(run=run.id, lab=run.lab_name):
            try:
                said = provision.follow_apply(run, self._deps, self.name, self._stopping)
                log.info("followed", did=said)
            except Exception:
                # The run stays applying; the next sweep finds that nobody follows it.
                log.exception("an apply could not be followed")
            finally:
                with self._lock:
                    self._following.discard(run.id)
                self._threads = [thread for thread in self._threads if thread.is_alive()]

    def _recorded(self, run: Run, work: Callable[[], str]) -> str:
        try:
            return work()
        except Exception as fault:
            return self._broken(run, fault)

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
