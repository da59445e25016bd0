"""Prepare a Vault or OpenBao server for Innkeeper: what `innkeeper init` does, as often as it is run."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from secrets import token_urlsafe

import hvac
from hvac import exceptions

from commands.engines.vault import operators as vault_operators
from commands.engines.vault import policies as vault_policies
from commands.engines.vault import setup_keys as vault_setup_keys
from commands.engines.vault.connection import understood
from commands.engines.vault.documents import Operator, path_of
from commands.engines.vault.errors import Doing, VaultConflict, VaultError
from commands.engines.vault.http import session_for
from commands.engines.vault.places import (
    AGENTS_MOUNT,
    BLUEPRINTS_POLICY,
    BOT_POLICY,
    HOOK_SECRET,
    LABS_MOUNT,
    OPERATORS_MOUNT,
    TRANSIT_KEY,
    TRANSIT_MOUNT,
)
from state.records import Person

APPROLE_MOUNT = "approle"
APPROLE = "innkeeper"
WRAPPED_TTL_SECONDS = 15 * 60  # for a person to copy it from one terminal to another
SETTLE_SECONDS = 10.0  # a KV v2 mount refuses writes in its first moment
POLL_SECONDS = 0.1

_ROLE = {
    "bind_secret_id": True,
    "secret_id_num_uses": 0,  # the bot logs in again with it, as often as it must
    "secret_id_ttl": 0,
    "token_policies": [BOT_POLICY, BLUEPRINTS_POLICY],
    "token_no_default_policy": True,
    "token_ttl": 3600,
    "token_max_ttl": 24 * 3600,  # so long is a stolen token good
    "token_type": "service",
}


@dataclass(frozen=True)
class Needs:
    """What the blueprints of a catalogue name.

    reads: each `MOUNT/PATH#FIELD`, which the bot is then allowed to read. principals: whom one may log in as by
    ssh. domains: below which there are TLS certificates. is_pushed_to: it is in git, and hears of pushes.
    """

    reads: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    is_pushed_to: bool = False


NOTHING = Needs()


@dataclass(frozen=True)
class Prepared:
    """What the bot logs in with; what was made, what was there already, and what is to be known.

    wrapped_secret_id opens once (`vault unwrap`), within wrapped_ttl_seconds; earlier secret ids stay good.
    """

    role_id: str
    wrapped_secret_id: str = field(repr=False)
    wrapped_ttl_seconds: int
    created: list[str]
    present: list[str]
    notes: list[str]


@dataclass
class _Said:
    created: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def made(self, what: str, new: bool) -> None:
        (self.created if new else self.present).append(what)


def admin_client(addr: str, token: str, namespace: str = "", cacert: str = "") -> hvac.Client:
    """A client with an admin's token, patient enough for mounting."""
    return hvac.Client(
        url=addr,
        token=token,
        namespace=namespace or None,
        session=session_for(addr, cacert),
        timeout=SETTLE_SECONDS,
    )


def prepare(
    client: hvac.Client,
    admin: Person,
    admin_name: str,
    now: datetime,
    needs: Needs = NOTHING,
) -> Prepared:
    """Make what is missing, leave what is there, and hand out a new wrapped secret id.

    client carries the token of an admin of Vault. What an earlier catalogue needed stays allowed. Raises
    VaultError, whose sentence says what to do; what had been made by then stays, and the next run goes on from
    there.
    """
    if path_of(admin) is None or admin.is_agent:
        raise VaultError(
            f"`{admin.team}:{admin.user}` is not TEAM:USER with the ids of Slack, such as T0123:U0456."
        )
    said = _Said()
    doing = Doing(
        "I cannot prepare it",
        if_denied="Give me the token of an admin of Vault in VAULT_TOKEN.",
    )

    def all_of_it() -> Prepared:
        client.auth.token.lookup_self()
        _mounts(client, said)
        _audit_device(client, said)
        _auth_mount(client, APPROLE_MOUNT, said)
        _policies(client, [_auth_mount(client, each, said) for each in (LABS_MOUNT, AGENTS_MOUNT)], said)
        _reads(client, needs.reads, said)
        vault_setup_keys.prepare_keys(client, needs.principals, needs.domains, said.made)
        _role(client, said)
        _first_admin(client, admin, admin_name, now, said)
        if needs.is_pushed_to:
            _hook_secret(client, said)
        role_id, wrapped = _login(client)
        return Prepared(role_id, wrapped, WRAPPED_TTL_SECONDS, said.created, said.present, said.notes)

    return understood(doing, all_of_it)


