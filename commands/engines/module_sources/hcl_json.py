"""Terraform's language as JSON, in the form of hcl.py: every object may be a block, every text is a template.

Source: HCL JSON Syntax Specification; Terraform language, "JSON configuration syntax".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from commands.engines.module_sources.hcl import Block, Opaque, Problem, Read, read_template

# How many names stand before the body of a block. What is not here has none.
_TWO = ("resource", "data", "ephemeral", "list", "action", "store")
_ONE = (
    "backend",
    "provisioner",
    "module",
    "provider",
    "variable",
    "output",
    "check",
    "provider_meta",
    "state_store",
)
_LABELS = dict.fromkeys(_TWO, 2) | dict.fromkeys(_ONE, 1)


def read(text: str) -> Read:
    """Read a `.tf.json` file: each text in it is a template, and every object may be a block."""
    found = Read()
    try:
        content = json.loads(text, object_pairs_hook=_object)
        if not isinstance(content, dict):
            raise Problem(0, "it is no JSON object")
        found.blocks = list(_blocks(content))
        for template in _texts(content):
            of_text = read_template(template)
            found.calls += of_text.calls
            found.problems += of_text.problems
    except Problem as problem:
        found.problems.append(problem)
    except (ValueError, RecursionError):
        found.problems.append(Problem(0, "it does not parse"))
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Python takes the last of two, Terraform makes two blocks of them.
    if len({name for name, _ in pairs}) != len(pairs):
        raise Problem(0, "a name comes twice in one JSON object")
    return dict(pairs)


def _blocks(content: Mapping[str, Any]) -> Iterator[Block]:
    for name, value in content.items():
        for labels, body in _bodies(value, _LABELS.get(name, 0)):
            yield Block(
                name, labels, 0, {key: _plain(each) for key, each in body.items()}, tuple(_blocks(body))
            )


def _bodies(value: Any, labels: int) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    if isinstance(value, list):
        for each in value:
            yield from _bodies(each, labels)
    elif isinstance(value, dict) and labels == 0:
        yield (), value
    elif isinstance(value, dict):
        for name, inner in value.items():
            for further, body in _bodies(inner, labels - 1):
                yield (name, *further), body


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, str) and re.search(r"[$%]\{|[\n\r]", value):
        return Opaque(value[:200])
    return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(each)
    if isinstance(value, dict):
        yield from value  # a name may be a template, too
