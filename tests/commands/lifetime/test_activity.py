"""A lab that would count as idle is asked first, and what it answers is use or is not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from commands.blueprints.records import Activity
from commands.engines.activity_probe import NoAnswer
from commands.lifetime import activity
from state import labs, runs
from state.transitions import RunState
from tests.commands.test_blueprint import SMALL, a_blueprint, broken
from tests.inn import REQUESTER, Inn
from tests.waiting import until

HOUR = timedelta(hours=1)


class Web:
    """A lab's own web server. answers: path → status and body, or what to do instead."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.asked.append(self.path)
                answer = web.answers[self.path]
                if callable(answer):
                    answer(self)
                    return
                status, body = answer
                self.send_response(status)
                if status in (301, 302, 307):
                    self.send_header("Location", body)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *arguments: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        self.port = self._http.server_port

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    yield web
    web.close()


def has_idle_lab(inn: Inn, how: str, **outputs: Any) -> Path:
    """A lab of a blueprint with that probe, which nobody has used for so long. Gives the blueprint's folder."""
    module = inn.offers("probed", f"approvals: {{operator: 1, self: true}}\nactivity: {how}")
    inn.has(blueprint="probed")
    goes_idle(inn)
    runs.update(inn.database, inn.run().id, outputs=outputs)
    return module.parent


def goes_idle(inn: Inn) -> None:
    labs.update(inn.database, inn.lab().id, idle_at=inn.clock())
    inn.clock.passes(60)


def is_used(inn: Inn) -> bool:
    activity.probe(inn.deps, inn.clock())
    lab = inn.lab()
    assert lab.probed_at == inn.clock()
    return lab.last_active_how == "its activity probe"


def awaits(inn: Inn) -> bool:
    return activity.awaits_probe(inn.deps.catalogue.get("probed"), inn.lab(), inn.clock())


@pytest.mark.parametrize(
    ("status", "body", "used"),
    [
        (200, "3 sessions", True),
        (200, "1", True),
        (200, "x" * 100_000, True),
        (200, "", False),
        (200, " \n", False),
        (200, "0", False),
        (200, "False\n", False),
        (200, "idle", False),
        (204, "", False),
        (404, "no such page", False),
        (500, "yes", False),
    ],
)
def test_an_address_that_answers_something_says_that_the_lab_is_used(
    inn: Inn, web: Web, status: int, body: str, used: bool
) -> None:
    has_idle_lab(inn, '{http: "http://${address}:${port}/active"}', address="127.0.0.1", port=web.port)
    web.answers["/active"] = (status, body)
    assert is_used(inn) == used
    assert web.asked == ["/active"]


def test_use_that_a_probe_tells_answers_the_reminders(inn: Inn, web: Web) -> None:
    has_idle_lab(inn, '{http: "http://127.0.0.1:${port}/active?lab=${name}"}', port=web.port, name="a b/c")
    labs.update(inn.database, inn.lab().id, reminders=2)
    web.answers["/active?lab=a%20b%2Fc"] = (200, "yes")
    assert activity.probe(inn.deps, inn.clock()) == "asked 1 lab: 1 used"
    lab = inn.lab()
    assert (lab.reminders, lab.idle_at, lab.last_active_by) == (0, inn.clock() + 4 * HOUR, None)
    assert activity.probe(inn.deps, inn.clock()) == "no lab was asked whether it is used"


def test_a_lab_that_is_not_used_is_asked_again_after_a_few_minutes(inn: Inn, web: Web) -> None:
    has_idle_lab(inn, '{http: "http://127.0.0.1:${port}/active"}', port=web.port)
    web.answers["/active"] = (200, "idle")
    for _ in range(10):
        activity.probe(inn.deps, inn.clock())
        inn.clock.passes(60)
    assert len(web.asked) == 3  # 0, 4 and 8 minutes after
    web.answers["/active"] = (200, "yes")
    inn.clock.passes(minutes=3)
    assert is_used(inn)


