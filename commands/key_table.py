"""The rows of commands/table.py that begin with /key."""

from __future__ import annotations

from commands import credentials, keys
from commands.command import OPERATORS, Command
from commands.people import factors

KEY_COMMANDS: tuple[Command, ...] = (
    Command(
        ("key", "enroll"),
        keys.enroll,
        OPERATORS,
        "[PUBLIC-KEY]",
        "Put your public ssh key on file; without it a form asks for it.",
        "/key enroll ssh-ed25519 AAAAC3Nz…",
        in_slack=True,
    ),
    Command(
        ("key", "ssh"),
        credentials.ssh,
        ("operator", "infra"),
        "LAB [SHA256:…] [ttl=15m]",
        "Get an ssh certificate for your newest key, or for the one you name.",
        "/key ssh demo",
        in_slack=True,
    ),
    Command(
        ("key", "tls"),
        credentials.tls,
        ("operator", "infra"),
        "LAB [NAME]",
        "Get a TLS certificate for a lab's name, or one below it.",
        "/key tls demo",
        in_slack=True,
    ),
    Command(
        ("key", "db"),
        credentials.db,
        ("operator", "infra"),
        "LAB [ttl=30m]",
        "Get database credentials of your own, shown once.",
        "/key db demo",
        in_slack=True,
    ),
    Command(
        ("key", "list"),
        keys.list_keys,
        OPERATORS,
        "[LAB|@USER|all]",
        "List your keys and what you hold; admins see everybody's.",
        "/key list",
    ),
    Command(
        ("key", "revoke"),
        keys.revoke,
        OPERATORS,
        "GRANT|SHA256:…|all",
        "End a credential, trust a key no more, or end all you hold.",
        "/key revoke all",
    ),
    Command(
        ("key", "factor"),
        factors.enroll,
        OPERATORS,
        "",
        "Enroll a second factor, shown once, for approvals that ask for one.",
        "/key factor",
        in_slack=True,
    ),
)
