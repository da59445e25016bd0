"""Who is trusted, and what follows when they are no longer."""

from __future__ import annotations

from dataclasses import replace

from bot import requests
from commands.request import Request
from commands.table import handle
from state.records import Person
from tests.commands.grants.test_rekeying import a_lab as a_rooted_lab
from tests.commands.test_keys import ONE
from tests.inn import ADMIN, CHANNEL, COLLEAGUE, INFRA, KEYED, REQUESTER, SECURITY
from tests.messages.scene import Scene
from tests.messages.stage import KEY_TOO

TITLE = "People and machines"
CI = Person.agent("ci")


def let_in(scene: Scene) -> None:
    scene.says(ADMIN, "/operator add <@U8> operator,infra until=30d")
    scene.is_pictured(ADMIN)
    scene.says(REQUESTER, "/operator show <@U8>")
    scene.says(SECURITY, "/operator list")
    scene.says(SECURITY, "/operator audit")


def in_a_form(scene: Scene) -> None:
    scene.says(ADMIN, "/operator add")
    scene.is_pictured(ADMIN)
    scene.sends(ADMIN, "does not say until when", who="U8", roles="operator", until="a while")
    scene.inn.says(ADMIN, "/operator add")
    scene.begins()
    scene.sends(ADMIN, "says whom", who="U8", roles="operator", until="30d")


def with_everything(scene: Scene) -> None:
    """A requester with a lab, a key, credentials, a second factor and an approval."""
    inn = scene.inn
    inn.offers("locked", KEYED["locked"])
    inn.has("demo", "locked")
    inn.vault.add(REQUESTER, "operator", "infra", keys=(ONE,))
    inn.says(REQUESTER, "/key ssh demo")
    inn.says(REQUESTER, "/key db demo")
    inn.vault.totp_enroll(REQUESTER)
    inn.says(COLLEAGUE, "/lab up web web-7")
    inn.clicks(REQUESTER, inn.newest_card(), "Approve")
    scene.begins()


def seen_out(scene: Scene) -> None:
    inn = scene.inn
    with_everything(scene)
    scene.says(ADMIN, "/operator remove <@U1>")
    inn.vault.failing = {"I cannot revoke it": "slow", "I cannot remove a second factor": "slow"}
    scene.presses_own(ADMIN, "Remove")
    scene.is_pictured(ADMIN)
    inn.vault.failing = {"I cannot remove a second factor": "slow"}
    inn.sweeps()
    scene.presses_own(ADMIN, "Look again")
    inn.vault.failing = {}
    scene.does(None, "when Vault has taken all of it", lambda: (inn.sweeps(), inn.works()))


def deactivated(scene: Scene) -> None:
    inn = scene.inn
    with_everything(scene)

    def deactivates() -> None:
        inn.standings[REQUESTER] = replace(inn.standings[REQUESTER], is_deleted=True)
        event = {"type": "user_change", "user": {"id": "U1", "team_id": "T1", "deleted": True}}
        body = {"event": event, "event_id": "Ev99", "team_id": "T1"}
        inn.asks(requests.from_departure(body, inn.clock()))

    scene.does(None, "Slack says that the requester's account is deactivated", deactivates)
    scene.is_pictured(ADMIN)


def root_keys(scene: Scene) -> None:
    inn = scene.inn
    a_rooted_lab(inn)
    scene.begins()
    scene.does(
        ADMIN, "sees the requester out", lambda: inn.sees_out(ADMIN, "<@U1>"), "/operator remove @requester"
    )
    scene.is_pictured(INFRA)
    scene.does(None, "a minute later", lambda: (inn.sweeps(), inn.works()))


def a_new_root_key(scene: Scene) -> None:
    inn = scene.inn
    a_rooted_lab(inn)
    scene.begins()
    scene.says(COLLEAGUE, f"/key enroll {KEY_TOO}")
    scene.is_pictured(COLLEAGUE)


def machines(scene: Scene) -> None:
    inn = scene.inn
    scene.says(ADMIN, "/operator add-agent ci operator until=90d")
    scene.is_pictured(ADMIN)
    scene.presses_own(ADMIN, "Reveal once")
    scene.says(ADMIN, "/operator add-agent ci operator")
    scene.presses_own(ADMIN, "New secret id")

    def asks() -> None:
        handle(Request("r1", CI, CHANNEL, ("lab", "up", "web", "demo"), by_token=True), inn.deps)
        inn.works()

    scene.does(None, "the agent asks for a lab", asks, "lab up web demo")
    scene.says(ADMIN, "/operator remove-agent ci")


SCENES = {
    "Somebody is let in": let_in,
    "Somebody is let in, in a form": in_a_form,
    "Somebody is seen out": seen_out,
    "Somebody has left Slack": deactivated,
    "The labs' root keys follow": root_keys,
    "A new root key": a_new_root_key,
    "A machine that asks for labs": machines,
}
