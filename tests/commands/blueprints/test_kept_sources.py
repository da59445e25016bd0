"""What labs were made from is kept, for when a catalogue that is a folder has it no more."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from commands.blueprints.catalogue import Catalogue
from commands.blueprints.git_catalogue import opened
from commands.blueprints.kept_sources import YOUNG_SECONDS
from tests.commands.refusals import refused
from tests.inn import REQUESTER, Inn

WEB = "name: web\nsummary: A web server\n"


@pytest.fixture
def labs(tmp_path: Path) -> Catalogue:
    """A catalogue with one blueprint, whose module is in its folder."""
    write(tmp_path / "labs" / "web", WEB)
    return opened(str(tmp_path / "labs"), tmp_path / "data")


def write(folder: Path, blueprint: str = "", module: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.tf").write_text(module)
    if blueprint:
        (folder / "blueprint.yaml").write_text(blueprint)


def kept(labs: Catalogue) -> str:
    """Keep the blueprint as it is now; gives its commit."""
    blueprint = labs.get("web")
    commit = labs.commit(blueprint)
    labs.keep(blueprint, commit)
    return commit


def test_what_is_removed_is_as_it_was(labs: Catalogue, tmp_path: Path) -> None:
    commit = kept(labs)
    shutil.rmtree(tmp_path / "labs" / "web")
    found = labs.pinned("web", commit)
    assert (found.summary, labs.commit(found)) == ("A web server", commit)
    assert found.module == tmp_path / "data" / "kept" / commit / "web"
    assert refused(labs.get, "web").sentence == "There is no blueprint `web`."
    assert refused(labs.pinned, "web", "0" * 64).sentence == "There is no blueprint `web`."
    assert refused(labs.pinned, "web", "../kept").sentence == "There is no blueprint `web`."


def test_while_the_catalogue_has_it_that_counts(labs: Catalogue, tmp_path: Path) -> None:
    commit = kept(labs)
    write(tmp_path / "labs" / "web", WEB.replace("A web", "Another"))
    assert labs.pinned("web", commit).summary == "Another server"
    write(tmp_path / "labs" / "web", "name: web\nsumary: A mistake\n")
    assert labs.pinned("web", commit).summary == "A web server"


def test_a_module_beside_it_is_kept_too(labs: Catalogue, tmp_path: Path) -> None:
    write(tmp_path / "labs" / "modules" / "server", module="# here")
    (tmp_path / "labs" / "web" / "blueprint.yaml").write_text(f"{WEB}terraform: ../modules/server\n")
    commit = kept(labs)
    shutil.rmtree(tmp_path / "labs")
    module = labs.pinned("web", commit).module
    assert (module / "main.tf").read_text() == "# here"
    assert module.is_relative_to(tmp_path / "data" / "kept")


def test_what_a_module_gathers_is_left_out(labs: Catalogue, tmp_path: Path) -> None:
    write(tmp_path / "labs" / "web" / ".terraform")
    (tmp_path / "labs" / "web" / "terraform.tfstate").write_text("{}")
    place = tmp_path / "data" / "kept" / kept(labs) / "web"
    assert sorted(path.name for path in place.iterdir()) == ["blueprint.yaml", "main.tf"]


def test_a_copy_that_was_changed_is_not_used(labs: Catalogue, tmp_path: Path) -> None:
    commit = kept(labs)
    shutil.rmtree(tmp_path / "labs" / "web")
    write(tmp_path / "data" / "kept" / commit / "web", module="# not what it was")
    assert refused(labs.pinned, "web", commit).sentence == "There is no blueprint `web`."


def test_where_nothing_can_be_written_nothing_breaks(labs: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    kept(labs)
    assert labs.get("web").name == "web"


def test_what_no_lab_needs_is_removed_after_a_while(labs: Catalogue, tmp_path: Path) -> None:
    assert labs.prune(()) == 0
    first = kept(labs)
    write(tmp_path / "labs" / "web", WEB.replace("A web", "Another"))
    second = kept(labs)
    assert labs.prune({second}) == 0  # the lab that needs the first may be on its way
    long_ago = time.time() - YOUNG_SECONDS - 1
    for commit in (first, second):
        os.utime(tmp_path / "data" / "kept" / commit, (long_ago, long_ago))
    assert labs.prune({second}) == 1
    assert [path.name for path in (tmp_path / "data" / "kept").iterdir()] == [second]


def test_people_can_destroy_what_has_no_blueprint_and_make_nothing_new_of_it(inn: Inn) -> None:
    inn.has("demo")
    shutil.rmtree(inn.folder / "labs" / "web")
    inn.says(REQUESTER, "/lab plan demo")
    assert inn.told(REQUESTER).startswith("There is no blueprint `web`.")
    inn.says(REQUESTER, "/lab down demo")
    card = inn.newest_card()
    assert (
        "The catalogue has no `web` that works any more: this goes by what the lab was made from." in card.all
    )
    inn.approved(card)
    assert inn.card(card).text.startswith("demo: destroyed")
