"""The Home tab, as each kind of person finds it."""

from __future__ import annotations

from commands.lifetime import sweep as lifetime_sweep
from tests.inn import ADMIN, COLLEAGUE, INFRA, KEYED, REQUESTER, SECURITY, STRANGER
from tests.messages.scene import Scene
from tests.messages.stage import KEY, sets

TITLE = "The Home tab"


def with_labs(scene: Scene) -> None:
    inn = scene.inn
    sets(scene)
    inn.offers("locked", KEYED["locked"])
    inn.says(REQUESTER, f"/key enroll {KEY}")
    inn.has("hosted", "locked")
    inn.has("demo")
    inn.says(REQUESTER, "/key ssh hosted")
    inn.clock.passes(hours=2)
    inn.says(REQUESTER, "/lab up web next")
    scene.begins()


def requester(scene: Scene) -> None:
    with_labs(scene)
    scene.does(REQUESTER, "opens it", lambda: scene.inn.opens_home(REQUESTER))
    scene.is_pictured(REQUESTER)
    scene.presses_at_home(REQUESTER, "ssh")
    scene.presses_at_home(REQUESTER, "Extend 4h")
    scene.presses_at_home(REQUESTER, "Revoke")


def newcomer(scene: Scene) -> None:
    scene.does(COLLEAGUE, "opens it", lambda: scene.inn.opens_home(COLLEAGUE))
    scene.is_pictured(COLLEAGUE)
    scene.presses_at_home(COLLEAGUE, "Ask for a lab")
    scene.presses_at_home(COLLEAGUE, "Enroll a key")


def reviewer(scene: Scene) -> None:
    with_labs(scene)
    scene.inn.says(REQUESTER, "/lab extend demo 3d")
    scene.inn.says(REQUESTER, "/lab down hosted")
    scene.begins()
    scene.does(INFRA, "opens it", lambda: scene.inn.opens_home(INFRA))
    scene.is_pictured(INFRA)
    scene.presses_at_home(INFRA, "Approve")


def others(scene: Scene) -> None:
    scene.does(SECURITY, "opens it", lambda: scene.inn.opens_home(SECURITY))
    scene.does(ADMIN, "opens it", lambda: scene.inn.opens_home(ADMIN))
    scene.is_pictured(ADMIN)


def many(scene: Scene) -> None:
    inn = scene.inn
    for number in range(10):
        inn.says(REQUESTER, f"/lab up open lab-{number}")
    inn.clicks(REQUESTER, inn.newest_card(), "Approve")
    inn.clock.passes(hours=4.2)
    lifetime_sweep.sweep(inn.deps, inn.clock())
    inn.works()
    scene.begins()
    scene.does(REQUESTER, "opens it", lambda: inn.opens_home(REQUESTER))
    scene.is_pictured(REQUESTER)


def stranger(scene: Scene) -> None:
    scene.does(STRANGER, "opens it", lambda: scene.inn.opens_home(STRANGER))
    scene.is_pictured(STRANGER)


SCENES = {
    "A requester's": requester,
    "A newcomer's": newcomer,
    "A reviewer's": reviewer,
    "Of security, and of admins": others,
    "With more than it shows": many,
    "A stranger's": stranger,
}
