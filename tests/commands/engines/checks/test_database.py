"""A query of a real PostgreSQL, as whoever Vault would make for it."""

from __future__ import annotations

import pytest

from bot.playground.postgresql_server import LocalPostgreSQL
from commands.engines.checks import database as database_checks
from commands.engines.checks.looking import NotSo
from commands.engines.checks.network import Place
from tests.commands.engines.checks.test_network import closed_port

USER, WORD = "checker", "a-word"


@pytest.fixture(scope="module")
def address(postgresql: LocalPostgreSQL) -> str:
    with postgresql.connect() as admin:
        admin.execute(f"CREATE ROLE {USER} LOGIN PASSWORD '{WORD}'")
        admin.execute("CREATE TABLE checked (name TEXT)")
        admin.execute("INSERT INTO checked VALUES ('secret words')")
        admin.execute(f"GRANT SELECT, INSERT ON checked TO {USER}")
    return postgresql.vault_url.replace("{{username}}:{{password}}@", "")


def asks(address: str, sql: str, equals: str | None = None, password: str = WORD, seconds: float = 30) -> str:
    return database_checks.query(address, USER, password, sql, equals, seconds)


def why(address: str, sql: str, **more: object) -> str:
    with pytest.raises(NotSo) as told:
        asks(address, sql, **more)  # type: ignore[arg-type]
    return told.value.sentence


def test_the_first_value_is_compared_as_text(address: str) -> None:
    assert asks(address, "select count(*), 7 from checked", "1") == "answered"
    assert asks(address, "select 1 where false") == "answered"
    assert why(address, "select name from checked", equals="others") == (
        "its first value is not the one that is asked for"
    )
    assert why(address, "select null", equals="x") == "its first value is not the one that is asked for"


def test_a_check_changes_nothing(address: str) -> None:
    assert why(address, "insert into checked values ('x') returning 1") == (
        "the query would change something, and a check may not"
    )


def test_what_goes_wrong_is_told_without_what_is_in_the_database(address: str) -> None:
    assert why(address, "select * from nothing") == 'the database says: relation "nothing" does not exist'
    assert why(address, "select name::int from checked") == "the query fails (SQLSTATE 22P02)"
    assert why(address, "select pg_sleep(20)", seconds=0.2) == "the query takes too long"


def test_a_wrong_login_and_a_server_that_is_away_are_told_in_words(address: str) -> None:
    port = closed_port()
    assert why(f"postgresql://127.0.0.1:{port}/app", "select 1") == "nobody answers (connection refused)"
    assert why(address, "select 1", password="wrong") == "the database lets nobody in"


def test_an_address_has_no_user_in_it() -> None:
    for text in (
        "",
        "postgresql://me@db/app",
        "http://db/app",
        "postgresql://db",
        "postgresql://db/a?password=x",
        "postgresql:///a",
        "postgresql://db/a?pass%77ord=x",
    ):
        with pytest.raises(ValueError, match="address without a user"):
            database_checks.checked_address(text)
    assert database_checks.place_of("postgresql:///app?host=/run/pg", "x") is None
    assert database_checks.place_of("postgresql://db/app", "postgresql://(sensitive)/app") == Place(
        "db", 5432, "(sensitive)"
    )
