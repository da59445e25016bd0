"""What becomes of conversations: made, joined, left, named, archived; by people and by the app alike.

Each change is told to the app as the event that Slack sends, and to the channel as Slack's own line.
Source: https://docs.slack.dev/reference/events and https://docs.slack.dev/reference/methods/conversations.create
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.playground import payloads
from bot.playground.model import Channel, Json, Message, SlackError
from bot.playground.workspace import Workspace

NAME_CHARACTERS = 80
TOPIC_CHARACTERS = 250
MESSAGE_EVENTS = {"im": "im", "mpim": "mpim", "group": "groups", "channel": "channels"}


def message_kind(channel: Channel) -> str:
    """The event that tells of a conversation's messages: message.channels, message.groups, …"""
    return f"message.{MESSAGE_EVENTS[channel.kind]}"


def create(workspace: Workspace, by: str, name: str, is_private: bool = False) -> Channel:
    """A channel with its maker in it. Raises name_taken or one of invalid_name_*."""
    name = checked_name(workspace, name)
    channel_id = workspace.add_channel(name, (by,), with_app=False, is_private=is_private)
    channel = workspace.change_channel(channel_id, creator=by)
    if not is_private:
        _tell(workspace, "channel_created", {"channel": _brief(channel) | {"creator": by}})
    _line(workspace, channel, by, "channel_join", f"<@{by}> has joined the channel")
    return channel


def checked_name(workspace: Workspace, name: str) -> str:
    if not name:
        raise SlackError("invalid_name_required")
    if len(name) > NAME_CHARACTERS:
        raise SlackError("invalid_name_maxlength")
    if not re.search(r"\w", name):
        raise SlackError("invalid_name_punctuation")
    if name != name.lower() or not re.fullmatch(r"[\w-]+", name):
        raise SlackError("invalid_name_specials")
    if any(channel.name == name for channel in workspace.channels.values()):
        raise SlackError("name_taken")
    return name


def join(workspace: Workspace, user: str, channel: Channel) -> Channel:
    """Nothing happens where they are in it. Raises is_archived, or that this is no public channel."""
    if channel.is_private or channel.is_im:
        raise SlackError("method_not_supported_for_channel_type")
    _refuse_archived(channel)
    return channel if user in channel.members else _enter(workspace, user, channel)


def invite(workspace: Workspace, by: str, channel: Channel, users: Sequence[str]) -> Channel:
    """Raises already_in_channel, user_not_found, cant_invite_self, not_in_channel or is_archived."""
    if channel.is_im or channel.is_mpim:
        raise SlackError("method_not_supported_for_channel_type")
    if by not in channel.members:
        raise SlackError("not_in_channel")
    _refuse_archived(channel)
    for user in users:
        if user not in workspace.users:
            raise SlackError("user_not_found")
        if user == by:
            raise SlackError("cant_invite_self")
        if user in channel.members:
            raise SlackError("already_in_channel")
    for user in users:
        channel = _enter(workspace, user, channel, inviter=by)
    return channel


def _enter(workspace: Workspace, user: str, channel: Channel, inviter: str = "") -> Channel:
    channel = workspace.change_channel(channel.id, members=channel.members | {user})
    shape = _membership(workspace, user, channel) | ({"inviter": inviter} if inviter else {})
    _tell_members(workspace, channel, "member_joined_channel", shape)
    _line(workspace, channel, user, f"{_word(channel)}_join", f"<@{user}> has joined the channel")
    return channel


def leave(workspace: Workspace, user: str, channel: Channel, kicked_by: str = "") -> Channel:
    """Raises not_in_channel, or cant_kick_self where one removes oneself."""
    if channel.is_im or channel.is_mpim:
        raise SlackError("method_not_supported_for_channel_type")
    if user not in channel.members:
        raise SlackError("not_in_channel")
    if user == kicked_by:
        raise SlackError("cant_kick_self")
    _line(workspace, channel, user, f"{_word(channel)}_leave", f"<@{user}> has left the channel")
    left = workspace.change_channel(channel.id, members=channel.members - {user})
    if user == workspace.app.user_id:
        name = "group_left" if channel.is_private else "channel_left"
        _tell(workspace, name, {"channel": channel.id, "actor_id": kicked_by or user})
    _tell_members(workspace, left, "member_left_channel", _membership(workspace, user, left))
    return left