def _mounts(client: hvac.Client, said: _Said) -> None:
    mounts = client.sys.list_mounted_secrets_engines()["data"]
    secrets = mounts.get(f"{OPERATORS_MOUNT}/")
    if secrets is None:
        client.sys.enable_secrets_engine("kv", path=OPERATORS_MOUNT, options={"version": "2"})
    elif secrets["type"] != "kv" or (secrets.get("options") or {}).get("version") != "2":
        raise VaultError(
            f"Vault has a mount `{OPERATORS_MOUNT}` that is not KV version 2. Move it away with "
            f"`vault secrets move {OPERATORS_MOUNT} OTHER`, then run `innkeeper init` again."
        )
    said.made(f"the KV v2 mount `{OPERATORS_MOUNT}`", secrets is None)

    transit = mounts.get(f"{TRANSIT_MOUNT}/")
    if transit is None:
        client.sys.enable_secrets_engine("transit", path=TRANSIT_MOUNT)
    elif transit["type"] != "transit":
        raise VaultError(
            f"Vault has a mount `{TRANSIT_MOUNT}` that is not a transit engine. Move it away with "
            f"`vault secrets move {TRANSIT_MOUNT} OTHER`, then run `innkeeper init` again."
        )
    said.made(f"the transit mount `{TRANSIT_MOUNT}`", transit is None)
    try:
        client.secrets.transit.read_key(TRANSIT_KEY, mount_point=TRANSIT_MOUNT)
        new = False
    except exceptions.InvalidPath:
        client.secrets.transit.create_key(TRANSIT_KEY, key_type="aes256-gcm96", mount_point=TRANSIT_MOUNT)
        new = True
    said.made(f"the transit key `{TRANSIT_KEY}`", new)


def _audit_device(client: hvac.Client, said: _Said) -> None:
    """Where the server takes one through its API: Vault does, OpenBao wants it in its configuration."""
    try:
        devices = client.sys.list_enabled_audit_devices()["data"]
        if not devices:
            client.sys.enable_audit_device("file", options={"file_path": "stdout"}, path="innkeeper")
        said.made("an audit device", not devices)
    except (exceptions.InvalidRequest, exceptions.InvalidPath):
        said.notes.append(
            "This server takes audit devices only in its configuration file: see that it has one, "
            'such as `audit "file" "file" { options { file_path = "/var/log/openbao/audit.log" } }`.'
        )


def _policies(client: hvac.Client, accessors: list[str], said: _Said) -> None:
    for name, (text, restore) in vault_policies.policies(*accessors).items():
        try:
            before = client.sys.read_policy(name)["data"]["rules"]
        except exceptions.InvalidPath:
            before = None
        write = before is None or (restore and before != text)
        if write:
            client.sys.create_or_update_policy(name, text)
        said.made(f"the policy `{name}`", write)


def _reads(client: hvac.Client, references: Iterable[str], said: _Said) -> None:
    """See that the bot may read what the catalogue's blueprints name, and nothing more."""
    before = client.sys.read_policy(BLUEPRINTS_POLICY)["data"]["rules"]
    after = vault_policies.with_reads(before, references)
    if after != before:
        client.sys.create_or_update_policy(BLUEPRINTS_POLICY, after)
        said.made("the right to read what the blueprints name", True)


def _auth_mount(client: hvac.Client, path: str, said: _Said) -> str:
    """See that AppRoles can log in there. Returns the accessor by which Vault's identities know that place."""
    mounted = client.sys.list_auth_methods()["data"].get(f"{path}/")
    if mounted is None:
        client.sys.enable_auth_method("approle", path=path)
    elif mounted["type"] != "approle":
        raise VaultError(
            f"Vault has an auth method `{path}` that is not AppRole. Move it away, then run `innkeeper init` again."
        )
    said.made(f"the auth method `{path}`", mounted is None)
    return str((mounted or client.sys.list_auth_methods()["data"][f"{path}/"])["accessor"])


