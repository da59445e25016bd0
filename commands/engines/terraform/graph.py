"""A plan as a graph, from `show -json`: each resource with what is done to it, and what it needs. Pure.

What refers to another through a local is found only in the state: locals are not in that JSON.
Source: https://developer.hashicorp.com/terraform/internals/json-format
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from commands.pictures import Node, Plan

_ACTIONS = {
    ("create",): "create",
    ("update",): "update",
    ("delete",): "delete",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
    ("read",): "read",
    ("forget",): "forget",
}
_INDEX = re.compile(r'\[(?:"(?:\\.|[^"\\])*"|[^\]"]*)\]')
_LAST_INDEX = re.compile(r'\[(?:"(?:\\.|[^"\\])*"|[^\]"]*)\]$')
_NOT_RESOURCES = ("each", "count", "path", "terraform", "self", "local", "ephemeral", "provider")


@dataclass(frozen=True)
class _Module:
    """A module's configuration, where it is called, and with what."""

    path: str  # `module.a.module.b`, empty for the root
    configuration: Mapping[str, Any]
    call: Mapping[str, Any]
    caller: _Module | None

    def child(self, name: str) -> _Module | None:
        call = (self.configuration.get("module_calls") or {}).get(name)
        if call is None:
            return None
        return _Module(_joined(self.path, f"module.{name}"), call.get("module") or {}, call, self)


def graph(shown: Mapping[str, Any], title: str) -> Plan:
    """The nodes of a plan, in its order, and the edges between them."""
    nodes = [Node(str(each["address"]), _action(each)) for each in shown.get("resource_changes") or ()]
    instances: dict[str, list[str]] = {}
    for node in nodes:
        instances.setdefault(_INDEX.sub("", node.address), []).append(node.address)
    root = _Module("", (shown.get("configuration") or {}).get("root_module") or {}, {}, None)
    links = {*_of_configuration(root), *_of_state(shown)}
    edges = {
        edge
        for one, other in links
        if one in instances and other in instances and one != other
        for edge in _between(instances[one], instances[other])
    }
    return Plan(title, tuple(nodes), tuple(sorted(edges)))


def _action(resource: Mapping[str, Any]) -> str:
    change = resource["change"]
    action = _ACTIONS.get(tuple(change["actions"]), "no-op")
    if action == "no-op" and change.get("importing"):
        return "import"
    return "move" if action == "no-op" and resource.get("previous_address") else action


def _between(ones: Iterable[str], others: list[str]) -> Iterator[tuple[str, str]]:
    """Each instance needs that of its own key, where there is one, and else all."""
    for one in ones:
        key = _LAST_INDEX.search(one)
        twins = [each for each in others if key is not None and each.endswith(key[0])]
        yield from ((one, other) for other in twins or others)


def _of_configuration(module: _Module) -> Iterator[tuple[str, str]]:
    for resource in module.configuration.get("resources") or ():
        address = _joined(module.path, str(resource.get("address")))
        for needed in _needed(module, _references(resource), frozenset()):
            yield address, needed
    for name in module.configuration.get("module_calls") or {}:
        if (child := module.child(name)) is not None:
            yield from _of_configuration(child)


def _needed(module: _Module, references: Iterable[str], seen: frozenset[str]) -> Iterator[str]:
    """The resources that references in a module lead to, through variables and outputs."""
    for reference in references:
        key = f"{module.path} {reference}"
        if key in seen:
            continue
        followed = seen | {key}
        kind, *rest = _INDEX.sub("", reference).split(".")
        if kind == "var" and rest and module.caller is not None:
            given = (module.call.get("expressions") or {}).get(rest[0])
            yield from _needed(module.caller, _references(given), followed)
        elif kind == "module" and rest:
            child = module.child(rest[0])
            outputs = (child.configuration.get("outputs") or {}) if child is not None else {}
            wanted = [outputs.get(rest[1])] if len(rest) > 1 else list(outputs.values())
            if child is not None:
                yield from _needed(child, _references(wanted), followed)
        elif kind == "data" and len(rest) > 1:
            yield _joined(module.path, f"data.{rest[0]}.{rest[1]}")
        elif kind not in _NOT_RESOURCES and kind != "var" and rest:
            yield _joined(module.path, f"{kind}.{rest[0]}")


def _references(part: Any) -> Iterator[str]:
    """Every reference below a part of the configuration, and what it waits for."""
    if isinstance(part, Mapping):
        for name, value in part.items():
            if name in ("references", "depends_on") and isinstance(value, list):
                yield from (str(each) for each in value)
            else:
                yield from _references(value)
    elif isinstance(part, list):
        for each in part:
            yield from _references(each)


def _of_state(shown: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the state says of resources that are there: all that they need, near and far."""
    values = (shown.get("prior_state") or {}).get("values") or {}
    waiting = [values.get("root_module") or {}]
    while waiting:
        module = waiting.pop()
        waiting += module.get("child_modules") or []
        for resource in module.get("resources") or ():
            address = _INDEX.sub("", str(resource.get("address")))
            yield from ((address, _INDEX.sub("", str(each))) for each in resource.get("depends_on") or ())


def _joined(path: str, address: str) -> str:
    return f"{path}.{address}" if path else address
