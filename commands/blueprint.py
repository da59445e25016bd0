"""The catalogue of blueprints, and what may be asked of one."""

from __future__ import annotations

import hashlib
import math
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from commands import blueprint_file, words
from commands.blueprint_records import Approvals as Approvals
from commands.blueprint_records import Blueprint as Blueprint
from commands.blueprint_records import BlueprintBroken as BlueprintBroken
from commands.blueprint_records import Variable as Variable
from commands.engines import git
from commands.request import Refused
from state.records import RunKind

_NOT_SOURCES = (
    ".terraform",
    ".git",
    "__pycache__",
)  # what a module's folder may gather, and is not written by people
BROKEN_AGAIN_SECONDS = 1.0
HIDDEN = "(hidden)"  # stands for a value that was not recorded, as it might have been a secret
_SAMPLES = {"string": "text", "number": "3", "boolean": "true", "list": "one,two"}
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class Catalogue:
    """The blueprints below a folder, each in a folder of its own name. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._gate = threading.Lock()
        self._signature: object = None
        self._blueprints: dict[str, Blueprint] = {}
        self._broken: list[BlueprintBroken] = []
        self._read_at_seconds = 0.0

    @property
    def path(self) -> Path:
        return self._path

    def blueprints(self) -> dict[str, Blueprint]:
        """Name → blueprint of those that can be used, by name. Read again when a file has changed."""
        self._refresh()
        return self._blueprints

    def broken(self) -> list[BlueprintBroken]:
        """Those that cannot be used, and why."""
        self._refresh()
        return self._broken

    def get(self, name: str) -> Blueprint:
        """The blueprint of that name. Raises Refused with the nearest name, or with what is broken in it."""
        known = self.blueprints()
        if name in known:
            return known[name]
        for broken in self.broken():
            if broken.folder == name:
                raise Refused(
                    f"The blueprint {words.code(name)} is broken in `{broken.file}`, line {broken.line}: "
                    f"{broken.sentence} The others still work.",
                    "/lab catalog",
                )
        meant = words.nearest(name, known)
        if meant is not None:
            raise Refused(
                f"There is no blueprint {words.code(name)}. Did you mean `{meant}`?", known[meant].example()
            )
        has = f"There are {words.listed([f'`{each}`' for each in list(known)[:8]])}." if known else ""
        raise Refused(f"There is no blueprint {words.code(name)}. {has}".strip(), "/lab catalog")

    def commit(self, blueprint: Blueprint) -> str:
        """sha256, in hex, of the blueprint's folder and its module: what a run was planned from."""
        digest = hashlib.sha256()
        folders = [blueprint.folder]
        if not blueprint.module.is_relative_to(blueprint.folder):
            folders.append(blueprint.module)
        for folder in folders:
            for path in _sources(folder):
                content = path.read_bytes()
                digest.update(
                    f"{path.relative_to(folder)}\0{os.access(path, os.X_OK)}\0{len(content)}\0".encode()
                )
                digest.update(content)
        return digest.hexdigest()

    def _refresh(self) -> None:
        with self._gate:
            folders = sorted(self._folders())
            signature = [(folder.name, *_signature(folder)) for folder in folders]
            # What a broken one lacks may lie outside of the signature, so it is looked at again: not on each request.
            looked_at_seconds = time.monotonic() - self._read_at_seconds
            if signature == self._signature and (
                not self._broken or looked_at_seconds < BROKEN_AGAIN_SECONDS
            ):
                return
            blueprints: dict[str, Blueprint] = {}
            broken: list[BlueprintBroken] = []
            for folder in folders:
                try:
                    blueprints[folder.name] = blueprint_file.read(folder, self._path)
                except BlueprintBroken as wrong:
                    broken.append(wrong)
            # Whole new ones: whoever holds the old ones may go on reading them.
            self._signature, self._blueprints, self._broken = signature, blueprints, broken
            self._read_at_seconds = time.monotonic()

    def _folders(self) -> Iterator[Path]:
        try:
            for entry in os.scandir(self._path):
                if not entry.name.startswith((".", "_")) and entry.is_dir():
                    folder = Path(entry.path)
                    if (folder / blueprint_file.FILE_NAME).exists():
                        yield folder
        except FileNotFoundError:
            return


def catalogue(labs_path: str, data_path: Path) -> Catalogue:
    """The catalogue that LABS_PATH names: a folder, or what a git ref has now. Raises ValueError with a sentence."""
    if labs_path.startswith("git+"):
        try:
            return Catalogue(git.checked_out(labs_path, data_path.resolve() / "catalogue"))
        except ValueError as error:
            raise ValueError(f"LABS_PATH: {error}") from None
    path = Path(labs_path)
    if not path.is_dir():
        raise ValueError(
            f"LABS_PATH is {labs_path}, and there is no such folder. Give the catalogue's folder."
        )
    return Catalogue(path.resolve())


def _signature(folder: Path) -> tuple[object, ...]:
    """Changes whenever reading the blueprint again could give something else."""
    found: list[object] = []
    for path in (folder / blueprint_file.FILE_NAME, folder):
        try:
            status = path.stat()
            found += [status.st_mtime_ns, status.st_size, status.st_ino]
        except OSError:
            found.append(None)
    return tuple(found)


