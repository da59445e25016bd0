"""Labs from a branch that nobody has reviewed: asked for, approved, moved away from, adopted, ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.engines.terraform.events import Diagnostic
from commands.lifetime import sweep as lifetime_sweep
from state import approvals, runs
from tests.commands.engines.git.repositories import Repository
from tests.inn import COLLEAGUE, INFRA, REQUESTER, SECURITY, Inn, Shown

pytestmark = pytest.mark.integration

OPEN = "name: web\nsummary: A web\nlifetime: {{max: 3d}}\napprovals: {{infra: 1, self: true}}\n{more}"
LOOSE = "name: web\nsummary: A web\nlifetime: {max: 30d}\napprovals: {operator: 1, self: true}\n"
NO_EXTERNAL = """package team.no_external

deny contains {"msg": msg, "file": found.file, "line": found.line} if {
	input.branch.is_branch
	some found in input.sources.data
	found.type == "external"
	msg := sprintf("A branch may not read data %s.", [found.name])
}
"""


class Proposed:
    """An Inn whose catalogue is in git, with the branch `anna/larger`."""

    def __init__(self, folder: Path) -> None:
        files = {"web/blueprint.yaml": OPEN.format(more=""), "web/main.tf": 'variable "lab" {}\n'}
        self.repository = Repository(folder / "repository", files | {"policy/no_external.rego": NO_EXTERNAL})
        self.repository.git("switch", "--quiet", "--create", "anna/larger")
        self.first = self.push({"web/main.tf": 'variable "lab" {}\n# larger\n'})
        self.inn = Inn(folder)
        self.inn.ends()
        self.inn.labs_path = self.repository.address
        self.inn.starts()

    def push(self, files: dict[str, str | None]) -> str:
        """Another commit on the branch."""
        self.repository.git("switch", "--quiet", "anna/larger")
        return self.repository.commit(files)

    def merge(self) -> str:
        """Somebody reviews the branch and merges it."""
        self.repository.git("switch", "--quiet", "main")
        self.repository.git("merge", "--quiet", "--no-ff", "--message=Merge", "anna/larger")
        return self.repository.head

    def asks(self) -> Shown:
        return self.inn.says(REQUESTER, "/lab up web@anna/larger demo").card()

    def has(self) -> Shown:
        """The lab, approved and applied."""
        card = self.asks()
        self.approved(card)
        return self.inn.card(card)

    def approved(self, card: Shown) -> None:
        for person in (INFRA, SECURITY):
            self.inn.clicks(person, card, "Approve")

    def all_but_applied(self) -> Shown:
        card = self.asks()
        self.inn.clicks(INFRA, card, "Approve")
        self.inn.intake.work(self.inn.click(SECURITY, card, "Approve"), self.inn.clock())
        assert self.inn.runs() == ["approved"]
        return card

    def away(self, is_away: bool = True) -> None:
        here, there = self.repository.folder, self.repository.folder.with_name("away")
        (here if is_away else there).rename(there if is_away else here)


@pytest.fixture
def branch(tmp_path: Path) -> Proposed:
    return Proposed(tmp_path)


# Asking


def test_a_card_shows_what_nobody_has_reviewed(branch: Proposed) -> None:
    inn, card = branch.inn, branch.asks()
    assert card.text.startswith("demo: proposed")
    assert f"Not reviewed yet: `anna/larger` at `{branch.first[:10]}` by Anna (anna@lab.test)" in card.all
    assert "1 file differs from what was reviewed: `web/main.tf +1 −0`" in card.all
    assert f"web@anna/larger at {branch.first[:7]}" in card.all
    assert "Guardrails: 1 passed" in card.all
    assert "branch.diff" in inn.replies(card)
    diff = next(said.body for said in inn.slack.thread(card.said.ts) if said.file == "branch.diff")
    assert "+# larger" in diff
    inn.says(COLLEAGUE, "/lab list")
    assert "web from branch `anna/larger`" in inn.private(COLLEAGUE).all
    inn.says(COLLEAGUE, "/lab show demo")
    assert "web from branch `anna/larger`" in inn.told(COLLEAGUE)


def test_both_teams_approve_it_whatever_it_says(branch: Proposed) -> None:
    branch.push({"web/blueprint.yaml": LOOSE})
    inn, card = branch.inn, branch.asks()
    inn.clicks(REQUESTER, card, "Approve")
    assert (
        inn.told(REQUESTER) == "You asked for this plan, so infra, operator and security people approve it."
    )
    branch.approved(card)
    inn.clicks(COLLEAGUE, card, "Approve")
    assert inn.card(card).text.startswith("demo: applied")
    assert inn.lab().branch == "anna/larger"
    assert inn.lab().lifetime.max_seconds == 3 * 86_400
    inn.is_tidy()


def test_what_it_does_not_get_before_it_is_merged_is_said(branch: Proposed) -> None:
    branch.push(
        {"web/blueprint.yaml": OPEN.format(more='credentials: {TOKEN: "innkeeper/providers/cloud#token"}')}
    )
    card = branch.asks()
    assert "Until it is merged, not as the branch asks: its approvals and its credentials." in card.all
    assert "TOKEN" not in branch.inn.terraform.environments[-1]


def test_a_blueprint_that_only_the_branch_has(branch: Proposed) -> None:
    text = "name: queue\nsummary: A queue\nsecure: {ssh: {user: root}}\n"
    branch.push({"queue/blueprint.yaml": text, "queue/main.tf": 'variable "lab" {}\n'})
    inn = branch.inn
    card = inn.says(REQUESTER, "/lab up queue@anna/larger demo").card()
    branch.approved(card)
    assert inn.card(card).text.startswith("demo: applied")
    inn.says(REQUESTER, "/lab down demo")
    branch.approved(inn.newest_card())
    assert inn.newest_card().text.startswith("demo: destroyed")


def test_a_folder_has_no_branches(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up web@main demo")
    assert inn.private(REQUESTER).all == "The catalogue is a folder, which has no branches.\n`/lab catalog`"


def test_a_branch_that_is_not_there(branch: Proposed) -> None:
    branch.inn.says(REQUESTER, "/lab up web@nobody/nothing demo")
    assert "The repository has no branch `nobody/nothing`." in branch.inn.told(REQUESTER)
    branch.inn.says(REQUESTER, "/lab up web@--upload-pack demo")
    assert "is not the name of a branch" in branch.inn.told(REQUESTER)


def test_a_value_of_a_variable_that_only_the_branch_knows_is_kept_once_that_is_known(
    branch: Proposed,
) -> None:
    branch.push(
        {"web/blueprint.yaml": OPEN.format(more="variables: {disk: {default: 1, help: Gigabytes}}\n")}
    )
    inn, asked = branch.inn, "/lab up web@anna/larger demo disk=7"
    inn.says(REQUESTER, asked)
    assert inn.told(REQUESTER).startswith(
        "I did not keep the value of `disk`, which came too early. Say it again."
    )
    assert inn.says(REQUESTER, asked).card().text.startswith("demo: proposed")
    assert inn.run().variables == {"disk": 7}


# The branch moves


def test_an_approval_of_a_branch_that_has_moved_does_not_count(branch: Proposed) -> None:
    inn, card = branch.inn, branch.asks()
    inn.clicks(INFRA, card, "Approve")
    second = branch.push({"web/main.tf": 'variable "lab" {}\n# evil\n'})
    inn.clicks(SECURITY, card, "Approve")
    moved = f"The branch `anna/larger` has moved to commit `{second[:10]}` since this was planned."
    assert inn.told(SECURITY) == f"{moved} Press `Re-plan` on the card of *demo*."
    card = inn.card(card)
    assert card.text.startswith(f"demo: stale — {moved}")
    assert "Approved by" not in card.all
    assert approvals.of_run(inn.database, inn.run().id, inn.run().digest or "") == []
    inn.clicks(REQUESTER, card, "Re-plan")
    again = inn.newest_card()
    assert f"at `{second[:10]}`" in again.all
    branch.approved(again)
    assert inn.card(again).text.startswith("demo: applied")
    assert inn.lab().commit == second
    assert inn.runs() == ["stale", "applied"]


def test_a_branch_that_moves_between_approval_and_apply(branch: Proposed) -> None:
    inn, card = branch.inn, branch.all_but_applied()
    branch.push({"web/main.tf": "# evil\n"})
    inn.works()
    assert inn.runs() == ["stale"]
    assert "Its approvals are void, and nothing was applied." in inn.card(card).all
    assert inn.terraform.applied == []
    assert ("innkeeper", "branch_moved", "demo") in inn.audited()
    inn.is_tidy()


def test_a_branch_that_is_gone_is_one_that_moved(branch: Proposed) -> None:
    inn, card = branch.inn, branch.asks()
    branch.repository.git("switch", "--quiet", "main")
    branch.repository.git("branch", "--quiet", "-D", "anna/larger")
    inn.clicks(INFRA, card, "Approve")
    assert "The branch `anna/larger` is gone since this was planned." in inn.told(INFRA)
    inn.clicks(REQUESTER, inn.card(card), "Re-plan")
    assert "Once it is merged, `/lab adopt demo` moves the lab to what was reviewed." in inn.told(REQUESTER)


def test_nothing_is_approved_while_nobody_can_tell(branch: Proposed) -> None:
    inn, card = branch.inn, branch.asks()
    branch.away()
    inn.clicks(INFRA, card, "Approve")
    assert inn.told(INFRA).startswith(
        "I cannot tell whether the branch `anna/larger` is still as it was shown. "
    )
    assert inn.told(INFRA).endswith("So nothing was approved. Try again when it answers.")
    assert inn.runs() == ["proposed"]
    branch.away(False)
    branch.approved(card)
    assert inn.runs() == ["applied"]


def test_an_approved_plan_waits_for_the_repository(branch: Proposed) -> None:
    inn, card = branch.inn, branch.all_but_applied()
    branch.away()
    inn.works()
    assert inn.runs() == ["approved"]
    assert "I cannot tell whether the branch `anna/larger` is still as it was shown." in inn.card(card).all
    branch.away(False)
    inn.clock.passes(seconds=16)
    inn.works()
    assert inn.runs() == ["applied"]
    assert "I cannot tell" not in inn.card(card).all


def test_planning_again_takes_what_the_branch_has_now(branch: Proposed) -> None:
    inn = branch.inn
    branch.has()
    second = branch.push({"web/main.tf": 'variable "lab" {}\n# second\n'})
    inn.says(REQUESTER, "/lab plan demo")
    assert inn.run().commit == second
    assert inn.lab().commit == branch.first  # until it is applied


# Adopting


def test_a_lab_goes_on_from_what_was_reviewed(branch: Proposed) -> None:
    inn = branch.inn
    branch.has()
    inn.says(REQUESTER, "/lab adopt demo")
    assert f"its commit `{branch.first[:10]}` is not merged." in inn.told(REQUESTER)
    merged = branch.merge()
    inn.terraform.resources = (*inn.terraform.resources, "terraform_data.c")
    card = inn.says(REQUESTER, "/lab adopt demo").card()
    assert "Not reviewed yet" not in card.all
    assert (inn.run().branch, inn.run().commit) == ("", merged)
    inn.clicks(INFRA, card, "Approve")  # what was reviewed asks for infra alone
    assert inn.card(card).text.startswith("demo: applied")
    assert (inn.lab().branch, inn.lab().commit) == ("", merged)
    inn.says(REQUESTER, "/lab show demo")
    assert "from branch" not in inn.told(REQUESTER)
    inn.says(REQUESTER, "/lab adopt demo")
    assert inn.told(REQUESTER).startswith("*demo* is from the reviewed catalogue already.")


def test_what_differs_in_nothing_is_adopted_without_approvals(branch: Proposed) -> None:
    inn = branch.inn
    branch.has()
    merged = branch.merge()
    card = inn.says(REQUESTER, "/lab adopt demo").card()
    assert card.text.startswith("demo: no_changes")
    assert "The lab follows the branch `anna/larger` no more." in card.all
    assert (inn.lab().branch, inn.lab().commit) == ("", merged)


def test_a_commit_that_nobody_approved_becomes_no_labs(branch: Proposed) -> None:
    """A plan that changes nothing is not approved, and its commit may deploy something else."""
    inn = branch.inn
    branch.has()
    branch.push({"web/other": "deploys something else"})
    inn.says(REQUESTER, "/lab plan demo")
    assert inn.runs()[-1] == "no_changes"
    assert inn.lab().commit == branch.first


def test_only_who_may_run_it_adopts_it(branch: Proposed) -> None:
    branch.has()
    branch.merge()
    branch.inn.says(COLLEAGUE, "/lab adopt demo")
    assert "Its owner and infra people may do that." in branch.inn.told(COLLEAGUE)


# Its end


def test_it_is_destroyed_from_what_it_was_made_from(branch: Proposed) -> None:
    inn = branch.inn
    branch.has()
    branch.repository.git("switch", "--quiet", "main")
    branch.repository.git("branch", "--quiet", "-D", "anna/larger")
    inn.deps.catalogue.refresh()  # type: ignore[attr-defined]
    branch.away()
    card = inn.says(REQUESTER, "/lab down demo").card()
    assert inn.run().commit == branch.first
    branch.approved(card)
    assert inn.card(card).text.startswith("demo: destroyed")


def test_a_half_applied_commit_is_what_is_destroyed(branch: Proposed) -> None:
    inn = branch.inn
    inn.terraform.apply_failure = Diagnostic("error", "Quota exceeded")
    branch.has()
    assert inn.runs() == ["failed"]
    second = branch.push({"web/main.tf": 'variable "lab" {}\n# second\n'})
    inn.terraform.apply_failure = None
    inn.terraform.holding = False
    inn.clicks(REQUESTER, inn.newest_card(), "Re-plan")
    inn.terraform.apply_failure = Diagnostic("error", "Quota exceeded")
    branch.approved(inn.newest_card())
    found = runs.last_begun(inn.database, inn.lab().id)
    assert found is not None
    assert found.commit == second


def test_its_lifetime_ends_it(branch: Proposed) -> None:
    inn = branch.inn
    branch.has()
    for _ in range(40):
        inn.clock.passes(3600)
        lifetime_sweep.sweep(inn.deps, inn.clock())
        inn.works()
    assert inn.lab().gone_at is not None
    assert inn.run().state == "applied"
    assert (inn.run().kind, inn.run().commit) == ("destroy", branch.first)
