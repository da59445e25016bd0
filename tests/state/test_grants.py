"""What was granted, what works now, what must be revoked, and who leaves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from state import factors, grants, labs, leavings, rekeys
from state.database import Database
from state.factors import FactorTries
from state.leavings import Leaving
from state.rekeys import Rekey
from tests.state.examples import ADA, BEN, NOW, a_grant, a_lab, all_at_once

MINUTE = timedelta(minutes=1)
LATER = NOW + MINUTE
EXPIRED = NOW + timedelta(hours=1)


@pytest.fixture(autouse=True)
def _lab(database: Database) -> None:
    labs.create(database, a_lab())


def test_a_grant_is_found_by_its_holder_and_its_lab_until_after_its_end(database: Database) -> None:
    assert grants.add(database, a_grant())
    assert not grants.add(database, a_grant(person=BEN))  # the same request again
    grants.add(database, a_grant(id="grant2", person=BEN, kind="db", serial=None, sealed_reveal=b"\0sealed"))
    assert grants.of_person(database, ADA) == [a_grant()]
    assert [each.id for each in grants.of_lab(database, "lab1")] == ["grant2", "grant1"]
    assert [each.id for each in grants.living(database, NOW)] == ["grant2", "grant1"]
    assert [each.id for each in grants.living(database, NOW, person=BEN, lab_id="lab1")] == ["grant2"]
    assert grants.living(database, EXPIRED) == []
    assert grants.revoke(database, "grant1", LATER, "no longer needed")
    assert not grants.revoke(database, "grant1", EXPIRED)
    assert grants.get(database, "grant1") == a_grant(revoked_at=LATER, revoked_because="no longer needed")
    assert [each.id for each in grants.living(database, LATER)] == ["grant2"]


def test_the_list_of_revoked_certificates_follows_at_once(database: Database) -> None:
    grants.add(database, a_grant())
    grants.add(database, a_grant(id="grant2", kind="tls"))
    assert (grants.revoked(database, NOW), grants.revocations(database)) == ([], (0, 0))
    rung = database.rung("grants")
    grants.revoke(database, "grant1", LATER)
    grants.revoke(database, "grant2", LATER)
    assert database.rung("grants") == rung + 2
    assert [each.id for each in grants.revoked(database, LATER)] == ["grant1"]
    assert grants.revocations(database) == (2, 2)
    assert grants.revoked(database, EXPIRED) == []


def test_a_serial_that_becomes_known_after_the_revocation_is_kept_and_told(database: Database) -> None:
    grants.add(database, a_grant(serial=None, accessor=None, vault_request_id=""))
    assert grants.update(database, "grant1", accessor="accessor1")
    grants.revoke(database, "grant1", LATER)
    before = grants.revocations(database)
    assert not grants.update(database, "grant1", serial="0f", vault_request_id="request1")
    assert grants.revoked(database, LATER)[0].serial == "0f"
    assert grants.revocations(database) != before
    assert not grants.update(database, "nothing", serial="0f")


def test_what_somebody_died_over_is_found(database: Database) -> None:
    grants.add(database, a_grant(serial=None, vault_request_id=""))
    grants.add(database, a_grant(id="grant2"))
    assert grants.unfinished(database, NOW) == []
    assert [each.id for each in grants.unfinished(database, LATER)] == ["grant1"]
    grants.revoke(database, "grant1", LATER)
    assert grants.unfinished(database, LATER) == []


def test_what_must_be_ended_in_vault_is_listed_until_it_is(database: Database) -> None:
    grants.add(database, a_grant())
    grants.add(database, a_grant(id="grant2"))
    grants.revoke(database, "grant1", NOW)
    assert [each.id for each in grants.to_end(database, LATER)] == ["grant1"]
    assert [each.id for each in grants.to_end(database, EXPIRED)] == ["grant1", "grant2"]
    assert [each.id for each in grants.to_end(database, EXPIRED, limit=1)] == ["grant1"]
    grants.end(database, "grant1", LATER)
    grants.end(database, "grant1", EXPIRED)
    assert [each.id for each in grants.to_end(database, EXPIRED)] == ["grant2"]
    ended = grants.get(database, "grant1")
    assert ended is not None
    assert ended.ended_at == LATER


def test_everything_of_a_person_is_revoked_at_once_and_nothing_of_others(database: Database) -> None:
    for number in range(3):
        grants.add(database, a_grant(id=f"ada{number}", name=f"key{number}"))
    grants.add(database, a_grant(id="later", issued_at=EXPIRED, expires_at=EXPIRED + MINUTE))
    grants.add(database, a_grant(id="ben", person=BEN))
    assert grants.revoke_all(database, LATER, "the key was revoked", ADA, name="key1") == 1
    assert grants.revoke_all(database, LATER, "left", ADA, begun_before=LATER) == 2
    assert grants.revoke_all(database, LATER, "left", ADA, begun_before=LATER) == 0
    assert [each.id for each in grants.living(database, LATER)] == ["ben", "later"]


def test_a_secret_is_opened_once_and_in_time(database: Database) -> None:
    secret = a_grant(kind="db", serial=None, sealed_reveal=b"sealed", reveal_until=NOW + 10 * MINUTE)
    grants.add(database, secret)
    answers = all_at_once(8, lambda _: grants.begin_opening(database, "grant1", LATER))
    assert sorted(answers) == [False] * 7 + [True]
    assert grants.unopened(database, EXPIRED) == []
    grants.not_opened(database, "grant1")
    assert not grants.begin_opening(database, "grant1", NOW + 10 * MINUTE)
    assert [each.id for each in grants.unopened(database, NOW + 10 * MINUTE)] == ["grant1"]
    grants.revoke(database, "grant1", LATER)
    assert not grants.begin_opening(database, "grant1", LATER)
    assert grants.unopened(database, EXPIRED) == []


def test_what_outlives_its_lab_or_soon_expires_is_found(database: Database) -> None:
    grants.add(database, a_grant(kind="tls"))
    assert grants.expiring(database, "tls", NOW, NOW + 29 * MINUTE) == []
    assert [each.id for each in grants.expiring(database, "tls", NOW, NOW + 30 * MINUTE)] == ["grant1"]
    assert grants.expiring(database, "ssh", NOW, EXPIRED) == []
    assert grants.of_gone_labs(database, NOW) == []
    labs.leave(database, "lab1", NOW)
    assert [each.id for each in grants.of_gone_labs(database, NOW)] == ["grant1"]


def test_somebody_leaves_once_at_a_time(database: Database) -> None:
    first = Leaving("leaving1", ADA, BEN, "removed", NOW)
    assert leavings.start(database, first) == first
    assert leavings.start(database, Leaving("leaving2", ADA, None, "deactivated", LATER)) == first
    assert leavings.record_document_gone(database, "leaving1", LATER)
    assert not leavings.record_document_gone(database, "leaving1", EXPIRED)  # somebody else was there before
    assert not leavings.record_document_gone(database, "leaving0", LATER)
    assert [each.document_gone_at for each in leavings.under_way(database)] == [LATER]
    leavings.discard(database, "leaving1")  # too late: something was done
    assert leavings.get(database, "leaving1") is not None
    leavings.update(database, "leaving1", done_at=LATER)
    assert leavings.under_way(database) == []
    again = leavings.start(database, Leaving("leaving3", ADA, None, "expired", EXPIRED))
    assert leavings.latest_of(database, ADA) == again
    leavings.discard(database, "leaving3")
    assert leavings.latest_of(database, ADA) is not None


def test_a_lab_waits_for_its_new_root_keys(database: Database) -> None:
    leavings.start(database, Leaving("leaving1", ADA, BEN, "removed", NOW))
    wish = Rekey("rekey1", "lab1", ADA, "removed", BEN, NOW, leaving_id="leaving1")
    assert rekeys.add(database, wish)
    assert not rekeys.add(database, wish)
    rekeys.update(database, "rekey1", attempts=1, next_at=LATER, sentence="demo is busy.")
    assert [each.next_at for each in rekeys.waiting(database)] == [LATER]
    rekeys.end(database, "rekey1", LATER, "done")
    assert rekeys.waiting(database) == []
    assert [each.sentence for each in rekeys.of_leaving(database, "leaving1")] == ["done"]


def test_five_wrong_codes_lock_and_time_unlocks(database: Database) -> None:
    lock = timedelta(minutes=10)
    for number in range(1, 5):
        assert factors.begin_try(database, ADA, NOW, 5, lock) == FactorTries(ADA, number)
    factors.not_tried(database, ADA)
    assert factors.begin_try(database, ADA, NOW, 5, lock) == FactorTries(ADA, 4)
    assert factors.begin_try(database, ADA, NOW, 5, lock) == FactorTries(ADA, 5, NOW + lock)
    assert factors.begin_try(database, ADA, NOW + 9 * MINUTE, 5, lock) is None
    assert factors.begin_try(database, ADA, NOW + lock, 5, lock) == FactorTries(ADA, 1)
    factors.right(database, ADA)
    assert factors.of_person(database, ADA) == FactorTries(ADA)


def test_many_codes_at_once_are_no_more_tries_than_one_after_the_other(database: Database) -> None:
    tried = all_at_once(20, lambda _: factors.begin_try(database, ADA, NOW, 5, MINUTE))
    assert sum(each is not None for each in tried) == 5
