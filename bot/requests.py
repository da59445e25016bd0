"""From what Slack delivers to what is recorded, and from what was recorded to a Request. Pure, but for `seal`."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from bot.views.lists import ANSWER, list_around
from bot.views.message import action_of
from bot.views.modals import SEALED, VALUE, submitted
from commands.blueprint import HIDDEN, Blueprint
from commands.engines.vault.protocol import VaultError
from commands.grammar import parse
from commands.grants import public_keys
from commands.request import Refused, Request, id_from
from commands.words import unmarked
from state.records import InboxEntry, Person

Body = Mapping[str, Any]
BlueprintOf = Callable[[tuple[str, ...]], Blueprint | None]  # whose variables these words name
Seal = Callable[[bytes, str], bytes]
WrongOf = Callable[[Request, Mapping[str, str]], Mapping[str, str]]  # what was given → field → sentence

API = "api"  # the kind of what came with a Vault token, and not from Slack

_PLAIN = ("ttl", "page", "until", "weekends", "check")
_ENROLL = ("key", "enroll")
# A key as it was pasted: the quotes and commas of its options are not ours to read.
_PASTED = re.compile(r"(?:@\s+(?:<@[^<>]*>\s*)?)?/?key\s+(?:/key\s+)?enroll\s+(\S.*)", re.DOTALL)


_SOMEBODY = re.compile(r"<@[UW][A-Z0-9]+>")


class WrongFields(Exception):
    """A form that does not close: block_id → what is told under that field, as plain text."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("the form stays open")
        self.errors = {name: _plain_text(sentence) for name, sentence in errors.items()}


def _nothing_wrong(request: Request, given: Mapping[str, str]) -> Mapping[str, str]:
    return {}


def from_command(body: Body, now: datetime, blueprint_of: BlueprintOf) -> InboxEntry:
    """A slash command. Values that may be secret are not kept: see without_secrets.

    Source: https://docs.slack.dev/interactivity/implementing-slash-commands
    """
    payload = {
        "team": body.get("team_id", ""),
        "user": body.get("user_id", ""),
        "channel": body.get("channel_id", ""),
        "response_url": body.get("response_url"),
        "trigger_id": body.get("trigger_id"),
        **_said(str(body.get("text") or ""), str(body.get("command") or ""), blueprint_of),
    }
    return InboxEntry(_id(body, body.get("trigger_id")), "command", payload, now)


def from_mention(body: Body, now: datetime, blueprint_of: BlueprintOf) -> InboxEntry:
    """`@innkeeper up sandbox demo`, answered where it was said: in its thread, or in the channel.

    What one person alone sees is not shown in a thread that is none yet.

    Source: https://docs.slack.dev/reference/methods/chat.postEphemeral
    """
    event = body.get("event") or {}
    payload = {
        "team": event.get("user_team") or event.get("team") or body.get("team_id", ""),
        "user": event.get("user", ""),
        "channel": event.get("channel", ""),
        "thread_ts": event.get("thread_ts"),
        **_said(str(event.get("text") or ""), "@", blueprint_of),
    }
    return InboxEntry(_id(body, body.get("event_id")), "mention", payload, now)


def from_click(body: Body, now: datetime) -> InboxEntry:
    """A click on a button. A page of a list is the list's command, asked again.

    Source: https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
    """
    action = (body.get("actions") or [{}])[0]
    if action.get("action_id") == VALUE and (body.get("view") or {}).get("type") == "modal":
        return _from_choice(body, now)
    name = action_of(str(action.get("action_id") or ""))
    value = str(action.get("value") or "")
    container, about = body.get("container") or {}, _about(body.get("view") or {})
    block_id = str(action.get("block_id") or "")
    is_page, around = name == "page", list_around(block_id)
    payload = {
        **_who(body),
        "channel": (body.get("channel") or {}).get("id")
        or container.get("channel_id")
        or about.get("channel", ""),
        "thread_ts": (body.get("message") or {}).get("thread_ts"),
        "response_url": body.get("response_url"),
        "trigger_id": body.get("trigger_id"),
        "words": list(parse(value, "@")) if is_page else [name, value],
        # What was asked in private is answered in its place, so that nothing is left there to press.
        "replace": is_page or block_id == ANSWER or bool(around),
        "then": list(parse(around, "@")) if around else [],  # below the answer: the list, as it is then
        "home": (body.get("view") or {}).get("type") == "home",
    }
    return InboxEntry(_id(body, body.get("trigger_id")), "click", payload, now)


