from __future__ import annotations

import threading
from pathlib import Path

import pytest

from commands.blueprints.catalogue import Catalogue
from commands.blueprints.git_catalogue import opened
from tests.commands.refusals import refused
from tests.commands.test_blueprint import FULL, SMALL, a_blueprint, write


def test_the_catalogue_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = write(tmp_path, SMALL)
    labs = Catalogue(tmp_path / "labs")
    before = labs.blueprints()
    assert labs.blueprints() is before
    path.write_text("name: web\nsummary: Another\n")
    assert labs.get("web").summary == "Another"
    assert before["web"].summary == "Web servers"
    write(tmp_path, SMALL.replace("web", "db"), "db")
    assert list(labs.blueprints()) == ["db", "web"]
    for file in path.parent.iterdir():
        file.unlink()
    assert list(labs.blueprints()) == ["db"]


def test_a_broken_blueprint_leaves_the_others_working(tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    path = write(tmp_path, "name: db\nsumary: x\n", "db")
    (tmp_path / "labs" / "modules").mkdir()
    (tmp_path / "labs" / ".git").mkdir()
    labs = Catalogue(tmp_path / "labs")
    assert list(labs.blueprints()) == ["web"]
    assert [(each.file, each.line) for each in labs.broken()] == [("labs/db/blueprint.yaml", 2)]
    told = refused(labs.get, "db")
    assert "`labs/db/blueprint.yaml`, line 2: `sumary` is not a key" in told.sentence
    assert "The others still work." in told.sentence
    path.write_text("name: db\nsummary: x\n")
    assert labs.get("db").name == "db"
    assert labs.broken() == []


def test_a_module_that_came_later_mends_its_blueprint(tmp_path: Path) -> None:
    write(tmp_path, SMALL + "terraform: module\n")
    labs = Catalogue(tmp_path / "labs")
    assert "web" in refused(labs.get, "web").sentence
    module = tmp_path / "labs" / "web" / "module"
    module.mkdir()
    (module / "main.tf").write_text("")
    assert labs.get("web").module == module.resolve()


def test_a_wrong_name_gets_the_nearest_blueprint(tmp_path: Path) -> None:
    write(tmp_path, SMALL + "variables: {size: {choices: [small, large]}}\n")
    labs = Catalogue(tmp_path / "labs")
    told = refused(labs.get, "wbe")
    assert (told.sentence, told.example) == (
        "There is no blueprint `wbe`. Did you mean `web`?",
        "/lab up web demo size=small",
    )
    assert refused(labs.get, "../../etc").sentence == "There is no blueprint `../../etc`. There are `web`."
    assert refused(Catalogue(tmp_path / "gone").get, "web").sentence == "There is no blueprint `web`."


def test_the_commit_follows_what_people_write(tmp_path: Path) -> None:
    web = a_blueprint(tmp_path)
    labs = Catalogue(tmp_path / "labs")
    first = labs.commit(web)
    assert len(first) == 64
    (web.folder / ".terraform").mkdir()
    (web.folder / ".terraform" / "plugin").write_text("x")
    (web.folder / "terraform.tfstate").write_text("{}")
    assert labs.commit(web) == first
    (web.folder / "more.tf").write_text("")
    second = labs.commit(web)
    (web.folder / "main.tf").write_text("changed")
    assert len({first, second, labs.commit(web)}) == 3


def test_many_may_read_the_catalogue_at_once(tmp_path: Path) -> None:
    write(tmp_path, FULL)
    labs = Catalogue(tmp_path / "labs")
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(labs.get("web").name)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["web"] * 8


def test_labs_path_is_a_folder(tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    assert list(opened(str(tmp_path / "labs"), tmp_path).blueprints()) == ["web"]
    with pytest.raises(ValueError, match=r"LABS_PATH is .*nowhere, and there is no such folder"):
        opened(str(tmp_path / "nowhere"), tmp_path)
