"""The facts of a Terraform module's sources: what it would read, run, fetch and make, before Terraform sees it.

The reading is done by module_reading.py in a process of its own, as a file may be made to hang or crash a parser. What
cannot be read is a fact too, a problem, and whoever decides takes it for the worst.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypedDict

from commands.engines.bounded import Bounded, ChildEnded

READING_SECONDS = 20.0

# What an entry of each list has besides `file` (relative to the root, with slashes) and `line` (from 1; 0: the whole
# file). docs/GUARDRAILS.md says what each is for.
SHAPE: dict[str, tuple[str, ...]] = {
    "problems": ("problem",),
    "blocks": ("type",),
    "settings": ("name",),
    "providers": ("name", "source", "version"),
    "provider_blocks": ("name", "arguments", "region"),
    "modules": ("name", "source", "inside"),
    "resources": ("type", "name"),
    "data": ("type", "name"),
    "ephemeral": ("type", "name"),
    "imports": ("to",),
    "provisioners": ("kind", "of"),
    "connections": ("of",),
    "functions": ("name",),
    "reads": ("function", "call", "inside"),
    "variables": ("name",),
    "links": ("target", "inside"),
    "special": ("kind",),
}


class Facts(TypedDict):
    """As JSON, as policies see it at `input.sources`; each list's entries are in SHAPE."""

    files: list[str]
    problems: list[dict[str, Any]]
    blocks: list[dict[str, Any]]
    settings: list[dict[str, Any]]
    providers: list[dict[str, Any]]
    provider_blocks: list[dict[str, Any]]
    modules: list[dict[str, Any]]
    resources: list[dict[str, Any]]
    data: list[dict[str, Any]]
    ephemeral: list[dict[str, Any]]
    imports: list[dict[str, Any]]
    provisioners: list[dict[str, Any]]
    connections: list[dict[str, Any]]
    functions: list[dict[str, Any]]
    reads: list[dict[str, Any]]
    variables: list[dict[str, Any]]
    links: list[dict[str, Any]]
    special: list[dict[str, Any]]


def facts(module: Path, root: Path | None = None) -> Facts:
    """Read a module's sources: every Terraform file below its folder, and the local modules that it calls.

    root is the repository, out of which nothing may lead (the module's folder by default). Never raises for what is in
    the sources: that is a problem among the facts.
    """
    request = json.dumps({"module": str(module.resolve()), "root": str((root or module).resolve())})
    try:
        with Bounded("commands.engines.module_sources.module_reading") as child:
            child.ask(request.encode())
            found: Facts = child.line(READING_SECONDS)
            return found
    except TimeoutError:
        return _unread(f"reading the sources takes longer than {READING_SECONDS:.0f} s")
    except ChildEnded:
        return _unread("the sources cannot be read: they make the parser crash")


def empty() -> dict[str, list[Any]]:
    """Facts of nothing."""
    return {"files": [], **{name: [] for name in SHAPE}}


def _unread(problem: str) -> Facts:
    found: Any = empty() | {"problems": [{"problem": problem, "file": "", "line": 0}]}
    return found  # type: ignore[no-any-return]
