"""`POST /api/commands`: who may, what is done once, what is refused, and what never travels."""

from __future__ import annotations

import pytest

from bot import requests as asked
from bot.liveness import this_process
from commands.authorise import Standing
from commands.blueprint import Blueprint
from commands.blueprints.catalogue import Catalogue
from state import inbox, labs
from tests.bot.api.serving_api import AGENTS, CI, Served, serving, token_of
from tests.inn import ADMIN, CHANNEL, REQUESTER, SECURITY, STRANGER, Inn

GONE = "other-host:1:1"


def test_an_agent_asks_and_gets_its_run(served: Served) -> None:
    answer = served.asks("/lab up web demo size=large")
    assert answer.status_code == 202
    run = answer.json()["run"]
    assert (run["lab"], run["state"], run["requester"]) == ("demo", "queued", CI.key)
    assert run["variables"] == {"size": "large", "title": "Welcome"}
    served.inn.works()
    assert "Asked for by agent ci" in served.inn.newest_card().all
    assert served.inn.audited("requested") == [(CI.key, "requested", "demo")]


def test_a_person_asks_with_their_own_token(served: Served) -> None:
    answer = served.asks("/lab up web demo", token_of(REQUESTER))
    assert answer.status_code == 202
    assert served.inn.lab().owner == REQUESTER


def test_a_list_is_rows_and_begins_nothing(served: Served) -> None:
    served.inn.has()
    answer = served.asks("/lab list all")
    assert answer.status_code == 200
    told = answer.json()
    assert told["run"] is None
    (row,) = told["listing"]["rows"]
    assert "demo" in row["title"]
    assert "<" not in row["text"]


def test_what_begins_without_a_slash_is_a_command_too(served: Served) -> None:
    assert served.asks("lab catalog").json()["listing"]["rows"]
    assert served.asks("catalog").json()["listing"]["rows"]


def test_text_is_what_was_typed_and_nothing_of_slacks(served: Served) -> None:
    typed = "<@U1> &amp; <!channel> a|b"
    answer = served.asks(f"/lab up web demo title='{typed}'")
    assert answer.json()["run"]["variables"]["title"] == typed


# Once


def test_the_same_key_is_the_same_run(served: Served) -> None:
    first = served.asks("/lab up web demo", key="build-1").json()
    served.inn.works()
    again = served.asks("/lab up web demo", key="build-1")
    assert again.status_code == 202
    assert again.json()["run"]["id"] == first["run"]["id"]
    assert again.json()["run"]["state"] == "proposed"
    assert served.inn.runs() == ["proposed"]


def test_another_operators_key_is_another(served: Served) -> None:
    served.asks("/lab up web demo", key="build-1")
    answer = served.asks("/lab up web other", token_of(REQUESTER), key="build-1")
    assert answer.json()["run"]["lab"] == "other"


def test_without_a_key_each_is_another(served: Served) -> None:
    assert served.asks("/lab up web demo").status_code == 202
    answer = served.asks("/lab up web demo")
    assert (answer.status_code, answer.json()["example"]) == (400, "/lab show demo")


def test_a_key_with_other_words_is_refused(served: Served) -> None:
    served.asks("/lab up web demo", key="build-1")
    answer = served.asks("/lab up web other", key="build-1")
    assert answer.status_code == 422
    assert "Give each its own" in answer.json()["error"]


def left(served: Served, key: str, taken_by: str) -> None:
    """What is recorded when a process dies that had it in hand."""
    served.asks("/lab list", key=key)
    (entry,) = [each for each in all_entries(served) if each.kind == asked.API]
    with served.inn.database.transaction():
        served.inn.database.execute(
            "UPDATE inbox SET done_at = NULL, answer = '', taken_by = :by WHERE id = :id",
            id=entry.id,
            by=taken_by,
        )


def all_entries(served: Served) -> list[inbox.InboxEntry]:
    return inbox.INBOX.select(served.inn.database, "ORDER BY seq")


def test_what_is_being_worked_on_is_not_begun_again(served: Served) -> None:
    left(served, "build-1", this_process())
    answer = served.asks("/lab list", key="build-1")
    assert (answer.status_code, answer.headers["Retry-After"]) == (409, "1")


