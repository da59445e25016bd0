"""A Vault for the contract tests, and what its own admin does behind Innkeeper's back: the fake, and a real OpenBao."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import hvac
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from hvac import exceptions

from bot.playground import postgresql_server
from bot.playground.postgresql_server import LocalPostgreSQL
from commands.engines.vault.database import READ, configure_database
from commands.engines.vault.errors import Doing
from commands.engines.vault.protocol import AppRole, DatabasePlace, HvacVault, Vault, VaultDenied
from commands.engines.vault.setup import Needs, prepare, unwrap_secret_id
from state.records import Person
from tests.conftest import VaultSpace
from tests.fakes.vault import FakeVault

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ADMIN = Person("T1", "U0")
NEEDS = Needs(principals=("root", "lab"), domains=("lab.test",))


class World(Protocol):
    """A Vault and what its own admin does behind Innkeeper's back."""

    @property
    def vault(self) -> Vault: ...
    def put(self, name: str, document: dict[str, Any]) -> None: ...
    def soft_delete(self, name: str) -> None: ...
    def document(self, name: str) -> dict[str, Any]: ...
    def put_secret(self, path: str, values: dict[str, Any]) -> None: ...
    def token_of(self, person: Person) -> str: ...
    def make_database(self, lab: str) -> None: ...
    def has_database_user(self, name: str) -> bool: ...
    def data_store(self) -> DatabasePlace: ...
    def log_in(self, role_id: str, secret_id: str) -> str: ...
    def agent_logs_in(self, role_id: str, secret_id: str) -> str: ...
    def tokens_of_nobody(self) -> list[str]: ...
    def consumer_reads(self, token: str, lab: str, part: str = "") -> dict[str, Any]: ...
    def code(self, url: str) -> str: ...


class FakeWorld:
    def __init__(self) -> None:
        self.vault = FakeVault()

    def put(self, name: str, document: dict[str, Any]) -> None:
        self.vault.documents[name] = (document, self.vault.documents.get(name, ({}, 0))[1] + 1)

    def soft_delete(self, name: str) -> None:
        del self.vault.documents[name]

    def document(self, name: str) -> dict[str, Any]:
        return dict(self.vault.documents[name][0])

    def put_secret(self, path: str, values: dict[str, Any]) -> None:
        for name, value in values.items():
            self.vault.fields[f"innkeeper/{path}#{name}"] = value

    def token_of(self, person: Person) -> str:
        self.vault.tokens[f"token-of-{person.key}"] = {person}
        return f"token-of-{person.key}"

    def make_database(self, lab: str) -> None:
        self.vault.databases[f"{lab}.readonly"] = 3600

    def data_store(self) -> DatabasePlace:
        self.vault.data_stores["postgresql://somewhere"] = "told by Terraform"
        return DatabasePlace("postgresql://somewhere", "root", "told by Terraform")

    def log_in(self, role_id: str, secret_id: str) -> str:
        return self.vault.consumer_logs_in(role_id, secret_id)

    def agent_logs_in(self, role_id: str, secret_id: str) -> str:
        return self.vault.agent_logs_in(role_id, secret_id)

    def tokens_of_nobody(self) -> list[str]:
        self.vault.tokens["root"] = {ADMIN, Person("T1", "U1")}
        return ["root", "unknown"]

    def consumer_reads(self, token: str, lab: str, part: str = "") -> dict[str, Any]:
        return self.vault.consumer_reads(token, lab, part) or {}

    def has_database_user(self, name: str) -> bool:
        return any(each.database_user == name and not each.revoked for each in self.vault.grants.values())

    def code(self, url: str) -> str:
        return code_of(url)


