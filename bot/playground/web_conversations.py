"""conversations.*: where the app is, what was said there, and what it makes of channels.

Source: https://docs.slack.dev/apis/web-api/using-the-conversations-api
"""

from __future__ import annotations

from bot.playground import conversations
from bot.playground.arguments import (
    channel_of,
    flag,
    needed,
    page_of,
    user_of,
)
from bot.playground.model import Channel, Json, Message, SlackError
from bot.playground.shapes import channel_json, message_json
from bot.playground.workspace import SLACKBOT, Workspace

KINDS = {"im": "im", "mpim": "mpim", "group": "private_channel", "channel": "public_channel"}
MOST_PEOPLE = 8  # in direct messages, beside the app


def _listed(workspace: Workspace, args: Json, channels: list[Channel]) -> Json:
    kinds = str(args.get("types") or "public_channel").replace(" ", "").split(",")
    if not set(kinds) <= set(KINDS.values()):
        raise SlackError("invalid_types")
    wanted = [
        channel
        for channel in channels
        if KINDS[channel.kind] in kinds and not (channel.is_archived and flag(args, "exclude_archived"))
    ]
    page, following = page_of(wanted, args)
    return {
        "channels": [channel_json(workspace, channel) for channel in page],
        "response_metadata": {"next_cursor": following},
    }


def conversations_list(workspace: Workspace, args: Json) -> Json:
    me = workspace.app.user_id
    seen = [
        channel
        for channel in workspace.channels.values()
        if me in channel.members or not (channel.is_private or channel.is_im)
    ]
    return _listed(workspace, args, seen)


def users_conversations(workspace: Workspace, args: Json) -> Json:
    user = str(args.get("user") or workspace.app.user_id)
    if user not in workspace.users:
        raise SlackError("user_not_found")
    return _listed(workspace, args, [c for c in workspace.channels.values() if user in c.members])


def readable(workspace: Workspace, args: Json, name: str = "channel") -> Channel:
    """A channel whose messages the app may read: one it has joined."""
    channel = channel_of(workspace, args, name)
    if workspace.app.user_id not in channel.members:
        raise SlackError("channel_not_found" if channel.is_private or channel.is_im else "not_in_channel")
    return channel


def found(workspace: Workspace, args: Json) -> Channel:
    """A channel that the app may know of: a private one is there for its members alone."""
    channel = channel_of(workspace, args)
    if channel.is_private and workspace.app.user_id not in channel.members:
        raise SlackError("channel_not_found")
    return channel


def conversations_info(workspace: Workspace, args: Json) -> Json:
    channel = found(workspace, args)
    shape = channel_json(workspace, channel)
    if not flag(args, "include_num_members"):
        shape.pop("num_members", None)
    return {"channel": shape}


def conversations_members(workspace: Workspace, args: Json) -> Json:
    members, following = page_of(sorted(readable(workspace, args).members), args)
    return {"members": members, "response_metadata": {"next_cursor": following}}


def conversations_open(workspace: Workspace, args: Json) -> Json:
    if args.get("channel"):
        return {"channel": channel_json(workspace, channel_of(workspace, args))}
    if not args.get("users"):
        raise SlackError("users_list_not_supplied")
    people = [user for user in str(args["users"]).replace(" ", "").split(",") if user]
    if len(people) > MOST_PEOPLE:
        raise SlackError("too_many_users")
    for each in people:
        user = workspace.users.get(each)
        if user is None:
            raise SlackError("user_not_found")
        if user.is_bot or user.id == SLACKBOT:
            raise SlackError("cannot_dm_bot")
        if user.deleted:
            raise SlackError("user_disabled")
    if len(people) > 1:
        return {"channel": channel_json(workspace, conversations.open_group(workspace, people))}
    known = [
        channel for channel in workspace.channels.values() if channel.is_im and people[0] in channel.members
    ]
    channel = workspace.direct_channel(people[0])
    shape = channel_json(workspace, channel) if flag(args, "return_im") else {"id": channel.id}
    return {"channel": shape} | ({"no_op": True, "already_open": True} if known else {})


def _seconds(args: Json, name: str, otherwise: float) -> float:
    try:
        return float(str(args.get(name) or otherwise))
    except ValueError:
        raise SlackError(f"invalid_ts_{name}") from None


def _history(workspace: Workspace, args: Json, messages: list[Message]) -> Json:
    """One page of messages; oldest and latest are left out themselves unless `inclusive` is set."""
    oldest, latest = _seconds(args, "oldest", 0.0), _seconds(args, "latest", 9e9)
    if flag(args, "inclusive"):
        kept = [m for m in messages if oldest <= float(m.ts) <= latest]
    else:
        kept = [m for m in messages if oldest < float(m.ts) < latest]
    page, following = page_of(kept, args)
    with_metadata = flag(args, "include_all_metadata")
    return {
        "messages": [message_json(workspace, message, with_metadata) for message in page],
        "has_more": bool(following),
        "response_metadata": {"next_cursor": following},
    }


