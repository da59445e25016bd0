"""What labs cost, told unasked."""

from __future__ import annotations

from datetime import UTC, datetime

from commands.costs import budgeting
from commands.costs import report as cost_report
from commands.lifetime import sweep as lifetime_sweep
from tests.commands.lifetime.test_sweep import KEPT as KEPT_UP
from tests.inn import ADMIN, COLLEAGUE, REQUESTER
from tests.messages.scene import Scene
from tests.messages.stage import sets

TITLE = "Money"


def budget(scene: Scene) -> None:
    inn = scene.inn
    inn.offers("dear", "cost: {per_hour: 1}\napprovals: {operator: 1, self: true}")
    scene.says(ADMIN, "/lab budget 10")
    inn.has("big", "dear")
    scene.begins()

    def hours(count: float) -> None:
        inn.clock.passes(hours=count)
        budgeting.sweep(inn.deps, inn.clock())
        inn.works()

    scene.does(None, "half of it is spent", lambda: hours(5.5))
    scene.is_pictured(REQUESTER)
    scene.does(None, "four fifths of it are spent", lambda: hours(3))
    scene.does(None, "all of it is spent", lambda: hours(3))


def monday(scene: Scene) -> None:
    inn = scene.inn
    sets(scene)
    inn.offers("kept", f"{KEPT_UP}\n        cost: {{per_hour: 0.05}}")
    inn.has("demo")
    for _ in range(2):
        inn.clock.passes(hours=4.3)
        lifetime_sweep.sweep(inn.deps, inn.clock())
        inn.works()
    inn.says(COLLEAGUE, "/lab up kept web-7")
    inn.clicks(COLLEAGUE, inn.newest_card(), "Approve")
    scene.begins()

    def nine() -> None:
        inn.clock.until(datetime(2026, 11, 30, 9, 1, tzinfo=UTC))
        cost_report.send_weekly(inn.deps, inn.clock())
        inn.works()

    scene.does(None, "on Monday at nine", nine)
    scene.is_pictured(REQUESTER)


SCENES = {"A budget is spent": budget, "Monday morning": monday}
