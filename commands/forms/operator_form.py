"""The form that lets somebody in: `/operator add` without a word."""

from __future__ import annotations

from collections.abc import Mapping

from commands.grammar import ROLES
from commands.request import Field, Form

ACTION = "add_operator"
_MEANS = {
    "operator": "operator: asks for labs, and runs their own",
    "infra": "infra: reviews plans, runs everybody's labs",
    "security": "security: reviews plans, reads the audit",
    "admin": "admin: says who is an operator",
}
FORM = Form(
    action=ACTION,
    value="operator",
    title="Trust somebody",
    submit="Trust them",
    fields=(
        Field("who", "Who", kind="person"),
        Field("roles", "Roles", choices=ROLES, labels=tuple(_MEANS[role] for role in ROLES), kind="some"),
        Field("until", "For how long", "Such as 30d. Left empty, they stay.", optional=True),
    ),
)


def words_of(given: Mapping[str, str]) -> tuple[str, ...]:
    """The command that says the same."""
    until = given.get("until", "").strip()
    who, roles = f"<@{given.get('who', '')}>", given.get("roles", "")
    return ("operator", "add", who, roles, *([f"until={until}"] if until else []))
