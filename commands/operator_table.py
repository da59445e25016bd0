"""The rows of commands/table.py that begin with /operator."""

from __future__ import annotations

from commands import leaving, operators
from commands.command import OPERATORS, Command

OPERATOR_COMMANDS: tuple[Command, ...] = (
    Command(
        ("operator", "add"),
        operators.add,
        ("admin",),
        "@USER ROLE[,ROLE] [until=30d]",
        "Trust somebody: operator, infra, security, admin.",
        "/operator add @anna operator,infra",
    ),
    Command(
        ("operator", "remove"),
        leaving.ask,
        ("admin",),
        "@USER",
        "See what ends with somebody, and see them out. The last admin stays.",
        "/operator remove @anna",
    ),
    Command(
        ("operator", "list"),
        operators.list_operators,
        OPERATORS,
        "",
        "List who is trusted, and with what.",
        "/operator list",
    ),
    Command(
        ("operator", "show"),
        operators.show,
        OPERATORS,
        "@USER",
        "Show one person's roles, keys, and who added them.",
        "/operator show @anna",
    ),
    Command(
        ("operator", "audit"),
        operators.show_audit,
        ("admin", "security"),
        "[@USER|LAB]",
        "Show what happened, the newest first.",
        "/operator audit demo",
    ),
)
