"""Labs: a name belongs to one living lab, and is free again when it is gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from state import labs
from state.database import Database
from tests.state.examples import BEN, NOW, a_lab, all_at_once


def test_a_lab_comes_back_as_it_was_kept(database: Database) -> None:
    lab = a_lab(
        sealed_variables=b"\x00\xff", variables={"hosts": ["a", "ü"], "size": None}, frozen_because="so"
    )
    labs.create(database, lab)
    assert labs.get(database, "lab1") == lab
    assert labs.living(database, "demo") == lab


def test_a_name_is_taken_while_its_lab_lives(database: Database) -> None:
    labs.create(database, a_lab())
    with pytest.raises(labs.NameTaken) as raised:
        labs.create(database, a_lab(id="lab2", owner=BEN))
    assert raised.value.lab == a_lab()
    labs.create(database, a_lab(id="lab3", name="other"))
    assert [lab.name for lab in labs.all_living(database)] == ["demo", "other"]


def test_sixteen_people_who_want_one_name_get_one_lab(database: Database) -> None:
    answers = all_at_once(16, lambda index: labs.create(database, a_lab(id=f"lab{index}")))
    assert answers.count(None) == 1
    assert sum(isinstance(answer, labs.NameTaken) for answer in answers) == 15


def test_a_gone_lab_frees_its_name_and_stays_in_the_history(database: Database) -> None:
    labs.create(database, a_lab())
    assert labs.leave(database, "lab1", NOW + timedelta(hours=1))
    assert not labs.leave(database, "lab1", NOW + timedelta(hours=2))
    assert labs.living(database, "demo") is None
    assert labs.all_living(database) == []
    labs.create(database, a_lab(id="lab2"))
    gone = replace(a_lab(), gone_at=NOW + timedelta(hours=1))
    assert labs.with_name(database, "demo") == [a_lab(id="lab2"), gone]
    assert labs.last_gone(database, "demo") == gone


def test_columns_are_set_by_their_names_and_a_slip_is_an_error(database: Database) -> None:
    labs.create(database, a_lab())
    labs.update(database, "lab1", expires_at=NOW, frozen_because="its state is outstanding", owner=BEN)
    lab = labs.get(database, "lab1")
    assert lab == a_lab(expires_at=NOW, frozen_because="its state is outstanding", owner=BEN)
    with pytest.raises(TypeError, match="no column 'frozen'"):
        labs.update(database, "lab1", frozen="yes")
