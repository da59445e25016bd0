"""What labs were made from, kept beside a catalogue that is a folder: what people remove there may still have labs.

In one folder (DATA_PATH/kept) there is a folder for each commit, which is the digest that Catalogue.commit() gives: in
it the blueprint's folder under its name, and its module where that lies beside it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import structlog

from commands.blueprints.records import Blueprint

_LEFT_OUT = shutil.ignore_patterns(".terraform", ".git", "__pycache__", "*.tfstate*")
_WRITING = ".writing-"
YOUNG_SECONDS = 3600.0

log = structlog.get_logger()


class KeptSources:
    """Copies of blueprints, each written whole or not at all. Several processes may share the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, blueprint: Blueprint, commit: str) -> None:
        """Copy a blueprint that labs are made from, unless it is there. A disk that is full stops nobody."""
        place = self._folder / commit
        if place.is_dir():
            return
        unfinished = self._folder / f"{_WRITING}{secrets.token_hex(4)}"
        try:
            for source, to in _folders(blueprint, unfinished):
                shutil.copytree(source, to, symlinks=True, ignore=_LEFT_OUT, dirs_exist_ok=True)
            unfinished.rename(place)
        except OSError as error:  # another process may have been quicker
            if not place.is_dir():
                log.warning("a blueprint is not kept", blueprint=blueprint.name, because=str(error))
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def place_of(self, name: str, commit: str) -> Path | None:
        """The folder that has NAME/blueprint.yaml as it was at that commit. None: it is not kept."""
        place = self._folder / commit
        return place if commit.isalnum() and (place / name).is_dir() else None

    def prune(self, needed: Collection[str]) -> int:
        """Remove what was kept of commits that no lab needs, and what a process that died has left. Gives how many."""
        if not self._folder.is_dir():
            return 0
        removed = 0
        for place in self._folder.iterdir():
            is_young = time.time() - place.stat().st_mtime < YOUNG_SECONDS  # its lab may be on its way
            if place.name not in needed and not is_young:
                shutil.rmtree(place, ignore_errors=True)
                removed += 1
        return removed


def _folders(blueprint: Blueprint, place: Path) -> Iterator[tuple[Path, Path]]:
    """What belongs to a blueprint, and where that is below place."""
    folder = place / blueprint.name
    yield blueprint.folder, folder
    if not blueprint.module.is_relative_to(blueprint.folder):
        beside = Path(os.path.normpath(folder / os.path.relpath(blueprint.module, blueprint.folder)))
        if not beside.is_relative_to(place):
            raise OSError(f"{blueprint.module} does not lie beside {blueprint.folder}")
        yield blueprint.module, beside
