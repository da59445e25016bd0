"""The steps after provision, one after the other: each is recorded as it begins and ends, and may be done twice."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import structlog

from commands.blueprint import Blueprint
from commands.blueprints import sources
from commands.deps import Deps
from commands.engines.terraform.engine import scrub
from commands.engines.vault.protocol import (
    VaultAway,
    VaultError,
    VaultSealed,
    VaultSlow,
    VaultUnavailable,
)
from commands.lab_outputs import outputs_of
from commands.request import Refused, id_from
from commands.steps import deploy, integrate, secure, test
from commands.steps.step import Done, StepFailed, StepInterrupted, StepModule, TakenBack, Work
from commands.words import mention, plain
from state import audit, labs, outbox, runs, steps
from state.records import Lab, OutboxMessage, Run, StepName
from state.transitions import RunState

PROGRESS_SECONDS = 0.5
PAUSES_SECONDS = (1, 2, 4, 8)  # before a step is tried again to which Vault gave no answer
_SENTENCE_CHARACTERS = 1000

T = TypeVar("T")

logger = structlog.get_logger()


STEPS: Mapping[StepName, StepModule] = {
    "secure": secure,
    "deploy": deploy,
    "integrate": integrate,
    "test": test,
}


def is_provisioned(deps: Deps, run: Run) -> bool:
    """Whether a run has Terraform behind it, or never had one: what is left of it are the other steps."""
    states = {step.name: step.state for step in steps.of_run(deps.database, run.id)}
    return run.kind == "steps" or (run.kind == "apply" and states.get("provision") == "done")


def is_left_to_do(deps: Deps, run: Run) -> bool:
    """Whether a run has steps that were not done."""
    return any(step.state in ("waiting", "running") for step in steps.of_run(deps.database, run.id))


def perform(run: Run, deps: Deps, stopping: threading.Event) -> str:
    """Do what is left of a run's steps, and end it. Whoever starts next goes on at the step where this one stopped."""
    try:
        lab, blueprint = _lab(deps, run)
        for step in steps.of_run(deps.database, run.id):
            if step.state in ("waiting", "running"):
                _perform_one(step.name, run, lab, blueprint, deps, stopping)
    except StepInterrupted:
        return f"{run.lab_name}: its steps go on after the next start"
    except (StepFailed, Refused) as failed:
        return _failed(deps, run, failed.sentence)
    now = deps.now()
    with deps.database.transaction():
        if runs.move(deps.database, run.id, RunState.APPLYING, RunState.APPLIED, now, sentence=""):
            audit.append(deps.database, now, "innkeeper", "applied", run.lab_name, run=run.id)
    return f"{run.lab_name}: every step is done"


def undo(run: Run, deps: Deps) -> None:
    """Take back the steps of a lab that is about to be destroyed, the last first. Raises VaultUnavailable.

    What cannot be taken back does not keep the lab alive: it is said on the card, and swept later.
    """
    lab, blueprint = _lab(deps, run)
    taken_back = {step.name for step in steps.of_run(deps.database, run.id) if step.state != "skipped"}
    for name in reversed(blueprint.steps):
        module = deps.steps.get(name)
        if name not in taken_back or not isinstance(module, TakenBack):
            continue
        steps.set(deps.database, run.id, name, "running", deps.now())
        work = _work(name, run, lab, blueprint, deps, threading.Event())
        try:
            module.undo(work)
        except VaultUnavailable:
            raise
        except (StepFailed, Refused, VaultError) as failed:
            said = scrub(plain(failed.sentence), work.secrets)[:_SENTENCE_CHARACTERS]
            logger.warning("a step could not be taken back", step=name, because=said)
            steps.set(deps.database, run.id, name, "failed", deps.now(), said)
            continue
        finally:
            shutil.rmtree(work.folder, ignore_errors=True)
        steps.set(deps.database, run.id, name, "done", deps.now())


def _tried(step: StepModule, work: Work) -> Done:
    """Perform a step in a folder with nothing of an earlier try in it."""
    if work.is_cancelled():
        raise StepFailed("Stopped before it began.")
    _make_empty(work.folder)
    return step.perform(work)


