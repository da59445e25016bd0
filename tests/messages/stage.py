"""What scenes are played with: a blueprint with all five steps, and steps that take the time that they take."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

from commands.steps.step import Done, StepFailed, Work
from state import checks
from state.checks import CheckResult
from state.records import StepName
from tests.inn import Backend
from tests.messages.scene import Scene

WEB = """
        variables:
          size: {default: small, choices: [small, large], help: How much machine}
        cost: {per_hour: 0.02, currency: USD}
        lifetime: {ttl: 8h, max: 3d}
        approvals: {infra: 1, security: 1}
        secure: {ssh: {user: root, ttl: 30m}, tls: {domain: lab.test}, database: {role: readonly, ttl: 1h}}
        deploy: {playbook: main.tf}
        integrate: {publish: [address, port]}
        test:
          - {http: "http://${address}/"}"""
RESOURCES = ("droplet.web[0]", "droplet.web[1]", "firewall.web", "project.demo")
REFERS_TO = {
    "firewall.web": ("droplet.web",),
    "project.demo": ("droplet.web", "firewall.web"),
}
KEY_TOO = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGQw0mFLTBUHPcPmFtD5fjDQ6YBNK9EMsTGPvn7o3JbD"
CHECKS = (
    ("http http://203.0.113.7/", "200 in 12 ms"),
    ("tls 203.0.113.7:443", "valid for 30 days"),
    ("tcp 203.0.113.7:22", "open in 3 ms"),
    ("ssh root@203.0.113.7", "logged in in 210 ms"),
    ("terraform check.dns", "passed"),
)


@dataclass
class Acted:
    """A step that takes its time. fails: why it does not come to a good end; doing: what it is at until it may end."""

    scene: Scene
    seconds: int
    sentence: str = ""
    fails: str = ""
    doing: str = ""
    may_end: threading.Event = field(default_factory=threading.Event)

    def perform(self, work: Work) -> Done:
        if self.doing:
            work.progress(self.doing)
            self.may_end.wait(30)
        self.scene.inn.clock.passes(seconds=self.seconds)
        if self.fails:
            raise StepFailed(self.fails, self.fails)
        return Done(self.sentence)


@dataclass
class Undone(Acted):
    """A step that is taken back before the lab goes."""

    def undo(self, work: Work) -> None:
        self.scene.inn.clock.passes(seconds=1)


@dataclass
class Tested(Acted):
    """The step that looks at the lab from outside. wrong: what the first check finds, where it does not pass."""

    wrong: str = ""
    checks: tuple[tuple[str, str], ...] = CHECKS

    def perform(self, work: Work) -> Done:
        self.scene.inn.clock.passes(seconds=self.seconds)
        now = work.deps.now()
        rows = [
            CheckResult(work.run.id, place, name, "passed", sentence, 12, now)
            for place, (name, sentence) in enumerate(self.checks)
        ]
        if self.wrong:
            rows[0] = replace(rows[0], state="failed", sentence=self.wrong)
        checks.record(work.deps.database, work.run.id, rows)
        if self.wrong:
            raise StepFailed(f"1 of {len(rows)} checks failed: {rows[0].name}: {self.wrong}.")
        return Done(f"{len(rows)} of {len(rows)}")


class Slow(Backend):
    """A cloud in which each resource takes twelve seconds."""

    def write(self, access: object, serial: int, resources: object) -> None:
        self._inn.clock.passes(seconds=12)
        super().write(access, serial, resources)  # type: ignore[arg-type]


def sets(scene: Scene) -> dict[StepName, Acted]:
    """The blueprint `web` with all five steps, as real as a stage can have it; gives the steps after provision."""
    inn = scene.inn
    inn.offers("web", WEB)
    inn.terraform.resources, inn.terraform.refers_to = RESOURCES, REFERS_TO
    inn.terraform.outputs = {"address": "203.0.113.7", "port": "443"}
    inn.terraform.state = Slow(inn)
    steps: dict[StepName, Acted] = {
        "secure": Undone(scene, 2),
        "deploy": Acted(scene, 19),
        "integrate": Undone(scene, 1),
        "test": Tested(scene, 4),
    }
    inn.steps.update(steps)
    return steps
