"""A lab's hosts report that somebody is there, with the lab's token and with no other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
import requests
from starlette.applications import Starlette

from bot import activity_routes
from state import grants, labs
from state.database import Database
from state.records import Grant, Lab, Person
from tests.databases import a_database
from tests.fakes.clock import FakeClock
from tests.listening import listening
from tests.state.examples import ADA, BEN, NOW, a_lab

TOKEN = "token-of-the-lab"
MINUTE = timedelta(minutes=1)


class Reporting:
    """The address, and the lab `demo` behind it, idle since 9:00."""

    def __init__(self, base_url: str, database: Database, clock: FakeClock) -> None:
        self.base_url, self.database, self.clock = base_url, database, clock
        self.makes()
        clock.passes(minutes=10)

    def makes(self, token: str = TOKEN, **more: object) -> None:
        digest = sha256(token.encode()).hexdigest()
        there = {"active_token_sha256": digest, "applied_at": NOW, "idle_at": NOW}
        labs.create(self.database, a_lab(**{**there, **more}))

    def post(
        self, token: str | None = TOKEN, lab: str = "demo", scheme: str = "Bearer", body: bytes | str = b""
    ) -> requests.Response:
        headers = {} if token is None else {"Authorization": f"{scheme} {token}"}
        return requests.post(f"{self.base_url}/labs/{lab}/active", headers=headers, data=body, timeout=30)

    @property
    def lab(self) -> Lab:
        lab = labs.living(self.database, "demo")
        assert lab is not None
        return lab


@pytest.fixture
def reporting(tmp_path: Path) -> Iterator[Reporting]:
    database, clock = a_database(tmp_path / "state.db"), FakeClock(NOW)
    with listening(Starlette(routes=activity_routes.routes(database, clock))) as base_url:
        yield Reporting(base_url, database, clock)
    database.close()


def test_a_report_is_use_of_the_lab(reporting: Reporting) -> None:
    labs.update(reporting.database, "lab1", reminders=2)
    answer = reporting.post()
    assert (answer.status_code, answer.content) == (204, b"")
    lab = reporting.lab
    assert (lab.last_active_at, lab.last_active_by, lab.last_active_how) == (
        reporting.clock(),
        None,
        "a login",
    )
    assert (lab.reminders, lab.idle_at) == (0, reporting.clock() + timedelta(hours=4))


def gives(reporting: Reporting, person: Person = ADA, lab_id: str = "lab1") -> None:
    grant = Grant("g1", "ssh", person, lab_id, "SHA256:x", NOW, NOW + timedelta(hours=1))
    grants.add(reporting.database, grant)


def test_whoever_holds_the_certificate_is_named(reporting: Reporting) -> None:
    gives(reporting, BEN)
    assert reporting.post(body='{"who": "T1-U2:demo:g1"}').status_code == 204
    assert reporting.lab.last_active_by == BEN


@pytest.mark.parametrize(
    "who",
    [
        '"T1-U1:demo:g1"',  # the certificate is Ben's
        '"T1-U2:demo:g2"',
        '"T1-U2"',
        '"<!channel>"',
        '"T1-U2:demo:g1:"',
        "7",
        '["T1-U2:demo:g1"]',
        "null",
    ],
)
def test_anybody_else_is_somebody(reporting: Reporting, who: str) -> None:
    gives(reporting, BEN)
    assert reporting.post(body=f'{{"who": {who}}}').status_code == 204
    lab = reporting.lab
    assert (lab.last_active_by, lab.last_active_how) == (None, "a login")


def test_the_bots_own_login_is_no_use_of_the_lab(reporting: Reporting) -> None:
    used_at = reporting.lab.last_active_at
    reporting.clock.passes(hours=1)
    assert reporting.post(body='{"who": "innkeeper:demo:run1"}').status_code == 204
    assert reporting.lab.last_active_at == used_at


def test_a_certificate_of_another_lab_names_nobody(reporting: Reporting) -> None:
    reporting.makes(id="lab2", name="other")
    gives(reporting, BEN, "lab2")
    assert reporting.post(body='{"who": "T1-U2:demo:g1"}').status_code == 204
    assert reporting.lab.last_active_by is None


def test_a_lab_is_written_once_a_minute_however_many_hosts_report(reporting: Reporting) -> None:
    reporting.post()
    first = reporting.clock()
    for _ in range(5):
        reporting.clock.passes(11)
        assert reporting.post().status_code == 204
    assert reporting.lab.last_active_at == first
    reporting.clock.passes(5)
    reporting.post()
    assert reporting.lab.last_active_at == reporting.clock()


def test_a_reminder_is_answered_at_once(reporting: Reporting) -> None:
    reporting.post()
    labs.update(reporting.database, "lab1", reminders=1)
    reporting.clock.passes(1)
    reporting.post()
    assert reporting.lab.reminders == 0


def test_a_clock_that_was_set_back_silences_nobody(reporting: Reporting) -> None:
    reporting.post()
    reporting.clock.at -= timedelta(hours=1)
    reporting.post()
    assert reporting.lab.last_active_at == reporting.clock()


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", "é", sha256(TOKEN.encode()).hexdigest()])
def test_a_wrong_token_does_nothing(reporting: Reporting, token: str | None) -> None:
    before = reporting.lab
    answer = reporting.post(token.encode().decode("latin-1") if token else token)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert reporting.lab == before


@pytest.mark.parametrize("scheme", ["Basic", "Token", "Bearerx"])
def test_it_is_a_bearers_token(reporting: Reporting, scheme: str) -> None:
    assert reporting.post(scheme=scheme).status_code == 401
    assert reporting.post(scheme="bearer").status_code == 204


def test_an_unknown_lab_is_answered_as_a_wrong_token_is(reporting: Reporting) -> None:
    wrong = reporting.post("wrong")
    for lab in ("nobody", "demo%2f..", "x" * 500, "%00"):
        answer = reporting.post(lab=lab)
        assert answer.status_code in (401, 404)  # 404: not such an address at all
        if answer.status_code == 401:
            assert (answer.content, answer.headers["WWW-Authenticate"]) == (wrong.content, "Bearer")
    assert reporting.post(lab="nobody").content == wrong.content


def test_a_lab_without_a_token_takes_none(reporting: Reporting) -> None:
    reporting.makes(id="lab2", name="other", active_token_sha256=None)
    for token in ("", TOKEN, None):
        assert reporting.post(token, lab="other").status_code == 401


def test_the_token_of_a_lab_that_is_gone_does_not_open_the_next_of_its_name(reporting: Reporting) -> None:
    labs.leave(reporting.database, "lab1", reporting.clock())
    assert reporting.post().status_code == 401
    reporting.makes("another-token", id="lab2")
    assert reporting.post().status_code == 401
    assert reporting.post("another-token").status_code == 204


@pytest.mark.parametrize("body", ["{", "[]", '"x"', "{}", b"\xff", "[" * 1000], ids=range(6))
def test_a_body_that_says_something_else_is_told_so(reporting: Reporting, body: str | bytes) -> None:
    before = reporting.lab
    answer = reporting.post(body=body)
    assert (answer.status_code, "who" in answer.text) == (400, True)
    assert reporting.lab == before


def test_a_long_body_is_not_read(reporting: Reporting) -> None:
    assert reporting.post(body=b" " * 1025).status_code == 413


def test_to_ask_tells_nothing(reporting: Reporting) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = requests.request(
            method,
            f"{reporting.base_url}/labs/demo/active",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=30,
        )
        assert answer.status_code == 405
