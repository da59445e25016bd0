"""A catalogue that is kept in git: pinned to a commit, and moved to a newer one that can be read.

In DATA_PATH/catalogue there is a folder for each LABS_PATH: the mirror, `reviewed/COMMIT` with the files of each commit
that was in use, `proposals/COMMIT` for branches that nobody reviewed, and the link `current` to what is in use. All
processes on that DATA_PATH follow the link, so that they use the same commit, also after a restart.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeAlias

from commands import words
from commands.blueprints.catalogue import Catalogue, Contents, folders_in, gathered, read
from commands.blueprints.file import FILE_NAME
from commands.blueprints.kept_sources import KeptSources
from commands.blueprints.records import Blueprint, BlueprintBroken
from commands.engines.git import checkout as git_checkout
from commands.engines.git.checkout import Checkout
from commands.engines.git.mirror import FETCH_SECONDS, Address, GitFailed, Mirror
from commands.request import Refused

START_SECONDS = 10.0  # for the first fetch, where there is a commit to go on with
KEPT = 10  # commits that are not in use any more, the newest
UNFINISHED_SECONDS = 3600.0
SHOWN = 10  # digits of a commit

# Name and git's id of its folder → what was read there, and its fields that are paths, relative to the folder.
Known: TypeAlias = dict[tuple[str, str], tuple[Blueprint, dict[str, Path]]]


@dataclass(frozen=True)
class Unusable:
    """A commit that was not taken, and why: what is broken in it that was fine before, or a sentence."""

    commit: str
    sentence: str
    broken: tuple[BlueprintBroken, ...] = ()


@dataclass(frozen=True)
class Refreshed:
    """What a refresh came to. in_use: the commit. before: the one that it has replaced just now.

    unusable: the newest one, which is not in use. away: why the repository could not be asked; empty: it was.
    """

    in_use: str
    before: str | None = None
    unusable: Unusable | None = None
    away: str = ""


class GitCatalogue(Catalogue):
    """The blueprints of one commit. Safe to use from several threads, and from several processes."""

    def __init__(self, address: Address, folder: Path) -> None:
        """folder is the address's own. Raises GitFailed where no commit was ever in use and none can be had."""
        super().__init__(folder)
        self.mirror = Mirror(address, folder)
        self._folder = folder
        self._reviewed = folder / "reviewed"
        self._refreshing = threading.Lock()
        self._commit_read = ""
        self._known: Known = {}
        self._unusable: Unusable | None = None
        self._away = ""
        has_one = self._current() is not None
        self.refresh(START_SECONDS if has_one else FETCH_SECONDS)
        if not has_one and self._away:
            raise GitFailed(self._away)

    @property
    def path(self) -> Path:
        return self._reviewed / self.in_use

    @property
    def in_use(self) -> str:
        """The commit that the blueprints are of."""
        current = self._current()
        if current is None:
            raise GitFailed(f"{self._folder} was removed. Start again.")
        return current

    def contents(self) -> Contents:
        """What the commit in use has."""
        commit = self.in_use
        with self._gate:
            if self._contents is None or commit != self._commit_read:
                self._contents, self._known = self._read_at(commit)
                self._commit_read = commit
            return self._contents

    def commit(self, blueprint: Blueprint) -> str:
        """The commit that the blueprint was read from."""
        return blueprint.folder.relative_to(self._folder.resolve()).parts[1]

    def pinned(self, name: str, commit: str) -> Blueprint:
        """The blueprint as it was at a commit that is, or was, a reviewed one. Raises Refused."""
        if commit == self.in_use:
            return self.get(name)
        shown = f"commit `{words.cut(commit, SHOWN)}`"
        try:
            was_used = (self._reviewed / commit).is_dir() if commit.isalnum() else False
            if not was_used and not self.mirror.is_ancestor(commit, self.in_use):
                raise Refused(f"The catalogue has no {shown} any more. Plan it again.")
            checkout = git_checkout.check_out(self.mirror, commit, self._reviewed)
        except GitFailed as failed:
            raise Refused(f"The catalogue's {shown} cannot be read: {failed.sentence}") from None
        return one_of(checkout, name, shown)

    def refresh(self, limit_seconds: float = FETCH_SECONDS) -> Refreshed:
        """Ask the repository, and move to the commit that the ref names now, if that can be read.

        It can if its files can be had, and no blueprint is broken that works in the commit in use. Otherwise, and
        while the repository is away, everything stays as it is.
        """
        with self._refreshing:
            before = self._current()
            try:
                self.mirror.fetch(limit_seconds)
                head = self.mirror.head()
            except GitFailed as failed:
                self._away = failed.sentence
                return Refreshed(before or "", away=failed.sentence)
            self._away = ""
            if head == before:
                self._unusable = None
                return Refreshed(head)
            if self._unusable is None or self._unusable.commit != head:
                self._unusable = self._try(head, before)
            if self._unusable is None:
                return Refreshed(head, before)
            if before is None:
                self._away = self._unusable.sentence
            return Refreshed(before or "", unusable=self._unusable)

    def health(self) -> str:
        """`ready`; where the newest commit is not in use, also the one that is, and why."""
        if self._away:
            return f"ready, with commit {self.in_use[:SHOWN]}: {self._away}"
        if self._unusable is not None:
            return f"ready, with commit {self.in_use[:SHOWN]}: {told(self._unusable)}"
        return "ready"

    def prune(self, needed: Collection[str]) -> int:
        """Remove the files of commits that nobody needs, but the newest few. Gives how many."""
        removed = 0
        for unfinished in self._folder.glob("*/.writing-*"):  # of a process that died
            if time.time() - unfinished.stat().st_mtime > UNFINISHED_SECONDS:
                shutil.rmtree(unfinished, ignore_errors=True)
        for below in (self._reviewed, self._folder / "proposals"):
            commits = [path for path in _entries(below) if not path.name.startswith(".")]
            old = sorted(commits, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]
            for path in old:
                if path.name not in needed and path.name != self.in_use:
                    git_checkout.remove(below, path.name)
                    self.mirror.forget(path.name)
                    removed += 1
        return removed

    def checked_out_at(self, commit: str) -> Checkout:
        """The files of a commit that nobody has reviewed, apart from those that somebody has. Raises GitFailed."""
        checkout = git_checkout.check_out(self.mirror, commit, self._folder / "proposals")
        self.mirror.keep(commit)
        return checkout

    def is_checked_out(self, commit: str) -> bool:
        """Whether the files of a commit that nobody has reviewed are there."""
        return (self._folder / "proposals" / commit).is_dir()

    def _try(self, head: str, before: str | None) -> Unusable | None:
        """Put a commit into use, or say why not."""
        try:
            worked = self.contents().blueprints if before is not None else {}
            contents, known = self._read_at(head)
        except GitFailed as failed:
            return Unusable(head, failed.sentence)
        broken = tuple(each for each in contents.broken if each.folder in worked)
        if broken:
            first = broken[0]
            return Unusable(head, f"{first.file}, line {first.line}: {first.sentence}", broken)
        self.mirror.keep(head)
        aside = self._folder / f".current-{secrets.token_hex(4)}"
        aside.symlink_to(Path("reviewed", head))
        aside.replace(self._folder / "current")
        with self._gate:
            self._contents, self._known, self._commit_read = contents, known, head
        return None

    def _current(self) -> str | None:
        try:
            return Path(os.readlink(self._folder / "current")).name
        except OSError:
            return None

    def _read_at(self, commit: str) -> tuple[Contents, Known]:
        """Raises GitFailed."""
        checkout = git_checkout.check_out(self.mirror, commit, self._reviewed, self._current())
        return _read_all(checkout, self._known)


