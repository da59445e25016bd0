"""chat.scheduleMessage and its neighbours: what the app says later.

Source: https://docs.slack.dev/messaging/sending-and-scheduling-messages
"""

from __future__ import annotations

from dataclasses import replace

from bot.playground.arguments import channel_of, joined_channel_of, needed, page_of
from bot.playground.model import Json, Scheduled, SlackError
from bot.playground.shapes import message_json
from bot.playground.web_chat import new_message
from bot.playground.workspace import Workspace

LATEST_SECONDS = 120 * 24 * 3600  # from now


def schedule_message(workspace: Workspace, args: Json) -> Json:
    channel = joined_channel_of(workspace, args)
    message = new_message(workspace, channel.id, args)
    now = workspace.clock()
    try:
        post_at = int(needed(args, "post_at"))
    except ValueError:
        raise SlackError("invalid_time") from None
    if post_at <= now:
        raise SlackError("time_in_past")
    if post_at > now + LATEST_SECONDS:
        raise SlackError("time_too_far")
    planned = Scheduled(workspace.next_id("Q"), post_at, int(now), message)
    workspace.scheduled[planned.id] = planned
    workspace.happened("", {})  # whoever waits for the next one looks again
    shape = message_json(workspace, message)
    shape.pop("ts")  # it has none until it is posted
    where = {"channel": channel.id, "scheduled_message_id": planned.id, "post_at": post_at}
    return where | {"message": shape | {"subtype": "bot_message", "type": "delayed_message"}}


def delete_scheduled(workspace: Workspace, args: Json) -> Json:
    channel = channel_of(workspace, args)
    planned = workspace.scheduled.get(needed(args, "scheduled_message_id"))
    if planned is None or planned.message.channel != channel.id:
        raise SlackError("invalid_scheduled_message_id")
    del workspace.scheduled[planned.id]
    return {}


def list_scheduled(workspace: Workspace, args: Json) -> Json:
    """What is still to be posted, the next one first."""
    where = channel_of(workspace, args).id if args.get("channel") else ""
    waiting = sorted(workspace.scheduled.values(), key=lambda planned: (planned.post_at, planned.id))
    page, following = page_of([each for each in waiting if where in ("", each.message.channel)], args)
    shapes = [
        {
            "id": each.id,
            "channel_id": each.message.channel,
            "post_at": each.post_at,
            "date_created": each.created,
            "text": each.message.text,
        }
        for each in page
    ]
    return {"scheduled_messages": shapes, "response_metadata": {"next_cursor": following}}


def post_due(workspace: Workspace) -> float | None:
    """Post what is due by now. Gives the seconds until the next one; None: nothing waits."""
    with workspace.lock:
        now, app = workspace.clock(), workspace.app.user_id
        for planned in sorted(workspace.scheduled.values(), key=lambda each: each.post_at):
            if planned.post_at > now:
                return planned.post_at - now
            del workspace.scheduled[planned.id]
            channel = workspace.channels[planned.message.channel]
            if app in channel.members and not channel.is_archived:
                workspace.put_message(replace(planned.message, ts=workspace.next_ts()))
    return None


METHODS = {
    "chat.scheduleMessage": schedule_message,
    "chat.deleteScheduledMessage": delete_scheduled,
    "chat.scheduledMessages.list": list_scheduled,
}
