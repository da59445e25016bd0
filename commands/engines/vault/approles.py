"""AppRoles that come and go: one for each lab's consumers, one for each agent. Through hvac.

Their auth mounts are ours, so that the bot may make roles there and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import hvac
from hvac import exceptions

from commands.engines.vault.credentials import Wrapped
from commands.engines.vault.errors import Doing, VaultUnprepared
from commands.engines.vault.places import WRAPPING_SECONDS


def place(mount: str, name: str) -> str:
    """Where a role is. The name must be fit to be part of a path."""
    return f"/v1/auth/{mount}/role/{name}"


def role_id(client: hvac.Client, mount: str, name: str) -> str | None:
    """The role's id, or None where there is no such role."""
    found = told(lambda: client.adapter.get(f"{place(mount, name)}/role-id"))
    return None if found is None else str(found["role_id"])


def wrapped_secret_id(client: hvac.Client, mount: str, name: str, asked: dict[str, str]) -> Wrapped:
    """A new secret id, which nobody has seen. Wrapped is secret_id."""
    answer = client.adapter.post(
        f"{place(mount, name)}/secret-id", json=asked, wrap_ttl=f"{WRAPPING_SECONDS}s"
    )
    info = answer["wrap_info"]
    made_at = datetime.fromisoformat(info["creation_time"]).astimezone(UTC)
    ends_at = made_at + timedelta(seconds=int(info["ttl"]))
    accessor = (
        info.get("wrapped_accessor") or info["accessor"]
    )  # it stands for the secret id in Vault's audit log
    return Wrapped(str(info["token"]), ends_at, request_id=str(accessor))


def close(client: hvac.Client, mount: str, name: str, its_id: str | None) -> None:
    """Remove the role with its secret ids, and end what was logged in with them. Harmless without one."""
    if its_id is not None:
        client.adapter.delete(place(mount, name))
        end_sessions(client, mount, its_id)


def end_sessions(client: hvac.Client, mount: str, its_id: str) -> None:
    """End every token that was got by that role, at once: what Vault knows a role's logins by goes."""
    accessor = told(lambda: client.adapter.get(f"/v1/sys/internal/ui/mounts/auth/{mount}"))
    if accessor is None:
        raise VaultUnprepared(Doing("I cannot end logins"))
    asked = {"alias_name": its_id, "alias_mount_accessor": accessor["accessor"]}
    found = told(lambda: client.adapter.post("/v1/identity/lookup/entity", json=asked))
    if found:
        client.adapter.delete(f"/v1/identity/entity/id/{found['id']}")


def told(ask: Callable[[], Any]) -> dict[str, Any] | None:
    """What an answer holds, or None where there is nothing of that name."""
    try:
        answer = ask()
    except exceptions.InvalidPath:
        return None
    return answer.get("data") if isinstance(answer, dict) else None