def test_nobody_is_reminded_before_the_probe_was_heard(inn: Inn, web: Web) -> None:
    has_idle_lab(inn, '{http: "http://127.0.0.1:${port}/active"}', port=web.port)
    web.answers["/active"] = (200, "idle")
    assert awaits(inn)
    activity.probe(inn.deps, inn.clock())
    assert not awaits(inn)
    labs.touch(inn.database, inn.lab(), inn.clock(), REQUESTER, "/key ssh")
    assert not awaits(inn)  # it is not idle
    inn.clock.passes(hours=5)
    assert awaits(inn)


def test_a_blueprint_without_a_probe_or_one_that_is_gone_is_not_waited_for(inn: Inn) -> None:
    inn.has()
    goes_idle(inn)
    assert not activity.awaits_probe(inn.deps.catalogue.get("web"), inn.lab(), inn.clock())
    assert not activity.awaits_probe(None, inn.lab(), inn.clock())
    assert activity.probe(inn.deps, inn.clock()) == "no lab was asked whether it is used"


def trickles(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" ")
        threading.Event().wait(0.1)


def test_an_address_that_trickles_gives_no_answer(inn: Inn, web: Web) -> None:
    has_idle_lab(inn, '{http: "http://127.0.0.1:${port}/active", within: 1s}', port=web.port)
    web.answers["/active"] = trickles
    assert not is_used(inn)
    assert not awaits(inn)


def test_nobody_at_the_address_is_no_answer(inn: Inn, web: Web) -> None:
    web.close()
    has_idle_lab(inn, '{http: "http://127.0.0.1:${port}/active"}', port=web.port)
    assert not is_used(inn)
    assert not awaits(inn)


def test_a_redirect_is_not_followed(inn: Inn, web: Web) -> None:
    has_idle_lab(inn, '{http: "http://127.0.0.1:${port}/active"}', port=web.port)
    web.answers |= {"/active": (302, "/secret"), "/secret": (200, "yes")}
    assert not is_used(inn)
    assert web.asked == ["/active"]


def test_an_output_cannot_lead_elsewhere(web: Web) -> None:
    hostile = {"address": f"127.0.0.1:{web.port}/secret#", "other": "a@b"}
    address = activity.filled("http://${address}:1/active?${other}", hostile, in_address=True)
    assert address == f"http://127.0.0.1:{web.port}%2Fsecret%23:1/active?a%40b"


@pytest.mark.parametrize(
    ("outputs", "why"),
    [
        ({}, "has no output port"),
        ({"port": "(sensitive)"}, "output port is sensitive"),
        ({"port": [1, 2]}, "is not a single value"),
    ],
)
def test_what_cannot_be_filled_in_is_no_answer(inn: Inn, outputs: dict[str, Any], why: str) -> None:
    has_idle_lab(inn, "{command: [touch, '${port}']}", **outputs)
    assert not is_used(inn)
    with pytest.raises(NoAnswer, match=why):
        activity.filled("${port}", outputs)


def put_program(folder: Path, text: str) -> None:
    path = folder / "in-use"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(("code", "used"), [(0, True), (1, False), (7, False)])
def test_a_program_that_ends_with_0_says_that_the_lab_is_used(inn: Inn, code: int, used: bool) -> None:
    folder = has_idle_lab(inn, '{command: ["./in-use", "${greeting}"]}', greeting="$(touch here); \"a' b")
    put_program(folder, f'printf %s "$1" >told; env >environment; exit {code}')
    assert is_used(inn) == used
    assert (folder / "told").read_text() == "$(touch here); \"a' b"
    assert not (folder / "here").exists()
    given = {line.partition("=")[0] for line in (folder / "environment").read_text().splitlines()}
    assert given <= {"PATH", "HOME", "LANG", "TZ", "PWD", "OLDPWD", "SHLVL", "_"}


def test_a_program_that_takes_too_long_is_ended_with_all_it_started(inn: Inn) -> None:
    folder = has_idle_lab(inn, '{command: "./in-use now", within: 3s}')
    put_program(folder, "sleep 60 & echo $! >pids; echo $$ >>pids; wait")
    assert not is_used(inn)
    for pid in (folder / "pids").read_text().split():
        until(lambda pid=pid: not is_alive(int(pid)))  # type: ignore[misc]
    assert not awaits(inn)


