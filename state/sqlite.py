"""SQLite, through sqlite-utils: one file, one connection, and a commit is on the disk when it returns."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import stamina
from sqlite_utils.db import Database as SqliteFile

from state.rows import Column

BUSY_SECONDS = 5.0  # how long to wait for another process that writes


class Sqlite:
    """The engine behind Database when STATE_URL is sqlite:///…"""

    name = "sqlite"
    words: Mapping[str, str] = {
        "blob": "BLOB",
        "number": "INTEGER PRIMARY KEY AUTOINCREMENT",
    }

    def __init__(self, path: Path) -> None:
        connection = sqlite3.connect(
            path,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        self._file = SqliteFile(connection, execute_plugins=False)
        # When two processes open a new file, one is told "locked" at once, whatever the timeout.
        for attempt in stamina.retry_context(
            on=sqlite3.OperationalError, timeout=BUSY_SECONDS, wait_initial=0.02
        ):
            with attempt:
                self._file.enable_wal()
        for pragma in ("synchronous = FULL", "foreign_keys = ON", "journal_size_limit = 16777216"):
            self._file.execute(f"PRAGMA {pragma}")

    def run(self, sql: str, values: Mapping[str, Column]) -> sqlite3.Cursor:
        """Run one statement; it commits by itself outside a transaction."""
        return self._file.execute(sql, values)  # type: ignore[arg-type]

    def begin(self) -> None:
        """Take the right to write now, rather than fail to get it in the middle."""
        self._file.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make it durable."""
        self._file.execute("COMMIT")

    def rollback(self) -> None:
        """Undo what is not committed. An error may have done so already."""
        self._file.rollback()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def open_sqlite(rest: str) -> Sqlite:
    """Open what follows `sqlite://`: `/relative` or `//absolute`, making the folder and the file if need be.

    The file is for its owner alone. Raises ValueError with a sentence where that cannot be.
    """
    name = rest.removeprefix("/")
    if not rest.startswith("/") or name in ("", "/", ":memory:") or "?" in name:
        raise ValueError(
            "STATE_URL must name a file, without options: sqlite:///relative/path or sqlite:////absolute."
        )
    path = Path(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        return Sqlite(path)
    except (OSError, sqlite3.Error) as error:
        raise ValueError(
            f"STATE_URL names {path.resolve()}, which does not open as a SQLite database. Check that it is "
            "one, and that this user may write to it and to its folder."
        ) from error
