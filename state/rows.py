"""Between records and rows: how a value is kept in a column, and how one table's rows become its records."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from state.records import Person

if TYPE_CHECKING:
    from state.database import Database

R = TypeVar("R")
Column = str | int | float | bytes | None


def to_text(at: datetime) -> str:
    """`2026-11-24T09:00:00.000000Z`: sorts as text in the order of time. Raises ValueError without a zone."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone cannot be kept: use datetime.now(UTC)")
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat(timespec="microseconds")[:26] + "Z"


def from_text(text: str) -> datetime:
    """The aware UTC time that to_text wrote."""
    return datetime.fromisoformat(text)


def to_json(value: object) -> str:
    """JSON in ASCII, which both databases take whatever is in it."""
    return json.dumps(value, separators=(",", ":"), default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, Person):
        return value.key
    if isinstance(value, datetime):
        return to_text(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def to_column(value: object) -> Column:
    """What is kept for a value: people as their key, times as text, truth as 0 or 1, shapes as JSON."""
    if value is None or type(value) in (int, float, bytes):
        return value  # type: ignore[return-value]
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return to_text(value)
    if isinstance(value, Person):
        return value.key
    return to_json(value)


def _text(value: str) -> str:
    """The text without what is refused: PostgreSQL takes no NUL, neither database half a surrogate."""
    if value.isascii() and "\0" not in value:
        return str(value)
    return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


@dataclass(frozen=True)
class Table(Generic[R]):
    """One table whose columns are its record's fields (and seq, the order in which the rows came)."""

    name: str
    record: type[R]
    decoders: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)  # column → value

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of the record's fields."""
        return tuple(each.name for each in fields(self.record))  # type: ignore[arg-type]

    @cached_property
    def _insert_sql(self) -> str:
        names = ", ".join(f'"{name}"' for name in self.columns)
        return f"INSERT INTO {self.name} ({names}) VALUES ({', '.join(':' + name for name in self.columns)})"  # noqa: S608

    @cached_property
    def _select_sql(self) -> str:
        names = ", ".join(f'"{name}"' for name in self.columns)
        return f"SELECT {names} FROM {self.name} "  # noqa: S608

    def insert(self, database: Database, record: R, otherwise: str = "") -> int:
        """Insert the record. With otherwise (`ON CONFLICT … DO NOTHING`) it may count 0 rows."""
        values = {name: getattr(record, name) for name in self.columns}
        return database.execute(
            f"{self._insert_sql} {otherwise}" if otherwise else self._insert_sql, **values
        )

    def update(self, database: Database, changes: Mapping[str, Any], where: str, **values: Any) -> int:
        """Set the named columns of the rows that where selects, and count them.

        Raises TypeError for a column that the record does not have: a typing slip is not a change.
        """
        unknown = [name for name in changes if name not in self.columns or name == "id" or name in values]
        if unknown:
            raise TypeError(f"{self.name} has no column {unknown[0]!r} to set")
        assignments = ", ".join(f'"{name}" = :{name}' for name in changes)
        return database.execute(f"UPDATE {self.name} SET {assignments} WHERE {where}", **changes, **values)  # noqa: S608

    def select(self, database: Database, tail: str, **values: Any) -> list[R]:
        """The records of `SELECT … FROM table` + tail."""
        return [self.read(row) for row in database.rows(self._select_sql + tail, **values)]

    def one(self, database: Database, tail: str, **values: Any) -> R | None:
        """The first record of `SELECT … FROM table` + tail, or None."""
        row = database.row(self._select_sql + tail, **values)
        return None if row is None else self.read(row)

    def read(self, row: Mapping[str, Any]) -> R:
        """The record of one row."""
        decoders = self.decoders
        return self.record(
            **{
                name: value if value is None or name not in decoders else decoders[name](value)
                for name, value in row.items()
            }
        )
