"""Whether a plan touches nothing but what follows from one variable, from `show -json`. Pure.

What cannot be decided counts as something else: locals are not in that JSON, and nested modules are not looked into.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_NOTHING = ({"no-op"}, {"read"}, set[str]())
_REFERENCE = re.compile(r"(data\.)?([A-Za-z_][\w-]*\.[\w-]+)")
_NOT_RESOURCES = ("var", "local", "module", "each", "count", "path", "terraform", "self", "ephemeral")


def touches_only(shown: Mapping[str, Any], variable: str) -> bool:
    """Whether all that the plan changes is in the root module, and refers to the variable, if through others."""
    configuration = (shown.get("configuration") or {}).get("root_module") or {}
    following = _following(configuration, variable)
    drifted = {each.get("address") for each in shown.get("resource_drift") or ()}
    for change in shown.get("resource_changes") or ():
        if set(change["change"]["actions"]) in _NOTHING and not change["change"].get("importing"):
            continue
        if (
            change.get("module_address")
            or change.get("previous_address")
            or change["change"].get("importing")
        ):
            return False
        if change["address"] in drifted or _address(change) not in following:
            return False
    outputs = configuration.get("outputs") or {}
    return all(
        set(change["actions"]) in _NOTHING or _refers(outputs.get(name) or {}, following, variable)
        for name, change in (shown.get("output_changes") or {}).items()
    )


def _following(configuration: Mapping[str, Any], variable: str) -> set[str]:
    """The resources, as `type.name`, that refer to the variable or to one of these."""
    resources = {_address(each): each for each in configuration.get("resources") or ()}
    following: set[str] = set()
    while True:
        new = {
            address
            for address, resource in resources.items()
            if address not in following and _refers(resource, following, variable)
        }
        if not new:
            return following
        following |= new


def _address(resource: Mapping[str, Any]) -> str:
    prefix = "data." if resource.get("mode") == "data" else ""
    return f"{prefix}{resource.get('type')}.{resource.get('name')}"


def _refers(part: Any, following: set[str], variable: str) -> bool:
    return any(
        reference == f"var.{variable}"
        or reference.startswith((f"var.{variable}.", f"var.{variable}["))
        or _resource_of(reference) in following
        for reference in _references(part)
    )


def _references(part: Any) -> Iterator[str]:
    """Every reference below a part of the configuration. That it only waits for others (depends_on) is none."""
    if isinstance(part, Mapping):
        for name, value in part.items():
            if name == "references" and isinstance(value, list):
                yield from (str(each) for each in value)
            elif name != "depends_on":
                yield from _references(value)
    elif isinstance(part, list):
        for each in part:
            yield from _references(each)


def _resource_of(reference: str) -> str:
    match = _REFERENCE.match(reference)
    if match is None or match[2].partition(".")[0] in _NOT_RESOURCES:
        return ""
    return f"{match[1] or ''}{match[2]}"
