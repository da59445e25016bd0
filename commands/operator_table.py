"""The rows of commands/table.py that begin with /operator."""

from __future__ import annotations

from commands import operators
from commands.command import OPERATORS, Command
from commands.people import agents, leaving

OPERATOR_COMMANDS: tuple[Command, ...] = (
    Command(
        ("operator", "add"),
        operators.add,
        ("admin",),
        "@USER ROLE[,ROLE] [until=30d]",
        "Trust somebody: operator, infra, security, admin; alone it opens a form.",
        "/operator add @anna operator,infra",
        in_slack=True,
    ),
    Command(
        ("operator", "remove"),
        leaving.ask,
        ("admin",),
        "@USER",
        "See what ends with somebody, and see them out. The last admin stays.",
        "/operator remove @anna",
        in_slack=True,
    ),
    Command(
        ("operator", "add-agent"),
        agents.add,
        ("admin",),
        "NAME ROLE [until=90d]",
        "Let a machine ask for labs: what it logs in with is shown once.",
        "/operator add-agent ci operator",
        in_slack=True,
    ),
    Command(
        ("operator", "remove-agent"),
        agents.remove,
        ("admin",),
        "NAME",
        "End what a machine logs in with. Its labs stay.",
        "/operator remove-agent ci",
        in_slack=True,
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
