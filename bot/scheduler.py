"""What happens by itself, every SWEEP_SECONDS. Each job is a function of `now` that says what it did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from commands.approvals import expire, make_stale, state_moved
from commands.deps import Deps
from commands.engines.vault.protocol import VaultError
from commands.steps.errored_states import take_in
from state import inbox, labs, runs, tfstate
from state.transitions import RunState

INBOX_KEPT = timedelta(days=30)

log = structlog.get_logger()

Job = Callable[[datetime], str]


def expire_proposals(deps: Deps, now: datetime) -> str:
    """Proposals that waited too long expire; those whose state has moved are stale."""
    expired = stale = 0
    for run in runs.in_state(deps.database, RunState.PROPOSED, RunState.APPROVED):
        if run.expires_at is not None and now >= run.expires_at:
            expired += expire(deps, run, now)
        elif state_moved(deps, run):
            stale += make_stale(deps, run, now)
    return f"expired {expired} proposals, found {stale} stale"


def release_locks(deps: Deps, now: datetime) -> str:
    """Locks of runs that have ended are released by themselves."""
    return f"released {len(tfstate.release_ended(deps.database))} locks of ended runs"


def take_in_states(deps: Deps, now: datetime) -> str:
    """States that Terraform could not write to us are taken in, and their labs thawed."""
    taken = waiting = 0
    for path in sorted((deps.data_path / "errored").glob("*/*")):
        lab, run_id = labs.get(deps.database, path.parent.name), path.stem
        try:
            body = path.read_bytes()
            if path.suffix == ".sealed":
                body = deps.vault.unseal(body, f"errored {run_id}")
        except VaultError:
            waiting += 1
            continue
        if lab is None or take_in(deps, lab, run_id, body):
            path.unlink()
            taken += 1
        else:
            waiting += 1
    return f"took in {taken} states, {waiting} wait"


def forget_requests(deps: Deps, now: datetime) -> str:
    """Requests that were finished a month ago are forgotten; the audit keeps what they did."""
    return f"forgot {inbox.forget(deps.database, now - INBOX_KEPT)} old requests"


class Scheduler:
    """APScheduler with its jobs in memory: they are the same after every start, and what they look at is recorded."""

    def __init__(self, jobs: Mapping[str, tuple[Job, float]], now: Callable[[], datetime]) -> None:
        self._jobs = jobs  # name → the job and its seconds between two runs
        self._now = now
        self._scheduler = BackgroundScheduler(timezone="UTC", daemon=True)

    def start(self) -> None:
        """Run each job from now on, never two of one at once; what was missed is run once."""
        for name, (job, seconds) in self._jobs.items():
            self._scheduler.add_job(
                self.run_once,
                "interval",
                args=[name, job],
                seconds=seconds,
                coalesce=True,
                max_instances=1,
                id=name,
            )
        self._scheduler.start()

    def stop(self, timeout_seconds: float) -> None:
        """Start no more jobs."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def run_once(self, name: str, job: Job) -> str:
        """Run one job now. A fault of one is logged, and stops neither it nor the others for good."""
        try:
            said = job(self._now())
        except Exception:
            log.exception("a job broke", job=name)
            return "broke"
        log.debug("swept", job=name, did=said)
        return said
