"""/tfstate/LAB as Terraform sees it: over HTTP, with a run's token or a person's Vault token."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from state import audit, labs, runs, tfstate
from state.transitions import RunState
from tests.bot.serving_state import MAX_BYTES, PERSON, RUN, SEC, Backend, a_state, serving
from tests.state.examples import ADA, BEN, NOW, a_run


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    """A lab `demo` with a run that applies, a lab `other`, an operator, and a security person."""
    with serving(tmp_path) as it:
        yield it


def answers(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.text


def test_a_run_locks_writes_reads_and_unlocks(backend: Backend) -> None:
    assert answers(backend.call("GET", RUN)) == (404, "The lab demo has no state yet.\n")
    assert backend.lock(RUN).status_code == 200
    assert backend.call("POST", RUN, a_state(1), ID="L1").status_code == 200
    assert backend.unlock(RUN).status_code == 200
    read = backend.call("GET", RUN)
    assert (read.status_code, read.content) == (200, a_state(1))
    assert read.headers["Content-MD5"] == base64.b64encode(hashlib.md5(a_state(1)).digest()).decode()
    assert backend.audited() == []


def test_a_person_does_the_same_and_is_audited(backend: Backend) -> None:
    assert backend.lock(PERSON).status_code == 200
    assert backend.call("POST", PERSON, a_state(1), ID="L1").status_code == 200
    assert backend.call("GET", PERSON).content == a_state(1)
    assert backend.unlock(PERSON).status_code == 200
    assert backend.audited() == [
        (ADA.key, "state_locked"),
        (ADA.key, "state_written"),
        (ADA.key, "state_read"),
        (ADA.key, "state_unlocked"),
    ]
    assert "8a1f" not in str(audit.entries(backend.database))
    assert backend.call("GET", (BEN.key, "hvs.ben")).status_code == 200


@pytest.mark.parametrize(
    "user",
    [
        None,
        ("", ""),
        (RUN[0], ""),
        (RUN[0], "the-token-of-run2"),
        ("run-run2", RUN[1]),
        ("run-\0\ud7ff", RUN[1]),
        (ADA.key, "hvs.ben"),
        (ADA.key, "hvs.guess"),
        ("T1-U9", "hvs.ada"),
        ("ada", "hvs.ada"),
        ("T1-U1/../U2", "hvs.ben"),
        (BEN.key, RUN[1]),
    ],
)
def test_a_stranger_is_told_to_sign_in(backend: Backend, user: tuple[str, str] | None) -> None:
    encoded = None if user is None else (user[0].encode(), user[1].encode())
    for method in ("GET", "POST", "LOCK", "UNLOCK", "DELETE"):
        response = backend.call(method, encoded, a_state(1), ID="L1")  # type: ignore[arg-type]
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Basic ")
    assert tfstate.current(backend.database, "lab1") is None
    assert tfstate.locks(backend.database) == []


@pytest.mark.parametrize(
    "header", ["Bearer hvs.ada", "Basic", "Basic !!!", "Basic " + base64.b64encode(b"x").decode()]
)
def test_credentials_of_another_kind_are_told_the_right_one(backend: Backend, header: str) -> None:
    url = f"{backend.base_url}/tfstate/demo"
    response = requests.get(url, headers={"Authorization": header}, timeout=30)
    assert response.status_code == 401
    assert "TEAM-USER" in response.text


@pytest.mark.parametrize("end", [RunState.APPLIED, RunState.FAILED, RunState.INTERRUPTED])
def test_a_token_dies_with_its_run(backend: Backend, end: RunState) -> None:
    runs.move(backend.database, "run1", RunState.APPLYING, end, NOW)
    assert backend.call("GET", RUN).status_code == 401


def test_a_run_reaches_its_own_lab_alone(backend: Backend) -> None:
    for lab in ("other", "nowhere"):
        assert answers(backend.call("GET", RUN, lab=lab)) == (
            403,
            "Run run1 works on demo, and on no other lab.\n",
        )
    assert backend.lock(RUN, lab="other").status_code == 403


def test_a_run_that_plans_reads_and_locks_and_never_writes(backend: Backend) -> None:
    token = hashlib.sha256(b"secret").hexdigest()
    runs.create(
        backend.database, a_run(id="run2", lab_id="lab2", state=RunState.PLANNING, token_sha256=token)
    )
    planning = (tfstate.username_of_run("run2"), "secret")
    assert backend.call("GET", planning, lab="other").status_code == 404
    assert backend.lock(planning, lab="other").status_code == 200
    written = backend.call("POST", planning, a_state(1), lab="other", ID="L1")
    assert answers(written) == (403, "Run run2 only plans, and a plan writes no state.\n")


def test_a_security_person_has_no_business_here_and_the_audit_knows(backend: Backend) -> None:
    response = backend.call("GET", (SEC.key, "hvs.sec"))
    assert answers(response) == (
        403,
        "Terraform state is for operator and infra people, and T1-U3 is neither.\n",
    )
    assert backend.audited() == [(SEC.key, "refused")]


def test_a_guest_is_nobody_whatever_their_document_and_token_say(backend: Backend) -> None:
    assert backend.call("GET", PERSON).status_code == 404
    backend.guests.add(ADA)
    refused = backend.call("GET", PERSON)
    assert (refused.status_code, "guest" in refused.text) == (403, True)


def test_a_removed_operator_is_out_at_once(backend: Backend) -> None:
    backend.vault.remove_operator(ADA)
    assert backend.call("GET", PERSON).status_code == 401


def test_an_unknown_lab_is_not_found_and_a_gone_one_is_no_empty_state(backend: Backend) -> None:
    assert answers(backend.call("GET", PERSON, lab="nowhere"))[0] == 404
    labs.leave(backend.database, "lab2", NOW)
    status, sentence = answers(backend.call("GET", PERSON, lab="other"))
    assert (status, "The lab other is gone" in sentence) == (410, True)


@pytest.mark.parametrize("state", ["sealed", "away", "slow", "denied"])
def test_without_vault_there_is_a_503_and_never_an_empty_state(backend: Backend, state: Any) -> None:
    backend.lock(RUN)
    backend.call("POST", RUN, a_state(1), ID="L1")
    backend.vault.state = state
    for response in (backend.call("GET", RUN), backend.call("POST", RUN, a_state(2), ID="L1")):
        assert response.status_code == 503
        assert response.text.startswith("Vault ")
    backend.vault.state = "ready"
    assert backend.call("GET", RUN).content == a_state(1)


def test_a_damaged_state_is_a_fault_and_not_an_empty_one(backend: Backend) -> None:
    backend.lock(RUN)
    backend.call("POST", RUN, a_state(1), ID="L1")
    row = backend.database.row("SELECT body FROM tfstate")
    assert row is not None
    backend.database.execute("UPDATE tfstate SET body = :body", body=row["body"][:-1] + b"\0")
    status, sentence = answers(backend.call("GET", RUN))
    assert (status, "damaged" in sentence) == (500, True)


def test_a_held_lock_shows_who_holds_it(backend: Backend) -> None:
    backend.lock(RUN)
    response = backend.lock(PERSON, "L2")
    assert response.status_code == 423
    assert response.json() == {"ID": "L1", "Operation": "OperationTypeApply", "Who": "somebody@host"}
    written = backend.call("POST", PERSON, a_state(1), ID="L2")
    assert answers(written) == (409, "This state is locked by run:run1, so nothing was written.\n")
    assert answers(backend.unlock(PERSON, "L1"))[0] == 409
    assert backend.unlock(RUN, "L2").status_code == 409
    assert tfstate.lock_of(backend.database, "lab1") is not None


def test_an_answer_that_got_lost_can_be_asked_for_again(backend: Backend) -> None:
    for _ in range(2):
        assert backend.lock(RUN).status_code == 200
    for _ in range(2):
        assert backend.call("POST", RUN, a_state(1), ID="L1").status_code == 200
    for _ in range(2):
        assert backend.unlock(RUN).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{}", b"not json", b"[]", b'{"ID": ""}', b'{"ID": 7}'])
def test_an_unlock_that_names_no_lock_is_refused(backend: Backend, body: bytes) -> None:
    backend.lock(PERSON)
    status, sentence = answers(backend.call("UNLOCK", PERSON, body))
    assert (status, "/lab unlock demo" in sentence) == (403, True)
    assert tfstate.lock_of(backend.database, "lab1") is not None
    assert backend.call("LOCK", PERSON, body).status_code == 403


def test_whoever_writes_has_locked_before(backend: Backend) -> None:
    status, sentence = answers(backend.call("POST", PERSON, a_state(1)))
    assert (status, "Leave out -lock=false" in sentence) == (409, True)


def test_a_state_that_was_damaged_on_its_way_is_not_kept(backend: Backend) -> None:
    backend.lock(RUN)
    status, sentence = answers(backend.call("POST", RUN, a_state(1), md5_of=a_state(2), ID="L1"))
    assert (status, "Content-MD5" in sentence) == (400, True)
    url = f"{backend.base_url}/tfstate/demo?ID=L1"
    assert requests.post(url, auth=RUN, data=a_state(1), timeout=30).status_code == 400
    assert tfstate.current(backend.database, "lab1") is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (a_state(5), 200),
        (a_state(6), 200),
        (a_state(5, outputs={"a": 1}), 409),
        (a_state(4), 409),
        (a_state(6, lineage="b"), 409),
        (b"[]", 400),
        (b"", 400),
    ],
)
def test_a_state_follows_the_one_that_is_there(backend: Backend, body: bytes, status: int) -> None:
    backend.lock(RUN)
    backend.call("POST", RUN, a_state(5), ID="L1")
    assert backend.call("POST", RUN, body, ID="L1").status_code == status
    current = tfstate.current(backend.database, "lab1")
    assert current is not None
    assert current.serial == (6 if body == a_state(6) else 5)


def test_a_state_that_is_too_long_is_not_read_to_its_end(backend: Backend) -> None:
    backend.lock(RUN)
    body = a_state(1, padding="x" * MAX_BYTES)
    assert backend.call("POST", RUN, body, ID="L1").status_code == 413
    url = f"{backend.base_url}/tfstate/demo?ID=L1"
    chunks = (body[at : at + 5000] for at in range(0, len(body), 5000))
    assert requests.post(url, auth=RUN, data=chunks, timeout=30).status_code == 413
    assert tfstate.current(backend.database, "lab1") is None


def test_state_is_not_deleted(backend: Backend) -> None:
    backend.lock(RUN)
    backend.call("POST", RUN, a_state(1), ID="L1")
    for user in (RUN, PERSON):
        assert backend.call("DELETE", user).status_code == 403
    assert backend.call("GET", RUN).content == a_state(1)
    assert backend.call("PUT", RUN, a_state(2)).status_code == 405


def test_a_frozen_lab_is_not_locked_by_anybody_and_says_why(backend: Backend) -> None:
    labs.update(backend.database, "lab1", frozen_because="a state of run1 is still to be taken in.")
    for user in (RUN, PERSON):
        response = backend.lock(user)
        assert response.status_code == 423
        assert response.json()["ID"] == "demo is frozen: a state of run1 is still to be taken in."
    assert tfstate.locks(backend.database) == []


def test_the_lock_of_an_ended_run_is_in_nobodys_way(backend: Backend) -> None:
    backend.lock(RUN)
    runs.move(backend.database, "run1", RunState.APPLYING, RunState.FAILED, NOW)
    assert backend.lock(PERSON, "L2").status_code == 200


def test_many_write_at_once_and_one_history_comes_of_it(backend: Backend) -> None:
    """Eight writers with the same lock and serials of their own: whatever wins, the serials rise."""
    backend.lock(RUN)
    statuses: list[int] = []
    threads = [
        threading.Thread(
            target=lambda serial=serial: statuses.append(
                backend.call("POST", RUN, a_state(serial), ID="L1").status_code
            )
        )
        for serial in range(1, 9)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    kept = tfstate.versions(backend.database, "lab1")
    assert len(statuses) == 8
    assert set(statuses) <= {200, 409}
    assert len(kept) == statuses.count(200)
    assert kept[0].serial == 8