def _from_choice(body: Body, now: datetime) -> InboxEntry:
    """Somebody has chosen something in a form that then looks otherwise. Its secrets are not looked at."""
    view = body.get("view") or {}
    about = _about(view)
    form = {name: value for name, value in submitted(view).items() if not name.startswith(SEALED)}
    if any(map(public_keys.is_private, form.values())):
        form = {}
    payload = {
        **_who(body),
        "channel": about.get("channel", ""),
        "trigger_id": body.get("trigger_id"),
        "home": bool(about.get("home")),
        "view_id": view.get("id"),
        "view_hash": view.get("hash"),
        "words": [f"{view.get('callback_id', '')}_changed", str(about.get("value", ""))],
        "form": form,
    }
    return InboxEntry(_id(body, body.get("trigger_id")), "click", payload, now)


def from_shortcut(
    body: Body, now: datetime, told_in: Callable[[str], Mapping[str, str]] = lambda text: {}
) -> InboxEntry:
    """A shortcut from the menu, or one below a message, whose thread it is about then, and what is told_in its text.

    Source: https://docs.slack.dev/interactivity/implementing-shortcuts
    """
    said = body.get("message") or {}
    payload = {
        **_who(body),
        "channel": (body.get("channel") or {}).get("id") or "",
        "trigger_id": body.get("trigger_id"),
        "response_url": body.get("response_url"),
        "words": [str(body.get("callback_id", "")), str(said.get("thread_ts") or said.get("ts") or "")],
        "form": dict(told_in(str(said.get("text") or ""))),
    }
    return InboxEntry(_id(body, body.get("trigger_id")), "shortcut", payload, now)


def from_submission(body: Body, now: datetime, seal: Seal, wrong: WrongOf = _nothing_wrong) -> InboxEntry:
    """A form that came back. Its sensitive fields are sealed before anything is recorded.

    Raises WrongFields for what the form should be mended for before it closes; nothing is recorded then.

    Source: https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload
    """
    view = body.get("view") or {}
    about, fields = _about(view), submitted(view)
    secret = {name.removeprefix(SEALED): value for name, value in fields.items() if name.startswith(SEALED)}
    entry_id = _id(body, body.get("trigger_id"))
    plain = {name: value for name, value in fields.items() if not name.startswith(SEALED)}
    channel = plain.get("channel") or about.get("channel", "")
    if not any(map(public_keys.is_private, plain.values())):  # of that is told otherwise
        words = (str(view.get("callback_id", "")), str(about.get("value", "")))
        asked = Request(entry_id, Person(**_who(body)), str(channel), words)
        _refuse_wrong(view, wrong(asked, {**plain, **secret}))
    try:
        about_lab = f"variables {id_from(f'lab {entry_id}')}"
        sealed = seal(json.dumps(secret).encode(), about_lab) if secret else None
    except VaultError as away:
        raise WrongFields({f"{SEALED}{next(iter(secret))}": away.sentence}) from None
    payload = {
        **_who(body),
        "channel": channel,
        "directly": bool(plain.get("channel")),  # whoever names a channel may be looking at another one
        "trigger_id": body.get("trigger_id"),
        "response_url": about.get("response_url"),
        "replace": bool(about.get("response_url")),
        "home": bool(about.get("home")),
        "sealed_form": base64.b64encode(sealed).decode() if sealed is not None else None,
        **_filled_in(str(view.get("callback_id", "")), str(about.get("value", "")), plain),
    }
    return InboxEntry(entry_id, "submission", payload, now)


def _refuse_wrong(view: Body, found: Mapping[str, str]) -> None:
    """Raise WrongFields where a look at the form tells what is wrong: under its field, else under the first one."""
    blocks = {name.removeprefix(SEALED): name for name in submitted(view)}
    ids = (str(block.get("block_id", "")) for block in view.get("blocks") or ())
    first = next((each for each in (*ids, *blocks.values()) if each in blocks.values()), "")
    shown = {blocks.get(name, first): sentence for name, sentence in found.items()}
    if errors := {name: sentence for name, sentence in shown.items() if name}:
        raise WrongFields(errors)


def _plain_text(sentence: str) -> str:
    """Slack shows no markup under a field, and nobody's name."""
    nobody = _SOMEBODY.sub(lambda found: "somebody else" if found.start() else "That person", sentence)
    return unmarked(nobody).translate(str.maketrans("", "", "*`"))[:400]


def from_home(body: Body, now: datetime) -> InboxEntry:
    """Somebody has opened the Home tab.

    Source: https://docs.slack.dev/reference/events/app_home_opened
    """
    event = body.get("event") or {}
    payload = {
        "team": event.get("user_team") or event.get("team") or body.get("team_id", ""),
        "user": event.get("user", ""),
        "channel": "",
        "words": ["home", "opened"],
        "home": True,
    }
    return InboxEntry(_id(body, body.get("event_id")), "event", payload, now)


def is_home(event: Body) -> bool:
    """Whether it is the Home tab that was opened, not the messages beside it."""
    return event.get("tab") == "home"


