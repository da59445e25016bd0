"""The one gate to the database: statements, transactions, and the bells that wake who waits for a change."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from state.rows import Column, from_text, to_column, to_text

__all__ = ["Database", "connect", "from_text", "to_text"]


class Cursor(Protocol):
    """What a statement leaves behind (PEP 249)."""

    @property
    def rowcount(self) -> int: ...
    @property
    def description(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def fetchone(self) -> Any: ...


class Engine(Protocol):
    """One connection to SQLite or to PostgreSQL. Never used by two threads at once: Database sees to it."""

    words: Mapping[str, str]  # what the two call differently: blob, number (a column that counts by itself)
    name: str

    def run(self, sql: str, values: Mapping[str, Column]) -> Cursor: ...
    def begin(self) -> None: ...
    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def close(self) -> None: ...


def connect(state_url: str) -> Database:
    """Open `sqlite:///relative`, `sqlite:////absolute` or `postgresql://…`.

    Raises ValueError, with a sentence for whoever set STATE_URL, for anything else or what does not open.
    """
    scheme, separator, rest = state_url.partition("://")
    if separator and scheme == "sqlite":
        from state.sqlite import open_sqlite

        return Database(open_sqlite(rest))
    if separator and scheme in ("postgresql", "postgres"):
        from state.postgresql import open_postgresql

        return Database(open_postgresql(state_url))
    raise ValueError(
        "STATE_URL must be sqlite:///relative/path, sqlite:////absolute/path or postgresql://user@host/name."
    )


class Database:
    """One connection behind a lock. Threads share it; processes each have their own.

    Values may be anything that a record holds (people, times, states, mappings): state/rows.py says how each
    is kept. No call to the outside world belongs inside a transaction: everybody else waits for it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.RLock()
        self._owner: int | None = None  # the thread whose transaction is open
        self._depth = 0
        self._rung: list[str] = []  # topics to ring once it is committed
        self._bells = Bells()

    def migrate(self) -> None:
        """Bring the tables up to date. Harmless when they are, and when another process does the same now."""
        from state.migrations import migrate

        migrate(self, self._engine.words, self._engine.name)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. It takes the right to write at once, so what it reads stays true until it ends.

        A transaction inside another is a part of it: an exception undoes that part, and the whole unless the
        outer one catches it.
        """
        with self._lock:
            if self._owner is not None:
                with self._part():
                    yield
                return
            self._engine.begin()
            self._owner = threading.get_ident()
            try:
                yield
                self._engine.commit()
                rung = self._rung
            except BaseException:
                self._engine.rollback()
                raise
            finally:
                self._owner, self._rung = None, []
        self._bells.ring(rung)

    @contextmanager
    def _part(self) -> Iterator[None]:
        self._depth += 1
        name, rung_before = f"part_{self._depth}", len(self._rung)
        self._engine.run(f"SAVEPOINT {name}", {})
        try:
            yield
            self._engine.run(f"RELEASE SAVEPOINT {name}", {})
        except BaseException:
            del self._rung[rung_before:]
            self._engine.run(f"ROLLBACK TO SAVEPOINT {name}", {})
            self._engine.run(f"RELEASE SAVEPOINT {name}", {})
            raise
        finally:
            self._depth -= 1

    def execute(self, sql: str, **values: Any) -> int:
        """Run one statement with `:name` parameters, and count the rows it touched.

        Outside a transaction it is durable when this returns.
        """
        kept = {name: to_column(value) for name, value in values.items()}
        with self._lock:
            return self._engine.run(sql, kept).rowcount

    def rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        """All rows of a SELECT, as dicts by column name."""
        kept = {name: to_column(value) for name, value in values.items()}
        with self._lock:
            cursor = self._engine.run(sql, kept)
            found = cursor.fetchall()
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in found]

    def row(self, sql: str, **values: Any) -> dict[str, Any] | None:
        """The first row of a SELECT, or None."""
        found = self.rows(sql, **values)
        return found[0] if found else None

    def ring(self, topic: str) -> None:
        """Wake who waits for topic: now, or when the transaction of this thread is committed."""
        if self._owner == threading.get_ident():
            self._rung.append(topic)
        else:
            self._bells.ring((topic,))

    def wait(self, topic: str, timeout_seconds: float, since: int | None = None) -> bool:
        """Wait until topic is rung, and say whether it was.

        What was rung since this thread's last wait for it counts, so a loop of work and wait misses nothing.
        A loop whose rounds run in different threads passes since, as rung() gave it before the round's work.
        Only this process is heard: keep the timeout short where another one writes too.
        """
        return self._bells.wait(topic, timeout_seconds, since)

    def rung(self, topic: str) -> int:
        """How often topic was rung so far."""
        return self._bells.of(topic).count

    def close(self) -> None:
        """Close the connection, and let everybody go who waits."""
        with self._lock:
            self._engine.close()
        self._bells.close()


class _Bell:
    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.count = 0


class Bells:
    """A counter for each topic. One waits for a count above the one last seen, so no ring is lost between."""

    def __init__(self) -> None:
        self._bells: dict[str, _Bell] = {}
        self._seen = threading.local()
        self._closed = False

    def of(self, topic: str) -> _Bell:
        """The topic's bell."""
        return self._bells.get(topic) or self._bells.setdefault(topic, _Bell())

    def ring(self, topics: Iterable[str]) -> None:
        """Count one ring of each topic, and wake its waiters."""
        for topic in dict.fromkeys(topics):
            bell = self.of(topic)
            with bell.changed:
                bell.count += 1
                bell.changed.notify_all()

    def wait(self, topic: str, timeout_seconds: float, since: int | None) -> bool:
        """As Database.wait."""
        bell = self.of(topic)
        seen: dict[str, int] = self._seen.__dict__
        last = seen.get(topic, 0) if since is None else since
        with bell.changed:
            bell.changed.wait_for(lambda: bell.count > last or self._closed, timeout_seconds)
            seen[topic] = bell.count
            return bell.count > last

    def close(self) -> None:
        """Nobody waits any longer."""
        self._closed = True
        self.ring(tuple(self._bells))
