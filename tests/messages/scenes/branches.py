"""Labs from a branch that nobody has reviewed."""

from __future__ import annotations

import io
import tarfile
import tempfile
from functools import cache
from pathlib import Path

from tests.commands.engines.git.repositories import Repository
from tests.inn import INFRA, REQUESTER, SECURITY
from tests.messages.scene import Scene

TITLE = "A lab from a branch"
BLUEPRINT = "name: web\nsummary: A web\napprovals: {infra: 1, self: true}\n"
MODULE = 'variable "lab" {}\n'
POLICY = """package team.external

deny contains {"msg": "a branch may not read data external", "file": found.file, "line": found.line} if {
	input.branch.is_branch
	some found in input.sources.data
	found.type == "external"
}
"""


def proposes(scene: Scene) -> Repository:
    """A catalogue in git, and Anna's branches of it: one with a change, one with none."""
    repository = Repository(scene.folder / "repository")
    with tarfile.open(fileobj=io.BytesIO(_packed())) as packed:
        packed.extractall(repository.folder, filter="data")
    scene.inn.ends()
    scene.inn.labs_path = repository.address
    scene.inn.starts()
    return repository


@cache
def _packed() -> bytes:
    """Made once, as git takes its time."""
    with tempfile.TemporaryDirectory() as place:
        files = {"web/blueprint.yaml": BLUEPRINT, "web/main.tf": MODULE, "policy/external.rego": POLICY}
        repository = Repository(Path(place) / "repository", files)
        repository.git("branch", "anna/same")
        repository.git("switch", "--quiet", "--create", "anna/larger")
        repository.commit({"web/main.tf": f"{MODULE}# larger\n"})
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.add(repository.folder, arcname=".")
    return packed.getvalue()


def approves(scene: Scene) -> None:
    for person in (INFRA, SECURITY):
        scene.inn.clicks(person, scene.inn.newest_card(), "Approve")


def reviewed_later(scene: Scene) -> None:
    repository = proposes(scene)
    scene.says(REQUESTER, "/lab up web@anna/larger demo")
    scene.is_pictured(REQUESTER)
    approves(scene)
    scene.begins()
    scene.says(REQUESTER, "/lab show demo")
    scene.says(REQUESTER, "/lab adopt demo")
    repository.git("switch", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "--message=Merge", "anna/larger")
    scene.inn.terraform.resources = (*scene.inn.terraform.resources, "terraform_data.c")
    scene.says(REQUESTER, "/lab adopt demo")
    scene.presses(INFRA, "Approve")


def moved(scene: Scene) -> None:
    repository = proposes(scene)
    scene.inn.says(REQUESTER, "/lab up web@anna/larger demo")
    scene.begins()
    repository.commit({"web/main.tf": f"{MODULE}# much larger\n"})
    scene.presses(INFRA, "Approve")
    scene.is_pictured(INFRA)


def too_much(scene: Scene) -> None:
    repository = proposes(scene)
    more = 'credentials: {TOKEN: "innkeeper/providers/cloud#token"}\n'
    added = {f"web/{number}.tf": f"# {number}\n" for number in range(7)}
    repository.commit(added | {"web/blueprint.yaml": BLUEPRINT + more})
    scene.says(REQUESTER, "/lab up web@anna/larger demo")
    scene.is_pictured(REQUESTER)
    repository.commit({"web/data.tf": 'data "external" "x" {\n  program = ["id"]\n}\n'})
    scene.says(REQUESTER, "/lab up web@anna/larger other")


def nothing_new(scene: Scene) -> None:
    proposes(scene)
    scene.says(REQUESTER, "/lab up web@anna/same demo")
    scene.is_pictured(REQUESTER)


SCENES = {
    "Planned before it is reviewed": reviewed_later,
    "The branch has moved": moved,
    "A branch that asks for too much": too_much,
    "A branch without changes": nothing_new,
}
