"""The signed lists of revocations: the newest few are kept, and none is kept after a newer one."""

from __future__ import annotations

from dataclasses import replace

from state import krls
from state.database import Database
from state.krls import SignedKrl
from tests.state.examples import NOW, all_at_once

LIST = SignedKrl(100, "d100", "c", b"\0list", b"\xffsig", "PEM", "ssh-ed25519 A", NOW)


def numbered(version: int) -> SignedKrl:
    return replace(LIST, version=version, digest=f"d{version}")


def test_a_list_comes_back_as_it_was_signed(database: Database) -> None:
    assert (krls.newest(database), krls.newest_version(database)) == (None, 0)
    assert krls.add(database, LIST, after=0)
    assert krls.newest(database) == krls.with_digest(database, "d100") == LIST
    assert krls.newest_version(database) == 100


def test_only_the_newest_few_are_kept(database: Database) -> None:
    for version in range(1, krls.KEPT + 3):
        assert krls.add(database, numbered(version), after=version - 1)
    assert krls.with_digest(database, "d2") is None
    assert krls.with_digest(database, "d3") == numbered(3)
    assert krls.newest(database) == numbered(krls.KEPT + 2)


def test_of_those_who_sign_at_the_same_time_one_is_first(database: Database) -> None:
    assert krls.add(database, numbered(1), after=0)
    kept = all_at_once(8, lambda number: krls.add(database, numbered(10 + number), after=1))
    assert sorted(kept) == [False] * 7 + [True]
    assert krls.newest_version(database) == 10 + kept.index(True)


def test_an_older_one_is_not_kept(database: Database) -> None:
    assert krls.add(database, numbered(5), after=0)
    assert not krls.add(database, numbered(5), after=5)
    assert not krls.add(database, numbered(4), after=5)
    assert not krls.add(database, numbered(6), after=4)
