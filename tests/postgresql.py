"""A PostgreSQL of the tests' own: real, with passwords that count, reached through a socket in its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

ADMIN, PASSWORD = "vault_admin", "a password of the tests"  # whom Vault makes users as


class PostgreSQL:
    """A server in a folder. connect() as its own superuser, or as whomever you have the password of."""

    def __init__(self, folder: Path) -> None:
        from pgserver.postgres_server import get_server

        self.folder = folder
        self._server = get_server(folder)
        with self.connect() as admin:
            admin.execute(f"CREATE ROLE {ADMIN} SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
            (folder / "pg_hba.conf").write_text("local all postgres trust\nlocal all all scram-sha-256\n")
            admin.execute("SELECT pg_reload_conf()")

    @property
    def vault_url(self) -> str:
        """Its address for Vault, which puts in the name and the password itself."""
        return f"postgresql://{{{{username}}}}:{{{{password}}}}@/postgres?host={self.folder}"

    def connect(self, user: str = "postgres", password: str = "") -> psycopg.Connection[Any]:
        """A session that commits by itself. Raises psycopg.OperationalError."""
        return psycopg.connect(
            host=str(self.folder), dbname="postgres", user=user, password=password, autocommit=True
        )

    def users(self) -> set[str]:
        """Whom Vault has made and not ended."""
        with self.connect() as admin:
            return {
                str(row[0]) for row in admin.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'")
            }

    def stop(self) -> None:
        self._server.cleanup()
