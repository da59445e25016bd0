"""When the answer is no, or not now."""

from __future__ import annotations

from tests.inn import CHANNEL, COLLEAGUE, REQUESTER, SECURITY, STRANGER
from tests.messages.scene import Scene
from tests.messages.stage import sets

TITLE = "No, or not now"


def a_slip(scene: Scene) -> None:
    sets(scene)
    scene.inn.has("demo")
    scene.begins()
    scene.says(REQUESTER, "/lab up wbe web-7")
    scene.is_pictured(REQUESTER)
    scene.says(REQUESTER, "/lab up web Web_7")
    scene.says(REQUESTER, "/lab up web web-7 size=huge")
    scene.says(REQUESTER, "/lab up web web-7 sise=large")
    scene.says(REQUESTER, "/lab up web demo")
    scene.says(REQUESTER, "/lab show dmeo")
    scene.says(REQUESTER, "/lab extend demo forever")


def not_yours(scene: Scene) -> None:
    sets(scene)
    scene.inn.has("demo")
    scene.begins()
    scene.says(STRANGER, "/lab up web web-7")
    scene.is_pictured(STRANGER)
    scene.says(SECURITY, "/lab up web web-7")
    scene.says(COLLEAGUE, "/lab down demo")


def another_channel(scene: Scene) -> None:
    scene.inn.ends()
    scene.inn.allowed_channels = (CHANNEL,)
    scene.inn.starts()
    scene.does(
        REQUESTER,
        "types in another channel",
        lambda: scene.inn.says(REQUESTER, "/lab list", channel="C2"),
        "/lab list",
    )
    scene.is_pictured(REQUESTER)


def vault_away(scene: Scene) -> None:
    scene.inn.says(REQUESTER, "/lab up")
    scene.begins()
    scene.inn.vault.state = "sealed"
    scene.sends(REQUESTER, "sends a form", name="demo")
    scene.says(REQUESTER, "/lab up web demo")
    scene.is_pictured(REQUESTER)
    scene.inn.vault.state = "away"
    scene.says(REQUESTER, "/lab up web demo")
    scene.inn.vault.state = "slow"
    scene.says(REQUESTER, "/lab up web demo")
    scene.inn.vault.state = "denied"
    scene.says(REQUESTER, "/lab up web demo")
    scene.does(REQUESTER, "opens the Home tab", lambda: scene.inn.opens_home(REQUESTER))


def slack_away(scene: Scene) -> None:
    scene.inn.slack_tells_who_is_who = False
    scene.says(REQUESTER, "/lab up web demo")
    scene.is_pictured(REQUESTER)


def a_fault(scene: Scene) -> None:
    inn = scene.inn

    def breaks() -> None:
        entry = inn.command(REQUESTER, "/lab catalog")
        inn.intake.take(entry)

        class Torn(type(inn.deps.catalogue)):  # type: ignore[misc]
            def blueprints(self) -> object:
                raise RuntimeError("a fault of ours")

        inn.deps.catalogue.__class__ = Torn
        inn.intake.work(entry, inn.clock())

    scene.does(REQUESTER, "types", breaks, "/lab catalog")
    scene.is_pictured(REQUESTER)


def too_old(scene: Scene) -> None:
    def comes_back() -> None:
        scene.inn.intake.take(scene.inn.command(REQUESTER, "/lab up web demo"))
        scene.inn.clock.passes(minutes=31)
        scene.inn.kills()
        scene.inn.works()

    scene.does(
        REQUESTER,
        "types while the bot is away, which comes back half an hour later",
        comes_back,
        "/lab up web demo",
    )
    scene.is_pictured(REQUESTER)


SCENES = {
    "A slip of the keyboard": a_slip,
    "Not theirs to ask for": not_yours,
    "In another channel": another_channel,
    "Vault is away": vault_away,
    "Slack does not answer": slack_away,
    "A fault of ours": a_fault,
    "Too much time has passed": too_old,
}
