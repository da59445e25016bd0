"""The catalogue of blueprints: those below a folder, each in a folder of its own name."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from commands import words
from commands.blueprints import file as blueprint_file
from commands.blueprints.kept_sources import KeptSources
from commands.blueprints.records import Blueprint, BlueprintBroken
from commands.request import Refused

_NOT_SOURCES = (
    ".terraform",
    ".git",
    "__pycache__",
)  # what a module's folder may gather, and is not written by people
BROKEN_AGAIN_SECONDS = 1.0


@dataclass(frozen=True)
class Contents:
    """What a catalogue has at one moment: name → blueprint of those that can be used, by name; the others, and why."""

    blueprints: dict[str, Blueprint] = field(default_factory=dict)
    broken: list[BlueprintBroken] = field(default_factory=list)


class Catalogue:
    """A folder that people write in. Read again when a file has changed. Safe to use from several threads."""

    def __init__(self, path: Path, kept: KeptSources | None = None) -> None:
        """kept: copies of what labs were made from, for when they are not in the folder any more."""
        self._path = path
        self._kept = kept
        self._gate = threading.Lock()
        self._read: dict[
            str, tuple[object, Blueprint | BlueprintBroken]
        ] = {}  # name → signature, what was read
        self._contents: Contents | None = None
        self._read_at_seconds = 0.0

    @property
    def path(self) -> Path:
        return self._path

    def contents(self) -> Contents:
        """All of it, as it is now. What somebody holds does not change under them."""
        with self._gate:
            folders = {folder.name: (folder, _signature(folder)) for folder in sorted(folders_in(self._path))}
            is_same = {name: signature for name, (_, signature) in folders.items()} == {
                name: signature for name, (signature, _) in self._read.items()
            }
            # What a broken one lacks may lie outside of the signature, so it is looked at again: not on each request.
            looked_at_seconds = time.monotonic() - self._read_at_seconds
            is_due = looked_at_seconds >= BROKEN_AGAIN_SECONDS
            if self._contents is not None and is_same and not (self._contents.broken and is_due):
                return self._contents
            self._read = {
                name: (signature, self._look(folder, signature))
                for name, (folder, signature) in folders.items()
            }
            self._contents = gathered(found for _, found in self._read.values())
            self._read_at_seconds = time.monotonic()
            return self._contents

    def blueprints(self) -> dict[str, Blueprint]:
        """Name → blueprint of those that can be used, by name."""
        return self.contents().blueprints

    def broken(self) -> list[BlueprintBroken]:
        """Those that cannot be used, and why."""
        return self.contents().broken

    def get(self, name: str) -> Blueprint:
        """The blueprint of that name. Raises Refused with the nearest name, or with what is broken in it."""
        contents = self.contents()
        known = contents.blueprints
        if name in known:
            return known[name]
        for broken in contents.broken:
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

    def pinned(self, name: str, commit: str) -> Blueprint:
        """The blueprint as it was at that commit, where a catalogue keeps that; a folder has what it has now.

        What it has no more, or has broken, is as it was when a lab was made from it. Raises Refused.
        """
        try:
            return self.get(name)
        except Refused:
            place = self._kept.place_of(name, commit) if self._kept is not None else None
            if place is None:
                raise
            found = read(place / name, place, name)
            if isinstance(found, BlueprintBroken) or self.commit(found) != commit:
                raise  # somebody has changed the copy
            return found

    def keep(self, blueprint: Blueprint, commit: str) -> None:
        """A lab is made from it: pinned to that commit it can still be had when it was removed from the folder."""
        if self._kept is not None:
            self._kept.keep(blueprint, commit)

    def prune(self, needed: Collection[str]) -> int:
        """Forget what was kept of commits that nobody needs. Gives how many."""
        return self._kept.prune(needed) if self._kept is not None else 0

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

    def health(self) -> str:
        """`ready`, and after a comma what keeps it from being the newest."""
        return "ready"

    def _look(self, folder: Path, signature: object) -> Blueprint | BlueprintBroken:
        before = self._read.get(folder.name)
        if before is not None and before[0] == signature and isinstance(before[1], Blueprint):
            return before[1]
        return read(folder, self._path)


def read(folder: Path, root: Path, shown: str | None = None) -> Blueprint | BlueprintBroken:
    """The blueprint in a folder of the catalogue at root, or what is wrong with it. shown: how the folder is called."""
    try:
        return blueprint_file.read(folder, root, shown)
    except BlueprintBroken as broken:
        return broken


def gathered(found: Iterable[Blueprint | BlueprintBroken]) -> Contents:
    """What was read, sorted out."""
    contents = Contents()
    for each in found:
        if isinstance(each, Blueprint):
            contents.blueprints[each.name] = each
        else:
            contents.broken.append(each)
    for broken in _cycles(contents.blueprints):
        del contents.blueprints[broken.folder]
        contents.broken.append(broken)
    return contents


def _cycles(known: Mapping[str, Blueprint]) -> list[BlueprintBroken]:
    """The blueprints whose labs would need one another: of none could there ever be a first lab."""
    uses = {name: set(each.consumes.values()) for name, each in known.items() if each.consumes}
    found = []
    for name in uses:
        way = _way(uses, name)
        if way:
            blueprint = known[name]
            variable = next(key for key, of in blueprint.consumes.items() if of == way[1])
            label = f"{blueprint.folder.parent.name}/{blueprint.folder.name}/{blueprint_file.FILE_NAME}"
            told = " uses ".join(f"`{each}`" for each in way)
            line = blueprint_file.consumes_line(blueprint.folder, variable)
            found.append(BlueprintBroken(label, line, f"No lab of it could ever be made: {told}.", name))
    return found


def _way(uses: Mapping[str, set[str]], start: str) -> list[str]:
    """`start` and what it uses, one after the other, until it comes back to itself. Empty: it does not."""
    ways = [[start]]
    seen = set()
    while ways:
        way = ways.pop()
        for each in sorted(uses.get(way[-1], ())):
            if each == start:
                return [*way, each]
            if each not in seen:
                seen.add(each)
                ways.append([*way, each])
    return []


def folders_in(root: Path) -> Iterator[Path]:
    """The folders that have a blueprint.yaml. None where there is no root."""
    try:
        for entry in os.scandir(root):
            if not entry.name.startswith((".", "_")) and entry.is_dir():
                folder = Path(entry.path)
                if (folder / blueprint_file.FILE_NAME).exists():
                    yield folder
    except FileNotFoundError:
        return


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
