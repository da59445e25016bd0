"""The `deploy` of a blueprint.yaml → Deploy: which playbook, on which hosts, with which values."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from commands import words
from commands.blueprints import yaml_nodes
from commands.blueprints.records import Deploy, FromVault
from commands.blueprints.yaml_nodes import Wrong

KEYS = ("playbook", "hosts", "groups", "variables", "known_hosts", "within", "limit")
LONGEST_WITHIN_SECONDS = 10 * 60  # the certificate lives as long as both, and an hour at most
LONGEST_LIMIT_SECONDS = 45 * 60

_OUTPUT = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_FIELD = re.compile(r"(?:[\w.-]+|\$\{lab\})(?:/(?:[\w.-]+|\$\{lab\}))+#[\w.-]+")
_TAKEN = (
    "all",
    "ungrouped",
    "localhost",
    "hosts",
    "vars",
    "groups",
    "inventory_hostname",
    "environment",
    "omit",
)


def read(node: yaml.Node, path_of: Callable[[yaml.Node], Path], has_ssh: bool) -> Deploy:
    """path_of: the file that a node names, inside the catalogue. has_ssh: whether `secure` has `ssh`. Raises Wrong."""
    fields = yaml_nodes.mapping(node, "deploy", KEYS)
    if "playbook" not in fields:
        raise Wrong(node, "`deploy` has a `playbook`, and this one has none.")
    if not has_ssh:
        raise Wrong(
            node,
            "`deploy` logs in with a certificate, so `secure` needs `ssh`: `secure: {ssh: {user: root}}`.",
        )
    playbook = path_of(fields["playbook"])
    if not playbook.is_file():
        raise Wrong(fields["playbook"], f"There is no file {words.code(fields['playbook'].value)} here.")
    given: dict[str, Any] = {
        key: _output(fields[key], key) for key in ("hosts", "known_hosts") if key in fields
    }
    for key, longest in (("within", LONGEST_WITHIN_SECONDS), ("limit", LONGEST_LIMIT_SECONDS)):
        if key in fields:
            given[f"{key}_seconds"] = _seconds(fields[key], key, longest)
    groups = yaml_nodes.mapping(fields["groups"], "groups") if "groups" in fields else {}
    variables = yaml_nodes.mapping(fields["variables"], "variables") if "variables" in fields else {}
    for of in ("groups", "variables"):
        for key, _ in fields[of].value if of in fields else ():
            _check_name(key, of)
    return Deploy(
        playbook=playbook,
        groups={name: _output(each, name) for name, each in groups.items()},
        variables={name: _value(each, name) for name, each in variables.items()},
        **given,
    )


def _output(node: yaml.Node, of: str) -> str:
    return yaml_nodes.text(node, of, 64, _OUTPUT, "as an output's name")


def _check_name(key: yaml.Node, of: str) -> None:
    if not _NAME.fullmatch(key.value):
        raise Wrong(key, f"{words.code(key.value)} is no name in `{of}`: it has letters, digits and _.")
    if key.value in _TAKEN or key.value.startswith("ansible_"):
        raise Wrong(key, f"{words.code(key.value)} means something to Ansible. Take another name.")


def _value(node: yaml.Node, of: str) -> Any:
    """A text (with ${output} in it), a number, true or false, a list of these, or what Vault holds."""
    if isinstance(node, yaml.MappingNode):
        fields = yaml_nodes.mapping(node, of, ("vault",))
        if "vault" not in fields:
            raise Wrong(node, f"`{of}` is a value, or has a `vault` below it.")
        return FromVault(yaml_nodes.text(fields["vault"], "vault", 300, _FIELD, "mount/path#field"))
    if isinstance(node, yaml.SequenceNode):
        return tuple(yaml_nodes.scalar(item, of) for item in node.value)
    return yaml_nodes.scalar(node, of)


def _seconds(node: yaml.Node, of: str, longest: int) -> int:
    seconds = yaml_nodes.seconds(node, of)
    if seconds > longest:
        raise Wrong(node, f"`{of}` is {words.short(longest)} at most.")
    return seconds
