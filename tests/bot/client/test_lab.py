"""`innkeeper lab …`: what is asked, what is shown, and what CI is told."""

from __future__ import annotations

import html
import io
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bot.client import lab
from bot.client.connection import VARIABLES, Connection, where
from bot.client.showing import Screen, progress_words
from bot.settings import BadSettings
from commands import words
from commands.grammar import parse
from state.transitions import ENDED, RunState
from tests.bot.api.serving_api import AGENTS, Served, serving, token_of
from tests.commands.engines.checks.test_network import closed_port
from tests.inn import CHANNEL, REQUESTER, Inn


@pytest.fixture
def served(inn: Inn) -> Iterator[Served]:
    with serving(inn) as running:
        yield running


class Terminal:
    """What somebody sees who runs it."""

    def __init__(
        self, served: Served, tmp_path: Path, token: str = AGENTS, is_terminal: bool = False
    ) -> None:
        environment = {
            "INNKEEPER_URL": served.base_url,
            "INNKEEPER_CHANNEL": CHANNEL,
            "VAULT_TOKEN": token,
        }
        self.slept: list[float] = []
        self.connection = Connection(where(environment, tmp_path), sleep=self.sleeps)
        self.meanwhile: Callable[[], object] = lambda: None
        self.out, self.err = io.StringIO(), io.StringIO()
        self.is_terminal = is_terminal

    def sleeps(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.meanwhile()

    def runs(self, *typed: str, key: str = "k1", wait_seconds: float = 0, as_json: bool = False) -> int:
        out = Console(file=self.out, width=200)
        err = Console(file=self.err, width=200, force_terminal=self.is_terminal)
        return lab.run(self.connection, Screen(out, err, as_json), typed, key, wait_seconds)


@pytest.fixture
def terminal(served: Served, tmp_path: Path) -> Terminal:
    return Terminal(served, tmp_path)


def while_people_approve(inn: Inn) -> threading.Thread:
    """Somebody works and approves meanwhile."""

    def act() -> None:
        while not inn.cards():
            inn.works()
        inn.approved(inn.newest_card())

    thread = threading.Thread(target=act)
    thread.start()
    return thread


def test_without_waiting_it_says_what_was_begun(terminal: Terminal, served: Served) -> None:
    assert terminal.runs("up", "web", "demo", "size=large", "title=two words") == lab.GOOD
    assert terminal.out.getvalue().startswith("demo: queued · run ")
    assert served.inn.run().variables == {"size": "large", "title": "two words"}


def test_waiting_ends_well_when_it_is_applied(terminal: Terminal, served: Served) -> None:
    served.inn.terraform.outputs = {"address": "203.0.113.7"}
    people = while_people_approve(served.inn)
    assert terminal.runs("up", "web", "demo", wait_seconds=30) == lab.GOOD
    people.join()
    assert "address = 203.0.113.7" in terminal.out.getvalue()
    assert "demo: applied" in terminal.out.getvalue()
    assert terminal.err.getvalue().startswith("demo: ")


def test_a_rejection_is_a_bad_end_with_its_reason(terminal: Terminal, served: Served) -> None:
    served.inn.offers("open", "approvals: {operator: 1, self: true}")

    def act() -> None:
        while not served.inn.cards():
            served.inn.works()
        served.inn.clicks(REQUESTER, served.inn.newest_card(), "Reject")
        served.inn.submits(REQUESTER, reason="too large")

    people = threading.Thread(target=act)
    people.start()
    assert terminal.runs("up", "open", "demo", wait_seconds=30) == lab.ENDED_BADLY
    people.join()
    assert "demo: rejected. Rejected by @U1 for operator." in terminal.out.getvalue()


def test_when_the_time_is_over_it_waits_no_longer(terminal: Terminal, served: Served) -> None:
    assert terminal.runs("up", "web", "demo", wait_seconds=0.3) == lab.STILL_WAITING
    assert "goes on, and I wait no longer" in terminal.out.getvalue()


def test_what_is_refused_is_said_with_the_right_form(terminal: Terminal) -> None:
    assert terminal.runs("up", "wbe", "demo") == lab.REFUSED
    said, example = terminal.err.getvalue().splitlines()
    assert said == "There is no blueprint `wbe`. Did you mean `web`?"
    assert example == "For example: /lab up web demo"
    assert terminal.out.getvalue() == ""


def test_a_token_that_has_ended_is_said_so(served: Served, tmp_path: Path) -> None:
    terminal = Terminal(served, tmp_path, "hvs.unknown")
    assert terminal.runs("list") == lab.REFUSED
    assert "That Vault token has ended" in terminal.err.getvalue()


def test_the_same_key_is_the_same_run(terminal: Terminal, served: Served) -> None:
    terminal.runs("up", "web", "demo", key="build-7")
    terminal.runs("up", "web", "demo", key="build-7")
    assert served.inn.runs() == ["queued"]


def test_json_is_all_that_is_said(terminal: Terminal, served: Served) -> None:
    people = while_people_approve(served.inn)
    assert terminal.runs("up", "web", "demo", wait_seconds=30, as_json=True) == lab.GOOD
    people.join()
    assert json.loads(terminal.out.getvalue())["run"]["state"] == "applied"


def test_lists_are_lines(served: Served, tmp_path: Path) -> None:
    terminal = Terminal(served, tmp_path, token_of(REQUESTER))
    served.inn.has()
    assert terminal.runs("list", "mine", wait_seconds=30) == lab.GOOD
    assert terminal.out.getvalue().startswith("demo")


def test_on_a_terminal_there_is_a_bar(served: Served, tmp_path: Path) -> None:
    terminal = Terminal(served, tmp_path, is_terminal=True)
    people = while_people_approve(served.inn)
    assert terminal.runs("up", "web", "demo", wait_seconds=30) == lab.GOOD
    people.join()
    assert "\x1b[" in terminal.err.getvalue()


def test_a_server_that_is_away_is_asked_again_for_a_while(tmp_path: Path) -> None:
    environment = {
        "INNKEEPER_URL": f"http://127.0.0.1:{closed_port()}",
        "INNKEEPER_CHANNEL": CHANNEL,
        "VAULT_TOKEN": "t",
    }
    slept: list[float] = []
    connection = Connection(where(environment, tmp_path), sleep=slept.append, monotonic=lambda: sum(slept))
    err = io.StringIO()
    screen = Screen(Console(file=io.StringIO()), Console(file=err, width=200))
    assert lab.run(connection, screen, ["list"], "k") == lab.ENDED_BADLY
    assert "does not answer (ConnectionError)" in err.getvalue()
    assert 40 < sum(slept) <= 60


def test_vault_away_for_a_moment_is_waited_for(terminal: Terminal, served: Served) -> None:
    served.inn.vault.state = "sealed"

    def opens() -> None:
        served.inn.vault.state = "ready"

    terminal.meanwhile = opens
    assert terminal.runs("list") == lab.GOOD
    assert terminal.slept == [5.0]


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, "INNKEEPER_URL"),
        ({"INNKEEPER_URL": "innkeeper"}, "INNKEEPER_URL"),
        ({"INNKEEPER_URL": "http://x"}, "INNKEEPER_CHANNEL"),
        ({"INNKEEPER_URL": "http://x", "INNKEEPER_CHANNEL": "C1"}, "VAULT_TOKEN"),
        ({"INNKEEPER_URL": "http://x", "INNKEEPER_CHANNEL": "C1", "INNKEEPER_ROLE_ID": "r"}, "VAULT_TOKEN"),
    ],
)
def test_what_is_missing_is_named(environment: dict[str, str], named: str, tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=f"^{named}"):
        where(environment, tmp_path)


