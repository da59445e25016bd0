"""A PostgreSQL on this machine, from the `pgserver` wheel: for the tour and the tests, with passwords that count."""

from __future__ import annotations

import signal
import warnings
from pathlib import Path
from typing import Any

import psycopg

from bot.playground.watch import Watch

ADMIN, PASSWORD = "vault_admin", "known on this machine alone"  # whom Vault makes users as


class LocalPostgreSQL:
    """A server in a folder, reached through a socket there. connect() as its superuser, or as anybody with a password.

    The folder's path must be short: a socket's has some hundred characters at most.
    """

    SessionEnded = psycopg.Error  # what a session raises that the server has ended

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains of a runtime folder that is not needed here
            from pgserver.postgres_server import get_server

        self.folder = folder
        self._server = get_server(folder)
        server_pid = int((folder / "postmaster.pid").read_text().split()[0])
        self._watch = Watch(server_pid, signal.SIGINT)  # which ends it at once, its sessions too
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
            found = admin.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'")
            return {str(row[0]) for row in found}

    def stop(self) -> None:
        """End it."""
        self._watch.stop()
        self._server.cleanup()
