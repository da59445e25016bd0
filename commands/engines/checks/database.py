"""Look at a lab's PostgreSQL with a query, as a user that Vault makes for it and that ends right after."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from commands.engines.checks.looking import NotSo
from commands.engines.checks.network import Place

_OPTIONS = "-c default_transaction_read_only=on -c statement_timeout={milliseconds}"
_ADDRESS = re.compile(r"postgres(?:ql)?://[^\s\\@]+", re.ASCII)
_TAKEN = ("user", "password", "passfile", "options", "service")  # what is said here, not there
# What PostgreSQL says of a statement names tables and columns; of data it says values, which are not repeated.
_TOLD_CLASSES = ("28", "3D", "42")


def checked_address(text: str) -> str:
    """The text, if it is postgresql://HOST:PORT/DATABASE without a user or password. Raises ValueError.

    A server that only has a socket is postgresql:///DATABASE?host=/FOLDER.
    """
    try:
        at = urlsplit(text)
        asked = {name: value for name, _, value in (each.partition("=") for each in at.query.split("&"))}
        fits = at.port != 0 and len(at.path) > 1 and bool(at.hostname or asked.get("host"))
        fits = fits and not any(name.lower() in _TAKEN or "%" in name for name in asked)
    except ValueError:
        fits = False
    if not fits or not _ADDRESS.fullmatch(text):
        raise ValueError("is an address without a user, such as postgresql://10.0.0.1:5432/app")
    return text


def place_of(text: str, shown: str) -> Place | None:
    """Where such an address leads; None for a socket of this machine. Raises ValueError."""
    at = urlsplit(checked_address(text))
    if not at.hostname:
        return None
    found = re.match(r"\w+://([^/?#]+)", shown)
    return Place(at.hostname, at.port or 5432, found[1] if found else shown)


def query(address: str, username: str, password: str, sql: str, equals: str | None, seconds: float) -> str:
    """Whether a query works, and its first value is that, as text. It may change nothing."""
    try:
        import psycopg
    except ImportError:
        raise NotSo(
            "psycopg is not installed here: `pip install innkeeper[postgresql]`", is_final=True
        ) from None
    options = _OPTIONS.format(milliseconds=max(1, int(seconds * 1000)))
    try:
        with psycopg.connect(
            address,
            user=username,
            password=password,
            connect_timeout=max(2, round(seconds)),  # libpq's own least
            options=options,
        ) as connection:
            row = connection.execute(sql.encode()).fetchone()
    except psycopg.Error as error:
        raise NotSo(_why(error)) from None
    told = "" if row is None or row[0] is None else str(row[0])
    if equals is not None and told != equals:
        raise NotSo("its first value is not the one that is asked for")
    return "answered"


def _why(error: Exception) -> str:
    state = getattr(error, "sqlstate", None) or ""
    message = getattr(getattr(error, "diag", None), "message_primary", None)
    if message and state[:2] in _TOLD_CLASSES:
        return f"the database says: {message}"
    if state == "57014":
        return "the query takes too long"
    if state == "25006":
        return "the query would change something, and a check may not"
    if state:
        return f"the query fails (SQLSTATE {state})"
    said = str(error)
    if "refused" in said:
        return "nobody answers (connection refused)"
    if "timeout" in said or "timed out" in said:
        return "no answer in time"
    if "translate host name" in said or "resolve" in said:
        return "there is no host of that name"
    return "the database lets nobody in" if "authentication" in said else "the database cannot be reached"
