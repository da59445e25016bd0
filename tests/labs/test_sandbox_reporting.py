"""A sandbox host tells Innkeeper who comes in and who is still there, with a token that its visitors do not see."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.labs.sandbox_machine import ActiveServer
from tests.labs.test_sandbox_ssh import House
from tests.waiting import until

pytestmark = pytest.mark.integration

TOKEN = "token-of-the-lab"
REPORT = (f"Bearer {TOKEN}", "T1-U1:demo:g1")


@pytest.fixture
def active() -> Iterator[ActiveServer]:
    server = ActiveServer()
    yield server
    server.close()


@pytest.fixture
def house(tmp_path: Path, active: ActiveServer) -> Iterator[House]:
    house = House(tmp_path)
    house.machine.ssh |= {"ACTIVE_URL": active.url, "REPORTS_SECONDS": "0.2"}
    starts(house)
    yield house
    house.krls.answers.set()
    house.machine.run("stop")
    house.krls.close()


def starts(house: House, token: str = TOKEN) -> None:
    assert house.machine.run("keep", ACTIVE_TOKEN=token).returncode == 0
    started = house.machine.run("start")
    assert started.returncode == 0, started.stderr
    assert "demo-1 lets certificates in" in started.stdout


def test_a_login_is_reported_with_the_key_id(house: House, active: ActiveServer) -> None:
    assert house.ssh(house.ca.certificate("anna"), "true").returncode == 0
    until(lambda: active.reports)
    assert active.reports[0] == REPORT


def test_who_stays_is_reported_again_and_who_has_left_is_not(house: House, active: ActiveServer) -> None:
    command = house.command(house.ca.certificate("anna"), "echo in; cat")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"in\n"
        until(lambda: len(active.reports) >= 3)
        assert set(active.reports) == {REPORT}
        client.communicate()
    until(lambda: house.machine.events("left"))
    said = len(active.reports)
    assert house.ssh(house.ca.certificate("ben", key_id="T1-U2:demo:g2"), "true").returncode == 0
    until(lambda: active.reports[-1] == (f"Bearer {TOKEN}", "T1-U2:demo:g2"))
    assert active.reports[said + 1 :].count(REPORT) == 0


def test_who_is_refused_is_nobody(house: House, active: ActiveServer) -> None:
    house.ssh(house.ca.certificate("anna", key_id="T1-U1:other:g1"), "true")
    until(house.refusals)
    assert house.ssh(house.ca.certificate("ben"), "true").returncode == 0
    until(lambda: active.reports)
    assert {who for _, who in active.reports} == {"T1-U1:demo:g1"}


def test_innkeeper_itself_is_no_use_of_the_lab(house: House, active: ActiveServer) -> None:
    bot = house.ca.certificate("bot", key_id="innkeeper:demo:r1")
    assert house.ssh(bot, "true").returncode == 0
    assert house.ssh(house.ca.certificate("anna"), "true").returncode == 0
    until(lambda: active.reports)
    assert {who for _, who in active.reports} == {"T1-U1:demo:g1"}


def test_the_token_is_in_a_file_of_its_owner_alone_and_in_no_environment(house: House) -> None:
    path = house.machine.folder / "demo-1" / "active_token"
    assert (path.read_text(), path.stat().st_mode & 0o777) == (TOKEN, 0o600)
    assert TOKEN.encode() not in Path(f"/proc/{house.machine.pid}/environ").read_bytes()
    assert TOKEN.encode() not in Path(f"/proc/{house.machine.pid}/cmdline").read_bytes()
    assert TOKEN not in house.machine.log


def test_who_comes_in_does_not_see_the_token(house: House) -> None:
    if not house.machine.events("ssh server")[0]["confined"]:
        pytest.skip("this kernel confines nothing")
    done = house.ssh(house.ca.certificate("anna"), "env; cat ../active_token; cat /proc/$PPID/environ")
    assert "Permission denied" in done.stderr
    assert TOKEN not in done.stdout


def test_an_innkeeper_that_does_not_listen_keeps_nobody_out(house: House, active: ActiveServer) -> None:
    active.status = 401
    for name in ("anna", "ben"):
        assert house.ssh(house.ca.certificate(name), "echo in").stdout == "in\n"
        until(lambda: active.reports)
        active.reports.clear()
    (told,) = house.machine.events("not reported")
    assert told["because"] == "the address answers 401"
    active.close()
    assert house.ssh(house.ca.certificate("cleo"), "echo in").stdout == "in\n"


def test_without_a_token_nothing_is_reported(house: House, active: ActiveServer) -> None:
    starts(house, token="")
    assert not (house.machine.folder / "demo-1" / "active_token").exists()
    assert house.ssh(house.ca.certificate("anna"), "true").returncode == 0
    until(lambda: house.machine.events("left"))
    assert active.reports == []
    assert house.machine.run("stop").returncode == 0
    assert not house.machine.folder.exists()
