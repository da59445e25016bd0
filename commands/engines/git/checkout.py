"""The files of a commit, in a folder of its own that does not change any more.

They are written from git's objects, byte for byte: no attribute, filter or hook has a say. What could lead out of the
folder, or is not in the repository, is left out with a sentence: symbolic links that leave it, and submodules.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from commands import words
from commands.engines.git.mirror import Entry, GitFailed, Mirror

FILES_LIMIT = 20_000
BYTES_LIMIT = 200 * 2**20

_LINK, _RUNS = "120000", "100755"


@dataclass(frozen=True)
class Checkout:
    """root: the files. trees: folder → git's id of all that is in it. left_out: path → why it is not there.

    inside: where in the repository the root is; empty: at its top.
    """

    root: Path
    trees: Mapping[str, str]
    left_out: Mapping[str, str]
    inside: str = ""

    def named(self, path: str) -> str:
        """A path as it is in the repository."""
        return f"{self.inside}/{path}" if self.inside else path


def check_out(mirror: Mirror, commit: str, below: Path, like: str | None = None) -> Checkout:
    """The files of a commit in below/COMMIT, written at the first time only. Raises GitFailed for what is unfit.

    like: a commit that is there already: what is the same in both is not written again, but linked.
    """
    root, notes, inside = below / commit, below / f"{commit}.json", mirror.address.folder
    if root.is_dir() and notes.is_file():
        told = json.loads(notes.read_text())
        return Checkout(root, told["trees"], told["left_out"], inside)
    entries = mirror.entries(commit)
    _refuse_unfit(entries)
    trees = {entry.path: entry.oid for entry in entries if entry.kind == "tree"}
    try:
        below.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=below) as unfinished:
            files, aside = Path(unfinished, "files"), Path(unfinished, "notes")
            files.mkdir(mode=0o700)
            left_out = _write(mirror, _linked(mirror, entries, files, below, like), files)
            aside.write_text(json.dumps({"trees": trees, "left_out": left_out}))
            aside.rename(notes)
            # Whole or not at all; another process may have been quicker, and has written the same.
            try:
                files.rename(root)
            except OSError:
                if not root.is_dir():
                    raise
    except (OSError, ValueError) as error:
        raise GitFailed(
            f"The commit's files cannot be written: {words.plain(getattr(error, 'strerror', None) or str(error))}."
        ) from None
    return Checkout(root, trees, left_out, inside)


def remove(below: Path, commit: str) -> None:
    """Remove a checkout. Harmless when there is none."""
    (below / f"{commit}.json").unlink(missing_ok=True)
    shutil.rmtree(below / commit, ignore_errors=True)


def _refuse_unfit(entries: Sequence[Entry]) -> None:
    files = sum(entry.kind != "tree" for entry in entries)
    if files > FILES_LIMIT:
        raise GitFailed(
            f"The commit has {files:,} files, and a catalogue has {FILES_LIMIT:,} at most. Name the folder of the "
            "blueprints, as in #main:labs, or give them a repository of their own."
        )
    for entry in entries:
        # git itself makes no such tree; somebody who wants to write elsewhere does.
        if {part.lower() for part in entry.path.split("/")} & {"", ".", "..", ".git"}:
            raise GitFailed(
                f"The commit has a file called {words.code(entry.path, 80)}, which nobody may have."
            )


def _linked(
    mirror: Mirror, entries: Sequence[Entry], root: Path, below: Path, like: str | None
) -> list[Entry]:
    """Make the folders, and link what is the same in like. Gives the entries that are still to be written."""
    for entry in entries:
        if entry.kind == "tree":
            os.mkdir(f"{root}/{entry.path}", 0o700)
    if like is None or not (below / like).is_dir():
        return list(entries)
    before = set(mirror.entries(like))
    left = []
    for entry in entries:
        if entry.kind == "blob" and entry.mode != _LINK and entry in before:
            try:
                os.link(f"{below}/{like}/{entry.path}", f"{root}/{entry.path}", follow_symlinks=False)
                continue
            except OSError:  # no such links here, or somebody was there
                pass
        left.append(entry)
    return left


def _write(mirror: Mirror, entries: Sequence[Entry], root: Path) -> dict[str, str]:
    """Write files first and links last, so that nothing is ever written through a link. Gives what was left out."""
    blobs = [entry for entry in entries if entry.kind == "blob"]
    links: list[tuple[Entry, bytes]] = []
    for entry, content in zip(blobs, mirror.contents([blob.oid for blob in blobs], BYTES_LIMIT), strict=True):
        if entry.mode == _LINK:
            links.append((entry, content))
            continue
        mode = 0o700 if entry.mode == _RUNS else 0o600
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        file = os.open(f"{root}/{entry.path}", flags, mode)
        with os.fdopen(file, "wb") as opened:
            opened.write(content)
    left_out = {
        entry.path: "This is a submodule, which is not fetched: put its files into the repository."
        for entry in entries
        if entry.kind == "commit"
    }
    return left_out | _link(root, links)


def _link(root: Path, links: Sequence[tuple[Entry, bytes]]) -> dict[str, str]:
    """Make all of them, then take away what leads out: one may lead through another."""
    for entry, target in links:
        os.symlink(target, os.fsencode(f"{root}/{entry.path}"))
    left_out = {entry.path: _why_out(root, entry, target) for entry, target in links}
    left_out = {path: why for path, why in left_out.items() if why}
    for path in left_out:
        (root / path).unlink()
    return left_out


def _why_out(root: Path, entry: Entry, target: bytes) -> str:
    path = root / entry.path
    if target.startswith(b"/"):
        return "This is a symbolic link to an absolute path: make it relative, or put a copy there."
    try:
        inside = path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return "This is a symbolic link that leads in a circle."
    return "" if inside else "This is a symbolic link that leaves the catalogue: put a copy there."
