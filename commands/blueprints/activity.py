"""The `activity` of a blueprint.yaml → Activity: how its labs are asked whether somebody uses them."""

from __future__ import annotations

import re
import shlex

import yaml

from commands.blueprints import yaml_nodes
from commands.blueprints.records import Activity
from commands.blueprints.yaml_nodes import Wrong

LONGEST_SECONDS = 30  # the sweep waits for it

_ADDRESS = re.compile(r"https?://[^\s\\@]+")
_NO_WORDS = "`command` is a program and its words, such as [./in-use, demo]."


def read(node: yaml.Node) -> Activity:
    """Raises Wrong."""
    fields = yaml_nodes.mapping(node, "activity", ("http", "command", "within"))
    if ("http" in fields) == ("command" in fields):
        raise Wrong(node, "`activity` has either `http` or `command`.")
    within = Activity.within_seconds
    if "within" in fields:
        within = yaml_nodes.seconds(fields["within"], "within")
        if within > LONGEST_SECONDS:
            raise Wrong(
                fields["within"], f"`within` is {LONGEST_SECONDS}s at most: others wait for their turn."
            )
    if "http" in fields:
        form = "as an address, such as http://${address}:${port}/active"
        return Activity(yaml_nodes.text(fields["http"], "http", 1000, _ADDRESS, form), (), within)
    return Activity(None, _words(fields["command"]), within)


def _words(node: yaml.Node) -> tuple[str, ...]:
    if isinstance(node, yaml.SequenceNode):
        found = [yaml_nodes.text(item, "command", 1000) for item in yaml_nodes.items(node, "command")]
    else:
        try:
            found = shlex.split(yaml_nodes.text(node, "command", 1000))
        except ValueError as error:
            raise Wrong(node, f"`command` cannot be split into words: {error}.") from error
    if not found or not found[0]:
        raise Wrong(node, _NO_WORDS)
    return tuple(found)
