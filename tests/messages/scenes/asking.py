"""From a wish to a plan."""

from __future__ import annotations

from tests.inn import BLUEPRINTS, COLLEAGUE, REQUESTER
from tests.messages.scene import Scene
from tests.messages.stage import sets

TITLE = "Asking for a lab"


def typed(scene: Scene) -> None:
    sets(scene)
    scene.inn.terraform.planning_holds = True

    def asks() -> None:
        scene.inn.intake.take(entry := scene.inn.command(REQUESTER, "/lab up web demo size=large"))
        scene.inn.intake.work(entry, scene.inn.clock())
        scene.inn.notifier.send_cards(scene.inn.clock())

    scene.does(REQUESTER, "types", asks, "/lab up web demo size=large")
    scene.inn.terraform.planning_holds = False
    scene.inn.clock.passes(seconds=2)
    scene.does(None, "two seconds later, in the same message", scene.inn.works)
    scene.is_pictured(REQUESTER)


def in_a_form(scene: Scene) -> None:
    sets(scene)
    scene.inn.offers("region", BLUEPRINTS["region"] + "\ncost: {per_hour: 0.01}")
    scene.says(REQUESTER, "/lab up")
    scene.does(
        REQUESTER, "chooses another blueprint", lambda: scene.inn.chooses(REQUESTER, blueprint="web"), "web"
    )
    scene.sends(REQUESTER, "calls it `De Mo`", name="De Mo")
    scene.inn.says(REQUESTER, "/lab up")
    scene.inn.chooses(REQUESTER, blueprint="web")
    scene.begins()
    scene.sends(REQUESTER, "calls it `demo`", name="demo", ttl="4h")


def with_a_secret(scene: Scene) -> None:
    scene.inn.offers("form", BLUEPRINTS["form"])
    scene.says(REQUESTER, "/lab up form demo")
    scene.is_pictured(REQUESTER)
    scene.sends(REQUESTER, "fills it in", password="correct horse")


def from_the_menu(scene: Scene) -> None:
    sets(scene)
    scene.does(
        REQUESTER, "uses the shortcut", lambda: scene.inn.uses(REQUESTER, "ask_for_lab"), "Ask for a lab"
    )
    scene.is_pictured(REQUESTER)


def from_a_thread(scene: Scene) -> None:
    sets(scene)
    ts = scene.writes(COLLEAGUE, "The customer wants to see web on Thursday: size=large, ttl=2d would do.")
    scene.does(
        REQUESTER,
        "uses the shortcut of a message",
        lambda: scene.inn.uses(REQUESTER, "lab_from_thread", ts),
        "Lab from this thread",
    )
    scene.sends(REQUESTER, "fills it in", name="demo")
    scene.is_pictured(REQUESTER, "thread")


def what_there_is(scene: Scene) -> None:
    sets(scene)
    scene.inn.offers("region", BLUEPRINTS["region"])
    scene.says(REQUESTER, "/lab catalog")
    scene.is_pictured(REQUESTER)
    scene.says(REQUESTER, "/lab help up")
    scene.says(REQUESTER, "/lab help")
    scene.says(REQUESTER, "/key help")
    scene.says(REQUESTER, "/operator help")


SCENES = {
    "Asked for in a line": typed,
    "Asked for in a form": in_a_form,
    "A value that nobody else may see": with_a_secret,
    "Asked for from the menu": from_the_menu,
    "Asked for from a thread": from_a_thread,
    "What can be asked for": what_there_is,
}
