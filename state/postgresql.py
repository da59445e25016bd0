"""PostgreSQL, through psycopg 3: for a team that outgrows one machine. The same SQL, the same rules."""

from __future__ import annotations

import re
import select
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from state.rows import Column

if TYPE_CHECKING:
    from psycopg import Connection, Cursor

# Whoever begins a transaction holds this lock until its end, in all processes: one writer at a time, as in
# SQLite, so that what a transaction has read stays true.
_WRITER = 0x1BB_CEE9E6
_WAIT = "5s"  # for another process that writes

_PARAMETER = re.compile(r"(?<!:):([a-z_][a-z0-9_]*)")


class Postgresql:
    """The engine behind Database when STATE_URL is postgresql://…"""

    name = "postgresql"
    words: Mapping[str, str] = {
        "blob": "BYTEA",
        "number": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    }

    def __init__(self, url: str) -> None:
        self._url = url
        self._open = False  # a transaction is
        self._connection = self._connect()

    def _connect(self) -> Connection[Any]:
        import psycopg

        connection = psycopg.connect(self._url, autocommit=True, connect_timeout=5)
        connection.execute(f"SET lock_timeout = '{_WAIT}'")
        connection.execute("SET client_min_messages = warning")
        return connection

    def run(self, sql: str, values: Mapping[str, Column]) -> Cursor[Any]:
        """Run one statement; it commits by itself outside a transaction."""
        if not self._open:
            self._revive()
        return self._connection.execute(_translated(sql), values)

    def begin(self) -> None:
        """Begin, as the only writer."""
        self._revive()
        self._connection.execute("BEGIN")
        self._open = True
        try:
            self._connection.execute(f"SELECT pg_advisory_xact_lock({_WRITER})")
        except BaseException:
            self.rollback()
            raise

    def commit(self) -> None:
        """Make it durable."""
        self._connection.execute("COMMIT")
        self._open = False

    def rollback(self) -> None:
        """Undo what is not committed. A server that went away has done so already."""
        self._open = False
        if not self._connection.closed:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _revive(self) -> None:
        """Connect again when the server has hung up meanwhile, such as for an upgrade of its own."""
        connection = self._connection
        if not connection.closed:
            said_something, _, _ = select.select([connection.fileno()], [], [], 0)
            if not said_something:
                return
            connection.close()  # an idle server says nothing but farewell
        self._connection = self._connect()


@lru_cache(maxsize=1024)
def _translated(sql: str) -> str:
    return _PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%"))


def open_postgresql(url: str) -> Postgresql:
    """Connect to the server. Raises ValueError with a sentence where psycopg or the server is missing."""
    try:
        import psycopg
    except ImportError as error:
        raise ValueError(
            "STATE_URL names PostgreSQL, and its driver is not here: pip install 'innkeeper[postgresql]'."
        ) from error
    try:
        return Postgresql(url)
    except psycopg.Error as error:
        raise ValueError(
            "STATE_URL names a PostgreSQL server that does not let us in. Check that it runs, and the user, "
            "password and database in the address."
        ) from error