def _role(client: hvac.Client, said: _Said) -> None:
    api = client.auth.approle
    try:
        role = api.read_role(APPROLE, mount_point=APPROLE_MOUNT)["data"]
    except exceptions.InvalidPath:
        role = {}
    new = any(role.get(key) != value for key, value in _ROLE.items())
    if new:
        api.create_or_update_approle(APPROLE, mount_point=APPROLE_MOUNT, **_ROLE)
    said.made(f"the AppRole `{APPROLE}`", new)


def _login(client: hvac.Client) -> tuple[str, str]:
    """The role id, and a new secret id in its wrapping."""
    api = client.auth.approle
    role_id = api.read_role_id(APPROLE, mount_point=APPROLE_MOUNT)["data"]["role_id"]
    wrapped = api.generate_secret_id(APPROLE, mount_point=APPROLE_MOUNT, wrap_ttl=f"{WRAPPED_TTL_SECONDS}s")
    return role_id, wrapped["wrap_info"]["token"]


def _first_admin(client: hvac.Client, admin: Person, name: str, now: datetime, said: _Said) -> None:
    """See that this person is an admin, whatever else they are."""
    path = path_of(admin) or ""
    what = f"`{admin.team}:{admin.user}` as an admin"
    ends_at = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            before, _ = vault_operators.read(client, admin, path)
            if before is not None and "admin" in before.roles:
                said.made(what, False)
                return
            vault_operators.write(client, _as_admin(before, admin, name, now), path)
            said.made(what, True)
            return
        except (exceptions.InvalidRequest, VaultConflict) as error:
            # a new mount is "upgrading" for a moment; a conflict is somebody else's write, and is read again
            if time.monotonic() > ends_at:
                raise VaultError(
                    "Vault does not take the first admin yet. Run `innkeeper init` again.",
                    type(error).__name__,
                ) from None
            time.sleep(POLL_SECONDS)


def _hook_secret(client: hvac.Client, said: _Said) -> None:
    """Make what signs pushes, once. An admin of Vault reads it where the repository's host asks for it."""
    place, _, field_name = HOOK_SECRET.removeprefix(f"{OPERATORS_MOUNT}/").partition("#")
    what = f"the secret of the push hook, `{OPERATORS_MOUNT}/{place}`"
    secret = {field_name: token_urlsafe(32)}
    try:
        api = client.secrets.kv.v2
        api.create_or_update_secret(place, secret=secret, cas=0, mount_point=OPERATORS_MOUNT)
        said.made(what, True)
    except exceptions.InvalidRequest:  # one is there, or was
        said.made(what, False)


def _as_admin(before: Operator | None, admin: Person, name: str, now: datetime) -> Operator:
    if before is None or before.problem:
        version = before.version if before else 0
        return Operator(admin, name or admin.user, ("admin",), (), "innkeeper-init", now, version)
    return replace(before, roles=(*before.roles, "admin"))


def unwrap_secret_id(addr: str, wrapped: str, namespace: str = "", cacert: str = "") -> str:
    """The secret id in its wrapping, which opens once. Raises VaultError when it was opened or has ended."""
    doing = Doing("I cannot unwrap the secret id")
    opened = (
        f"That wrapping was opened already, or is older than {WRAPPED_TTL_SECONDS // 60} min: run "
        f"`innkeeper init` for a new one. If it was not you who opened it, run `vault delete "
        f"auth/{APPROLE_MOUNT}/role/{APPROLE}` first, which ends every secret id."
    )

    def unwrap() -> str:
        try:
            answer = admin_client(addr, wrapped, namespace, cacert).sys.unwrap()
        except (exceptions.InvalidRequest, exceptions.Forbidden) as error:
            raise VaultError(opened, type(error).__name__) from None
        return str(answer["data"]["secret_id"])

    return understood(doing, unwrap)
