"""How labs are: `/lab test`, and the checks of living labs that are repeated for as long as they live.

A sweep records; the notifier sends. Nothing is said of a lab that is as it should be, nor of one that stumbles once.
"""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from commands.blueprints import sources
from commands.blueprints.records import Blueprint
from commands.checks import checking
from commands.deps import Deps
from commands.engines.checks import looking as checks
from commands.engines.checks.looking import Result
from commands.engines.vault.protocol import VaultError
from commands.labs import lab_called
from commands.lifetime.extending import say_in_thread
from commands.redoing import start_steps
from commands.request import Outcome, Refused, Request
from commands.steps.step import Work
from commands.words import ago, at, duration, mention, plural
from state import audit, health, labs, runs
from state.health import Illness
from state.records import Lab

LABS_A_SWEEP = 200
AT_ONCE = 8
ROUND_SECONDS = 45  # for all of them; who has no turn then is looked at when it is due again
WITHIN_SECONDS = 10  # for one check: a lab that lives answers at once

_SAID_CHARACTERS = 300

log = structlog.get_logger()


def test(request: Request, deps: Deps) -> Outcome:
    """`/lab test NAME`: the checks of its blueprint, now, with a card of their own."""
    if len(request.words) != 3:
        raise Refused("Say which lab.", "/lab test demo")
    lab = lab_called(deps, request.words[2])
    start_steps(deps, lab, request.person, request.id, ("test",), channel=request.channel)
    return Outcome()


def words(illness: Illness | None) -> str:
    """`:red_circle: Unhealthy since …: …`, once people know of it. Pure."""
    if illness is None or not illness.is_told:
        return ""
    return f":red_circle: Unhealthy since {at(illness.since)}: {illness.sentence}"


def last_look(deps: Deps, lab: Lab, now: datetime) -> list[str]:
    """What `/lab show` says of a lab's health: nothing where its checks are not repeated."""
    ill = words(health.of_lab(deps.database, lab.id))
    blueprint = deps.catalogue.blueprints().get(lab.blueprint)
    if ill or lab.health_at is None or lab.asleep_at is not None:
        return [ill] if ill else []
    if blueprint is None or blueprint.health_seconds is None:
        return []
    looked_at = lab.health_at - timedelta(seconds=blueprint.health_seconds)
    every = duration(blueprint.health_seconds)
    return [f"It is well: its checks are repeated every {every}, last {ago(looked_at, now)}."]


def sweep(deps: Deps, now: datetime) -> str:
    """Look at the living labs whose time has come, several at once."""
    asking = {
        name: each for name, each in deps.catalogue.blueprints().items() if each.health_seconds is not None
    }
    taken = [
        lab
        for lab in health.due(deps.database, asking.keys(), now, LABS_A_SWEEP)
        if health.take(deps.database, lab, now + timedelta(seconds=asking[lab.blueprint].health_seconds or 0))
    ]
    if not taken:
        return "no lab was to be looked at"
    over = threading.Event()
    pool = ThreadPoolExecutor(min(AT_ONCE, len(taken)), "health")
    looked = [pool.submit(_look, deps, lab, over) for lab in taken]
    done, missed = wait(looked, ROUND_SECONDS)
    over.set()
    pool.shutdown(wait=False, cancel_futures=True)
    ill = sum(not each.result() for each in done)
    said = f"looked at {plural(len(done), 'lab')}: {ill} not well"
    return f"{said}, {len(missed)} had no turn" if missed else said


def _look(deps: Deps, lab: Lab, over: threading.Event) -> bool:
    """Whether the lab is as it should be, which is recorded. Where it cannot be judged it is as it was."""
    try:
        blueprint = sources.blueprint_of(deps, lab)
        results = _results(deps, lab, blueprint, over)
    except (VaultError, Refused, OSError) as why:
        log.warning("a lab cannot be looked at", lab=lab.name, because=str(why))
        return True
    except Exception:
        log.exception("a health check broke", lab=lab.name)
        return True
    return over.is_set() or _judge(deps, lab, results)


def _results(deps: Deps, lab: Lab, blueprint: Blueprint, over: threading.Event) -> list[Result]:
    last = runs.latest_of(deps.database, lab.id)
    asked = tuple(
        replace(each, within_seconds=min(each.within_seconds, WITHIN_SECONDS))
        for each in blueprint.checks
        if each.kind != "terraform"  # which says how it was at the last apply
    )
    if last is None or not asked:
        return []
    folder = deps.data_path / "health" / lab.id
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    state = checking.seen(deps, lab)
    work = Work(
        deps=deps,
        lab=lab,
        run=replace(last, requester=lab.owner),
        blueprint=blueprint,
        outputs=state.outputs,
        secrets=state.secrets,
        folder=folder,
        stopping=over,
        is_cancelled=lambda: False,
        progress=lambda said: None,
    )
    try:
        with checking.scene(work, asked) as scene:
            results = checks.run(checking.probes(scene, asked), over.is_set, limit_seconds=ROUND_SECONDS)
            return checking.clean(results, state.secrets)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _judge(deps: Deps, lab: Lab, results: list[Result]) -> bool:
    """Record how a lab was found, and let its owner know when that is news. Whether it is well."""
    bad = [each for each in results if not each.is_good]
    with deps.database.transaction():
        now = deps.now()
        current = labs.get(deps.database, lab.id)
        if current is None or current.gone_at is not None or current.asleep_at is not None:
            health.recovered(deps.database, lab.id)
            return True
        if runs.active_of(deps.database, lab.id) is not None:
            return True  # something is being changed, so what was seen says nothing
        before = health.of_lab(deps.database, lab.id)
        if not bad:
            if before is not None:
                _well_again(deps, current, before, now)
            return True
        latest = runs.latest_of(deps.database, lab.id)
        illness = Illness(
            lab_id=lab.id,
            failures=1 if before is None else before.failures + 1,
            since=now if before is None else before.since,
            sentence=_sentence(bad),
            run_id=latest.id if latest is not None else None,
        )
        health.failed(deps.database, illness)
        if illness.failures == health.FAILURES_TOLD:
            audit.append(
                deps.database, now, "innkeeper", "unhealthy", lab.name, checks=[each.name for each in bad]
            )
            text = (
                f":red_circle: {mention(current.owner)} *{lab.name}* is unhealthy since {at(illness.since)}: "
                f"{illness.sentence} `/lab test {lab.name}` looks again."
            )
            say_in_thread(deps, current, f"unhealthy {lab.id} {illness.since.isoformat()}", text, now)
    return False


def _well_again(deps: Deps, lab: Lab, before: Illness, now: datetime) -> None:
    health.recovered(deps.database, lab.id)
    if not before.is_told:
        return
    audit.append(deps.database, now, "innkeeper", "recovered", lab.name)
    lasted = duration((now - before.since).total_seconds())
    # Nobody is called: nothing is left to do, and whoever was called before follows the thread.
    text = f":large_green_circle: *{lab.name}* is healthy again, after {lasted}."
    say_in_thread(deps, lab, f"recovered {lab.id} {before.since.isoformat()}", text, now)


def _sentence(bad: list[Result]) -> str:
    """`http …: nobody answers.`, and how many more."""
    first = f"{bad[0].name}: {bad[0].sentence}"[:_SAID_CHARACTERS].rstrip(".")
    return first + (f", and {plural(len(bad) - 1, 'other check')}." if len(bad) > 1 else ".")
