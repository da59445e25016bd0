from __future__ import annotations

from pathlib import Path

import pytest

from commands.blueprints.catalogue import Catalogue
from commands.blueprints.git_catalogue import GitCatalogue, opened
from commands.blueprints.proposals import (
    DIFF_LIMIT_BYTES,
    blueprint_at,
    checked_out_at,
    head_of,
    is_merged,
    proposal,
)
from tests.commands.engines.git.repositories import Repository, blueprint
from tests.commands.refusals import refused

LOOSE = "name: web\nsummary: Loose\napprovals: {operator: 1, self: true}\nlifetime: {max: 30d}\n"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    found = Repository(tmp_path / "repository", blueprint("web", "approvals: {infra: 2}\n"))
    found.git("switch", "--quiet", "--create", "anna/loose")
    found.commit({"web/blueprint.yaml": LOOSE, "web/main.tf": "# one\n# two\n"}, "Loosen it")
    found.git("switch", "--quiet", "main")
    found.commit({"README": "Somebody else's work"})
    return found


@pytest.fixture
def labs(repository: Repository, tmp_path: Path) -> GitCatalogue:
    found = opened(repository.address, tmp_path / "data")
    assert isinstance(found, GitCatalogue)
    return found


def test_a_branch_is_shown_against_where_it_began(labs: GitCatalogue, repository: Repository) -> None:
    found = proposal(labs, "anna/loose")
    assert (found.branch, found.commit) == ("anna/loose", repository.git("rev-parse", "anna/loose"))
    assert found.reviewed == labs.in_use == repository.head
    assert (found.author_name, found.author_email) == ("Anna", "anna@lab.test")
    assert [(each.path, each.added_lines, each.removed_lines) for each in found.files_changed] == [
        ("web/blueprint.yaml", 3, 2),
        ("web/main.tf", 2, 0),
    ]
    assert "+approvals: {operator: 1, self: true}" in found.diff
    assert "README" not in found.diff


def test_a_branch_that_was_pushed_a_moment_ago_is_there(labs: GitCatalogue, repository: Repository) -> None:
    repository.git("branch", "new")
    assert proposal(labs, "new").commit == repository.head
    assert proposal(labs, "new").files_changed == ()


@pytest.mark.parametrize("name", ["--upload-pack=touch", "-", "a..b", "main^", "a b", "main:web", "@{1}", ""])
def test_what_no_branch_is_called_is_refused(labs: GitCatalogue, name: str) -> None:
    assert "is not the name of a branch" in refused(proposal, labs, name).sentence
    assert "is not the name of a branch" in refused(head_of, labs, name).sentence


def test_a_branch_that_is_not_there_is_told(
    labs: GitCatalogue, repository: Repository, tmp_path: Path
) -> None:
    assert refused(proposal, labs, "none").sentence == "The repository has no branch `none`."
    assert refused(head_of, labs, "none").sentence == "The repository has no branch `none`."
    repository.git("checkout", "--quiet", "--orphan", "apart")
    repository.commit({}, "Apart")
    assert "has no commit in common" in refused(proposal, labs, "apart").sentence
    repository.folder.rename(tmp_path / "away")
    assert "cannot be fetched" in refused(proposal, labs, "main").sentence
    assert "does not answer" in refused(head_of, labs, "main").sentence


def test_a_folder_has_no_branches(tmp_path: Path) -> None:
    told = refused(proposal, Catalogue(tmp_path), "main")
    assert told.sentence == "The catalogue is a folder, which has no branches."


def test_who_committed_is_shown_without_what_misleads(labs: GitCatalogue, repository: Repository) -> None:
    repository.git("switch", "--quiet", "--create", "evil")
    author = "\u202eanna " + "x" * 300
    repository.git("commit", "--quiet", "--allow-empty", "--message=x", f"--author={author} <a@b>")
    found = proposal(labs, "evil")
    assert "\u202e" not in found.author_name
    assert found.author_name.startswith("anna xxx")
    assert len(found.author_name) <= 100


def test_a_long_diff_is_cut_at_a_line(labs: GitCatalogue, repository: Repository) -> None:
    repository.git("switch", "--quiet", "--create", "long")
    repository.commit({"web/main.tf": "# something\n" * 50_000})
    found = proposal(labs, "long")
    assert len(found.diff.encode()) < DIFF_LIMIT_BYTES + 200
    lines = found.diff.splitlines()
    assert lines[-1] == "… the rest of this diff is not shown: it is longer than 200,000 bytes."
    assert set(lines[-100:-1]) == {"+# something"}
    assert found.files_changed[0].added_lines == 50_000


def test_a_branch_that_moved_is_known(labs: GitCatalogue, repository: Repository) -> None:
    before = proposal(labs, "anna/loose").commit
    assert head_of(labs, "anna/loose") == before
    repository.git("switch", "--quiet", "anna/loose")
    after = repository.commit({"web/main.tf": "# other"})
    assert head_of(labs, "anna/loose") == after


def test_the_files_of_a_branch_are_apart(labs: GitCatalogue) -> None:
    commit = proposal(labs, "anna/loose").commit
    folder = checked_out_at(labs, commit)
    assert (folder / "web" / "blueprint.yaml").read_text() == LOOSE
    assert folder.parent.name == "proposals"
    assert not folder.is_relative_to(labs.path.parent)
    assert list(labs.blueprints()) == ["web"]
    assert labs.get("web").summary == "First"
    assert "is not a commit" in refused(checked_out_at, labs, "anna/loose").sentence


def test_its_blueprint_is_under_the_rules_of_the_reviewed_one(
    labs: GitCatalogue, repository: Repository
) -> None:
    commit = proposal(labs, "anna/loose").commit
    found = blueprint_at(labs, "web", commit)
    assert (found.summary, dict(found.approvals.needed)) == (
        "Loose",
        {"infra": 2, "security": 1, "operator": 1},
    )
    assert not found.approvals.self_approval
    assert found.lifetime.max_seconds == 3 * 86_400
    assert labs.commit(found) == commit
    assert "There is no blueprint `db` in commit" in refused(blueprint_at, labs, "db", commit).sentence
    repository.git("switch", "--quiet", "--create", "torn")
    repository.commit({"web/blueprint.yaml": "x: y\n"})
    torn = proposal(labs, "torn").commit
    assert "is broken in `web/blueprint.yaml`, line 1" in refused(blueprint_at, labs, "web", torn).sentence


def test_a_branch_is_merged_when_the_reviewed_commit_has_all_of_it(
    labs: GitCatalogue, repository: Repository
) -> None:
    commit = proposal(labs, "anna/loose").commit
    assert not is_merged(labs, commit)
    repository.git("merge", "--quiet", "--squash", "anna/loose")
    repository.git("commit", "--quiet", "--message=Squashed")
    assert not is_merged(labs, commit)
    labs.refresh()
    assert is_merged(labs, commit)
