"""Labs: a name belongs to one living lab, and is free again when it is gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from state import labs, runs
from state.database import Database
from state.labs import Kind
from tests.state.examples import ADA, BEN, NOW, a_lab, a_run, all_at_once


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


def test_use_is_remembered_answers_reminders_and_moves_the_idle_moment(database: Database) -> None:
    at_noon = NOW + timedelta(hours=3)
    labs.create(database, a_lab(applied_at=NOW, idle_at=NOW, reminders=2, reminded_at=NOW, look_at=NOW))
    labs.touch(database, a_lab(applied_at=NOW), at_noon, BEN, "/key ssh")
    lab = labs.get(database, "lab1")
    assert lab is not None
    assert (lab.last_active_at, lab.last_active_by, lab.last_active_how) == (at_noon, BEN, "/key ssh")
    assert (lab.idle_at, lab.reminders) == (at_noon + timedelta(hours=4), 0)
    assert (lab.reminded_at, lab.look_at) == (NOW, NOW)


def test_what_is_not_there_cannot_become_idle(database: Database) -> None:
    for lab in (a_lab(), a_lab(id="lab2", name="asleep", applied_at=NOW, asleep_at=NOW)):
        labs.create(database, lab)
        labs.touch(database, lab, NOW, ADA, "/lab plan")
    assert [lab.idle_at for lab in labs.all_living(database)] == [None, None]


def test_the_probes_to_ask_are_those_of_idle_labs_that_were_not_asked_lately(database: Database) -> None:
    minute = timedelta(minutes=1)
    there: dict[str, object] = {"applied_at": NOW, "idle_at": NOW - minute}
    for number, more in enumerate(
        (
            {},
            {"idle_at": NOW - 2 * minute, "probed_at": NOW - 10 * minute},
            {"probed_at": NOW - minute},  # just asked
            {"idle_at": NOW + minute},  # not idle
            {"kept_until": NOW + minute},
            {"asleep_at": NOW},
            {"gone_at": NOW},
            {"blueprint": "web"},
        )
    ):
        labs.create(database, a_lab(id=f"lab{number}", name=f"lab-{number}", **{**there, **more}))

    def to_probe(*blueprints: str, limit: int = 9) -> list[str]:
        return [
            lab.id for lab in labs.to_probe(database, set(blueprints), NOW, NOW - 5 * minute, limit=limit)
        ]

    assert to_probe("sandbox") == ["lab1", "lab0"]
    assert to_probe("sandbox", limit=1) == ["lab1"]
    assert to_probe("sandbox", "web") == ["lab1", "lab0", "lab7"]
    assert to_probe() == []


def test_the_overdue_have_expired_or_are_idle_and_nobody_keeps_them(database: Database) -> None:
    hour = timedelta(hours=1)
    for name, more in {
        "expired": {"expires_at": NOW - 2 * hour},
        "idle": {"idle_at": NOW - 2 * hour, "expires_at": NOW + hour},
        "kept": {"idle_at": NOW - 2 * hour, "kept_until": NOW + hour},
        "used": {"idle_at": NOW + hour, "expires_at": NOW + hour},
        "asleep": {"expires_at": NOW - 2 * hour, "asleep_at": NOW},
    }.items():
        labs.create(database, a_lab(id=name, name=name, applied_at=NOW, **more))
    assert [lab.name for lab in labs.overdue(database, NOW - hour)] == ["expired", "idle"]


def test_a_lab_has_one_token_for_its_hosts_and_keeps_it(database: Database) -> None:
    labs.create(database, a_lab())
    assert labs.give_active_token(database, "lab1", b"sealed", "digest")
    assert not labs.give_active_token(database, "lab1", b"other", "other")
    assert labs.get(database, "lab1") == a_lab(sealed_active_token=b"sealed", active_token_sha256="digest")


def test_what_living_labs_were_made_from_is_known(database: Database) -> None:
    labs.create(database, a_lab(commit="first"))
    runs.create(database, a_run(commit="second"))
    labs.create(database, a_lab(id="lab2", name="other", commit="third"))
    labs.leave(database, "lab2", NOW)
    assert labs.commits(database) == {"first", "second"}


def test_labs_are_counted_and_paged(database: Database) -> None:
    for number in range(7):
        idle_at = NOW + timedelta(hours=number - 3)
        lab = a_lab(
            id=f"lab{number}",
            name=f"lab-{number}",
            owner=(ADA, BEN)[number % 2],
            channel=("C1", "C2")[number % 2],
            cost_per_hour_cents=2.0,
            applied_at=NOW if number else None,
            idle_at=idle_at,
            kept_until=NOW + timedelta(days=1) if number == 2 else None,
            currency="EUR" if number == 6 else "USD",
            asleep_at=NOW if number == 5 else None,
        )
        labs.create(database, lab)
    labs.leave(database, "lab4", NOW)
    everything, idle = Kind(), Kind(idle_at=NOW)
    assert [lab.name for lab in labs.page(database, everything, 3)] == ["lab-6", "lab-5", "lab-3"]
    assert [lab.name for lab in labs.page(database, everything, 3, 3)] == ["lab-2", "lab-1", "lab-0"]
    assert [lab.name for lab in labs.page(database, Kind(owner=BEN), 9)] == ["lab-5", "lab-3", "lab-1"]
    assert [lab.name for lab in labs.page(database, idle, 9)] == ["lab-0", "lab-1", "lab-3"]
    assert [lab.name for lab in labs.page(database, Kind(channel="C1", idle_at=NOW), 9)] == ["lab-0"]
    assert labs.totals(database, everything) == (6, {"USD": 6.0, "EUR": 2.0})
    assert labs.totals(database, Kind(owner=BEN)) == (3, {"USD": 4.0})
    assert labs.totals(database, Kind(channel="C9")) == (0, {})
    assert labs.made_within(database, "C2", NOW, NOW + timedelta(hours=1)) == {"lab1", "lab3", "lab5"}
    assert labs.made_within(database, "C2", NOW - timedelta(hours=1), NOW) == set()
