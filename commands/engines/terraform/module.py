"""What belongs to a Terraform module: its files, their digest, a copy to work in, the declared variables."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from commands.engines.terraform.events import Diagnostic, TerraformFailed

# Sorted last among the override files, as the last one wins.
OVERRIDE = "~innkeeper_override.tf.json"

_NOT_FOLDERS = (".terraform", ".git", "__pycache__")
# Values and states that somebody left there would be loaded without being asked for.
_NOT_FILES = (
    "*.tfstate",
    "*.tfstate.*",
    ".*.tfstate.lock.info",
    "terraform.tfvars",
    "terraform.tfvars.json",
    "*.auto.tfvars",
    "*.auto.tfvars.json",
    ".git",
    OVERRIDE,
)


@dataclass(frozen=True)
class Declared:
    """A variable that a module declares. type is as written, such as `list(string)`; empty: any."""

    type: str = ""
    has_default: bool = False
    sensitive: bool = False
    ephemeral: bool = False


@dataclass(frozen=True)
class _File:
    name: str  # relative to the module, with slashes
    path: Path
    link: str | None = None  # where a symbolic link leads to, relative to its own folder


def digest(module: Path) -> str:
    """Give the sha256 (hex) over names and bytes of a module's files; its copy has the same."""
    total = hashlib.sha256()
    for file in _files(module):
        kind, content = (b"link", os.fsencode(file.link)) if file.link else (b"file", file.path.read_bytes())
        for part in (kind, file.name.encode(), content):
            total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()


def copy(module: Path, to: Path) -> list[str]:
    """Copy what belongs to a module to a new folder, and make its backend `http`, whatever the module says.

    Gives the names of what was copied.

    Raises TerraformFailed for what does not belong into a module, such as a symbolic link that leaves it.
    """
    files = list(_files(module))
    unfinished = to.with_name(to.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    for file in files:
        target = unfinished / file.name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if file.link:
            target.symlink_to(file.link)
        else:
            shutil.copy(file.path, target)
    (unfinished / OVERRIDE).write_text(json.dumps({"terraform": {"backend": {"http": {}}}}))
    unfinished.rename(to)
    return [file.name for file in files]


def _files(module: Path) -> Iterator[_File]:
    """Give a module's files in a fixed order."""
    if not module.is_dir():
        raise _failed(module, "There is no such module", f"{module} is not a folder.")
    root = module.resolve()
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in _NOT_FOLDERS]
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in [*files, *links]:
            path = Path(folder) / name
            if not any(fnmatchcase(name, pattern) for pattern in _NOT_FILES):
                found.append(_file(root, path))
    return iter(sorted(found, key=lambda file: file.name))


def _file(root: Path, path: Path) -> _File:
    name = path.relative_to(root).as_posix()
    if path.is_symlink():
        leads_to = path.resolve()
        if not leads_to.is_relative_to(root):
            detail = "Put a copy of what it leads to into the module."
            raise _failed(root, f"{name} is a symbolic link that leaves the module", detail, name)
        return _File(name, path, os.path.relpath(leads_to, path.parent.resolve()))
    if not path.is_file():
        raise _failed(root, f"{name} is neither a file nor a folder", "Take it out of the module.", name)
    return _File(name, path)


def _failed(module: Path, summary: str, detail: str, file: str = "") -> TerraformFailed:
    return TerraformFailed((Diagnostic("error", summary, detail, file=file or str(module)),))


def declared(module: Path) -> dict[str, Declared]:
    """Give the variables that a module declares, by name.

    Only as much of Terraform's language is read as that takes; what is not well-formed is left for Terraform
    to complain about. Override files are merged as Terraform does it. Source: Terraform language, "Input
    variables", "Override files", "JSON configuration syntax".
    """
    found: dict[str, dict[str, str]] = {}
    paths = [path for path in module.iterdir() if re.search(r"\.(tf|tofu)(\.json)?$", path.name)]
    for path in sorted(paths, key=lambda path: (_is_override(path.name), path.name)):
        text = path.read_text(encoding="utf-8", errors="replace")
        of_file = _of_json(text) if path.name.endswith(".json") else _of_hcl(text)
        for name, attributes in of_file:
            found.setdefault(name, {}).update(attributes)
    return {
        name: Declared(
            type=attributes.get("type", ""),
            has_default="default" in attributes,
            sensitive=attributes.get("sensitive") == "true",
            ephemeral=attributes.get("ephemeral") == "true",
        )
        for name, attributes in found.items()
    }


def _is_override(name: str) -> bool:
    stem = name.split(".")[0]
    return stem == "override" or stem.endswith("_override")


def _of_json(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        content = json.loads(text)
    except ValueError:
        return
    for block in _dicts(content):
        for variables in _dicts(block.get("variable")):
            for name, bodies in variables.items():
                for body in _dicts(bodies):
                    yield name, {key: v if isinstance(v, str) else json.dumps(v) for key, v in body.items()}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]


_BLANK = re.compile(r"(?:[ \t\r]|#[^\n]*|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_HEREDOC = re.compile(r"<<-?[ \t]*([^\W\d][\w-]*)\r?\n.*?^[ \t]*\1[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_WORD = re.compile(r"[^\W\d][\w-]*")


def _tokens(text: str) -> Iterator[str]:
    """Split Terraform's native syntax into words, whole strings, whole heredocs and single characters."""
    at = 0
    while at < len(text):
        if blank := _BLANK.match(text, at):
            at = blank.end()
            continue
        if text[at] == '"':
            end = _end_of_string(text, at + 1)
        elif found := _HEREDOC.match(text, at) or _WORD.match(text, at):
            end = found.end()
        else:
            end = at + 1
        yield text[at:end]
        at = end


def _end_of_string(text: str, at: int) -> int:
    while at < len(text):
        if text[at] == '"':
            return at + 1
        if text[at] == "\\" or text.startswith(("$${", "%%{"), at):
            at += 2 if text[at] == "\\" else 3
        elif text.startswith(("${", "%{"), at):
            at = _end_of_template(text, at + 2)
        else:
            at += 1
    return at


def _end_of_template(text: str, at: int) -> int:
    depth = 1
    while at < len(text) and depth:
        if text[at] == '"':
            at = _end_of_string(text, at + 1)
            continue
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        at += 1
    return at


def _of_hcl(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    depth = 0
    line: list[str] = []  # tokens since the line began, at this depth
    name, attributes = "", dict[str, str]()
    for piece in [*_tokens(text), "\n"]:
        if piece == "\n" or (piece == "}" and depth == 1):
            # An expression goes on over the lines within its own brackets.
            if depth == 1 and name and len(line) > 2 and line[1] == "=":
                attributes[line[0]] = "".join(line[2:])
            if depth <= 1:
                line = []
        if piece in ("{", "[", "("):
            if depth == 0 and piece == "{":
                is_variable = len(line) == 2 and line[0] == "variable"
                name, attributes = (line[1].strip('"') if is_variable else ""), {}
                depth, line = 1, []
                continue
            depth += 1
        elif piece in ("}", "]", ")"):
            depth -= 1
            if depth == 0:
                if name:
                    yield name, attributes
                name, line = "", []
                continue
        if piece != "\n" or depth > 1:
            line.append(piece if piece != "\n" else " ")