def rename(workspace: Workspace, by: str, channel: Channel, name: str) -> Channel:
    _refuse_archived(channel)
    before = channel.name
    channel = workspace.change_channel(channel.id, name=checked_name(workspace, name))
    _tell_members(workspace, channel, f"{_word(channel)}_rename", {"channel": _brief(channel)})
    text = f'<@{by}> has renamed the channel from "{before}" to "{name}"'
    _line(workspace, channel, by, f"{_word(channel)}_name", text)
    return channel


def set_archived(workspace: Workspace, by: str, channel: Channel, is_archived: bool) -> Channel:
    """Raises already_archived or not_archived."""
    if channel.is_im or channel.is_mpim:
        raise SlackError("method_not_supported_for_channel_type")
    if channel.is_archived == is_archived:
        raise SlackError("already_archived" if is_archived else "not_archived")
    what = "archive" if is_archived else "unarchive"
    _line(workspace, channel, by, f"{_word(channel)}_{what}", f"<@{by}> {what}d the channel")
    channel = workspace.change_channel(channel.id, is_archived=is_archived)
    _tell_members(workspace, channel, f"{_word(channel)}_{what}", {"channel": channel.id, "user": by})
    return channel


def describe(workspace: Workspace, by: str, channel: Channel, field: str, text: str) -> Channel:
    """Set its topic or its purpose (field). Raises too_long."""
    _refuse_archived(channel)
    if len(text) > TOPIC_CHARACTERS:
        raise SlackError("too_long")
    channel = workspace.change_channel(channel.id, **{field: text})
    said = f'<@{by}> set the channel {field}: "{text}"' if text else f"<@{by}> cleared the channel {field}"
    _line(workspace, channel, by, f"{_word(channel)}_{field}", said)
    return channel


def open_group(workspace: Workspace, users: Sequence[str]) -> Channel:
    """The direct messages of several people and the app; made when there are none yet."""
    members = frozenset({*users, workspace.app.user_id})
    for channel in workspace.channels.values():
        if channel.is_mpim and channel.members == members:
            return channel
    names = "--".join(sorted(workspace.users[user].name for user in members))
    channel_id = workspace.add_channel(f"mpdm-{names}-1", tuple(members), is_private=True)
    return workspace.change_channel(channel_id, is_mpim=True)


def _refuse_archived(channel: Channel) -> None:
    if channel.is_archived:
        raise SlackError("is_archived")


def _word(channel: Channel) -> str:
    return "group" if channel.is_private else "channel"


def _brief(channel: Channel) -> Json:
    return {"id": channel.id, "name": channel.name, "created": channel.created}


def _tell(workspace: Workspace, kind: str, shape: Json) -> None:
    workspace.happened(kind, {"type": kind, **shape})


def _tell_members(workspace: Workspace, channel: Channel, kind: str, shape: Json) -> None:
    """What an app hears of a conversation that it is in."""
    if workspace.app.user_id in channel.members:
        _tell(workspace, kind, shape)


def _membership(workspace: Workspace, user: str, channel: Channel) -> Json:
    letter = "G" if channel.is_private else "C"
    return {"user": user, "channel": channel.id, "channel_type": letter, "team": workspace.team.id}


def _line(workspace: Workspace, channel: Channel, user: str, subtype: str, text: str) -> None:
    """Slack's own line in the channel, which the app hears as a message of that subtype."""
    line = Message(workspace.next_ts(), channel.id, user, text, subtype=subtype)
    tell_message(workspace, workspace.put_message(line))


def tell_edit(workspace: Workspace, before: Message, after: Message | None) -> None:
    """What the app hears of a message that was changed, or is gone, where everybody saw it."""
    channel = workspace.channels[before.channel]
    if workspace.app.user_id in channel.members and not before.ephemeral_to:
        workspace.happened(message_kind(channel), payloads.edit_event(workspace, before, after))


def tell_message(workspace: Workspace, message: Message) -> None:
    """What the app hears of a message, where it is in the conversation."""
    channel = workspace.channels[message.channel]
    if workspace.app.user_id in channel.members:
        workspace.happened(message_kind(channel), payloads.message_event(workspace, message, "message"))
