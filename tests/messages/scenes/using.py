"""Living with a lab."""

from __future__ import annotations

from commands import drift
from commands.checks import health
from commands.engines.terraform.engine import Diagnostic
from commands.steps import test as step
from state import tfstate
from state.records import StateLock
from tests.commands.checks.test_health import CHECKED
from tests.commands.test_drift import deleted, other_output, updated
from tests.inn import ADMIN, COLLEAGUE, INFRA_TOO, REQUESTER
from tests.messages.scene import Scene
from tests.messages.stage import sets

TITLE = "Using it"


def looked_at(scene: Scene) -> None:
    sets(scene)
    scene.inn.has("demo")
    scene.inn.says(COLLEAGUE, "/lab up web web-7")
    scene.inn.clock.passes(hours=1)
    scene.begins()
    scene.says(REQUESTER, "/lab list")
    scene.is_pictured(REQUESTER)
    scene.says(REQUESTER, "/lab list mine")
    scene.says(REQUESTER, "/lab list idle")
    scene.says(REQUESTER, "/lab show demo")
    scene.says(REQUESTER, "/lab output demo")
    scene.says(REQUESTER, "/lab logs demo")


def its_history(scene: Scene) -> None:
    inn = scene.inn
    sets(scene)
    inn.has("demo")
    inn.clock.passes(hours=1)
    inn.says(REQUESTER, "/lab extend demo 4h")
    inn.says(REQUESTER, "/lab down demo")
    inn.approved(inn.newest_card())
    scene.begins()
    scene.says(REQUESTER, "/lab history demo")
    scene.is_pictured(REQUESTER)


def in_a_thread(scene: Scene) -> None:
    sets(scene)
    scene.inn.has("demo")
    ts = scene.writes(COLLEAGUE, "Is demo still up?")
    scene.does(
        COLLEAGUE,
        "says in a thread",
        lambda: scene.inn.mentions(COLLEAGUE, "show demo", ts),
        "@innkeeper show demo",
    )
    scene.is_pictured(COLLEAGUE)


def done_again(scene: Scene) -> None:
    sets(scene)
    scene.inn.has("demo")
    scene.begins()
    scene.says(REQUESTER, "/lab deploy demo config")
    scene.is_pictured(REQUESTER)
    scene.says(REQUESTER, "/lab test demo")


def drifted(scene: Scene) -> None:
    inn = scene.inn
    inn.has("demo")
    inn.clock.passes(minutes=61)
    scene.begins()
    inn.terraform.drifted = (updated(), deleted())
    inn.terraform.drifted_outputs = other_output(443, 8443)
    scene.does(None, "an hour later", lambda: (drift.sweep(inn.deps, inn.clock()), inn.works()))
    scene.is_pictured(REQUESTER)
    scene.does(REQUESTER, "opens the Home tab", lambda: inn.opens_home(REQUESTER))
    scene.presses(REQUESTER, "Accept")
    scene.says(REQUESTER, "/lab drift demo")


def drift_unanswered(scene: Scene) -> None:
    inn = scene.inn
    inn.has("demo")
    scene.begins()
    inn.terraform.drifted = tuple(updated(f"terraform_data.{each}") for each in "abcdefghij")
    scene.says(REQUESTER, "/lab drift demo")
    scene.does(
        None,
        "nobody decides for a day",
        lambda: (inn.clock.passes(hours=25), inn.sweeps(), inn.works()),
    )
    scene.is_pictured(REQUESTER)
    inn.says(REQUESTER, "/lab down demo")
    scene.begins()
    scene.does(None, "and the lab is destroyed", lambda: inn.approved(inn.newest_card()))


def drift_fails(scene: Scene) -> None:
    inn = scene.inn
    inn.has("demo")
    scene.begins()
    inn.terraform.plan_failure = Diagnostic("error", "No credentials", "The cloud's token has expired.")
    scene.says(REQUESTER, "/lab drift demo")
    scene.is_pictured(REQUESTER)


def brought_back(scene: Scene) -> None:
    inn = scene.inn
    inn.has("demo")
    scene.begins()
    inn.terraform.drifted = (updated(),)
    inn.says(REQUESTER, "/lab drift demo")
    scene.begins()
    scene.presses(REQUESTER, "Re-plan")
    scene.is_pictured(REQUESTER)


def unhealthy(scene: Scene) -> None:
    inn = scene.inn
    inn.steps["test"] = step
    inn.check_blocks = {"dns": ""}
    inn.offers("checked", CHECKED.replace('  - {tcp: "127.0.0.1:${port}", within: 1s}\n', ""))
    program = inn.folder / "labs" / "checked" / "up"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    inn.has("demo", "checked")
    scene.begins()

    def looks() -> None:
        for _ in range(2):
            inn.clock.passes(minutes=10)
            health.sweep(inn.deps, inn.clock())
            inn.works()

    program.chmod(0o644)
    scene.does(None, "a check has failed twice", looks)
    scene.is_pictured(REQUESTER)
    program.chmod(0o755)
    scene.does(None, "and passes again", looks)
    scene.says(REQUESTER, "/lab show demo")


def locked(scene: Scene) -> None:
    inn = scene.inn
    inn.has("demo")
    lock = StateLock(inn.lab().id, "by-hand", INFRA_TOO.key, {"Operation": "OperationTypeApply"}, inn.clock())
    tfstate.lock(inn.database, lock)
    inn.clock.passes(minutes=5)
    scene.begins()
    scene.says(REQUESTER, "/lab unlock demo")
    scene.is_pictured(REQUESTER)
    scene.says(REQUESTER, "/lab unlock demo")


def what_it_costs(scene: Scene) -> None:
    scene.says(ADMIN, "/lab budget 200")
    scene.says(REQUESTER, "/lab budget")
    sets(scene)
    scene.inn.has("demo")
    scene.inn.clock.passes(hours=6)
    scene.begins()
    scene.says(REQUESTER, "/lab report week")
    scene.is_pictured(REQUESTER)


SCENES = {
    "Looking at labs": looked_at,
    "A lab's history": its_history,
    "Asked in a thread": in_a_thread,
    "Deployed and tested again": done_again,
    "Something has changed outside": drifted,
    "Brought back": brought_back,
    "Nobody answers to drift": drift_unanswered,
    "A look that fails": drift_fails,
    "A check fails, and passes again": unhealthy,
    "A lock that was left behind": locked,
    "What it costs": what_it_costs,
}
