"""The `test` and `health` of a blueprint.yaml → Checks: how its labs are looked at from outside."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import cast, get_args

import yaml

from commands import words
from commands.blueprints import yaml_nodes
from commands.blueprints.records import Check, CheckKind, Secure
from commands.blueprints.yaml_nodes import Wrong
from commands.engines.checks import database as database_checks
from commands.engines.checks import network as network_checks
from commands.engines.checks import program as program_checks

KINDS = cast(tuple[CheckKind, ...], get_args(CheckKind))
GOES_WITH: dict[str, tuple[CheckKind, ...]] = {
    "status": ("http",),
    "body": ("http",),
    "matches": ("http",),
    "header": ("http",),
    "follow": ("http",),
    "name": ("http", "tls"),
    "days": ("tls",),
    "run": ("ssh",),
    "exit": ("ssh", "command"),
    "query": ("postgres",),
    "equals": ("postgres",),
    "within": ("tcp", "http", "tls", "ssh", "postgres", "command"),
}
MOST_CHECKS = 50
LONGEST_WITHIN_SECONDS = 10 * 60
SHORTEST_HEALTH_SECONDS = 2

_BLOCK = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")


def read(node: yaml.Node, secure: Secure) -> tuple[Check, ...]:
    """The checks, in their order. secure: what the blueprint's labs have. Raises Wrong."""
    found = tuple(_check(item, secure) for item in yaml_nodes.items(node, "test"))
    if len(found) > MOST_CHECKS:
        raise Wrong(node, f"`test` has {MOST_CHECKS} checks at most.")
    return found


def health_seconds(node: yaml.Node, checks: tuple[Check, ...]) -> int:
    """`10m`: how often a living lab is looked at. Raises Wrong."""
    seconds = yaml_nodes.seconds(node, "health")
    if seconds < SHORTEST_HEALTH_SECONDS:
        raise Wrong(node, f"`health` is {SHORTEST_HEALTH_SECONDS}s at least.")
    if not any(check.kind != "terraform" for check in checks):
        raise Wrong(node, "`health` repeats the checks of `test`, and there are none that could be repeated.")
    return seconds


def _check(node: yaml.Node, secure: Secure) -> Check:
    fields = yaml_nodes.mapping(node, "a check", (*KINDS, *GOES_WITH))
    asked = [kind for kind in KINDS if kind in fields]
    if len(asked) != 1:
        raise Wrong(node, f"A check has one of {words.listed(KINDS, 'or')}.")
    kind = asked[0]
    for key, kinds in GOES_WITH.items():
        if key in fields and kind not in kinds:
            raise Wrong(fields[key], f"`{key}` goes with {words.listed(kinds, 'or')} alone.")
    _require(node, kind, fields, secure)
    return Check(
        kind=kind,
        target=_target(fields[kind], kind),
        status=yaml_nodes.whole(fields["status"], "status", 100, 599) if "status" in fields else None,
        within_seconds=_within(fields["within"]) if "within" in fields else Check.within_seconds,
        words=_words(fields["run" if kind == "ssh" else kind], kind)
        if "run" in fields or kind == "command"
        else (),
        body=yaml_nodes.text(fields["body"], "body", 1000) if "body" in fields else None,
        matches=_matches(fields["matches"]) if "matches" in fields else None,
        headers=_headers(fields["header"]) if "header" in fields else (),
        follows="follow" in fields and yaml_nodes.flag(fields["follow"], "follow"),
        name=yaml_nodes.text(fields["name"], "name", 253) if "name" in fields else None,
        days=yaml_nodes.whole(fields["days"], "days", 0, 3650) if "days" in fields else 0,
        exit_code=yaml_nodes.whole(fields["exit"], "exit", 0, 255) if "exit" in fields else 0,
        query=_query(fields["query"]) if "query" in fields else "",
        equals=yaml_nodes.text(fields["equals"], "equals", 1000) if "equals" in fields else None,
    )


def _require(node: yaml.Node, kind: CheckKind, fields: Mapping[str, yaml.Node], secure: Secure) -> None:
    """What a kind cannot do without."""
    if kind == "ssh" and secure.ssh is None:
        raise Wrong(
            node, "`ssh` logs in with a certificate, so `secure` needs `ssh`: `secure: {ssh: {user: root}}`."
        )
    if kind == "postgres" and secure.database_role is None:
        raise Wrong(
            node,
            "`postgres` logs in as a user that Vault makes, so `secure` needs `database`: "
            "`secure: {database: {role: readonly}}`.",
        )
    if kind == "postgres" and "query" not in fields:
        raise Wrong(node, "`postgres` has a `query`, and this one has none.")
    if "exit" in fields and kind == "ssh" and "run" not in fields:
        raise Wrong(fields["exit"], "`exit` goes with `run`, and there is none.")


def _target(node: yaml.Node, kind: CheckKind) -> str:
    """As it was written. What has no ${output} in it is checked now, the rest when the outputs are known."""
    if kind == "command":
        return " ".join(_words(node, kind))
    text = yaml_nodes.text(node, kind, 1000)
    if kind == "terraform" and not _BLOCK.fullmatch(text):
        raise Wrong(node, "`terraform` is the name of a `check` block of the module, or `all`.")
    if "${" not in text:
        try:
            check_target(kind, text)
        except ValueError as form:
            raise Wrong(node, f"`{kind}` {form}. This is {words.code(text)}.") from None
    return text


def check_target(kind: CheckKind, text: str) -> None:
    """Raises ValueError, whose text says what a target of that kind is."""
    if kind in ("tcp", "tls"):
        network_checks.place(text)
    elif kind == "http":
        network_checks.checked_address(text)
    elif kind == "ssh":
        program_checks.ssh_host(text, "")
    elif kind == "postgres":
        database_checks.checked_address(text)


def _words(node: yaml.Node, of: str) -> tuple[str, ...]:
    if isinstance(node, yaml.SequenceNode):
        found = [yaml_nodes.text(item, of, 1000) for item in yaml_nodes.items(node, of)]
    else:
        try:
            found = shlex.split(yaml_nodes.text(node, of, 1000))
        except ValueError as error:
            raise Wrong(node, f"`{of}` cannot be split into words: {error}.") from error
    if not found or not found[0]:
        raise Wrong(node, f"`{of}` is a program and its words, such as [./smoke.sh, demo].")
    return tuple(found)


def _within(node: yaml.Node) -> int:
    seconds = yaml_nodes.seconds(node, "within")
    if seconds > LONGEST_WITHIN_SECONDS:
        raise Wrong(node, f"`within` is {words.short(LONGEST_WITHIN_SECONDS)} at most.")
    return seconds


def _matches(node: yaml.Node) -> str:
    text = yaml_nodes.text(node, "matches", 1000)
    try:
        re.compile(text)
    except re.error as error:
        raise Wrong(node, f"`matches` is not a regular expression: {error.msg}.") from error
    return text


def _headers(node: yaml.Node) -> tuple[tuple[str, str], ...]:
    fields = yaml_nodes.mapping(node, "header")
    for name in fields:
        if not _HEADER.fullmatch(name):
            raise Wrong(node, f"{words.code(name)} is no name of a header, such as Content-Type.")
    return tuple((name, yaml_nodes.text(value, name, 300)) for name, value in fields.items())


def _query(node: yaml.Node) -> str:
    text = yaml_nodes.text(node, "query", 1000)
    if "${" in text:
        raise Wrong(node, "`query` is taken as it is: no ${output} is filled in there.")
    return text
