"""A branch of a real repository through real Terraform and the shipped guardrails: denied, moved, approved, adopted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.commands.engines.git.repositories import Repository
from tests.integration.house import House

pytestmark = pytest.mark.integration

LABS = Path(__file__).parents[2] / "labs"
BLUEPRINT = """name: web
summary: A word
variables: {word: {default: one}}
cost: {per_hour: 0.01}
approvals: {infra: 1, security: 1}
"""
MODULE = """
variable "word" { type = string }
resource "terraform_data" "thing" { input = "${var.word} %s" }
output "word" { value = terraform_data.thing.output }
"""
EVIL = """
data "external" "run" {
  program = ["/bin/sh", "-c", "touch %s; echo '{}'"]
}
"""


def test_a_branch_from_its_first_push_to_its_merge(own_house: House, tmp_path: Path) -> None:
    house = own_house
    repository = Repository(tmp_path / "repository")
    shutil.copytree(LABS / "policy", repository.folder / "policy")
    repository.commit({"web/blueprint.yaml": BLUEPRINT, "web/main.tf": MODULE % "reviewed"})
    repository.git("switch", "--quiet", "--create", "riley/word")
    marker = tmp_path / "ran"
    repository.commit({"web/main.tf": MODULE % "new" + EVIL % marker}, "Run something")
    house.start(LABS_PATH=repository.address)

    # What it would run is never run: Terraform does not see it.
    house.asks(house.riley, "/lab up web@riley/word demo word=two")
    card = house.card("demo: failed")
    assert "A branch may not read data external.run: it runs a program on Innkeeper's host" in card.text
    assert "main.tf:6" in card.text
    assert not marker.exists()
    assert "branch.diff" not in card.text
    house.reply(card, '+data "external" "run"')

    # Mended, and approved by one; then it moves.
    repository.commit({"web/main.tf": MODULE % "new"}, "Run nothing")
    house.presses(house.riley, card, "Re-plan")
    card = house.card("demo: proposed", number=2)
    house.presses(house.ines, card, "Approve", expect="Waiting for *security*.")
    last = repository.commit({"web/main.tf": MODULE % "newer"}, "Another word")
    house.presses(house.sam, card, "Approve", expect=f"has moved to commit `{last[:10]}`")
    card = house.card("demo: stale", number=2)
    house.presses(house.riley, card, "Re-plan")
    house.card("demo: proposed", number=3)
    house.approve_all("demo")
    house.card("demo: applied", number=3)
    assert "two newer" in house.asks(house.riley, "/lab output demo", expect="Outputs of demo")
    assert "from branch `riley/word`" in house.asks(house.riley, "/lab show demo", expect="web")

    # Merged with one more word, and adopted.
    house.asks(house.riley, "/lab adopt demo", expect=f"its commit `{last[:10]}` is not merged")
    repository.git("switch", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "--message=Merge", "riley/word")
    repository.commit({"web/main.tf": MODULE % "newest"}, "One more")
    house.asks(house.riley, "/lab adopt demo")
    house.card("demo: proposed", number=4)
    house.approve_all("demo")
    house.card("demo: applied", number=4)
    assert "two newest" in house.asks(house.riley, "/lab output demo", expect="Outputs of demo")
    with house.database() as database:
        (lab,) = database.execute('SELECT branch, "commit" FROM labs').fetchall()
    assert tuple(lab) == ("", repository.head)

    house.asks(house.riley, "/lab down demo")
    house.approve_all("demo")
    house.card("demo: destroyed")
    house.wait_for(house.is_tidy)
