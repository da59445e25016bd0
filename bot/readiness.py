"""Whether this process can do its work: the database answers, Vault is open and takes our token, Slack takes its.

The catalogue: whether the newest commit is in use; it works without. Where it serves hosts: whether the newest
revocations are signed.
"""

from __future__ import annotations

from collections.abc import Callable

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from commands.deps import Deps


def check(deps: Deps, client: WebClient, revocations: Callable[[], str] | None = None) -> dict[str, str]:
    """Part → `ready`, or what is wrong with it in a word or two."""
    parts = {"database": _database(deps), "vault": deps.vault.health(), "slack": _slack(client)}
    parts |= {"catalogue": _said(deps.catalogue.health)}
    return parts if revocations is None else parts | {"ssh": _said(revocations)}


def is_ready(said: str) -> bool:
    """Whether a part does its work: `ready`, also where more is said after a comma."""
    return said == "ready" or said.startswith("ready, ")


def _said(part: Callable[[], str]) -> str:
    try:
        return part()
    except Exception as error:
        return f"does not answer ({type(error).__name__})"


def _database(deps: Deps) -> str:
    try:
        deps.database.row("SELECT 1 AS one")
    except Exception as error:
        return f"does not answer ({type(error).__name__})"
    return "ready"


def _slack(client: WebClient) -> str:
    try:
        client.auth_test()
    except SlackApiError as error:
        return f"refuses the token ({error.response.get('error', 'unknown')})"
    except OSError as error:
        return f"away ({type(error).__name__})"
    return "ready"
