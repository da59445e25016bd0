"""What Slack says of a person, asked afresh for each request: their own workspace, and whether they are anybody."""

from __future__ import annotations

from typing import Any

from slack_sdk.errors import SlackApiError

from bot.web_client import KeptWebClient
from commands.authorise import Standing, StandingUnknown
from commands.request import Refused
from state.records import Person

_NOBODY = ("user_not_found", "user_not_visible")


def standing(slack: KeptWebClient, claimed: Person) -> Standing:
    """Ask Slack who somebody is.

    claimed.team is what the request said; in a channel shared through Slack Connect the answer's own workspace is
    the one that counts. Raises Refused for whom Slack does not know: they are nobody. Raises StandingUnknown when
    it does not say, OSError when it does not answer: the request is kept then, and tried again.
    Source: https://docs.slack.dev/reference/methods/users.info
    """
    try:
        user: dict[str, Any] = slack.users_info(user=claimed.user).get("user") or {}
    except SlackApiError as error:
        code = str(error.response.get("error", "unknown"))
        if code in _NOBODY:
            raise Refused(
                f"Slack does not tell me who you are (`{code}`), so I have not done anything."
            ) from None
        raise StandingUnknown(code) from None
    if user.get("id") != claimed.user:
        raise StandingUnknown("somebody else")
    profile = user.get("profile") or {}
    return Standing(
        person=Person(str(user.get("team_id") or claimed.team), claimed.user),
        name=str(profile.get("real_name") or user.get("real_name") or user.get("name") or claimed.user),
        is_bot=bool(user.get("is_bot")) or claimed.user == "USLACKBOT",
        is_guest=bool(user.get("is_restricted") or user.get("is_ultra_restricted")),
        is_deleted=bool(user.get("deleted")),
        timezone=str(user.get("tz") or "UTC"),
    )
