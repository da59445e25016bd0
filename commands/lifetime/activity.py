"""A lab's own probe says whether somebody uses it. It is asked when the lab would otherwise count as idle."""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import structlog

from commands.blueprints.records import Activity, Blueprint
from commands.deps import Deps
from commands.engines.activity_probe import NoAnswer, ask_address, ask_program
from commands.engines.terraform.events import SENSITIVE
from commands.words import plural
from state import labs, runs
from state.records import Lab

AGAIN_AFTER = timedelta(minutes=3)  # while it counts as idle
AT_ONCE = 8
LABS_A_SWEEP = 200
ROUND_SECONDS = 45  # for all of them; who has no turn then has the first one in the next sweep

_PLACE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_-]*)\}")

log = structlog.get_logger()


def awaits_probe(blueprint: Blueprint | None, lab: Lab, now: datetime) -> bool:
    """Whether the lab's probe has still to be heard before anybody is told that it is idle.

    One that gives no answer has been heard, too: the lab counts as not used.
    """
    if blueprint is None or blueprint.activity is None or lab.idle_at is None or lab.idle_at > now:
        return False
    return lab.probed_at is None or lab.probed_at < lab.idle_at


def probe(deps: Deps, now: datetime) -> str:
    """Ask the labs that count as idle unless their probe says otherwise, several at once."""
    probed = {name: each for name, each in deps.catalogue.blueprints().items() if each.activity is not None}
    found = labs.to_probe(deps.database, probed.keys(), now, now - AGAIN_AFTER, LABS_A_SWEEP)
    if not found:
        return "no lab was asked whether it is used"
    pool = ThreadPoolExecutor(min(AT_ONCE, len(found)), "probe")
    asked = [pool.submit(_ask, deps, lab, probed[lab.blueprint]) for lab in found]
    heard, missed = wait(asked, ROUND_SECONDS)
    pool.shutdown(wait=False, cancel_futures=True)
    used = sum(each.result() for each in heard)
    said = f"asked {plural(len(heard), 'lab')}: {used} used"
    return f"{said}, {len(missed)} had no turn" if missed else said


def _ask(deps: Deps, lab: Lab, blueprint: Blueprint) -> bool:
    """Whether it is used, which is recorded with the moment at which it was heard."""
    try:
        used = _answer(deps, lab, blueprint)
    except NoAnswer as why:
        log.warning("a probe gives no answer", lab=lab.name, because=str(why))
        used = False
    except Exception:  # a lab that cannot be asked must not live for ever
        log.exception("a probe broke", lab=lab.name)
        used = False
    now = deps.now()
    with deps.database.transaction():
        current = labs.get(deps.database, lab.id)
        if current is None or current.gone_at is not None:
            return False
        labs.update(deps.database, lab.id, probed_at=now)
        if used:
            labs.touch(deps.database, current, now, None, "its activity probe")
    return used


def _answer(deps: Deps, lab: Lab, blueprint: Blueprint) -> bool:
    activity = blueprint.activity or Activity()
    outputs = runs.outputs_of(deps.database, lab.id) or {}
    if activity.http is not None:
        return ask_address(filled(activity.http, outputs, in_address=True), activity.within_seconds)
    words = [filled(word, outputs) for word in activity.command]
    return ask_program(words, blueprint.folder, activity.within_seconds)


def filled(text: str, outputs: Mapping[str, Any], in_address: bool = False) -> str:
    """The text with each ${output} as it was applied, literally; in_address: no part of it ends an address's part.

    Raises NoAnswer for an output that there is not, that is sensitive, or that is no single value.
    """

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name not in outputs:
            raise NoAnswer(f"the lab has no output {name}")
        output = outputs[name]
        if SENSITIVE in str(output):
            raise NoAnswer(f"its output {name} is sensitive")
        if not isinstance(output, str | int | float):
            raise NoAnswer(f"its output {name} is not a single value")
        said = str(output).lower() if isinstance(output, bool) else str(output)
        return quote(said, safe=":[]") if in_address else said

    return _PLACE.sub(value, text)
