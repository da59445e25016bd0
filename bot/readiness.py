"""Whether this process can do its work: the database answers, Vault is open and takes our token, Slack takes its."""

from __future__ import annotations

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from commands.request import Deps


def check(deps: Deps, client: WebClient) -> dict[str, str]:
    """Part → `ready`, or what is wrong with it in a word or two."""
    return {"database": _database(deps), "vault": deps.vault.health(), "slack": _slack(client)}


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
