"""Each test of a table runs on a fresh SQLite file and on a fresh schema of a real PostgreSQL."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from state.database import Database, connect
from tests.databases import a_database, put_tables

_schemas = itertools.count(1)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a PostgreSQL server that lives as long as the tests."""
    try:
        import pgserver
    except ImportError:
        if os.environ.get("CI"):
            pytest.fail("pgserver is missing: pip install 'innkeeper[dev]'")
        pytest.skip("needs the pgserver wheel")
    with tempfile.TemporaryDirectory() as folder:
        server = pgserver.get_server(folder)
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def postgresql_url(postgresql_server: str) -> str:
    """The address of an empty schema."""
    import psycopg

    schema = f"test_{next(_schemas)}"
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    return f"{postgresql_server}&options=-csearch_path%3D{schema}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def state_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where to keep state: once for each database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state.db"
    url: str = request.getfixturevalue("postgresql_url")
    return url


@pytest.fixture
def open_database(state_url: str) -> Iterator[Callable[[], Database]]:
    """Open the database again, as another process would."""
    opened: list[Database] = []

    def open_it() -> Database:
        opened.append(connect(state_url))
        return opened[-1]

    yield open_it
    for each in opened:
        each.close()


@pytest.fixture
def database(state_url: str, open_database: Callable[[], Database]) -> Database:
    """A database with its tables."""
    if state_url.startswith("sqlite:"):
        put_tables(Path(state_url.removeprefix("sqlite:///")))
    opened = open_database()
    opened.migrate()
    return opened


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Iterator[Database]:
    """A SQLite database with its tables, for what no database can make different."""
    opened = a_database(tmp_path / "sqlite.db")
    yield opened
    opened.close()