def test_what_a_dead_process_left_is_done_when_it_is_asked_again(served: Served) -> None:
    left(served, "build-1", f"{this_process().split(':')[0]}:99999999:1")
    served.inn.intake.resume(served.inn.clock(), everything=True)
    assert inbox.pending(served.inn.database) != []
    assert served.asks("/lab list", key="build-1").status_code == 200
    assert inbox.pending(served.inn.database) == []


def test_what_nobody_asks_again_is_forgotten(served: Served) -> None:
    left(served, "build-1", GONE)
    served.inn.clock.passes(days=31)
    assert inbox.forget(served.inn.database, served.inn.clock()) == 1


def test_what_was_refused_may_be_asked_again_with_its_key(served: Served) -> None:
    served.inn.has()
    assert served.asks("/lab up web demo", key="build-1").status_code == 400
    served.inn.says(REQUESTER, "/lab down demo")
    served.inn.approved(served.inn.newest_card())
    assert served.asks("/lab up web demo", key="build-1").status_code == 202
    assert served.asks("/lab up web demo", key="build-1").json()["run"]["lab"] == "demo"


def test_a_long_key_is_none(served: Served) -> None:
    assert served.asks("/lab list", key="x" * 201).status_code == 422


# Who


@pytest.mark.parametrize("token", ["", "hvs.unknown", "hvs.root", "x" * 5000, "hvs. two"])
def test_a_token_that_is_nobodys_is_refused(served: Served, token: str) -> None:
    answer = served.asks("/lab list", token)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="innkeeper"'
    assert served.run("x", token).status_code == 401


def test_a_token_that_has_ended_is_refused(served: Served) -> None:
    served.inn.vault.agent_roles[CI].tokens.clear()
    assert served.asks("/lab list").status_code == 401


def test_a_removed_agent_is_nobody(served: Served) -> None:
    served.inn.vault.remove_operator(CI)
    answer = served.asks("/lab list")
    assert answer.status_code == 403
    assert "/operator add-agent ci operator" in answer.json()["error"]
    assert served.run("x").status_code == 403
    assert served.inn.audited("refused") == [(CI.key, "refused", CI.key), (CI.key, "refused", "x")]


def test_a_person_without_a_document_is_nobody(served: Served) -> None:
    assert served.asks("/lab list", token_of(STRANGER)).status_code == 401


def test_a_person_who_is_nobody_in_slack_is_nobody_here(served: Served) -> None:
    served.inn.standings[REQUESTER] = Standing(REQUESTER, "riley", is_deleted=True)
    answer = served.asks("/lab list", token_of(REQUESTER))
    assert (answer.status_code, "deactivated" in answer.json()["error"]) == (403, True)


def test_a_right_that_is_missing_is_named(served: Served) -> None:
    answer = served.asks("/lab up web demo", token_of(SECURITY))
    assert answer.status_code == 403
    assert "you hold security" in answer.json()["error"]


@pytest.mark.parametrize("token", [AGENTS, token_of(ADMIN)])
@pytest.mark.parametrize(
    "text",
    [
        "/operator add U2 admin",
        "/operator remove T1-U2",
        "/operator add-agent x operator",
        "/key ssh demo",
        "/key enroll",
    ],
)
def test_what_is_for_slack_alone_is_refused_here(served: Served, token: str, text: str) -> None:
    answer = served.asks(text, token)
    assert answer.status_code == 403
    assert "is asked for in Slack" in answer.json()["error"]


@pytest.mark.parametrize("text", ["approve abc:def", "/lab approve demo", "reveal x", "left_slack T1-U1"])
def test_nothing_is_approved_or_pressed_here(served: Served, text: str) -> None:
    assert served.asks(text).status_code in (400, 403)


def test_another_channel_than_those_that_are_allowed_is_refused(inn: Inn) -> None:
    with serving(inn, allowed_channels=("C9",)) as served:
        answer = served.asks("/lab list")
    assert (answer.status_code, answer.json()["error"]) == (400, "I take commands in #C9 only.")


