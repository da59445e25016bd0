"""What has changed outside of Terraform, from `show -json` of a refresh-only plan. Pure.

Neither the exit code nor `resource_drift` says it. The AWS provider reads `tags` that were null as `{}` after every
apply; and Terraform 1.11 ends with 2 whenever it looks at such a lab, or at labs/sandbox, whatever it finds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from commands.engines.terraform.events import natural
from state.records import PlannedChange

OUTPUT = "output."  # begins the address of an output
_NOTHING: tuple[Any, ...] = (None, "", [], {})


def drift(shown: Mapping[str, Any]) -> tuple[PlannedChange, ...]:
    """Give what differs from the state, by address; an output's is `output.NAME`.

    Only the names of attributes are told, never a value.
    """
    found = [*_resources(shown), *_outputs(shown)]
    return tuple(sorted(found, key=lambda each: natural(each.address)))


def as_changes(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Give the plan as one that would make what has changed outside: so terraform_diff tells its values, masked."""
    drifted = {each.address for each in drift(shown)}
    resources = [each for each in shown.get("resource_drift", ()) if each["address"] in drifted]
    outputs = shown.get("output_changes", {}).items()
    told = {name: change for name, change in outputs if f"{OUTPUT}{name}" in drifted}
    return {**shown, "resource_changes": resources, "output_changes": told}


def _resources(shown: Mapping[str, Any]) -> Iterator[PlannedChange]:
    for resource in shown.get("resource_drift", ()):
        change = resource["change"]
        action = change["actions"][0]
        attributes = _attributes(change) if action == "update" else ()
        if attributes or action == "delete":
            yield PlannedChange(resource["address"], action, attributes)


def _outputs(shown: Mapping[str, Any]) -> Iterator[PlannedChange]:
    for name, change in shown.get("output_changes", {}).items():
        action = change["actions"][0]
        told = _essence(change.get("before")) != _essence(change.get("after"))
        if action != "no-op" and told and change.get("after_unknown") is not True:
            yield PlannedChange(f"{OUTPUT}{name}", action)


def _attributes(change: Mapping[str, Any]) -> tuple[str, ...]:
    before, after = change.get("before") or {}, change.get("after") or {}
    names = sorted({*before, *after})
    return tuple(name for name in names if _essence(before.get(name)) != _essence(after.get(name)))


def _essence(value: Any) -> Any:
    """Give the value without what is empty in it: null, an empty text, list or map are the same to a provider."""
    if isinstance(value, Mapping):
        value = {name: kept for name, item in value.items() if (kept := _essence(item)) is not None}
    elif isinstance(value, list):
        value = [_essence(item) for item in value]
    return None if value in _NOTHING else value
