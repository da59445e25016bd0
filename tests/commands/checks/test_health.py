"""Living labs are looked after: silence while all is well, one word when it is not, one when it is again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from commands.checks import health
from commands.steps import test as step
from state import health as health_table
from state import labs, runs
from tests.commands.engines.checks.test_network import closed_port, serving
from tests.inn import REQUESTER, Inn, Shown
from tests.waiting import until

CHECKED = """
approvals: {operator: 1, self: true}
health: 10m
test:
  - {tcp: "127.0.0.1:${port}", within: 1s}
  - {command: [./up], within: 10s}
  - {terraform: all}"""
TOLD = "is unhealthy since"


@pytest.fixture
def inn(tmp_path: Path) -> Inn:
    opened = Inn(tmp_path)
    opened.steps["test"] = step
    opened.check_blocks = {"dns": ""}
    opened.offers("checked", CHECKED)
    mends(opened)
    return opened


@contextmanager
def living(inn: Inn) -> Iterator[Shown]:
    """A lab that is well, and what it serves with for as long as this goes on."""
    with serving({}) as (port, _):
        inn.terraform.outputs = {"port": port}
        yield inn.has("demo", "checked")


def breaks(inn: Inn) -> None:
    (inn.folder / "labs" / "checked" / "up").unlink()


def mends(inn: Inn, blueprint: str = "checked") -> None:
    program = inn.folder / "labs" / blueprint / "up"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)


def looks(inn: Inn, times: int = 1) -> str:
    """Let ten minutes pass, look, and let people see what came of it; as often as that."""
    did = ""
    for _ in range(times):
        inn.clock.passes(minutes=10)
        did = health.sweep(inn.deps, inn.clock())
        inn.works()
    return did


def told(inn: Inn, card: Shown) -> list[str]:
    return [each for each in inn.replies(card) if "healthy" in each]


def test_nothing_is_said_of_a_lab_that_is_well(inn: Inn) -> None:
    with living(inn) as card:
        before, used_at = len(inn.slack.messages), inn.lab().last_active_at
        assert looks(inn, 3) == "looked at 1 lab: 0 not well"
        assert len(inn.slack.messages) == before
        assert inn.lab().last_active_at == used_at, "to be looked at is not to be used"
        assert inn.runs() == ["applied"]
        assert "ealthy" not in inn.card(card).all


def test_one_failure_is_not_worth_a_word(inn: Inn) -> None:
    with living(inn) as card:
        breaks(inn)
        assert looks(inn) == "looked at 1 lab: 1 not well"
        mends(inn)
        looks(inn)
        breaks(inn)
        looks(inn)
        assert told(inn, card) == []
        assert "nhealthy" not in inn.card(card).all


def test_two_in_a_row_stand_on_the_card_and_the_owner_is_told_once(inn: Inn) -> None:
    with living(inn) as card:
        breaks(inn)
        inn.clock.passes(minutes=1)
        looks(inn, 4)
        (said,) = told(inn, card)
        assert f"<@{REQUESTER.user}> *demo* {TOLD}" in said
        assert "command ./up: it cannot be started (no such file or directory)." in said
        assert ":red_circle: Unhealthy since " in inn.card(card).all
        inn.says(REQUESTER, "/lab show demo")
        assert "Unhealthy since" in inn.told(REQUESTER)
        assert inn.audited("unhealthy") == [("innkeeper", "unhealthy", "demo")]


def test_recovery_is_told_too_and_then_it_begins_anew(inn: Inn) -> None:
    with living(inn) as card:
        breaks(inn)
        looks(inn, 2)
        mends(inn)
        looks(inn, 2)
        assert [TOLD in each for each in told(inn, card)] == [True, False]
        assert told(inn, card)[-1] == ":large_green_circle: *demo* is healthy again, after 20 min."
        assert "nhealthy" not in inn.card(card).all
        inn.says(REQUESTER, "/lab show demo")
        assert "It is well: its checks are repeated every 10 min" in inn.told(REQUESTER)
        breaks(inn)
        looks(inn, 2)
        assert len(told(inn, card)) == 3


def test_what_nobody_answers_at_is_told_in_words(inn: Inn) -> None:
    with living(inn) as card:
        pass
    looks(inn, 2)
    assert "nobody answers at 127.0.0.1:" in told(inn, card)[0]


def test_it_is_not_looked_at_before_its_time(inn: Inn) -> None:
    with living(inn):
        looks(inn)
        inn.clock.passes(minutes=9)
        assert health.sweep(inn.deps, inn.clock()) == "no lab was to be looked at"


def test_of_two_bots_one_looks(inn: Inn) -> None:
    with living(inn):
        inn.clock.passes(minutes=10)
        lab = inn.lab()
        taken = [health_table.take(inn.database, lab, inn.clock()) for _ in range(2)]
        assert taken == [True, False]


def test_it_is_let_be_while_something_is_under_way(inn: Inn) -> None:
    with living(inn) as card:
        breaks(inn)
        inn.says(REQUESTER, "/lab down demo")
        assert looks(inn, 3) == "no lab was to be looked at"
        assert told(inn, card) == []


def test_what_is_seen_while_something_begins_says_nothing(inn: Inn) -> None:
    inn.offers("held", CHECKED.replace("{command: [./up], within: 10s}", "{command: [./waits], within: 10s}"))
    folder = inn.folder / "labs" / "held"
    waits = folder / "waits"
    waits.write_text("#!/bin/sh\ntouch looking\nwhile test -e up; do sleep 0.02; done\nfalse\n")
    waits.chmod(0o755)
    with serving({}) as (port, _):
        inn.terraform.outputs = {"port": port}
        inn.steps.clear()
        inn.has("demo", "held")
        (folder / "up").touch()
        inn.clock.passes(minutes=10)
        sweep = threading.Thread(target=health.sweep, args=(inn.deps, inn.clock()))
        sweep.start()
        until((folder / "looking").exists)
        inn.says(REQUESTER, "/lab down demo")
        waits.unlink()  # it is not looked at again
        (folder / "up").unlink()
        sweep.join()
        assert health_table.of_lab(inn.database, inn.lab().id) is None


def test_the_newest_card_says_it_and_the_old_one_no_more(inn: Inn) -> None:
    with living(inn) as card:
        breaks(inn)
        looks(inn, 2)
        again = inn.says(REQUESTER, "/lab test demo").card()
        assert again.text.startswith("demo: failed")
        looks(inn)
        assert "Unhealthy since" in inn.card(again).all
        assert "Unhealthy since" not in inn.card(card).all
        assert len(told(inn, card)) == 1


@pytest.mark.parametrize("change", ["gone_at", "asleep_at"])
def test_nobody_looks_at_a_lab_of_which_nothing_is_there(inn: Inn, change: str) -> None:
    with living(inn):
        labs.update(inn.database, inn.lab().id, **{change: inn.clock()})
        assert looks(inn) == "no lab was to be looked at"


def test_nobody_looks_at_a_lab_that_does_not_ask_for_it(inn: Inn) -> None:
    inn.offers("plain", CHECKED.replace("health: 10m\n", ""))
    mends(inn, "plain")
    with serving({}) as (port, _):
        inn.terraform.outputs = {"port": port}
        inn.has("demo", "plain")
        assert looks(inn) == "no lab was to be looked at"


def test_where_vault_is_away_nothing_is_judged(inn: Inn) -> None:
    with living(inn) as card:
        breaks(inn)
        inn.vault.state = "away"
        looks(inn, 3)
        inn.vault.state = "ready"
        assert health_table.of_lab(inn.database, inn.lab().id) is None
        assert told(inn, card) == []


def test_a_check_that_never_ends_does_not_hold_the_others(inn: Inn) -> None:
    inn.offers("slow", CHECKED.replace("[./up], within: 10s", "[sleep, '60'], within: 1s"))
    with serving({}) as (port, _):
        inn.terraform.outputs = {"port": port}
        inn.steps.clear()
        inn.has("slow", "slow")
        before = threading.active_count()
        assert looks(inn) == "looked at 1 lab: 1 not well"
        until(lambda: threading.active_count() <= before + 1)


def test_what_is_found_has_no_secret_in_it(inn: Inn) -> None:
    inn.offers("secret", CHECKED.replace("[./up]", '["./${key}"]'))
    port = closed_port()
    inn.terraform.outputs = {"port": port}
    inn.secret_outputs = {"key": "hidden-canary"}
    inn.has("demo", "secret")
    looks(inn, 2)
    illness = health_table.of_lab(inn.database, inn.lab().id)
    assert illness is not None
    assert illness.failures == 2
    assert inn.holds("hidden-canary") == []
    assert runs.latest_of(inn.database, inn.lab().id) is not None
    assert not (inn.folder / "data" / "health" / inn.lab().id).exists()