def _sources(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part in _NOT_SOURCES for part in path.relative_to(folder).parts)
        and ".tfstate" not in path.name
    )


def approvals_needed(blueprint: Blueprint, kind: RunKind) -> tuple[dict[str, int], bool]:
    """Role → people, and whether the requester may be one of them, for a plan of that kind."""
    asked = blueprint.approvals
    if kind == "destroy" and blueprint.destroy_approvals is not None:
        asked = blueprint.destroy_approvals
    return dict(asked.needed), asked.self_approval


def check_values(blueprint: Blueprint, given: Mapping[str, str]) -> dict[str, Any]:
    """What Terraform is given for VAR=VALUE words: converted, checked, defaults filled in, secrets left out.

    A value is never interpreted: `${…}` stays text. Raises Refused; a secret's value is in no sentence.
    """
    example = blueprint.example()
    for name in given:
        if name not in blueprint.variables:
            meant = words.nearest(name, blueprint.variables)
            has = words.listed([f"`{each}`" for each in blueprint.variables]) or "none"
            hint = f"Did you mean `{meant}`?" if meant else f"It has {has}."
            raise Refused(
                f"`{blueprint.name}` has no variable {words.code(name)}. {hint}",
                blueprint.example(say=meant),
            )
        if blueprint.variables[name].sensitive:
            source = "a form asks for it" if blueprint.variables[name].from_form else "it comes from Vault"
            raise Refused(
                f"`{name}` is secret, so it is never typed into a command: {source}. "
                "I have not kept what you typed; if it was real, change it, because Slack has seen it.",
                example,
            )
        if given[name] == HIDDEN:
            # It was typed before the lab, or the blueprint, was here to tell that it is no secret.
            raise Refused(
                f"I did not keep the value of `{name}`, which came too early. Say it again.", example
            )
    missing = [
        variable
        for variable in blueprint.variables.values()
        if variable.required and not variable.sensitive and variable.name not in given
    ]
    if missing:
        told = [f"`{each.name}`" + (f" ({each.help})" if each.help else "") for each in missing]
        raise Refused(f"`{blueprint.name}` also needs {words.listed(told)}.", example)
    return {
        name: _checked(blueprint, variable, given[name]) if name in given else variable.default
        for name, variable in blueprint.variables.items()
        if not variable.sensitive
    }


def check_secrets(blueprint: Blueprint, form: Mapping[str, str]) -> dict[str, Any]:
    """What a form brought for the variables it asks for, checked. Raises Refused, without the values."""
    found: dict[str, Any] = {}
    for name, variable in blueprint.variables.items():
        if variable.from_form:
            if not form.get(name):
                raise Refused(f"`{name}` is empty. {variable.help}".strip())
            found[name] = _checked(blueprint, variable, form[name])
    return found


def _checked(blueprint: Blueprint, variable: Variable, text: str) -> Any:
    shown = "That" if variable.sensitive else words.code(text)
    example = f"/lab up {blueprint.name} demo {variable.name}="
    choices = [written(choice) for choice in variable.choices]
    try:
        value = _converted(variable, text)
    except ValueError as error:
        fitting = choices[0] if choices else _SAMPLES[variable.type]
        raise Refused(f"`{variable.name}` is {error}, and {shown} is not.", f"{example}{fitting}") from None
    for each in value if isinstance(value, list) else [value]:
        if choices and each not in variable.choices:
            meant = words.nearest(written(each), choices)
            one_of = words.listed([f"`{choice}`" for choice in choices], "or")
            raise Refused(
                f"`{variable.name}` is {one_of}, not {words.code(written(each))}."
                + (f" Did you mean `{meant}`?" if meant else ""),
                f"{example}{meant or choices[0]}",
            )
        if variable.pattern and not re.fullmatch(variable.pattern, str(each)):
            form = words.code(variable.pattern, 100) + (f": {variable.help}" if variable.help else "")
            sample = written(variable.default) if variable.default is not None else "…"
            raise Refused(f"{shown} does not fit `{variable.name}`. It is {form}.", f"{example}{sample}")
    return value


def _converted(variable: Variable, text: str) -> Any:
    """Raises ValueError whose text is what the value should have been."""
    if variable.type == "list":
        of_numbers = any(
            isinstance(each, int | float) for each in [*(variable.default or ()), *variable.choices]
        )
        items = [item.strip() for item in text.split(",") if item.strip()]
        return [_number(item) for item in items] if of_numbers else items
    if variable.type == "boolean":
        if text.lower() not in _TRUE + _FALSE:
            raise ValueError("true or false")
        return text.lower() in _TRUE
    return _number(text) if variable.type == "number" else text


def _number(text: str) -> int | float:
    if re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
        return int(text)
    if re.fullmatch(r"[+-]?\d{1,18}\.\d{1,18}", text, re.ASCII) and math.isfinite(float(text)):
        return float(text)
    raise ValueError("a number")


def written(value: Any) -> str:
    """A checked value as somebody would type it: `true`, `3`, `a,b`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(written(each) for each in value)
    return str(value)
