"""SQLite files that have their tables from the start: to make them takes longer than most tests do."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from state.database import Database, connect
from state.sqlite import Sqlite, open_sqlite


def a_database(path: Path) -> Database:
    """A new database at this path, or the one that is there."""
    return Database(open_quickly(str(path)))


def open_quickly(path: str) -> Sqlite:
    """SQLite that does not wait for the disk: what outlives a power cut is not tested here."""
    put_tables(Path(path))
    engine = open_sqlite(f"/{path}")  # an absolute path, as in sqlite:////absolute
    engine.run("PRAGMA synchronous = OFF", {})
    return engine


def put_tables(path: Path) -> None:
    """Put an empty database there, unless there is one."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_with_tables())


@cache
def _with_tables() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.db"
        with closing(sqlite3.connect(path)) as small:
            # An empty table is a page: a quarter of the bytes to copy.
            small.executescript("PRAGMA page_size = 1024; VACUUM")
        database = connect(f"sqlite:///{path}")
        database.migrate()
        database.close()
        return path.read_bytes()
