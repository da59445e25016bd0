"""The part of `innkeeper init` that makes what issues: ssh, TLS, databases, second factors, and people's tokens.

ssh: one role for people and one for the bot, whose principals are the users that blueprints name.
TLS: a root of the labs' own, and for each domain that a blueprint names two roles: DOMAIN issues, DOMAIN-csr
signs requests. Both take every name below the domain and no other, not even the domain itself; that a
lab stays below LAB.DOMAIN is our part.
Each is made when it is missing and mended when it differs; what an admin of Vault added stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import hvac
from hvac import exceptions

from commands.engines.vault.errors import VaultError
from commands.engines.vault.places import (
    DATABASE_MOUNT,
    GRANT_MAX_SECONDS,
    GRANT_POLICY,
    KRL_KEY,
    PKI_MOUNT,
    SSH_BOT_MAX_SECONDS,
    SSH_BOT_ROLE,
    SSH_GRANT_POLICY,
    SSH_MAX_SECONDS,
    SSH_MOUNT,
    SSH_ROLE,
    SSH_TOKEN_ROLE,
    TOKEN_ROLE,
    TOTP_MOUNT,
    TRANSIT_MOUNT,
)

Made = Callable[[str, bool], None]  # what, and whether it is new

ROOT_NAME = "Innkeeper labs"
ROOT_SECONDS = 10 * 365 * 24 * 3600

_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?")
_PRINCIPAL = re.compile(r"[A-Za-z_][\w.-]*")

_SSH_ROLE = {
    "key_type": "ca",
    "allow_user_certificates": True,
    "allow_host_certificates": False,
    "allow_user_key_ids": True,  # TEAM-USER:LAB:GRANT, which the hosts log
    "default_extensions": {"permit-pty": ""},
    "allowed_extensions": "permit-pty",
    "allowed_critical_options": "source-address,force-command",
    "max_ttl": SSH_MAX_SECONDS,
    "ttl": 30 * 60,
}
_SSH_BOT_ROLE = {
    **_SSH_ROLE,
    "allowed_critical_options": "",
    "max_ttl": SSH_BOT_MAX_SECONDS,
    "ttl": 10 * 60,
}
_TLS_ROLE = {
    "allow_subdomains": True,
    "allow_bare_domains": False,
    "allow_localhost": False,
    "allow_any_name": False,
    "allow_glob_domains": False,
    "allow_wildcard_certificates": False,
    "allow_ip_sans": False,
    "enforce_hostnames": True,
    "server_flag": True,
    "client_flag": False,
    "code_signing_flag": False,
    "email_protection_flag": False,
    "require_cn": True,
    "use_csr_common_name": False,  # the names are ours, never the request's
    "use_csr_sans": False,
    "generate_lease": True,  # so that the end of the person's token puts it on the CRL
    "no_store": False,
    "max_ttl": GRANT_MAX_SECONDS,
}
_TOKEN_ROLE = {
    "orphan": True,  # it outlives our own login
    "allowed_policies": [GRANT_POLICY],
    "token_no_default_policy": True,
    "token_explicit_max_ttl": GRANT_MAX_SECONDS,
    "token_type": "service",
    "renewable": False,
}
_SSH_TOKEN_ROLE = {  # without storage, and so without an accessor: there is nothing in Vault that it could end
    "orphan": True,
    "allowed_policies": [SSH_GRANT_POLICY],
    "token_no_default_policy": True,
    "token_type": "batch",
    "renewable": False,
}


def prepare_keys(client: hvac.Client, principals: Iterable[str], domains: Iterable[str], made: Made) -> None:
    """Make what is missing, and tell made of each. Raises VaultError, and hvac's errors."""
    mounts = client.sys.list_mounted_secrets_engines()["data"]
    for kind, path in (
        ("ssh", SSH_MOUNT),
        ("pki", PKI_MOUNT),
        ("database", DATABASE_MOUNT),
        ("totp", TOTP_MOUNT),
    ):
        found = mounts.get(f"{path}/")
        if found is None:
            config = {"max_lease_ttl": f"{ROOT_SECONDS}s"} if kind == "pki" else None
            client.sys.enable_secrets_engine(kind, path=path, config=config)
        elif found["type"] != kind:
            raise VaultError(
                f"Vault has a mount `{path}` that is not a {kind} engine. Move it away with "
                f"`vault secrets move {path} OTHER`, then run `innkeeper init` again."
            )
        made(f"the {kind} mount `{path}`", found is None)
    _signing_key(client, made)
    _ssh(client, principals, made)
    _tls(client, sorted(set(domains)), made)
    _set(client, f"auth/token/roles/{TOKEN_ROLE}", _TOKEN_ROLE, f"the token role `{TOKEN_ROLE}`", made)
    path = f"auth/token/roles/{SSH_TOKEN_ROLE}"
    _set(client, path, _SSH_TOKEN_ROLE, f"the token role `{SSH_TOKEN_ROLE}`", made)