def _perform_one(
    name: StepName, run: Run, lab: Lab, blueprint: Blueprint, deps: Deps, stopping: threading.Event
) -> None:
    """Do one step, and record how it ended. Raises StepFailed with what a person should read."""
    if name not in deps.steps:
        steps.set(deps.database, run.id, name, "skipped", deps.now())
        return
    steps.set(deps.database, run.id, name, "running", deps.now())
    work = _patiently(lambda: _work(name, run, lab, blueprint, deps, stopping), deps, stopping)
    try:
        done = _patiently(lambda: _tried(deps.steps[name], work), deps, stopping)
    except (StepFailed, Refused, VaultError) as failed:
        said = scrub(plain(failed.sentence), work.secrets)[:_SENTENCE_CHARACTERS]
        _attach(deps, run, name, scrub(getattr(failed, "details", ""), work.secrets))
        steps.set(deps.database, run.id, name, "failed", deps.now(), said)
        raise StepFailed(f"*{name}* did not come to a good end: {said}") from None
    finally:
        shutil.rmtree(work.folder, ignore_errors=True)
    _attach(deps, run, name, scrub(done.details, work.secrets))
    steps.set(deps.database, run.id, name, "done", deps.now(), scrub(done.sentence, work.secrets))
    audit.append(deps.database, deps.now(), "innkeeper", f"step_{name}", run.lab_name, run=run.id)


def _patiently(act: Callable[[], T], deps: Deps, stopping: threading.Event) -> T:
    """What act gives, tried again a few times where Vault gives no answer: on a busy machine a second is soon over."""
    for pause_seconds in PAUSES_SECONDS:
        try:
            return act()
        except (VaultSlow, VaultAway, VaultSealed) as away:
            logger.warning("a step waits for Vault", because=str(away))
        deps.pause(stopping, pause_seconds)
        if stopping.is_set():
            raise StepInterrupted
    return act()


def _make_empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)


def _failed(deps: Deps, run: Run, sentence: str) -> str:
    """A step failed: the lab stays, and what it needs can be done again."""
    now = deps.now()
    current = runs.get(deps.database, run.id) or run
    state, said = RunState.FAILED, f"{sentence} The lab stays as it is."
    if current.cancelled_by is not None:
        state, said = RunState.CANCELLED, f"Stopped by {mention(current.cancelled_by)}. {said}"
    with deps.database.transaction():
        for step in steps.of_run(deps.database, run.id):
            if step.state == "running":
                steps.set(deps.database, run.id, step.name, "failed", now, step.sentence)
        if runs.move(deps.database, run.id, RunState.APPLYING, state, now, sentence=said):
            audit.append(deps.database, now, "innkeeper", state, run.lab_name, run=run.id)
    return f"{run.lab_name}: {state} in its steps"


def _work(
    name: StepName, run: Run, lab: Lab, blueprint: Blueprint, deps: Deps, stopping: threading.Event
) -> Work:
    outputs, hidden = outputs_of(deps, lab)
    folder: Path = deps.data_path / "steps" / f"{run.id}-{name}"
    _make_empty(folder)
    told_at = [0.0]

    def progress(said: str) -> None:
        if time.monotonic() - told_at[0] >= PROGRESS_SECONDS:
            told_at[0] = time.monotonic()
            steps.tell(deps.database, run.id, name, scrub(plain(said), hidden)[:100])

    def is_cancelled() -> bool:
        current = runs.get(deps.database, run.id)
        return current is None or current.cancelled_by is not None

    options = run.variables if run.kind == "steps" else {}
    return Work(deps, lab, run, blueprint, outputs, hidden, folder, stopping, is_cancelled, progress, options)


def _attach(deps: Deps, run: Run, name: StepName, details: str) -> None:
    if not details.strip():
        return
    told = OutboxMessage(
        id=id_from(f"step {run.id} {name} {deps.now()}"),
        channel="",
        text=f"What *{name}* said of *{run.lab_name}*.",
        due_at=deps.now(),
        run_id=run.id,
        file_name=f"{name}.txt",
        body=details,
    )
    outbox.add(deps.database, told)


def _lab(deps: Deps, run: Run) -> tuple[Lab, Blueprint]:
    lab = labs.get(deps.database, run.lab_id)
    if lab is None or lab.gone_at is not None:
        raise Refused("The lab is gone.")
    return lab, sources.blueprint_of(deps, lab, run)