def test_a_program_leaves_nothing_running(inn: Inn) -> None:
    folder = has_idle_lab(inn, "{command: ./in-use}")
    put_program(folder, "sleep 60 & echo $! >pid; exit 0")
    assert is_used(inn)
    until(lambda: not is_alive(int((folder / "pid").read_text())))


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("words", ["[./missing]", "[./in-use, '${name}']"])
def test_a_program_that_cannot_be_started_is_no_answer(inn: Inn, words: str) -> None:
    has_idle_lab(inn, f"{{command: {words}}}", name="a\0b")
    assert not is_used(inn)
    assert not awaits(inn)


def test_a_lab_that_goes_while_it_is_asked_stays_gone(inn: Inn, web: Web) -> None:
    has_idle_lab(inn, '{http: "http://127.0.0.1:${port}/active"}', port=web.port)

    def leaves(handler: BaseHTTPRequestHandler) -> None:
        labs.leave(inn.database, inn.lab().id, inn.clock())
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"yes")

    web.answers["/active"] = leaves
    activity.probe(inn.deps, inn.clock())
    assert inn.lab().gone_at == inn.clock()
    assert inn.lab().last_active_how != "its activity probe"


def test_many_are_asked_at_once(inn: Inn, web: Web) -> None:
    has_idle_lab(inn, '{http: "http://127.0.0.1:${port}/active"}', port=web.port)
    for number in range(2, 5):
        inn.says(REQUESTER, f"/lab up probed lab-{number}")
        inn.approved(inn.newest_card())
        assert inn.run(f"lab-{number}").state == RunState.APPLIED
        runs.update(inn.database, inn.run(f"lab-{number}").id, outputs={"port": web.port})
        labs.update(inn.database, inn.lab(f"lab-{number}").id, idle_at=inn.clock())
    together = threading.Barrier(4, timeout=30)

    def waits_for_the_others(handler: BaseHTTPRequestHandler) -> None:
        together.wait()
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"yes")

    web.answers["/active"] = waits_for_the_others
    assert activity.probe(inn.deps, inn.clock()) == "asked 4 labs: 4 used"


# How it is written


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('{http: "https://${address}/active"}', Activity("https://${address}/active")),
        ('{http: "http://a/b", within: 10s}', Activity("http://a/b", (), 10)),
        ("{command: [./in-use, '${address}', a b]}", Activity(None, ("./in-use", "${address}", "a b"))),
        ("{command: './in-use \"a b\" ${address}'}", Activity(None, ("./in-use", "a b", "${address}"))),
    ],
)
def test_a_probe_is_an_address_or_a_program(tmp_path: Path, text: str, read: Activity) -> None:
    assert a_blueprint(tmp_path, f"{SMALL}activity: {text}").activity == read


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{}", "`activity` has either `http` or `command`."),
        ("{http: 'http://a', command: b}", "`activity` has either `http` or `command`."),
        ("{http: 'ftp://a/b'}", "`http` is written as an address, such as http://${address}:${port}/active"),
        ("{http: 'http://root@a/b'}", "`http` is written as an address"),
        ("{http: '${url}'}", "`http` is written as an address"),
        ('{command: "a \'b"}', "`command` cannot be split into words: No closing quotation."),
        ("{command: []}", "`command` is a program and its words, such as [./in-use, demo]."),
        ("{command: [{a: b}]}", "`command` is a text, a number, true or false."),
        ("{command: a, within: 1h}", "`within` is 30s at most: others wait for their turn."),
        ("{command: a, every: 1h}", "`every` is not a key of activity."),
        ("often", "`activity` has keys and values below it"),
    ],
)
def test_what_is_no_probe_is_told_with_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    wrong = broken(tmp_path, f"{SMALL}activity:\n  {text}")
    assert (wrong.line, wrong.sentence[: len(sentence)]) == (4, sentence)
