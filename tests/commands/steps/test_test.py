"""The step test, from the channel: what was looked at, how it was found, and what can be done about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.steps import test as step
from state import checks
from tests.commands.engines.checks.test_network import closed_port, serving
from tests.inn import COLLEAGUE, REQUESTER, STRANGER, Inn

OPEN = "approvals: {operator: 1, self: true}\n"


@pytest.fixture
def inn(tmp_path: Path) -> Inn:
    opened = Inn(tmp_path)
    opened.steps["test"] = step
    return opened


def offer(inn: Inn, *wanted: str) -> None:
    inn.offers("checked", OPEN + "test:\n" + "\n".join(f"  - {each}" for each in wanted))


def test_what_is_well_stands_on_the_card_a_line_for_each(inn: Inn) -> None:
    with serving({"/": (200, {}, b"Welcome")}) as (port, _):
        inn.terraform.outputs = {
            "address": "127.0.0.1",
            "port": port,
            "urls": [f"http://127.0.0.1:{port}/"] * 2,
        }
        offer(
            inn,
            '{http: "http://${address}:${port}/", status: 200, body: Welcome}',
            '{http: "${urls}"}',
            '{tcp: "${address}:${port}"}',
            '{command: [sh, -c, "test $1 = demo", sh, "${lab}"]}',
        )
        card = inn.has("demo", "checked")
    assert card.text.startswith("demo: applied")
    assert "✓ test 5 of 5" in card.all
    assert f"✓ http `http://127.0.0.1:{port}/` 200 in " in card.all
    assert f"✓ tcp `127.0.0.1:{port}` open in " in card.all
    assert [each.state for each in checks.of_run(inn.database, inn.run().id)] == ["passed"] * 5
    assert any("is ready" in each for each in inn.replies(card))


def test_one_that_is_not_fails_the_step_and_the_lab_stays(inn: Inn) -> None:
    port = closed_port()
    inn.terraform.outputs = {"address": "127.0.0.1", "port": port}
    offer(inn, '{tcp: "${address}:${port}", within: 1s}', "{command: 'true'}")
    card = inn.has("demo", "checked")
    assert card.text.startswith("demo: failed")
    said = f"1 of 2 checks failed: tcp 127.0.0.1:{port}: nobody answers at 127.0.0.1:{port} (connection refused)."
    assert said in card.all
    assert f"✗ tcp `127.0.0.1:{port}` nobody answers" in card.all
    assert "✓ command `true` ended with 0 in " in card.all
    assert {"Retry step", "Destroy"} <= set(card.buttons)
    assert inn.lab().gone_at is None
    assert "test.txt" in inn.replies(card)


def test_a_step_that_is_done_again_shows_what_is_found_then(inn: Inn) -> None:
    port = closed_port()
    inn.terraform.outputs = {"port": port}
    offer(inn, '{tcp: "127.0.0.1:${port}", within: 1s}')
    card = inn.has("demo", "checked")
    with serving({}, port=port):
        inn.clicks(REQUESTER, card, "Retry step")
    again = inn.newest_card()
    assert again.said.ts != card.said.ts
    assert again.text.startswith("demo: applied")
    assert f"✓ tcp `127.0.0.1:{port}` open in " in again.all
    assert f"✗ tcp `127.0.0.1:{port}`" in inn.card(card).all


def test_an_output_that_there_is_not_is_named(inn: Inn) -> None:
    inn.terraform.outputs = {"address": "127.0.0.1", "port": [1, {"a": 2}]}
    offer(inn, '{tcp: "${addres}:22"}', '{tcp: "${address}:${port}", within: 1s}', '{http: "${address}"}')
    card = inn.has("demo", "checked")
    assert "✗ tcp `${addres}:22` the lab has no output addres; did you mean address?" in card.all
    assert "its output port is not a single value" in card.all
    assert (
        "✗ http `127.0.0.1` what it looks at is an address, such as http://10.0.0.1:8080/healthz" in card.all
    )


def test_a_secret_may_be_used_and_is_shown_nowhere(inn: Inn) -> None:
    with serving({"/?key=hidden-canary": (200, {}, b"hidden-canary")}) as (port, _):
        inn.terraform.outputs = {"port": port}
        inn.secret_outputs = {"key": "hidden-canary", "way": "hidden-canary/%"}
        offer(
            inn,
            '{http: "http://127.0.0.1:${port}/?key=${key}", body: "${key}"}',
            '{http: "http://127.0.0.1:${port}/?key=${key}", status: 201, within: 4s}',
            '{tcp: "${key}.invalid:80", within: 1s}',
            '{http: "${way}"}',
            '{command: ["${key}"], within: 1s}',
        )
        card = inn.has("demo", "checked")
    assert f"✓ http `http://127.0.0.1:{port}/?key=(sensitive)` 200 in " in card.all
    assert "✗ tcp `(sensitive).invalid:80`" in card.all
    assert "✗ command `(sensitive)` it cannot be started (no such file or directory)" in card.all
    assert inn.holds("hidden-canary") == []


def test_check_blocks_tell_how_they_were_at_the_last_apply(inn: Inn) -> None:
    inn.check_blocks = {"dns_resolves": "", "certificate": "It ends in 3 days."}
    offer(inn, "{terraform: all}", "{terraform: dns_resolves}", "{terraform: other}")
    card = inn.has("demo", "checked")
    assert "✓ terraform `dns_resolves` passed when it was applied in " in card.all
    assert "✗ terraform `certificate` Terraform says fail when it was applied: It ends in 3 days." in card.all
    assert "✗ terraform `other` the module has no check block of that name" in card.all
    assert "2 of 4 checks failed" in card.all


def test_every_operator_may_look_and_it_is_a_use_of_the_lab(inn: Inn) -> None:
    offer(inn, "{command: 'true'}")
    inn.has("demo", "checked")
    inn.clock.passes(hours=1)
    card = inn.says(COLLEAGUE, "/lab test demo").card()
    assert card.text.startswith("demo: applied")
    assert "✓ test 1 of 1" in card.all
    assert inn.replies(card)[-1].startswith("<@U2> *demo* is ready. 1 of 1 check passed.")
    assert inn.lab().last_active_by == COLLEAGUE
    inn.says(STRANGER, "/lab test demo")
    assert "not a trusted operator" in inn.told(STRANGER)


def test_what_waits_for_a_worker_outlives_the_sweep(inn: Inn) -> None:
    offer(inn, "{command: 'true'}")
    inn.has("demo", "checked")
    inn.intake.work(inn.command(REQUESTER, "/lab test demo"), inn.clock())
    assert inn.sweeps()[0] == "expired 0 proposals, found 0 stale"
    inn.works()
    assert inn.newest_card().text.startswith("demo: applied")


def test_a_lab_without_checks_cannot_be_tested(inn: Inn) -> None:
    inn.offers("plain", OPEN)
    inn.has("demo", "plain")
    inn.says(REQUESTER, "/lab test demo")
    assert "asks for provision, and not for test" in inn.told(REQUESTER)
    inn.says(REQUESTER, "/lab test")
    assert "Say which lab." in inn.told(REQUESTER)
