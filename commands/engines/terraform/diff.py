"""What a plan would change, attribute by attribute and without secrets, from `show -json`. Pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

from commands.engines.terraform.events import SENSITIVE, natural

UNKNOWN = "(known after apply)"

_SIGNS = {
    ("create",): "+",
    ("delete",): "-",
    ("update",): "~",
    ("delete", "create"): "-/+",
    ("create", "delete"): "+/-",
    ("read",): "<=",
    ("forget",): ".",
}
_SIDES = ("before", "after")
_LONGEST_VALUE = 200
_SHORTEST_SECRET = 4


@dataclass(frozen=True)
class Check:
    """What became of a `check` block, or of a condition. status: pass, fail, error, unknown."""

    name: str
    status: str
    problems: tuple[str, ...] = ()


def attribute_diff(shown: Mapping[str, Any], secrets: Iterable[str] = ()) -> str:
    """Give the changes of a plan as text, one attribute a line.

    What Terraform holds to be sensitive reads `(sensitive)`. Providers copy secrets
    into attributes that are not marked (as `terraform_data` does into `output`): so the values of all that is
    marked anywhere in the plan, earlier ones too, and `secrets` are replaced wherever they turn up.
    """
    resources = sorted(shown.get("resource_changes", ()), key=lambda each: natural(each["address"]))
    outputs = sorted(shown.get("output_changes", {}).items())
    changes = [*(each["change"] for each in resources), *(change for _, change in outputs)]
    marked = {text for each in changes for side in _SIDES for text in _marked(*_side(each, side))}
    marked |= {text for value, marks in _stated(shown) for text in _marked(value, marks)}
    hide = _scrubber({*secrets, *marked})
    blocks = [block for resource in resources for block in _resource(resource, hide)]
    lines = [
        f"{_SIGNS[tuple(change['actions'])]} output {name}: {_arrow(*_shown(change, hide))}"
        for name, change in outputs
        if tuple(change["actions"]) in _SIGNS
    ]
    return "\n\n".join([*blocks, "\n".join(lines)]).strip("\n")


def resources_without_secrets(
    shown: Mapping[str, Any], secrets: Iterable[str] = ()
) -> Iterator[tuple[dict[str, Any], Any, Any]]:
    """Give each resource change of a plan, and what it was and will be: `(sensitive)`, `(known after apply)` within."""
    hide = _hides(shown, secrets)
    for resource in shown.get("resource_changes", ()):
        yield resource, *_shown(resource["change"], hide)


def _hides(shown: Mapping[str, Any], secrets: Iterable[str]) -> Callable[[str], str]:
    outputs = shown.get("output_changes", {}).values()
    changes = [*(each["change"] for each in shown.get("resource_changes", ())), *outputs]
    marked = {text for each in changes for side in _SIDES for text in _marked(*_side(each, side))}
    return _scrubber({*secrets, *marked})


def checks(shown: Mapping[str, Any]) -> tuple[Check, ...]:
    """Give what the plan says of `check` blocks and conditions; one that fails may stop nothing by itself."""
    found = []
    for check in shown.get("checks", ()):
        problems = (each for instance in check.get("instances", ()) for each in instance.get("problems", ()))
        messages = tuple(each.get("message", "") for each in problems)
        found.append(Check(check["address"]["to_display"], check["status"], messages))
    return tuple(found)


def scrub(text: str, secrets: Iterable[str]) -> str:
    """Replace each secret in the text by `(sensitive)`, as it is and as JSON, HCL, URLs and base64 write it.

    The lines of a secret of several lines are replaced one by one too. What is shorter than four characters
    is taken for no secret, as it would turn up everywhere.
    """
    return _scrubber(secrets)(text)


def _scrubber(secrets: Iterable[str]) -> Callable[[str], str]:
    forms = {form for secret in secrets for form in _forms(secret)}
    if not forms:
        return str
    # The longest first, so that no secret hides half of another.
    pattern = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
    return lambda text: pattern.sub(SENSITIVE, text)


def _forms(secret: str) -> Iterator[str]:
    for raw in {secret, secret.strip(), *(line.strip() for line in secret.splitlines())}:
        if len(raw.strip()) < _SHORTEST_SECRET:
            continue
        escaped = json.dumps(raw, ensure_ascii=False)[1:-1]
        # Terraform's own JSON has <, > and & as \u003c, …
        of_go = re.sub("[<>&\u2028\u2029]", lambda each: f"\\u{ord(each[0]):04x}", escaped)
        yield from (raw, escaped, of_go, json.dumps(raw)[1:-1])
        yield from (form.replace("${", "$${").replace("%{", "%%{") for form in (raw, escaped))
        yield from (quote(raw), quote(raw, safe=""), quote_plus(raw))
        yield base64.b64encode(raw.encode()).decode()


def _resource(resource: Mapping[str, Any], hide: Callable[[str], str]) -> Iterator[str]:
    change = resource["change"]
    sign = _SIGNS.get(tuple(change["actions"]), "")
    moved = resource.get("previous_address")
    if not sign and not moved and not change.get("importing"):
        return
    head = f"{sign or ' '} {resource['address']}"
    head += f"  (was {moved})" if moved else ""
    head += "  (imported)" if change.get("importing") else ""
    yield "\n".join([hide(head), *_attributes(change, hide)])


def _attributes(change: Mapping[str, Any], hide: Callable[[str], str]) -> Iterator[str]:
    before, after = (_mapping(each) for each in _shown(change, hide))
    raw_before, raw_after = (_mapping(change.get(side)) for side in _SIDES)
    replacing = {path[0] for path in change.get("replace_paths", ()) if path}
    for name in sorted({*before, *after}):
        why = "  # forces replacement" if name in replacing else ""
        if before.get(name) != after.get(name):
            yield f"    {name}: {_arrow(before.get(name), after.get(name))}{why}"
        elif raw_before.get(name) != raw_after.get(name):
            yield f"    {name}: {_text(after.get(name))} -> another sensitive value{why}"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _side(change: Mapping[str, Any], side: str) -> tuple[Any, Any]:
    return change.get(side), change.get(f"{side}_sensitive")


def _shown(change: Mapping[str, Any], hide: Callable[[str], str]) -> tuple[Any, Any]:
    before, after = (_masked(*_side(change, side), hide) for side in _SIDES)
    return before, _with_unknown(after, change.get("after_unknown"))


def _arrow(before: Any, after: Any) -> str:
    if before is None:
        return _text(after)
    return f"{_text(before)} -> {'gone' if after is None else _text(after)}"


def _mark(sensitive: Any, key: Any) -> Any:
    """Give the mark of one item; marks mirror the shape of a value, true where something is sensitive."""
    if isinstance(sensitive, Mapping):
        return sensitive.get(key)
    if isinstance(sensitive, list):
        return sensitive[key] if isinstance(key, int) and key < len(sensitive) else None
    return sensitive is True


def _items(value: Any) -> Iterable[tuple[Any, Any]]:
    return (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    )


def _stated(shown: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Give what the state holds and its marks: a refresh-only plan tells no resource that did not change."""
    values = shown.get("prior_state", {}).get("values", {})
    for output in values.get("outputs", {}).values():
        yield output.get("value"), output.get("sensitive")
    modules = [values.get("root_module", {})]
    while modules:
        module = modules.pop()
        modules += module.get("child_modules", ())
        for resource in module.get("resources", ()):
            yield resource.get("values"), resource.get("sensitive_values")


