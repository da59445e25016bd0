"""How long a lab lives, and how it goes."""

from __future__ import annotations

from datetime import UTC, datetime

from commands.engines.terraform.engine import Diagnostic
from commands.lifetime import sweep as lifetime_sweep
from state import habits
from state.habits import Habits
from tests.commands.lifetime.test_office_hours import OFFICE
from tests.commands.lifetime.test_sweep import KEPT
from tests.inn import COLLEAGUE, INFRA, REQUESTER, SECURITY
from tests.messages.scene import Scene
from tests.messages.stage import sets

TITLE = "How long it lives"


def sweeps(scene: Scene, hours: float, every: float = 0.25) -> None:
    """Let time pass, and look every quarter of an hour what is due."""
    for _ in range(round(hours / every)):
        scene.inn.clock.passes(hours=every)
        lifetime_sweep.sweep(scene.inn.deps, scene.inn.clock())
        scene.inn.works()


def extended(scene: Scene) -> None:
    sets(scene)
    scene.inn.has("demo")
    scene.begins()
    scene.says(REQUESTER, "/lab extend demo 4h")
    scene.is_pictured(REQUESTER)
    scene.presses(INFRA, "Extend 4h")
    scene.inn.opens_home(REQUESTER)
    scene.inn.clicks_home(REQUESTER, "Extend…")
    scene.begins()
    scene.sends(REQUESTER, "says for how long", more="other", other="soon")


def in_a_form(scene: Scene) -> None:
    sets(scene)
    scene.inn.has("demo")
    scene.begins()
    scene.says(REQUESTER, "/lab extend demo")
    scene.is_pictured(REQUESTER)
    scene.sends(REQUESTER, "says for how long", more="other", other="90m")


def longer_than_its_kind(scene: Scene) -> None:
    sets(scene)
    scene.inn.has("demo")
    scene.begins()
    scene.says(REQUESTER, "/lab extend demo 3d")
    scene.is_pictured(INFRA)
    scene.presses_in_thread(REQUESTER, "Approve")
    scene.presses_in_thread(INFRA, "Approve")
    scene.inn.says(REQUESTER, "/lab extend demo 3d")
    scene.begins()
    scene.presses_in_thread(INFRA, "Reject")


def idle(scene: Scene) -> None:
    sets(scene)
    scene.inn.has("demo")
    scene.begins()
    scene.does(None, "nobody uses it for four hours", lambda: sweeps(scene, 4.25))
    scene.is_pictured(REQUESTER, "direct")
    scene.does(None, "nor for half an hour more", lambda: sweeps(scene, 0.75))


def not_gone(scene: Scene) -> None:
    sets(scene)
    scene.inn.has("demo")
    sweeps(scene, 4.25)
    scene.begins()
    scene.inn.terraform.apply_failure = Diagnostic("error", "Firewall in use", "web-7 still needs it.")
    scene.does(None, "when its time has come", lambda: sweeps(scene, 0.25))
    scene.is_pictured(REQUESTER)


def answered(scene: Scene) -> None:
    sets(scene)
    scene.inn.has("demo")
    sweeps(scene, 4.25)
    scene.begins()
    scene.presses_own(REQUESTER, "Keep until tomorrow 09:00")
    scene.is_pictured(REQUESTER)
    scene.does(None, "nobody uses it until then, nor after", lambda: sweeps(scene, 23.5))
    scene.presses_own(REQUESTER, "Destroy now")


def expired(scene: Scene) -> None:
    sets(scene)
    scene.inn.has("demo")
    for _ in range(2):
        scene.inn.clock.passes(hours=3)
        scene.inn.says(REQUESTER, "/lab output demo")
    scene.begins()
    scene.does(None, "a while before its time is over", lambda: sweeps(scene, 2))
    scene.is_pictured(REQUESTER, "direct")
    scene.does(None, "when it is over", lambda: sweeps(scene, 1))


def only_reminded(scene: Scene) -> None:
    scene.inn.offers("kept", KEPT)
    scene.inn.has("demo", "kept")
    habits.keep(scene.inn.database, Habits(REQUESTER, "UTC", 0, 0, False))  # at any hour
    sweeps(scene, 5.5)
    scene.begins()
    scene.does(None, "its owner has not answered three reminders", lambda: sweeps(scene, 1))
    scene.is_pictured(REQUESTER)
    scene.presses_own(REQUESTER, "Destroy now")


def of_somebody_who_left(scene: Scene) -> None:
    sets(scene)
    scene.inn.has("demo")
    scene.inn.vault.remove_operator(REQUESTER)
    scene.begins()
    scene.does(None, "its owner is no operator any more", lambda: sweeps(scene, 4.25))
    scene.is_pictured(COLLEAGUE)
    scene.presses(COLLEAGUE, "Take over")


def left_in_peace(scene: Scene) -> None:
    scene.says(REQUESTER, "/lab quiet")
    scene.says(REQUESTER, "/lab quiet 22:00-07:00 weekends=yes")
    scene.is_pictured(REQUESTER)
    scene.says(REQUESTER, "/lab quiet off")
    scene.says(REQUESTER, "/lab quiet default")


def office_hours(scene: Scene) -> None:
    scene.inn.offers("office", OFFICE)
    scene.inn.clock.until(datetime(2026, 11, 24, 17, 0, tzinfo=UTC))
    scene.inn.has("demo", "office")
    scene.begins()

    def until(hour: int, day: int = 24) -> None:
        scene.inn.clock.until(datetime(2026, 11, day, hour, 5, tzinfo=UTC))
        sweeps(scene, 0.25)

    scene.does(None, "in the evening", lambda: until(19))
    scene.is_pictured(REQUESTER)
    scene.says(REQUESTER, "/lab show demo")
    scene.does(REQUESTER, "opens the Home tab", lambda: scene.inn.opens_home(REQUESTER))
    scene.does(None, "in the morning", lambda: until(8, 25))


def by_hand(scene: Scene) -> None:
    sets(scene)
    scene.inn.has("demo")
    scene.inn.clock.passes(hours=6)
    scene.begins()
    scene.presses(REQUESTER, "Destroy")
    scene.inn.clicks(INFRA, scene.inn.newest_card(), "Approve")
    scene.begins()
    scene.presses(SECURITY, "Approve")
    scene.is_pictured(REQUESTER)


def never_made(scene: Scene) -> None:
    scene.inn.says(REQUESTER, "/lab up web demo")
    scene.begins()
    scene.says(REQUESTER, "/lab down demo")
    scene.is_pictured(REQUESTER)


SCENES = {
    "A few hours more": extended,
    "More time, in a form": in_a_form,
    "Longer than its kind may live": longer_than_its_kind,
    "Nobody uses it": idle,
    "It is still there": not_gone,
    "Kept for a while": answered,
    "Its time is over": expired,
    "A lab that is only reminded of": only_reminded,
    "Its owner has left": of_somebody_who_left,
    "Left in peace": left_in_peace,
    "Asleep at night": office_hours,
    "Destroyed": by_hand,
    "It never came to be": never_made,
}
