"""From a plan to a decision."""

from __future__ import annotations

from bot import scheduler
from commands.costs import budgeting
from tests.inn import ADMIN, CHANNEL, COLLEAGUE, INFRA, INFRA_TOO, REQUESTER, SECURITY
from tests.messages.scene import Scene
from tests.messages.stage import sets

TITLE = "Approving it"


def a_plan(scene: Scene) -> None:
    sets(scene)
    scene.inn.says(REQUESTER, "/lab up web demo")
    scene.begins()


def both_teams(scene: Scene) -> None:
    a_plan(scene)
    scene.presses(REQUESTER, "Approve")
    scene.presses(COLLEAGUE, "Approve")
    scene.presses(INFRA, "Approve")
    scene.is_pictured(INFRA)
    scene.presses(INFRA, "Approve")
    scene.presses(SECURITY, "Approve")


def nobody_is_called(scene: Scene) -> None:
    sets(scene)
    scene.inn.vault.failing["I cannot read who the operators are"] = "away"
    scene.says(REQUESTER, "/lab up web demo")
    scene.is_pictured(REQUESTER, "thread")


def card_is_elsewhere(scene: Scene) -> None:
    sets(scene)
    scene.inn.slack.closed[CHANNEL] = "not_in_channel"
    scene.does(
        REQUESTER,
        "types where I am no member",
        lambda: scene.inn.says(REQUESTER, "/lab up web demo"),
        "/lab up web demo",
    )
    scene.is_pictured(INFRA)


def rejected(scene: Scene) -> None:
    a_plan(scene)
    scene.presses(INFRA, "Reject")
    scene.is_pictured(INFRA)
    scene.sends(INFRA, "gives no reason", reason="  ")
    scene.inn.clicks(INFRA, scene.inn.newest_card(), "Reject")
    scene.begins()
    scene.sends(INFRA, "says why", reason="ssh is open to the world")


def second_factor(scene: Scene) -> None:
    scene.inn.says(REQUESTER, "/lab up guarded demo")
    scene.begins()
    scene.presses(INFRA, "Approve")
    scene.inn.vault.totp_enroll(INFRA)
    scene.presses(INFRA, "Approve")
    scene.is_pictured(INFRA)
    scene.sends(INFRA, "types a wrong code", code="000000")
    scene.inn.clicks(INFRA, scene.inn.newest_card(), "Approve")
    scene.begins()
    scene.sends(INFRA, "types the code that their phone shows", code=scene.inn.vault.code_of(INFRA))


def planned_again(scene: Scene) -> None:
    a_plan(scene)
    card = scene.inn.newest_card()
    scene.presses(REQUESTER, "Re-plan")
    scene.is_pictured(REQUESTER)
    scene.presses(INFRA, "Approve", card)


def too_late(scene: Scene) -> None:
    a_plan(scene)

    def a_day() -> None:
        scene.inn.clock.passes(hours=24.1)
        scheduler.expire_proposals(scene.inn.deps, scene.inn.clock())
        scene.inn.works()

    scene.does(None, "nobody approves it for a day", a_day)
    scene.is_pictured(REQUESTER)


def stale(scene: Scene) -> None:
    sets(scene)
    scene.inn.has("demo")
    scene.inn.says(REQUESTER, "/lab plan demo size=large")
    scene.begins()
    scene.does(
        None,
        "somebody changes the lab with their own Terraform",
        lambda: (scene.inn.somebody_applies_by_hand(), scene.inn.sweeps(), scene.inn.works()),
    )
    scene.is_pictured(REQUESTER)


def above_the_budget(scene: Scene) -> None:
    scene.inn.says(ADMIN, "/lab budget 10")
    scene.inn.offers("dear", "cost: {per_hour: 1}\napprovals: {operator: 1, self: true}")
    scene.inn.has("big", "dear")
    scene.inn.clock.passes(hours=11)
    budgeting.sweep(scene.inn.deps, scene.inn.clock())
    scene.inn.works()
    scene.begins()
    scene.says(REQUESTER, "/lab up open demo")
    scene.is_pictured(REQUESTER)


def guarded(scene: Scene, text: str) -> None:
    """The blueprint web, in a catalogue with this policy."""
    sets(scene)
    policy = scene.inn.folder / "labs" / "policy" / "team.rego"
    policy.parent.mkdir()
    policy.write_text(text)


def denied(scene: Scene) -> None:
    guarded(scene, OPEN_TO_THE_WORLD.format(overridable="false"))
    scene.says(REQUESTER, "/lab up web demo")
    scene.is_pictured(REQUESTER)


def overridden(scene: Scene) -> None:
    guarded(scene, OPEN_TO_THE_WORLD.format(overridable="true") + WITHOUT_TAGS)
    scene.says(REQUESTER, "/lab up web demo")
    scene.is_pictured(INFRA)
    scene.presses(INFRA, "Approve")
    scene.presses(SECURITY, "Approve")


OPEN_TO_THE_WORLD = """package team.world

deny contains {{"msg": "ssh is open to 0.0.0.0/0", "overridable": {overridable}}} if {{
	some change in input.plan.resource_changes
	change.address == "firewall.web"
}}
"""
WITHOUT_TAGS = """
warn contains "project.demo has no tags, so the bill will not say whose it is" if {
	some change in input.plan.resource_changes
	change.address == "project.demo"
}
"""


def a_role_for_two(scene: Scene) -> None:
    scene.says(REQUESTER, "/lab up wide demo")
    scene.presses(INFRA, "Approve")
    scene.is_pictured(INFRA)
    scene.presses(INFRA_TOO, "Approve")


SCENES = {
    "Infra and security approve": both_teams,
    "Two of one team": a_role_for_two,
    "Nobody can be called by name": nobody_is_called,
    "In direct messages": card_is_elsewhere,
    "Rejected, with a reason": rejected,
    "With a second factor": second_factor,
    "Planned again": planned_again,
    "Nobody approves in time": too_late,
    "The lab has changed since": stale,
    "The channel has spent its budget": above_the_budget,
    "A guardrail says no": denied,
    "A guardrail is overridden": overridden,
}