class RealWorld:
    """The bot's own AppRole login, under the policy that `innkeeper init` wrote."""

    def __init__(self, space: VaultSpace, database: LocalPostgreSQL) -> None:
        self.space, self.database = space, database
        prepared = prepare(space.client, ADMIN, "admin", NOW, NEEDS)
        space.client.secrets.kv.v2.delete_metadata_and_all_versions(
            f"operators/{ADMIN.key}", mount_point="innkeeper"
        )
        secret_id = unwrap_secret_id(space.addr, prepared.wrapped_secret_id, space.namespace)
        self.vault = HvacVault(
            space.addr, AppRole(prepared.role_id, secret_id), space.namespace, timeout_seconds=30
        )

    def put(self, name: str, document: dict[str, Any]) -> None:
        self.space.client.secrets.kv.v2.create_or_update_secret(
            f"operators/{name}", secret=document, mount_point="innkeeper"
        )

    def soft_delete(self, name: str) -> None:
        self.space.client.secrets.kv.v2.delete_latest_version_of_secret(
            f"operators/{name}", mount_point="innkeeper"
        )

    def document(self, name: str) -> dict[str, Any]:
        answer = self.space.client.secrets.kv.v2.read_secret_version(
            f"operators/{name}", mount_point="innkeeper", raise_on_deleted_version=True
        )
        return dict(answer["data"]["data"])

    def put_secret(self, path: str, values: dict[str, Any]) -> None:
        self.space.client.secrets.kv.v2.create_or_update_secret(path, secret=values, mount_point="innkeeper")

    def token_of(self, person: Person) -> str:
        """A login whose entity says who it is, under the policy for people."""
        client, name = self.space.client, person.key.lower()
        if "userpass/" not in client.sys.list_auth_methods()["data"]:
            client.sys.enable_auth_method("userpass")
        client.auth.userpass.create_or_update_user(name, "a-password", policies=["innkeeper-operator"])
        entity = client.secrets.identity.create_or_update_entity(
            name, metadata={"slack_team": person.team, "slack_user": person.user}
        )["data"]["id"]
        accessor = client.sys.list_auth_methods()["data"]["userpass/"]["accessor"]
        client.secrets.identity.create_or_update_entity_alias(name, entity, accessor)
        return str(client.auth.userpass.login(name, "a-password", use_token=False)["auth"]["client_token"])

    def make_database(self, lab: str) -> None:
        configure_database(
            self.space.client,
            lab,
            self.database.vault_url,
            postgresql_server.ADMIN,
            postgresql_server.PASSWORD,
            {"readonly": READ},
            ttl_seconds=3600,
        )

    def data_store(self) -> DatabasePlace:
        """A superuser of its own, whose password may be changed."""
        user = f"root_of_{self.space.namespace.replace('-', '_')}"
        with self.database.connect() as admin:
            admin.execute(f"CREATE ROLE {user} SUPERUSER LOGIN PASSWORD 'told by Terraform'")
        return DatabasePlace(self.database.vault_url, user, "told by Terraform")

    def log_in(self, role_id: str, secret_id: str) -> str:
        consumer = hvac.Client(self.space.addr, token="", namespace=self.space.namespace)
        answer = _allowed(lambda: consumer.auth.approle.login(role_id, secret_id, mount_point="labs"))
        return str(answer["auth"]["client_token"])

    def agent_logs_in(self, role_id: str, secret_id: str) -> str:
        agent = hvac.Client(self.space.addr, token="", namespace=self.space.namespace)
        answer = _allowed(lambda: agent.auth.approle.login(role_id, secret_id, mount_point="agents"))
        return str(answer["auth"]["client_token"])

    def tokens_of_nobody(self) -> list[str]:
        """Of one that may do everything; made by hand and saying that they are somebody; without any right."""

        def made(*policies: str, **meta: str) -> str:
            answer = self.space.client.auth.token.create(policies=list(policies), meta=meta)
            return str(answer["auth"]["client_token"])

        return [
            self.space.root_token,
            made("innkeeper-bot"),
            made("innkeeper-operator", slack_team="T1", slack_user="U1"),
            made("innkeeper-agent", role_name="ci"),
            made("innkeeper-bot", slack_team="AGENT", slack_user="ci"),
            made("default", slack_team="T1", slack_user="U1"),
        ]

    def consumer_reads(self, token: str, lab: str, part: str = "") -> dict[str, Any]:
        consumer = hvac.Client(self.space.addr, token=token, namespace=self.space.namespace)
        path = f"labs/{lab}/{part}".rstrip("/")
        answer = _allowed(
            lambda: consumer.secrets.kv.v2.read_secret_version(
                path, mount_point="innkeeper", raise_on_deleted_version=True
            )
        )
        return dict(answer["data"]["data"])

    def has_database_user(self, name: str) -> bool:
        return name in self.database.users()

    def code(self, url: str) -> str:
        return code_of(url)


def _allowed(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except (exceptions.Forbidden, exceptions.InvalidRequest) as error:
        raise VaultDenied(Doing("you cannot"), type(error).__name__) from None


def code_of(url: str) -> str:
    """What a telephone shows now, which has read this otpauth:// address."""
    secret = parse_qs(urlsplit(url).query)["secret"][0]
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    return TOTP(key, 6, SHA1(), 30, enforce_key_length=False).generate(int(time.time())).decode()
