from __future__ import annotations

import os
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bot.intake import Intake
from commands.blueprints import refreshing
from commands.blueprints.git_catalogue import KEPT, GitCatalogue, opened
from state import audit
from state.records import Person
from tests.commands.engines.git.repositories import Repository, blueprint
from tests.commands.refusals import refused
from tests.inn import ADMIN, REQUESTER, Inn

TORN = "name: web\nsumary: Torn\n"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository", blueprint("web") | blueprint("db"))


def catalogue_of(repository: Repository, data: Path, after: str = "#main") -> GitCatalogue:
    found = opened(f"git+file://{repository.folder}{after}", data)
    assert isinstance(found, GitCatalogue)
    return found


@pytest.fixture
def labs(repository: Repository, tmp_path: Path) -> GitCatalogue:
    return catalogue_of(repository, tmp_path / "data")


def test_it_is_pinned_to_a_commit_until_it_is_refreshed(labs: GitCatalogue, repository: Repository) -> None:
    first = repository.head
    before = labs.get("web")
    assert (labs.in_use, labs.commit(before), before.summary) == (first, first, "First")
    second = repository.commit({"web/blueprint.yaml": "name: web\nsummary: Second\n"})
    assert labs.get("web").summary == "First"
    assert labs.refresh().before == first
    after = labs.get("web")
    assert (labs.in_use, labs.commit(after), after.summary) == (second, second, "Second")
    assert (before.folder / "blueprint.yaml").read_text() == "name: web\nsummary: First\n"
    assert labs.refresh().before is None
    assert labs.health() == "ready"


def test_what_did_not_change_is_not_read_again_and_is_where_the_commit_is(
    labs: GitCatalogue, repository: Repository
) -> None:
    before = labs.get("db")
    repository.commit({"web/main.tf": "# more"})
    labs.refresh()
    after = labs.get("db")
    assert after.variables is before.variables
    assert labs.commit(after) == repository.head
    assert after.module == labs.path / "db"
    assert labs.get("web").folder == labs.path / "web"


def test_a_module_beside_the_blueprint_is_looked_at_again(labs: GitCatalogue, repository: Repository) -> None:
    text = "name: web\nsummary: First\nterraform: ../modules/web\n"
    repository.commit({"web/blueprint.yaml": text, "modules/web/main.tf": ""})
    labs.refresh()
    assert labs.get("web").module == labs.path / "modules" / "web"
    repository.commit({"modules/web/main.tf": None})
    found = labs.refresh()
    assert found.unusable is not None
    assert "`terraform` is a folder with *.tf files" in found.unusable.sentence


def test_the_last_good_commit_stays_in_use(labs: GitCatalogue, repository: Repository) -> None:
    good = labs.in_use
    bad = repository.commit({"web/blueprint.yaml": TORN, "new/blueprint.yaml": "name: new\n"})
    found = labs.refresh()
    assert (found.in_use, found.before) == (good, None)
    assert found.unusable is not None
    assert found.unusable.commit == bad
    assert [(each.file, each.line) for each in found.unusable.broken] == [("web/blueprint.yaml", 2)]
    assert labs.get("web").summary == "First"
    assert f"ready, with commit {good[:10]}: commit {bad[:10]} is not used: web/blueprint.yaml, line 2: " in (
        labs.health()
    )
    mended = repository.commit({"web/blueprint.yaml": "name: web\nsummary: Mended\n"})
    assert labs.refresh().in_use == mended
    # It was never fine, so it holds up nobody.
    assert [(each.file, each.folder) for each in labs.broken()] == [("new/blueprint.yaml", "new")]
    assert "is broken in `new/blueprint.yaml`, line 1" in refused(labs.get, "new").sentence


def test_two_blueprints_of_one_name_are_told_with_file_and_line(
    labs: GitCatalogue, repository: Repository
) -> None:
    repository.commit({"db/blueprint.yaml": "summary: Also web\nname: web\n"})
    found = labs.refresh()
    assert found.unusable is not None
    assert found.unusable.sentence == ("db/blueprint.yaml, line 2: `name` is `web`, but the folder is `db`.")


def test_a_blueprint_that_is_taken_out_is_gone(labs: GitCatalogue, repository: Repository) -> None:
    repository.commit({"db/blueprint.yaml": None})
    assert labs.refresh().unusable is None
    assert list(labs.blueprints()) == ["web"]