def opened(labs_path: str, data_path: Path) -> Catalogue:
    """The catalogue that LABS_PATH names: a folder, or a ref in git. Raises ValueError with a sentence."""
    if labs_path.startswith("git+"):
        try:
            address = Address.parse(labs_path)
            own = hashlib.sha256(labs_path.encode()).hexdigest()[:16]
            return GitCatalogue(address, data_path.resolve() / "catalogue" / own)
        except GitFailed as failed:
            raise ValueError(f"LABS_PATH: {failed.sentence}") from None
        except ValueError as error:
            raise ValueError(f"LABS_PATH: {error}") from None
    path = Path(labs_path)
    if not path.is_dir():
        raise ValueError(
            f"LABS_PATH is {labs_path}, and there is no such folder. Give the catalogue's folder."
        )
    return Catalogue(path.resolve(), KeptSources(data_path.resolve() / "kept"))


def one_of(checkout: Checkout, name: str, shown: str) -> Blueprint:
    """One blueprint of a commit, shown as `commit …`. Raises Refused."""
    found = next((each for each in folders_in(checkout.root) if each.name == name), None)
    if found is None:
        raise Refused(f"There is no blueprint {words.code(name)} in {shown}.", "/lab catalog")
    blueprint = _held_to(checkout, read(found, checkout.root, checkout.named(name)))
    if isinstance(blueprint, BlueprintBroken):
        raise Refused(
            f"The blueprint {words.code(name)} of {shown} is broken in `{blueprint.file}`, line {blueprint.line}: "
            f"{blueprint.sentence}"
        )
    return blueprint


def told(unusable: Unusable) -> str:
    """`commit … is not used: web/blueprint.yaml, line 3: …`."""
    return f"commit {unusable.commit[:SHOWN]} is not used: {unusable.sentence}"


def _read_all(checkout: Checkout, known: Known) -> tuple[Contents, Known]:
    """Each blueprint of a commit. What git says is the same as before is not read again."""
    root, newly_known = checkout.root.resolve(), Known()
    found: list[Blueprint | BlueprintBroken] = [
        BlueprintBroken(checkout.named(path), 1, why)
        for path, why in checkout.left_out.items()
        if path.count("/") == 1 and path.endswith(f"/{FILE_NAME}")
    ]
    for folder in sorted(folders_in(root)):
        key = (folder.name, checkout.trees.get(folder.name, ""))
        if key in known:
            before, paths = newly_known[key] = known[key]
            moved: dict[str, Any] = {name: folder / path for name, path in paths.items()}
            found.append(replace(before, **moved))
            continue
        blueprint = _held_to(checkout, read(folder, root, checkout.named(folder.name)))
        found.append(blueprint)
        if isinstance(blueprint, Blueprint) and folder.name in checkout.trees:
            paths = {each.name: getattr(blueprint, each.name) for each in fields(blueprint)}
            paths = {name: path for name, path in paths.items() if isinstance(path, Path)}
            # Only where all of it is in its own folder does git's id of that say whether it is the same.
            if all(path.is_relative_to(folder) for path in paths.values()):
                within = {name: path.relative_to(folder) for name, path in paths.items()}
                newly_known[key] = (blueprint, within)
    return gathered(found), newly_known


def _held_to(checkout: Checkout, found: Blueprint | BlueprintBroken) -> Blueprint | BlueprintBroken:
    """Broken, where a part of it was left out of the checkout."""
    if isinstance(found, BlueprintBroken):
        return found
    root = checkout.root.resolve()
    for path, why in checkout.left_out.items():
        if any((root / path).is_relative_to(part) for part in (found.folder, found.module)):
            return BlueprintBroken(checkout.named(path), 1, why, found.name)
    return found


def _entries(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
