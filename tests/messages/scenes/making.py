"""What becomes of an approved plan."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from commands.engines.terraform.engine import Diagnostic
from state import steps as steps_table
from state.records import PlannedChange
from tests.inn import INFRA, REQUESTER, SECURITY
from tests.messages.scene import Scene
from tests.messages.stage import Tested, sets
from tests.waiting import until

TITLE = "Making it"


def approved(scene: Scene) -> None:
    """All but the last approval of demo's plan."""
    scene.inn.says(REQUESTER, "/lab up web demo")
    scene.inn.clicks(INFRA, scene.inn.newest_card(), "Approve")
    scene.begins()


def steps_on(scene: Scene, times: int) -> Callable[[], None]:
    """So many resources are made, in a minute."""

    def act() -> None:
        inn = scene.inn
        ends_at = inn.clock() + timedelta(minutes=1)
        for _ in range(times):
            inn.terraform.step(inn.terraform.work(inn.run().id))

        def is_recorded() -> bool:
            inn.clock.passes(seconds=0.02)  # progress is recorded once a second
            return inn.run().resources_done == times

        until(is_recorded)
        inn.clock.until(ends_at)
        inn.works()

    return act


def it_comes_up(scene: Scene) -> None:
    steps = sets(scene)
    approved(scene)
    scene.inn.terraform.holding = True
    scene.presses(SECURITY, "Approve")
    scene.does(None, "three resources later", steps_on(scene, 3))
    scene.inn.terraform.holding = False
    deploy = steps["deploy"]
    deploy.doing = "task 7: install nginx"

    def provisions() -> None:
        scene.inn.terraform.finish(scene.inn.terraform.work(scene.inn.run().id))
        until(lambda: deploy.doing in str(steps_table.of_run(scene.inn.database, scene.inn.run().id)))
        scene.inn.clock.passes(seconds=3)
        scene.inn.notifier.send_cards(scene.inn.clock())

    def ends() -> None:
        deploy.may_end.set()
        scene.inn.works()

    scene.does(None, "while nginx is installed", provisions)
    scene.does(None, "when all of it is done", ends)
    scene.is_pictured(REQUESTER)


def nothing_to_do(scene: Scene) -> None:
    scene.inn.has("demo")
    scene.begins()
    scene.says(REQUESTER, "/lab plan demo")
    scene.is_pictured(REQUESTER)


def changed(scene: Scene) -> None:
    sets(scene)
    scene.inn.has("demo")
    scene.begins()
    scene.inn.terraform.warning = Diagnostic(
        "warning", "Deprecated attribute", "The attribute is going away."
    )
    scene.inn.terraform.next_changes = (
        PlannedChange("droplet.web[0]", "update"),
        PlannedChange("droplet.web[1]", "replace"),
        PlannedChange("firewall.web", "delete"),
        *(PlannedChange(f"record.web[{number}]", "create") for number in range(8)),
    )
    scene.says(REQUESTER, "/lab plan demo size=large")
    scene.is_pictured(REQUESTER)


def no_plan(scene: Scene) -> None:
    sets(scene)
    scene.inn.terraform.plan_failure = Diagnostic("error", "Invalid region", "There is no region `fra9`.")
    scene.says(REQUESTER, "/lab up web demo")
    scene.is_pictured(REQUESTER)
    scene.says(REQUESTER, "/lab logs demo")


def half_applied(scene: Scene) -> None:
    """An apply in the middle, with two of its four resources made; the scene begins here."""
    sets(scene)
    approved(scene)
    scene.inn.terraform.holding = True
    scene.inn.clicks(SECURITY, scene.inn.newest_card(), "Approve")
    steps_on(scene, 2)()
    scene.begins()


def half_made(scene: Scene) -> None:
    half_applied(scene)

    def fails() -> None:
        scene.inn.terraform.apply_failure = Diagnostic(
            "error", "Quota exceeded", "10 of 10 firewalls are in use."
        )
        scene.inn.terraform.holding = False
        scene.inn.terraform.finish(scene.inn.terraform.work(scene.inn.run().id))
        scene.inn.works()

    scene.does(None, "the third of four cannot be made", fails)
    scene.is_pictured(REQUESTER)


def a_step_fails(scene: Scene) -> None:
    steps = sets(scene)
    steps["deploy"].fails = "nginx: [emerg] port 80 is taken (task 7: start nginx)."
    approved(scene)
    scene.presses(SECURITY, "Approve")
    scene.is_pictured(REQUESTER)
    steps["deploy"].fails = ""
    scene.presses(REQUESTER, "Retry step")


def a_check_fails(scene: Scene) -> None:
    steps = sets(scene)
    test = steps["test"]
    assert isinstance(test, Tested)
    test.wrong = "404 instead of 200"
    approved(scene)
    scene.presses(SECURITY, "Approve")
    scene.is_pictured(REQUESTER)


def stopped(scene: Scene) -> None:
    half_applied(scene)

    def cancels() -> None:
        scene.inn.clicks(INFRA, scene.inn.newest_card(), "Cancel")
        scene.inn.terraform.holding = False
        scene.inn.works()

    scene.does(INFRA, "presses", cancels, "Cancel")
    scene.is_pictured(INFRA)
    scene.says(REQUESTER, "/lab cancel demo")


def interrupted(scene: Scene) -> None:
    half_applied(scene)

    def stops() -> None:
        inn = scene.inn
        child = inn.terraform.attach(inn.terraform.work(inn.run().id))
        assert child is not None
        inn.ends()
        child.kill()
        inn.clock.passes(minutes=2)
        inn.starts()
        inn.worker.recover(inn.clock())
        inn.terraform.holding = False
        inn.follows()
        inn.works()

    scene.does(None, "the machine stops, and another one starts", stops)
    scene.is_pictured(REQUESTER)


def broken(scene: Scene) -> None:
    class Broken(type(scene.inn.terraform)):  # type: ignore[misc]
        def read_plan(self, work: object) -> bytes:
            raise RuntimeError("a fault of ours")

    scene.inn.terraform.__class__ = Broken
    scene.says(REQUESTER, "/lab up web demo")
    scene.is_pictured(REQUESTER)


def not_undone(scene: Scene) -> None:
    sets(scene)
    scene.inn.has("demo")
    scene.inn.says(REQUESTER, "/lab down demo")
    scene.begins()
    scene.inn.terraform.apply_failure = Diagnostic("error", "Firewall in use", "web-7 still needs it.")
    scene.does(None, "infra and security approve", lambda: scene.inn.approved(scene.inn.newest_card()))
    scene.is_pictured(REQUESTER)


SCENES = {
    "It comes up": it_comes_up,
    "Nothing is to be done": nothing_to_do,
    "A plan that takes something away": changed,
    "Terraform cannot plan it": no_plan,
    "Half of it was made": half_made,
    "A step does not come to a good end": a_step_fails,
    "A check does not pass": a_check_fails,
    "Stopped by hand": stopped,
    "The machine stopped in the middle": interrupted,
    "A fault of ours while planning": broken,
    "It cannot be destroyed": not_undone,
}
