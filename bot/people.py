"""What Slack says of a person, asked afresh for each request: their own workspace, and whether they are anybody."""

from __future__ import annotations

from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from commands.authorise import Standing
from commands.request import Refused
from state.records import Person


def standing(slack: WebClient, claimed: Person) -> Standing:
    """Ask Slack who somebody is.

    claimed.team is what the request said; in a channel shared through Slack Connect the answer's own workspace is
    the one that counts. Raises Refused when Slack does not know them: then they are nobody.
    Source: https://docs.slack.dev/reference/methods/users.info
    """
    try:
        user: dict[str, Any] = slack.users_info(user=claimed.user).get("user") or {}
    except SlackApiError as error:
        code = str(error.response.get("error", "unknown"))
        raise Refused(
            f"Slack does not tell me who you are (`{code}`), so I have not done anything. Try again in a minute."
        ) from None
    if not user or user.get("id", claimed.user) != claimed.user:
        raise Refused(
            "Slack does not tell me who you are, so I have not done anything. Try again in a minute."
        )
    profile = user.get("profile") or {}
    return Standing(
        person=Person(str(user.get("team_id") or claimed.team), claimed.user),
        name=str(profile.get("real_name") or user.get("real_name") or user.get("name") or claimed.user),
        is_bot=bool(user.get("is_bot")) or claimed.user == "USLACKBOT",
        is_guest=bool(user.get("is_restricted") or user.get("is_ultra_restricted")),
        is_deleted=bool(user.get("deleted")),
        timezone=str(user.get("tz") or "UTC"),
    )
