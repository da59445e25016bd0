"""Keys, certificates, credentials."""

from __future__ import annotations

from commands.grants import tidying
from commands.steps import integrate, secure
from tests.commands.test_connecting import PUBLISHED
from tests.commands.test_credentials import signing_request
from tests.commands.test_keys import PRIVATE
from tests.inn import ADMIN, INFRA, KEYED, REQUESTER
from tests.messages.scene import Scene
from tests.messages.stage import KEY

TITLE = "Keys"


def a_lab(scene: Scene) -> None:
    """demo, and a requester with a key."""
    scene.inn.offers("locked", KEYED["locked"])
    scene.inn.terraform.outputs = {"address": "203.0.113.7"}
    scene.inn.has("demo", "locked")
    scene.inn.says(REQUESTER, f"/key enroll {KEY}")
    scene.begins()


def enrolled(scene: Scene) -> None:
    scene.says(REQUESTER, "/key enroll")
    scene.is_pictured(REQUESTER)
    scene.sends(REQUESTER, "pastes half of a key", key="ssh-ed25519 AAAAC3Nz")
    scene.inn.says(REQUESTER, "/key enroll")
    scene.begins()
    scene.sends(REQUESTER, "pastes their public key", key=KEY)
    scene.says(REQUESTER, f"/key enroll {KEY}")


def a_private_key(scene: Scene) -> None:
    scene.does(
        REQUESTER,
        "pastes their private key",
        lambda: scene.inn.says(REQUESTER, f"/key enroll {PRIVATE}"),
        "/key enroll -----BEGIN OPENSSH PRIVATE KEY----- …",
    )
    scene.is_pictured(REQUESTER)


def ssh(scene: Scene) -> None:
    a_lab(scene)
    scene.says(REQUESTER, "/key ssh demo")
    scene.is_pictured(REQUESTER)


def tls(scene: Scene) -> None:
    a_lab(scene)
    scene.says(REQUESTER, "/key tls demo")
    scene.presses_own(REQUESTER, "From a signing request")
    scene.sends(REQUESTER, "pastes a signing request", csr=signing_request())
    scene.is_pictured(REQUESTER)
    scene.inn.says(REQUESTER, "/key tls demo")
    scene.begins()
    scene.presses_own(REQUESTER, "With a new key")
    scene.presses_own(REQUESTER, "Reveal once")
    scene.does(
        None,
        "before a certificate ends",
        lambda: (
            scene.inn.clock.passes(hours=65),
            tidying.remind(scene.inn.deps, scene.inn.clock()),
            scene.inn.works(),
        ),
    )


def shown_once(scene: Scene) -> None:
    a_lab(scene)
    scene.says(REQUESTER, "/key db demo")
    offered = scene.inn.private(REQUESTER)
    scene.is_pictured(REQUESTER)
    scene.presses(REQUESTER, "Reveal once", offered)
    scene.inn.clock.passes(minutes=2)
    scene.presses(REQUESTER, "Reveal once", offered)
    scene.presses_own(REQUESTER, "This was not me")


def by_hand(scene: Scene) -> None:
    a_lab(scene)
    scene.inn.says(REQUESTER, "/key db demo")
    offered = scene.inn.private(REQUESTER)
    scene.begins()
    scene.presses(REQUESTER, "Unwrap it myself", offered)
    scene.is_pictured(REQUESTER)
    token = scene.inn.view().after("Command").removeprefix("vault unwrap ")
    scene.inn.vault.unwrap(token)
    scene.presses(REQUESTER, "Reveal once", offered)


def too_late(scene: Scene) -> None:
    a_lab(scene)
    scene.inn.says(REQUESTER, "/key db demo")
    scene.begins()
    scene.inn.clock.passes(minutes=11)
    scene.presses_own(REQUESTER, "Reveal once")
    scene.is_pictured(REQUESTER)


def a_publishing_lab(scene: Scene) -> None:
    inn = scene.inn
    inn.steps.update({"secure": secure, "integrate": integrate})
    inn.terraform.outputs = {"address": "203.0.113.7"}
    inn.secret_outputs = {"password": "not shown"}
    inn.vault.databases["demo.readonly"] = 3600
    inn.offers("published", PUBLISHED)
    inn.has("demo", "published")
    scene.begins()


def let_in(scene: Scene) -> None:
    a_publishing_lab(scene)
    scene.says(REQUESTER, "/lab connect demo")
    scene.is_pictured(REQUESTER, "channel")
    scene.inn.opens_home(REQUESTER)
    scene.begins()
    scene.presses(REQUESTER, "Connect")


def let_in_by_a_form(scene: Scene) -> None:
    a_publishing_lab(scene)
    scene.says(REQUESTER, "/lab connect")
    scene.is_pictured(REQUESTER)
    scene.sends(REQUESTER, "says for how long", ttl="8h")


def held(scene: Scene) -> None:
    a_lab(scene)
    scene.inn.says(REQUESTER, "/key ssh demo")
    scene.inn.says(REQUESTER, "/key db demo")
    scene.begins()
    scene.says(REQUESTER, "/key list")
    scene.is_pictured(REQUESTER)
    scene.says(ADMIN, "/key list all")
    scene.says(REQUESTER, "/key list")
    scene.presses_own(REQUESTER, "Revoke")
    scene.says(REQUESTER, "/key revoke all")
    scene.inn.says(REQUESTER, "/key list")
    scene.begins()
    scene.presses_own(REQUESTER, "Remove")


def a_factor(scene: Scene) -> None:
    scene.says(INFRA, "/key factor")
    scene.says(INFRA, "/key factor")
    scene.is_pictured(INFRA)
    scene.says(ADMIN, "/operator show <@U3>")
    scene.presses_own(ADMIN, "Remove second factor")


SCENES = {
    "A public key, once": enrolled,
    "A private key by mistake": a_private_key,
    "An ssh certificate": ssh,
    "A TLS certificate": tls,
    "A secret, shown once": shown_once,
    "A secret, opened by hand": by_hand,
    "A secret that nobody opened": too_late,
    "A consumer is let in": let_in,
    "A consumer is let in, in a form": let_in_by_a_form,
    "What one holds": held,
    "A second factor, shown once": a_factor,
}
