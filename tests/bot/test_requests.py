"""From what Slack delivers to what is recorded: ids, people, words, and no secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from bot import requests
from commands.blueprint import Blueprint, Variable
from commands.request import Refused, id_from
from state.records import Person
from tests.fakes.vault import FakeVault
from tests.state.examples import NOW

WEB = Blueprint(
    name="web",
    summary="",
    folder=None,  # type: ignore[arg-type]
    module=None,  # type: ignore[arg-type]
    variables={
        "size": Variable("size", default="small"),
        "password": Variable("password", sensitive=True),
    },
)

COMMAND = {
    "command": "/lab",
    "text": "up web demo size=large",
    "team_id": "T1",
    "user_id": "U1",
    "channel_id": "C1",
    "trigger_id": "1.2.abc",
    "response_url": "https://hooks.slack.test/1",
    "token": "verification-canary",
}

CLICK = {
    "type": "block_actions",
    "user": {"id": "U1", "team_id": "T9"},
    "team": {"id": "T1"},
    "channel": {"id": "C1"},
    "message": {"ts": "1.1", "thread_ts": "1.0"},
    "trigger_id": "1.3.abc",
    "response_url": "https://hooks.slack.test/2",
    "actions": [{"action_id": "approve", "value": "run1:digest"}],
}


def web(words: tuple[str, ...]) -> Blueprint | None:
    return WEB if "web" in words else None


def words_of(text: str) -> list[str]:
    entry = requests.from_command({**COMMAND, "text": text}, NOW, web)
    return list(entry.payload["words"])


def test_a_command_is_recorded_under_its_trigger() -> None:
    entry = requests.from_command(COMMAND, NOW, web)
    assert (entry.id, entry.kind, entry.received_at) == ("1.2.abc", "command", NOW)
    request = requests.to_request(entry)
    assert request.person == Person("T1", "U1")
    assert request.words == ("lab", "up", "web", "demo", "size=large")
    assert request.channel == "C1"
    assert "verification-canary" not in json.dumps(entry.payload)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("up web demo password=hunter2", "password=(hidden)"),
        ("up web demo pasword=hunter2", "pasword=(hidden)"),
        ("up wbe demo size=hunter2", "size=(hidden)"),
        ("up web demo 'password=hunter2 and more'", "password=(hidden)"),
        ("up web demo password='hunter2 and more'", "password=(hidden)"),
        ("password=hunter2", "password=(hidden)"),
        ("up web demo =hunter2", "=(hidden)"),
    ],
)
def test_a_value_that_may_be_secret_is_not_recorded(text: str, kept: str) -> None:
    words = words_of(text)
    assert kept in words
    assert "hunter2" not in str(words)


@pytest.mark.parametrize("text", ["up web demo password = hunter2", "up web demo password= hunter2"])
def test_a_secret_with_spaces_around_it(text: str) -> None:
    assert "hunter2" not in str(words_of(text))


def test_what_is_known_to_be_no_secret_is_kept() -> None:
    assert words_of("up web demo size=large ttl=8h page=2")[4:] == ["size=large", "ttl=8h", "page=2"]


def test_what_cannot_be_read_is_recorded_as_refused() -> None:
    entry = requests.from_command({**COMMAND, "text": "up web demo password='hunter2"}, NOW, web)
    assert "hunter2" not in json.dumps(entry.payload)
    with pytest.raises(Refused, match="The quote in `password` has no end"):
        requests.to_request(entry)


def test_a_click_is_its_person_action_and_value() -> None:
    entry = requests.from_click(CLICK, NOW)
    request = requests.to_request(entry)
    assert (entry.id, entry.kind) == ("1.3.abc", "click")
    assert request.person == Person("T9", "U1")
    assert request.words == ("approve", "run1:digest")
    assert entry.payload["thread_ts"] == "1.0"


def test_a_click_on_a_numbered_button_is_the_same_action() -> None:
    body = {**CLICK, "actions": [{"action_id": "destroy:2", "value": "run1"}]}
    assert requests.to_request(requests.from_click(body, NOW)).words == ("destroy", "run1")


def test_a_page_of_a_list_is_the_command_asked_again() -> None:
    body = {**CLICK, "actions": [{"action_id": "page", "value": "/lab list all page=2"}]}
    entry = requests.from_click(body, NOW)
    assert requests.to_request(entry).words == ("lab", "list", "all", "page=2")
    assert entry.payload["replace"] is True


def test_a_mention_means_the_command() -> None:
    event = {
        "user": "U1",
        "user_team": "T9",
        "team": "T1",
        "channel": "C1",
        "text": "<@U0> show demo",
        "ts": "5.5",
    }
    entry = requests.from_mention({"event": event, "event_id": "Ev1", "team_id": "T1"}, NOW, web)
    request = requests.to_request(entry)
    assert (entry.id, entry.kind) == ("Ev1", "mention")
    assert request.person == Person("T9", "U1")
    assert request.words == ("lab", "show", "demo")
    assert entry.payload["thread_ts"] is None  # a thread that is none yet shows no answer
    in_thread = {"event": {**event, "thread_ts": "1.5"}, "event_id": "Ev2", "team_id": "T1"}
    assert requests.from_mention(in_thread, NOW, web).payload["thread_ts"] == "1.5"


def submission(values: Mapping[str, str]) -> dict[str, Any]:
    return {
        "user": {"id": "U1", "team_id": "T1"},
        "trigger_id": "1.4.abc",
        "view": {
            "callback_id": "up_with_secrets",
            "private_metadata": json.dumps({"value": "lab up web demo", "channel": "C1"}),
            "state": {"values": {name: {"value": {"value": text}} for name, text in values.items()}},
        },
    }


def test_the_secrets_of_a_form_are_sealed_before_anything_is_recorded() -> None:
    vault = FakeVault()
    entry = requests.from_submission(
        submission({"secret:password": "hunter2", "reason": "because"}), NOW, vault.seal
    )
    assert "hunter2" not in json.dumps(entry.payload)
    request = requests.to_request(entry)
    assert request.words == ("up_with_secrets", "lab up web demo")
    assert request.form == {"reason": "because"}
    assert request.sealed_form is not None
    about = f"variables {id_from('lab 1.4.abc')}"  # what makes the lab's id, so that no other lab opens it
    assert json.loads(vault.unseal(request.sealed_form, about)) == {"password": "hunter2"}


def test_a_form_without_secrets_needs_no_vault() -> None:
    vault = FakeVault()
    vault.state = "sealed"
    entry = requests.from_submission(submission({"reason": "because"}), NOW, vault.seal)
    assert requests.to_request(entry).sealed_form is None


def test_without_an_id_of_slacks_the_same_bytes_are_the_same_request() -> None:
    body = {**COMMAND, "trigger_id": None}
    first = requests.from_command(body, NOW, web)
    assert first.id == requests.from_command(body, NOW, web).id
    assert first.id != requests.from_command({**body, "text": "list"}, NOW, web).id


PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGQw0mFLTBUHPcPmFtD5fjDQ6YBNK9EMsTGPvn7o3JbD"
PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----\nprivate-canary\n-----END OPENSSH PRIVATE KEY-----"


def a_key(text: str) -> dict[str, Any]:
    return dict(requests.from_command({**COMMAND, "command": "/key", "text": text}, NOW, web).payload)


def test_of_a_public_key_the_key_is_recorded_and_nothing_else() -> None:
    assert a_key(f"enroll {PUBLIC} anna@laptop")["words"] == ["key", "enroll", *PUBLIC.split()]


@pytest.mark.parametrize(
    "text", ["enroll correct-horse-battery", f"enroll x {PUBLIC}", f"enroll {PUBLIC[:60]}"]
)
def test_of_what_is_no_public_key_nothing_is_recorded_but_why(text: str) -> None:
    payload = a_key(text)
    assert payload["words"] == []
    assert payload["refused"][0].endswith(".")
    assert max(text.split(), key=len) not in json.dumps(payload)


@pytest.mark.parametrize("text", [f"enroll {PRIVATE}", PRIVATE, f"ssh demo '{PRIVATE}"])
def test_a_private_key_is_not_recorded(text: str) -> None:
    payload = a_key(text)
    assert payload["words"] == ["private_key", "/key"]
    assert "canary" not in json.dumps(payload)


def test_neither_is_one_in_a_mention() -> None:
    event = {"text": f"<@U0> key enroll {PRIVATE}", "user": "U1", "ts": "1.1", "channel": "C1"}
    entry = requests.from_mention({"event": event, "event_id": "Ev1", "team_id": "T1"}, NOW, web)
    assert entry.payload["words"] == ["private_key", "@"]
    assert "canary" not in json.dumps(entry.payload)


def a_form(callback: str, **fields: str) -> dict[str, Any]:
    values = {name: {"value": {"value": value}} for name, value in fields.items()}
    view = {
        "callback_id": callback,
        "private_metadata": '{"value": "x", "channel": "C1"}',
        "state": {"values": values},
    }
    body = {"user": {"id": "U1", "team_id": "T1"}, "trigger_id": "1.9", "view": view}
    return dict(requests.from_submission(body, NOW, FakeVault().seal).payload)


def test_a_form_brings_a_public_key_and_no_private_one() -> None:
    assert a_form("enroll_key", key=f"  {PUBLIC} me\n")["form"] == {"key": PUBLIC}
    refused = a_form("enroll_key", key=f"{PUBLIC}\n{PUBLIC}")
    assert (refused["words"], refused["refused"][0]) == (["enroll_key"], "Give one public key, in one line.")
    for callback, field in (("enroll_key", "key"), ("tls_signed", "csr"), ("reject_with_reason", "reason")):
        payload = a_form(callback, **{field: PRIVATE})
        assert payload["words"] == ["private_key", callback]
        assert "canary" not in json.dumps(payload)


def test_a_secret_that_is_sealed_may_be_a_private_key() -> None:
    payload = a_form("up_with_secrets", **{"secret:deploy_key": PRIVATE})
    assert payload["words"] == ["up_with_secrets", "x"]
    assert payload["sealed_form"]
    assert "canary" not in json.dumps(payload)


def test_a_click_in_a_window_belongs_to_the_channel_that_it_was_opened_from() -> None:
    view = {"private_metadata": '{"channel": "C7"}'}
    click = {key: value for key, value in CLICK.items() if key not in ("channel", "message", "response_url")}
    entry = requests.from_click({**click, "view": view}, NOW)
    assert (entry.payload["channel"], entry.payload["response_url"]) == ("C7", None)


def test_what_was_asked_in_private_is_answered_in_its_place() -> None:
    yes = {"action_id": "remove_operator", "value": "T1-U8", "block_id": "answer"}
    assert requests.from_click({**CLICK, "actions": [yes]}, NOW).payload["replace"] is True
    assert requests.from_click(CLICK, NOW).payload["replace"] is False


def test_a_button_in_a_list_brings_the_list_again() -> None:
    row = {"action_id": "revoke_grant", "value": "g1", "block_id": "list:3:/key list all page=2"}
    payload = requests.from_click({**CLICK, "actions": [row]}, NOW).payload
    assert (payload["replace"], payload["then"]) == (True, ["key", "list", "all", "page=2"])
    assert requests.from_click(CLICK, NOW).payload["then"] == []


def test_a_form_that_such_a_question_opened_is_answered_there_too() -> None:
    view = {"callback_id": "tls_signed", "state": {"values": {}}}
    about = {"value": "x", "channel": "C1", "response_url": "https://hooks.slack.test/1"}
    body = {"user": {"id": "U1", "team_id": "T1"}, "view": {**view, "private_metadata": json.dumps(about)}}
    payload = requests.from_submission(body, NOW, lambda clear, about: clear).payload
    assert (payload["response_url"], payload["replace"]) == ("https://hooks.slack.test/1", True)
    body["view"] = {**view, "private_metadata": '{"value": "x", "channel": "C1"}'}
    payload = requests.from_submission(body, NOW, lambda clear, about: clear).payload
    assert (payload["response_url"], payload["replace"]) == (None, False)


def test_an_account_that_was_deactivated() -> None:
    event = {"type": "user_change", "user": {"id": "U1", "team_id": "T9", "deleted": True}}
    entry = requests.from_departure({"event": event, "event_id": "Ev1", "team_id": "T1"}, NOW)
    assert (entry.id, entry.kind) == ("Ev1", "event")
    assert entry.payload["words"] == ["left_slack", "T9-U1"]
    assert requests.is_departure(event)
    assert not requests.is_departure({"user": {"id": "U1", "deleted": False}})
    assert not requests.is_departure({})
