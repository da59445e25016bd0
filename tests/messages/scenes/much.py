"""When there is more to say than a message holds."""

from __future__ import annotations

from commands.engines.terraform.engine import Diagnostic
from state.records import PlannedChange
from tests.commands.test_credentials import a_lab
from tests.inn import INFRA, REQUESTER, SECURITY
from tests.messages.scene import Scene
from tests.messages.stage import CHECKS, Tested, sets

TITLE = "Much at once"


def values(scene: Scene) -> None:
    inn = scene.inn
    sets(scene)
    inn.offers(
        "large",
        "variables: {"
        + ", ".join(f"value_{number}: {{default: {number or 'small'}}}" for number in range(9))
        + "}\napprovals: {operator: 1, self: true}",
    )
    inn.terraform.outputs = {f"name_{number}": f"host-{number}.lab.test" for number in range(9)}
    inn.terraform.outputs |= {"port": 443, "hosts": [f"host-{number}" for number in range(9)]}
    scene.says(REQUESTER, f"/lab up large demo value_0={'long-' * 30}")
    scene.is_pictured(REQUESTER)
    scene.presses(REQUESTER, "Approve")
    inn.terraform.outputs = {"hosts": [f"host-{number}" for number in range(9)]}
    inn.terraform.next_changes = (PlannedChange("terraform_data.a", "move"),)
    scene.says(REQUESTER, "/lab plan demo")
    scene.presses(REQUESTER, "Approve")


def checks(scene: Scene) -> None:
    steps = sets(scene)
    test = steps["test"]
    assert isinstance(test, Tested)
    test.checks = tuple((f"tcp 203.0.113.7:{port}", "open in 3 ms") for port in range(9000, 9009)) + CHECKS
    test.wrong = "404 instead of 200"
    scene.inn.says(REQUESTER, "/lab up web demo")
    scene.inn.clicks(INFRA, scene.inn.newest_card(), "Approve")
    scene.begins()
    scene.presses(SECURITY, "Approve")
    scene.is_pictured(REQUESTER)


def a_page_after_the_other(scene: Scene) -> None:
    for number in range(12):
        scene.inn.says(REQUESTER, f"/lab up open lab-{number}")
    scene.begins()
    scene.says(REQUESTER, "/lab list")
    scene.is_pictured(REQUESTER)
    scene.presses_own(REQUESTER, "Next")


def many_choices(scene: Scene) -> None:
    images = ", ".join(f"image-{number}" for number in range(150))
    scene.inn.offers(
        "choosy", f"variables: {{image: {{default: image-7, choices: [{images}]}}}}\ncost: {{per_hour: 0.01}}"
    )
    scene.says(REQUESTER, "/lab up")
    scene.is_pictured(REQUESTER)


def a_long_log(scene: Scene) -> None:
    said = "\n".join(f"line {number}: {'the quick brown fox ' * 4}" for number in range(60))
    scene.inn.terraform.plan_failure = Diagnostic("error", "Provider crashed", f"```{said}")
    scene.says(REQUESTER, "/lab up web demo")
    scene.is_pictured(REQUESTER)
    scene.says(REQUESTER, "/lab logs demo")
    scene.does(REQUESTER, "opens the Home tab", lambda: scene.inn.opens_home(REQUESTER))


def keys(scene: Scene) -> None:
    a_lab(scene.inn)
    for _ in range(10):
        scene.inn.says(REQUESTER, "/key ssh demo")
    scene.inn.works()
    scene.begins()
    scene.does(REQUESTER, "opens the Home tab", lambda: scene.inn.opens_home(REQUESTER))
    scene.is_pictured(REQUESTER)


SCENES = {
    "Many values": values,
    "Many checks": checks,
    "Page by page": a_page_after_the_other,
    "Many choices": many_choices,
    "A long log": a_long_log,
    "Many keys": keys,
}