def conversations_history(workspace: Workspace, args: Json) -> Json:
    """Newest first, without what was shown to one person only and without what stands in threads."""
    channel = readable(workspace, args)
    shown = [
        message
        for message in workspace.visible(channel.id)
        if not message.ephemeral_to and (not message.thread_ts or message.reply_broadcast)
    ]
    return _history(workspace, args, shown[::-1])


def conversations_replies(workspace: Workspace, args: Json) -> Json:
    """The message and its thread, oldest first."""
    channel = readable(workspace, args)
    parent = workspace.messages.get(needed(args, "ts"))
    if parent is None or parent.channel != channel.id or parent.ephemeral_to:
        raise SlackError("thread_not_found")
    return _history(workspace, args, [parent, *workspace.replies(parent.ts)])


def conversations_create(workspace: Workspace, args: Json) -> Json:
    name, me = str(args.get("name") or ""), workspace.app.user_id
    made = conversations.create(workspace, me, name, flag(args, "is_private"))
    return {"channel": channel_json(workspace, made)}


def conversations_join(workspace: Workspace, args: Json) -> Json:
    channel = channel_of(workspace, args)
    was_there = workspace.app.user_id in channel.members
    joined = conversations.join(workspace, workspace.app.user_id, channel)
    shape: Json = {"channel": channel_json(workspace, joined)}
    return shape | ({"warning": "already_in_channel"} if was_there else {})


def conversations_invite(workspace: Workspace, args: Json) -> Json:
    channel = found(workspace, args)
    if not args.get("users"):
        raise SlackError("no_user")
    users = [user for user in str(args["users"]).replace(" ", "").split(",") if user]
    channel = conversations.invite(workspace, workspace.app.user_id, channel, users)
    return {"channel": channel_json(workspace, channel)}


def conversations_kick(workspace: Workspace, args: Json) -> Json:
    channel, user = readable(workspace, args), user_of(workspace, args)
    conversations.leave(workspace, user.id, channel, kicked_by=workspace.app.user_id)
    return {}


def conversations_leave(workspace: Workspace, args: Json) -> Json:
    channel, me = found(workspace, args), workspace.app.user_id
    if me not in channel.members:
        return {"not_in_channel": True}
    conversations.leave(workspace, me, channel)
    return {}


def conversations_rename(workspace: Workspace, args: Json) -> Json:
    channel, name = readable(workspace, args), str(args.get("name") or "")
    renamed = conversations.rename(workspace, workspace.app.user_id, channel, name)
    return {"channel": channel_json(workspace, renamed)}


def conversations_archive(workspace: Workspace, args: Json) -> Json:
    conversations.set_archived(workspace, workspace.app.user_id, readable(workspace, args), True)
    return {}


def conversations_unarchive(workspace: Workspace, args: Json) -> Json:
    conversations.set_archived(workspace, workspace.app.user_id, found(workspace, args), False)
    return {}


def _describe(workspace: Workspace, args: Json, field: str) -> Json:
    channel, text = readable(workspace, args), str(args.get(field) or "")
    described = conversations.describe(workspace, workspace.app.user_id, channel, field, text)
    return {field: text, "channel": channel_json(workspace, described)}


def conversations_set_topic(workspace: Workspace, args: Json) -> Json:
    return _describe(workspace, args, "topic")


def conversations_set_purpose(workspace: Workspace, args: Json) -> Json:
    return _describe(workspace, args, "purpose")


def conversations_mark(workspace: Workspace, args: Json) -> Json:
    """The app has read up to here, which nobody sees."""
    readable(workspace, args)
    needed(args, "ts")
    return {}


def conversations_close(workspace: Workspace, args: Json) -> Json:
    """Direct messages leave the app's list, and are there again when somebody writes."""
    channel = found(workspace, args)
    if not (channel.is_im or channel.is_mpim):
        raise SlackError("method_not_supported_for_channel_type")
    return {}


METHODS = {
    "users.conversations": users_conversations,
    "conversations.list": conversations_list,
    "conversations.info": conversations_info,
    "conversations.members": conversations_members,
    "conversations.open": conversations_open,
    "conversations.close": conversations_close,
    "conversations.history": conversations_history,
    "conversations.replies": conversations_replies,
    "conversations.create": conversations_create,
    "conversations.join": conversations_join,
    "conversations.invite": conversations_invite,
    "conversations.kick": conversations_kick,
    "conversations.leave": conversations_leave,
    "conversations.rename": conversations_rename,
    "conversations.archive": conversations_archive,
    "conversations.unarchive": conversations_unarchive,
    "conversations.setTopic": conversations_set_topic,
    "conversations.setPurpose": conversations_set_purpose,
    "conversations.mark": conversations_mark,
}