def test_a_repository_that_is_away_changes_nothing_also_after_a_restart(
    labs: GitCatalogue, repository: Repository, tmp_path: Path
) -> None:
    good = labs.in_use
    repository.folder.rename(tmp_path / "away")
    found = labs.refresh()
    assert (found.in_use, found.before) == (good, None)
    assert found.away.startswith("The repository cannot be fetched: ")
    again = catalogue_of(repository, tmp_path / "data")
    assert (again.in_use, list(again.blueprints())) == (good, ["db", "web"])
    assert again.health().startswith(f"ready, with commit {good[:10]}: The repository cannot be fetched")
    (tmp_path / "away").rename(repository.folder)
    again.refresh()
    assert again.health() == "ready"


def test_a_branch_that_is_gone_is_told_and_changes_nothing(
    labs: GitCatalogue, repository: Repository
) -> None:
    repository.git("branch", "--move", "main", "trunk")
    assert labs.refresh().away == "The repository has no branch, tag or commit `main`."
    assert list(labs.blueprints()) == ["db", "web"]


def test_without_any_commit_it_does_not_start(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"^LABS_PATH: The repository has no branch, tag or commit `none`\.$"
    ):
        catalogue_of(repository, tmp_path / "data", "#none")
    with pytest.raises(ValueError, match=r"^LABS_PATH: The commit has no folder `none`"):
        catalogue_of(repository, tmp_path / "data", "#main:none")
    with pytest.raises(ValueError, match=r"^LABS_PATH: The repository cannot be fetched"):
        opened(f"git+file://{tmp_path}/nowhere", tmp_path / "data")
    with pytest.raises(ValueError, match=r"^LABS_PATH: This is not an address such as"):
        opened("git+ext::id", tmp_path / "data")


def test_what_is_broken_at_the_first_start_is_told_and_the_others_work(
    repository: Repository, tmp_path: Path
) -> None:
    repository.commit({"web/blueprint.yaml": TORN})
    labs = catalogue_of(repository, tmp_path / "data")
    assert list(labs.blueprints()) == ["db"]
    assert [each.file for each in labs.broken()] == ["web/blueprint.yaml"]


def test_the_blueprints_may_be_in_a_folder_of_the_repository(repository: Repository, tmp_path: Path) -> None:
    files = {f"platform/labs/{name}": text for name, text in blueprint("vm").items()}
    repository.commit({**files, "platform/labs/torn/blueprint.yaml": "x: y\n"})
    labs = catalogue_of(repository, tmp_path / "data", "#main:platform/labs")
    assert list(labs.blueprints()) == ["vm"]
    assert [each.file for each in labs.broken()] == ["platform/labs/torn/blueprint.yaml"]


def test_a_blueprint_that_something_was_left_out_of_is_broken(
    labs: GitCatalogue, repository: Repository
) -> None:
    (repository.folder / "web" / "passwd").symlink_to("/etc/passwd")
    (repository.folder / "passwd").symlink_to("/etc/passwd")
    (repository.folder / "vm").mkdir()
    (repository.folder / "vm" / "blueprint.yaml").symlink_to("../../outside.yaml")
    repository.commit({})
    found = labs.refresh()
    assert found.unusable is not None
    assert found.unusable.sentence == (
        "web/passwd, line 1: This is a symbolic link to an absolute path: make it relative, or put a copy there."
    )
    (repository.folder / "web" / "passwd").unlink()
    repository.commit({})
    assert labs.refresh().unusable is None
    assert list(labs.blueprints()) == ["db", "web"]
    assert [(each.file, each.folder) for each in labs.broken()] == [("vm/blueprint.yaml", "vm")]


def test_a_tree_that_cannot_be_had_is_a_commit_that_is_not_used(
    labs: GitCatalogue, repository: Repository
) -> None:
    good = labs.in_use
    inner = repository.git("mktree", given=f"100644 blob {repository.blob(b'x')}\tx\n".encode())
    raw = b"40000 ..\0" + bytes.fromhex(inner)
    tree = repository.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", given=raw)
    repository.move_main_to(tree)
    found = labs.refresh()
    assert found.in_use == good
    assert found.unusable is not None
    assert "which nobody may have" in found.unusable.sentence


def test_all_processes_use_the_same_commit(
    labs: GitCatalogue, repository: Repository, tmp_path: Path
) -> None:
    worker = catalogue_of(repository, tmp_path / "data")
    repository.commit({"web/blueprint.yaml": "name: web\nsummary: Second\n"})
    labs.refresh()
    assert worker.get("web").summary == "Second"
    assert worker.in_use == labs.in_use == repository.head