def from_api(
    person: Person, text: str, channel: str, entry_id: str, now: datetime, blueprint_of: BlueprintOf
) -> InboxEntry:
    """A command that came with its person's Vault token, as plain text: nothing in it is Slack's markup."""
    payload = {
        "team": person.team,
        "user": person.user,
        "channel": channel,
        **_said(html.escape(text, quote=False), "@", blueprint_of),
    }
    return InboxEntry(entry_id, API, payload, now)


def from_departure(body: Body, now: datetime) -> InboxEntry:
    """Slack says that somebody's account was deactivated.

    Source: https://docs.slack.dev/reference/events/user_change
    """
    user = (body.get("event") or {}).get("user") or {}
    team, user_id = str(user.get("team_id") or body.get("team_id") or ""), str(user.get("id") or "")
    payload = {
        "team": team,
        "user": user_id,
        "channel": "",
        "words": ["left_slack", Person(team, user_id).key],
    }
    return InboxEntry(_id(body, body.get("event_id")), "event", payload, now)


def is_departure(event: Body) -> bool:
    """Whether a change of somebody's profile is that their account was deactivated."""
    return bool((event.get("user") or {}).get("deleted"))


def to_request(entry: InboxEntry) -> Request:
    """What was recorded, as a request. Raises Refused for what was refused before it was recorded."""
    payload = entry.payload
    if payload.get("refused"):
        raise Refused(*payload["refused"])
    sealed = payload.get("sealed_form")
    return Request(
        id=entry.id,
        person=Person(str(payload["team"]), str(payload["user"])),
        channel=str(payload.get("channel") or ""),
        words=tuple(payload["words"]),
        form=payload.get("form") or {},
        sealed_form=base64.b64decode(sealed) if sealed else None,
        by_token=entry.kind == API,
    )


def without_secrets(words: tuple[str, ...], blueprint_of: BlueprintOf) -> tuple[str, ...]:
    """The words, each VALUE hidden unless its VAR is known to be no secret.

    A person may type a password where it does not belong. The command refuses it; it must not be in the inbox then.
    """
    if not any("=" in word for word in words):
        return words
    blueprint = blueprint_of(words)
    plain = set(_PLAIN)
    if blueprint is not None:
        plain |= {name for name, variable in blueprint.variables.items() if not variable.sensitive}
    kept: list[str] = []
    hide_next = False  # `VAR= VALUE` and `VAR = VALUE` are mistakes too, and a secret all the same
    for before, word in zip(("", *words), words, strict=False):
        name, equals, value = word.partition("=")
        if not equals:
            kept.append(HIDDEN if hide_next else word)
            hide_next = False
            continue
        secret = hide_next or (name or before) not in plain
        kept.append(f"{name}={HIDDEN}" if secret and value else word)
        hide_next = secret and not value
    return tuple(kept)


def _said(text: str, surface: str, blueprint_of: BlueprintOf) -> dict[str, Any]:
    """The words to record. A private key is none of them, wherever it stands, and of a public one only itself."""
    if public_keys.is_private(text):
        return {"words": ["private_key", surface]}
    try:
        if pasted := _PASTED.fullmatch(f"{surface} {text}"):
            key = public_keys.read(" ".join(pasted[1].strip(public_keys.QUOTES).split()))
            return {"words": [*_ENROLL, *key.line.split()]}
        words = parse(text, surface)
        if words[:2] == _ENROLL and len(words) > 2:  # however that was written
            return {"words": [*_ENROLL, *public_keys.read(" ".join(words[2:])).line.split()]}
        return {"words": list(without_secrets(words, blueprint_of))}
    except Refused as refused:
        return {"words": [], "refused": [refused.sentence, refused.example]}


def _filled_in(action: str, value: str, form: dict[str, str]) -> dict[str, Any]:
    """The same for what was typed into a form."""
    if any(map(public_keys.is_private, form.values())):
        return {"words": ["private_key", action]}
    try:
        if action == "enroll_key":
            form = {"key": public_keys.read(form.get("key", "")).line}
    except Refused as refused:
        return {"words": [action], "refused": [refused.sentence, refused.example]}
    return {"words": [action, value], "form": form}


def _about(view: Body) -> dict[str, Any]:
    """What we have written into a view: the channel it belongs to, and what it is about."""
    about = json.loads(view.get("private_metadata") or "{}")
    return about if isinstance(about, dict) else {}


def _who(body: Body) -> dict[str, str]:
    user = body.get("user") or {}
    team = user.get("team_id") or (body.get("team") or {}).get("id") or ""
    return {"team": str(team), "user": str(user.get("id") or "")}


def _id(body: Body, given: Any) -> str:
    """Slack's own id of a delivery, or what stands for it: the same bytes twice are one request."""
    if given:
        return str(given)
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()