# What never travels


def test_a_form_for_secrets_is_not_opened_here(served: Served) -> None:
    served.inn.command(REQUESTER, "/lab up form demo")
    answer = served.asks("/lab up form demo")
    assert answer.status_code == 403
    assert "secrets never travel here" in answer.json()["error"]
    assert labs.living(served.inn.database, "demo") is None


def test_a_secret_that_is_typed_is_kept_nowhere(served: Served) -> None:
    served.inn.command(REQUESTER, "/lab up form demo")
    answer = served.asks("/lab up form demo password=hunter2-canary")
    assert answer.status_code == 400
    assert "hunter2-canary" not in answer.text
    assert served.inn.holds("hunter2-canary") == []


def test_a_private_key_that_is_pasted_is_kept_nowhere(served: Served) -> None:
    pasted = "/key enroll -----BEGIN OPENSSH PRIVATE KEY----- canary"
    assert served.asks(pasted).status_code == 400
    assert served.inn.holds("canary") == []


def test_the_token_is_kept_nowhere(served: Served) -> None:
    served.asks("/lab up web demo")
    served.inn.works()
    assert served.inn.holds(AGENTS) == []


# Bad input


def test_what_is_too_long_is_not_read(served: Served) -> None:
    assert served.asks("x" * 100_000).status_code == 413
    assert served.asks("x" * 3_000).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        {"text": "/lab list"},
        {"text": "/lab list", "channel": CHANNEL, "as": "T1-U1"},
        {"text": 1, "channel": CHANNEL},
        {"text": "", "channel": CHANNEL},
        {"text": "/lab list", "channel": "#lab"},
        {"text": "/lab list", "channel": "D123"},
        b"[" * 10_000,
    ],
)
def test_what_is_no_command_is_refused_without_being_repeated(served: Served, body: object) -> None:
    answer = served.posts(body, {"X-Vault-Token": AGENTS})
    assert answer.status_code == 422
    assert set(answer.json()) == {"error", "example"}


def test_a_slip_gets_the_right_form(served: Served) -> None:
    answer = served.asks("/lab upp web demo")
    assert (answer.status_code, answer.json()["example"]) == (400, "/lab up sandbox demo size=large ttl=8h")


def test_who_asks_too_often_waits(served: Served) -> None:
    statuses = [served.asks("/lab help").status_code for _ in range(121)]
    assert statuses == [200] * 120 + [429]
    assert 0 < int(served.asks("/lab help").headers["Retry-After"]) <= 60
    assert served.asks("/lab help", token_of(REQUESTER)).status_code == 200
    served.inn.clock.passes(seconds=61)
    assert served.asks("/lab help").status_code == 200


# In trouble


def test_vault_away_is_said_so_and_asked_again(served: Served) -> None:
    served.inn.vault.state = "sealed"
    answer = served.asks("/lab up web demo", key="build-1")
    assert (answer.status_code, answer.json()["error"][:15]) == (503, "Vault is sealed")
    served.inn.vault.state = "ready"
    assert served.asks("/lab up web demo", key="build-1").status_code == 202


def test_slack_away_is_said_so_and_asked_again(served: Served) -> None:
    served.inn.slack_tells_who_is_who = False
    token = token_of(REQUESTER)
    assert served.asks("/lab up web demo", token, key="build-1").status_code == 503
    assert inbox.pending(served.inn.database) == []
    served.inn.slack_tells_who_is_who = True
    assert served.asks("/lab up web demo", token, key="build-1").status_code == 202


class NoCatalogue(Catalogue):
    """One that breaks when it is asked."""

    def get(self, name: str) -> Blueprint:
        raise RuntimeError(name)


def test_a_fault_of_ours_has_a_number_and_loses_nothing(inn: Inn) -> None:
    with serving(inn, catalogue=NoCatalogue(inn.folder / "labs")) as served:
        answer = served.asks("/lab up web demo", key="build-1")
        assert answer.status_code == 500
        assert "incident" in answer.json()["error"]
    with serving(inn) as served:
        assert served.asks("/lab up web demo", key="build-1").status_code == 202
