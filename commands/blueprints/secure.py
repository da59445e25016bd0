"""The `secure` of a blueprint.yaml → Secure: which credentials Vault issues for its labs."""

from __future__ import annotations

import re

import yaml

from commands import words
from commands.blueprints import yaml_nodes
from commands.blueprints.records import DataStore, Secure, Ssh
from commands.blueprints.yaml_nodes import Wrong
from commands.engines.vault import database as vault_database

_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_OUTPUT = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


def read(node: yaml.Node) -> Secure:
    """Raises Wrong."""
    fields = yaml_nodes.mapping(node, "secure", ("ssh", "tls", "database"))
    ssh = None
    if "ssh" in fields:
        inner = yaml_nodes.mapping(fields["ssh"], "ssh", ("user", "ttl"))
        ssh = Ssh(
            yaml_nodes.text(inner["user"], "user", 32, _USER, "as in root") if "user" in inner else Ssh.user,
            yaml_nodes.seconds(inner["ttl"], "ttl") if "ttl" in inner else Ssh.ttl_seconds,
        )
    domain, tls_seconds = _credential(fields, "tls", "domain", Secure.tls_ttl_seconds)
    role, database_seconds = _credential(
        fields, "database", "role", Secure.database_ttl_seconds, ("deploy", "connection", "root")
    )
    application, store = _database(fields["database"], role) if "database" in fields else (None, None)
    return Secure(ssh, domain, tls_seconds, role, database_seconds, application, store)


def _credential(
    fields: dict[str, yaml.Node], section: str, key: str, ttl_seconds: int, more: tuple[str, ...] = ()
) -> tuple[str | None, int]:
    """The one key that a section must have when it is there, and how long what it issues works."""
    if section not in fields:
        return None, ttl_seconds
    inner = yaml_nodes.mapping(fields[section], section, (key, "ttl", *more))
    if key not in inner:
        raise Wrong(fields[section], f"`{section}` has a `{key}`, and this one has none.")
    found = yaml_nodes.text(inner[key], key, 253)
    return found, yaml_nodes.seconds(inner["ttl"], "ttl") if "ttl" in inner else ttl_seconds


def _database(node: yaml.Node, role: str | None) -> tuple[str | None, DataStore | None]:
    """The role of what is deployed, and the lab's own data store."""
    inner = yaml_nodes.mapping(node, "database")
    given = [key for key in ("connection", "root") if key in inner]
    application = yaml_nodes.text(inner["deploy"], "deploy", 253) if "deploy" in inner else None
    if not given:
        return application, None
    if len(given) == 1:
        raise Wrong(
            inner[given[0]], "`connection` and `root` go together: where it is, and who may do all there."
        )
    for key, wanted in (("role", role), ("deploy", application)):
        if wanted is not None and wanted not in vault_database.ROLES:
            known = words.listed([f"`{each}`" for each in vault_database.ROLES], "or")
            raise Wrong(inner[key], f"The `{key}` of a lab's own data store is {known}.")
    names = [
        yaml_nodes.text(inner[key], key, 64, _OUTPUT, "as an output's name") for key in ("connection", "root")
    ]
    return application, DataStore(*names)