def _signing_key(client: hvac.Client, made: Made) -> None:
    path = f"{TRANSIT_MOUNT}/keys/{KRL_KEY}"
    found = _read(client, path)
    if found is None:
        client.adapter.post(f"/v1/{path}", json={"type": "ed25519"})
    elif found["type"] != "ed25519":
        raise VaultError(
            f"The transit key `{KRL_KEY}` is not an ed25519 key, which the hosts need. Delete it, "
            "then run `innkeeper init` again."
        )
    made(f"the transit key `{KRL_KEY}`", found is None)


def _ssh(client: hvac.Client, principals: Iterable[str], made: Made) -> None:
    try:
        authority = _read(client, f"{SSH_MOUNT}/config/ca")
    except exceptions.InvalidRequest:  # "keys haven't been configured yet"
        authority = None
    if authority is None:
        client.adapter.post(
            f"/v1/{SSH_MOUNT}/config/ca", json={"generate_signing_key": True, "key_type": "ed25519"}
        )
    made("the labs' ssh certificate authority", authority is None)
    named = list(principals)
    for name, terms in ((SSH_ROLE, _SSH_ROLE), (SSH_BOT_ROLE, _SSH_BOT_ROLE)):
        path = f"{SSH_MOUNT}/roles/{name}"
        before = str((_read(client, path) or {}).get("allowed_users", "")).split(",")
        wanted = {user for user in [*before, *named] if user}
        for user in wanted:
            if not _PRINCIPAL.fullmatch(user) and user not in before:
                raise VaultError(f"`{user}` is no user name for ssh: see `secure: {{ssh: {{user: …}}}}`.")
        role = {**terms, "allowed_users": ",".join(sorted(wanted))}
        _set(client, path, role, f"the ssh role `{name}`", made)


def _tls(client: hvac.Client, domains: list[str], made: Made) -> None:
    for domain in domains:
        if not _DOMAIN.fullmatch(domain):
            raise VaultError(
                f"`{domain}` is no domain for certificates: see `secure: {{tls: {{domain: …}}}}`."
            )
    try:
        root = (_read(client, f"{PKI_MOUNT}/cert/ca") or {}).get("certificate")
    except (
        exceptions.InvalidRequest,
        exceptions.InternalServerError,
    ):  # "no default issuer currently configured"
        root = None
    if not root:
        asked = {"common_name": ROOT_NAME, "key_type": "ec", "key_bits": 256, "ttl": f"{ROOT_SECONDS}s"}
        client.adapter.post(f"/v1/{PKI_MOUNT}/root/generate/internal", json=asked)
    made("the labs' root certificate", not root)
    urls = _read(client, f"{PKI_MOUNT}/config/urls") or {}
    if not urls.get("crl_distribution_points"):
        namespace = f"{client.adapter.namespace.strip('/')}/" if client.adapter.namespace else ""
        where = f"{client.url.rstrip('/')}/v1/{namespace}{PKI_MOUNT}"
        client.adapter.post(
            f"/v1/{PKI_MOUNT}/config/urls",
            json={"issuing_certificates": [f"{where}/ca"], "crl_distribution_points": [f"{where}/crl"]},
        )
    for domain in domains:
        for name, key_type in ((domain, "ec"), (f"{domain}-csr", "any")):
            role = {**_TLS_ROLE, "allowed_domains": [domain], "key_type": key_type}
            if key_type == "ec":
                role["key_bits"] = 256
            _set(client, f"{PKI_MOUNT}/roles/{name}", role, f"the TLS role `{name}`", made)


def _set(client: hvac.Client, path: str, wanted: Mapping[str, Any], what: str, made: Made) -> None:
    before = _read(client, path) or {}
    differs = any(before.get(key) != value for key, value in wanted.items())
    if differs:
        client.adapter.post(f"/v1/{path}", json=dict(wanted))
    made(what, differs)


def _read(client: hvac.Client, path: str) -> dict[str, Any] | None:
    try:
        answer = client.adapter.get(f"/v1/{path}")
    except exceptions.InvalidPath:
        return None
    return dict(answer["data"] or {}) if isinstance(answer, dict) else None