def test_what_vault_login_left_is_taken(tmp_path: Path) -> None:
    (tmp_path / ".vault-token").write_text("hvs.kept\n")
    found = where({"INNKEEPER_URL": "https://x/", "INNKEEPER_CHANNEL": "C1"}, tmp_path)
    assert (found.token, found.url) == ("hvs.kept", "https://x")
    assert "hvs.kept" not in repr(found)


def test_an_agents_login_goes_before_a_persons_token(tmp_path: Path) -> None:
    environment = dict.fromkeys(VARIABLES, "x") | {"INNKEEPER_URL": "https://x"}
    found = where(environment, tmp_path)
    assert (found.token, found.role_id) == ("", "x")


_WORD = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")) | st.just(" "), min_size=1, max_size=20
)


@given(st.lists(_WORD | st.builds("size={}".format, _WORD), min_size=1, max_size=5))
def test_every_word_arrives_as_it_was_typed(typed: list[str]) -> None:
    try:
        text = lab.text_of(typed)
    except BadSettings:
        return
    assert parse(html.escape(text, quote=False), "@") == ("lab", *typed)


def test_both_kinds_of_quotes_in_one_word_are_refused() -> None:
    with pytest.raises(BadSettings):
        lab.text_of(["up", "web", """title=it's "so" """])


def test_only_two_ends_are_good() -> None:
    for state in RunState:
        shown = {"state": state.value, "is_ended": state in ENDED}
        good = state in (RunState.APPLIED, RunState.NO_CHANGES)
        expected = lab.GOOD if good else lab.ENDED_BADLY if state in ENDED else lab.STILL_WAITING
        assert lab.status_of(shown, waited=True) == expected
        assert lab.status_of(shown, waited=False) == lab.GOOD


def test_what_it_waits_for_is_named() -> None:
    shown = {
        "lab": "demo",
        "state": "proposed",
        "add": 4,
        "change": 0,
        "destroy": 0,
        "waiting_for": {"infra": 2},
    }
    said = "demo: proposed · 4 to add, 0 to change, 0 to destroy · waits for 2 infra"
    assert progress_words(shown) == said
    under_way = {"lab": "demo", "state": "applying", "resources_done": 3, "resources_total": 4}
    assert progress_words(under_way | {"steps": []}) == "demo: applying · 3 of 4 resources"
    steps = [{"name": "provision", "state": "done"}, {"name": "deploy", "state": "running"}]
    assert progress_words(under_way | {"steps": steps}) == "demo: applying · deploy"


def test_slacks_markup_is_plain_text_here() -> None:
    marked = "*demo* expires <!date^1764000000^{date_short_pretty} {time}|2026-11-24 09:00 UTC>, says <@U1> in <#C1>."
    assert words.unmarked(marked) == "demo expires 2026-11-24 09:00 UTC, says @U1 in #C1."
    assert words.unmarked("2 * 3 * 4, a*b*c and <b>") == "2 * 3 * 4, a*b*c and <b>"