def test_many_may_read_while_it_moves(labs: GitCatalogue, repository: Repository) -> None:
    went_wrong: list[str] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            web = labs.get("web")
            if web.summary not in (web.folder / "blueprint.yaml").read_text():
                went_wrong.append(web.summary)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(3):
        repository.commit({"web/blueprint.yaml": f"name: web\nsummary: Number {number}\n"})
        labs.refresh()
    done.set()
    for thread in threads:
        thread.join()
    assert went_wrong == []
    assert labs.get("web").summary == "Number 2"


# What runs were planned from


def test_a_run_keeps_the_commit_it_was_planned_from(labs: GitCatalogue, repository: Repository) -> None:
    first = labs.in_use
    repository.commit({"web/blueprint.yaml": "name: web\nsummary: Second\n"})
    labs.refresh()
    assert labs.pinned("web", first).summary == "First"
    assert labs.pinned("web", labs.in_use).summary == "Second"
    assert labs.commit(labs.pinned("web", first)) == first
    assert refused(labs.pinned, "vm", first).sentence == (
        f"There is no blueprint `vm` in commit `{first[:9]}…`."
    )


def test_no_commit_that_was_never_reviewed_is_used(labs: GitCatalogue, repository: Repository) -> None:
    repository.git("switch", "--quiet", "--create", "change")
    branch = repository.commit({"web/main.tf": "# more"})
    labs.refresh()
    labs.checked_out_at(branch)
    for commit in (branch, "0" * 40, "../proposals/" + branch, ""):
        assert "The catalogue has no commit" in refused(labs.pinned, "web", commit).sentence


def test_old_commits_are_removed_but_those_that_a_lab_needs(
    labs: GitCatalogue, repository: Repository, tmp_path: Path
) -> None:
    needed = labs.in_use
    commits = []
    for number in range(KEPT + 3):
        commits.append(repository.commit({"web/main.tf": f"# {number}"}))
        labs.refresh()
    for name, age_seconds in ((".writing-old", 7200), (".writing-new", 0)):
        left = labs.path.parent / name
        left.mkdir()
        os.utime(left, (time.time() - age_seconds,) * 2)
    assert labs.prune({needed}) == 3
    assert [path.name for path in labs.path.parent.glob(".writing-*")] == [".writing-new"]
    (labs.path.parent / ".writing-new").rmdir()
    assert labs.pinned("web", needed).folder.is_dir()
    assert labs.pinned("web", commits[0]).folder.is_dir()  # it is made again
    reviewed = labs.path.parent
    assert len([path for path in reviewed.iterdir() if path.is_dir()]) == KEPT + 2
    shutil.rmtree(labs.path)
    assert catalogue_of(repository, tmp_path / "data").get("web").module.is_dir()


# The loop, and who is told


def told_to(inn: Inn, person: Person) -> list[str]:
    return [each.text for each in inn.slack.private(person.user)]


def test_the_admins_are_told_once_what_to_mend(inn: Inn, labs: GitCatalogue, repository: Repository) -> None:
    deps = replace(inn.deps, catalogue=labs)
    good = labs.in_use
    assert refreshing.refresh(deps, inn.clock()) == f"the catalogue is at commit {good[:10]}"
    bad = repository.commit({"web/blueprint.yaml": TORN})
    for _ in range(3):
        assert refreshing.refresh(deps, inn.clock()) == (
            f"stayed at commit {good[:10]}: commit {bad[:10]} cannot be used"
        )
    inn.works()
    told = told_to(inn, ADMIN)
    assert len(told) == 1
    assert told[0].startswith(
        f"The newest commit of the catalogue, `{bad[:10]}`, cannot be used. `{good[:10]}` stays"
    )
    assert "• `web/blueprint.yaml`, line 2: `sumary` is not a key of a blueprint." in told[0]
    assert told_to(inn, REQUESTER) == []
    mended = repository.commit({"web/blueprint.yaml": "name: web\nsummary: Mended\n"})
    assert refreshing.refresh(deps, inn.clock()) == f"moved the catalogue to commit {mended[:10]}"
    moved = [entry for entry in audit.entries(inn.database) if entry.action == "catalogue_moved"]
    assert [entry.detail for entry in moved] == [{"before": good, "commit": mended}]


def test_a_folder_is_not_refreshed(inn: Inn) -> None:
    assert refreshing.refresh(inn.deps, inn.clock()) == "the catalogue is a folder"


def test_a_lab_records_the_commit(inn: Inn, labs: GitCatalogue) -> None:
    inn.intake = Intake(replace(inn.deps, catalogue=labs), inn.notifier)
    inn.says(REQUESTER, "/lab up web demo")
    assert inn.lab().commit == labs.in_use
