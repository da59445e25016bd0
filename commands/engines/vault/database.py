"""Let Vault make and end users of one PostgreSQL database.

The bot does so for the data store of a lab, and has a right to nothing else. An admin of Vault can do the same by hand:
see the statements below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import hvac
from hvac import exceptions

from commands.engines.vault.connection import detail_of, understood
from commands.engines.vault.errors import Doing, VaultError
from commands.engines.vault.places import DATABASE_MOUNT, GRANT_MAX_SECONDS

READ = (
    'GRANT USAGE ON SCHEMA public TO "{{name}}"',
    'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{{name}}"',
)
READ_WRITE = (
    'GRANT USAGE, CREATE ON SCHEMA public TO "{{name}}"',
    'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "{{name}}"',
    'GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO "{{name}}"',
)
ROLES = {"readonly": READ, "readwrite": READ_WRITE}  # those that a lab's own data store can have

_CREATE = "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'"
# Sessions that are open outlive their role, so they are ended; what the user made stays, with the admin's name on it.
# Whoever comes in again between the two finds a role that may not do anything.
REVOCATION = (
    'ALTER ROLE "{{name}}" NOLOGIN',
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{{name}}'",
    'REASSIGN OWNED BY "{{name}}" TO CURRENT_USER',
    'DROP OWNED BY "{{name}}"',
    'DROP ROLE IF EXISTS "{{name}}"',
)


def configure_database(
    client: hvac.Client,
    name: str,
    connection_url: str,
    username: str,
    password: str,
    roles: Mapping[str, Sequence[str]] | None = None,
    ttl_seconds: int = GRANT_MAX_SECONDS,
) -> list[str]:
    """Connect Vault to a lab's database, and make its roles: `NAME.ROLE` for each of roles.

    name: the lab. connection_url: `postgresql://{{username}}:{{password}}@HOST:PORT/DATABASE?sslmode=…`, with those
    two placeholders, whose values Vault keeps and shows nobody. They must be of a superuser, or of one with
    CREATEROLE and pg_signal_backend. roles: role → what a user of it is granted; `{"readonly": READ}` by default.
    ttl_seconds: the longest that a user lives; their grant's token ends them before. Returns the roles' names in Vault.
    Raises VaultError, also when the database cannot be reached.
    """
    if "{{password}}" not in connection_url:
        raise VaultError(
            "Write {{username}} and {{password}} into the database's address, and give their values apart."
        )
    wanted = {f"{name}.{role}": grants for role, grants in (roles or {"readonly": READ}).items()}
    doing = Doing(
        f"I cannot connect Vault to the database of `{name}`",
        if_denied="It takes the token of an admin of Vault.",
    )

    def configure() -> None:
        connect(client, name, connection_url, username, password, sorted(wanted))
        for role, grants in (roles or {"readonly": READ}).items():
            make_role(client, name, role, grants, ttl_seconds)

    understood(doing, configure)
    return sorted(wanted)


def connect(
    client: hvac.Client,
    name: str,
    connection_url: str,
    username: str,
    password: str,
    allowed_roles: Sequence[str] = (),
) -> None:
    """Tell Vault how it comes in, which it tries at once. allowed_roles: NAME.* by default. Raises VaultError."""
    connection = {
        "plugin_name": "postgresql-database-plugin",
        "connection_url": connection_url,
        "username": username,
        "password": password,
        "password_authentication": "scram-sha-256",  # so that no password is in the database's log
        "allowed_roles": list(allowed_roles or [f"{name}.*"]),
    }
    try:
        client.adapter.post(f"/v1/{DATABASE_MOUNT}/config/{name}", json=connection)
    except exceptions.InvalidRequest as error:
        raise VaultError(
            f"Vault does not come into the database of `{name}`. Look at its address and at the user's name "
            "and password.",
            detail_of(error),
        ) from None


def make_role(client: hvac.Client, name: str, role: str, grants: Sequence[str], ttl_seconds: int) -> None:
    """`NAME.ROLE`: what a user of it may do, and how long one lives at most."""
    client.adapter.post(
        f"/v1/{DATABASE_MOUNT}/roles/{name}.{role}",
        json={
            "db_name": name,
            "creation_statements": [_CREATE, *grants],
            "revocation_statements": list(REVOCATION),
            "default_ttl": ttl_seconds,
            "max_ttl": ttl_seconds,
        },
    )