def _marked(value: Any, sensitive: Any) -> Iterator[str]:
    """Give every text in value that is sensitive."""
    if isinstance(value, str) and sensitive is True:
        yield value
    for key, item in _items(value):
        yield from _marked(item, _mark(sensitive, key))


def _masked(value: Any, sensitive: Any, hide: Callable[[str], str]) -> Any:
    """Give value with what is sensitive replaced."""
    if value is None:
        return None
    if sensitive is True:
        return SENSITIVE
    if isinstance(value, Mapping):
        return {hide(name): _masked(item, _mark(sensitive, name), hide) for name, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, _mark(sensitive, at), hide) for at, item in enumerate(value)]
    return hide(value) if isinstance(value, str) else value


def _with_unknown(value: Any, unknown: Any) -> Any:
    """Put `(known after apply)` where the plan does not know yet; unknown mirrors the shape as marks do."""
    if unknown is True:
        return value if value == SENSITIVE else UNKNOWN
    if value == SENSITIVE:
        return value
    if isinstance(unknown, Mapping):
        base = dict(_mapping(value))
        return base | {name: _with_unknown(base.get(name), mark) for name, mark in unknown.items() if mark}
    if isinstance(unknown, list):
        items = value if isinstance(value, list) else []
        pairs = ((items[at] if at < len(items) else None, mark) for at, mark in enumerate(unknown))
        return [*(_with_unknown(item, mark) for item, mark in pairs), *items[len(unknown) :]]
    return value


def _text(value: Any) -> str:
    if value in (SENSITIVE, UNKNOWN):
        return str(value)
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    text = text.replace(f'"{SENSITIVE}"', SENSITIVE).replace(f'"{UNKNOWN}"', UNKNOWN)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}… ({len(text)} characters)"
