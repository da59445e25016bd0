"""Operators as Vault keeps them: one document an operator in KV v2, `innkeeper/operators/TEAM-USER`.

An agent, which is a machine, is `operators/AGENT-NAME`: its slack_team is AGENT, which is nobody's in Slack.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from state.records import Person

ROLES = ("operator", "infra", "security", "admin")
AGENT_ROLES = ("operator",)  # an agent asks for labs and runs its own; people do the rest
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ENDED = "its expires_at has passed"  # the problem of a document whose time is over


@dataclass(frozen=True)
class Operator:
    """A trusted operator, as read from Vault just now.

    version is KV v2's, for check-and-set: 0 means that there must be no document yet. problem says why a
    document cannot be trusted; such an operator has no roles and no keys, and writing it again mends it.
    An operator whose expires_at has passed is such a one, with the problem ENDED.
    """

    person: Person
    name: str
    roles: tuple[str, ...]
    ssh_public_keys: tuple[str, ...]
    added_by: str  # a person's key
    added_at: datetime
    version: int = 0
    problem: str = ""
    expires_at: datetime | None = None  # from then on they are nobody


def path_of(person: Person) -> str | None:
    """`operators/T1-U1`, or None where the ids are not Slack's (or an agent's), and so must be no part of a path."""
    try:
        whole = Person.parse(person.key) == person
    except ValueError:
        whole = False
    return f"operators/{person.key}" if whole else None


def to_document(operator: Operator, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The document to write. Keys of the one before that we do not know are kept."""
    kept = {key: value for key, value in (before or {}).items() if key != "expires_at"}
    ends = {"expires_at": _text_of(operator.expires_at)} if operator.expires_at else {}
    return {
        **kept,
        "slack_team": operator.person.team,
        "slack_user": operator.person.user,
        "name": operator.name,
        "roles": list(operator.roles),
        "ssh_public_keys": list(operator.ssh_public_keys),
        "added_by": operator.added_by,
        "added_at": _text_of(operator.added_at),
        **ends,
    }


def from_document(
    person: Person, document: object, version: int, now: datetime, created_at: str = ""
) -> Operator:
    """Read a document. Fails closed: whatever is not as agreed makes an operator with a problem and no roles.

    So does an expires_at that now has reached. created_at, KV v2's time of this version, stands in for a
    missing added_at. Unknown roles are left out, and of an agent's all but AGENT_ROLES, whoever wrote them.
    """
    try:
        operator = _read(person, document, version, created_at)
    except ValueError as reason:
        return Operator(person, "", (), (), "", EPOCH, version, problem=str(reason))
    if operator.expires_at is not None and operator.expires_at <= now:
        return replace(operator, roles=(), ssh_public_keys=(), problem=ENDED)
    return operator


def _read(person: Person, document: object, version: int, created_at: str) -> Operator:
    if not isinstance(document, dict):
        raise ValueError("it is not an object")
    if document.get("slack_team") != person.team or document.get("slack_user") != person.user:
        raise ValueError("its slack_team and slack_user are not those of its path")
    roles, ends = _texts(document, "roles", required=True), document.get("expires_at")
    known = AGENT_ROLES if person.is_agent else ROLES
    return Operator(
        person=person,
        name=_text(document, "name"),
        roles=tuple(dict.fromkeys(role for role in roles if role in known)),
        ssh_public_keys=_texts(document, "ssh_public_keys"),
        added_by=_text(document, "added_by"),
        added_at=_time(document.get("added_at", created_at), "added_at"),
        version=version,
        expires_at=None if ends is None else _time(ends, "expires_at"),
    )


def _text_of(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key, "")
    if not isinstance(value, str):
        raise ValueError(f"{key} is not a text")
    return value


def _texts(document: Mapping[str, Any], key: str, required: bool = False) -> tuple[str, ...]:
    value = document.get(key, None if required else [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{key} is not a list of texts")
    return tuple(value)


def _time(value: object, key: str) -> datetime:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None:
        raise ValueError(f"{key} is not a time")
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
