"""Reads the arguments of a Web API call, which come as JSON or as a form where everything is text."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from bot.playground.model import Channel, Json, Message, SlackError, User
from bot.playground.workspace import TOMBSTONE, Workspace

FUNCTION_RUN = "function run"  # a name that no call carries: the step of a workflow that the token is for


def needed(args: Json, name: str) -> str:
    """Raises SlackError invalid_arguments when it is not there."""
    value = args.get(name)
    if value is None or value == "":
        raise SlackError("invalid_arguments", f"[ERROR] missing required field: {name}")
    return str(value)


def flag(args: Json, name: str) -> bool:
    return str(args.get(name, "")).lower() in ("1", "true")


def whole(args: Json, name: str, default: int, most: int) -> int:
    value = args.get(name)
    if value in (None, ""):
        return default
    try:
        return max(1, min(int(str(value)), most))
    except ValueError:
        raise SlackError("invalid_arguments", f"[ERROR] {name} must be an integer") from None


def structure(args: Json, name: str, wrong_code: str = "invalid_arguments") -> Any:
    """A list or an object, which a form carries as JSON text. None when it is not there."""
    value = args.get(name)
    if isinstance(value, str) and value:
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise SlackError(wrong_code, f"[ERROR] {name} is not JSON") from None
    return None if value == "" else value


def blocks_of(args: Json) -> tuple[Json, ...] | None:
    """None when the call names no blocks, which is not the same as an empty list of them."""
    blocks = structure(args, "blocks", "invalid_blocks_format")
    if blocks is None:
        return None
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    return tuple(blocks)


def attachments_of(args: Json) -> tuple[Json, ...] | None:
    """None when the call names no attachments, which is not the same as an empty list of them."""
    attachments = structure(args, "attachments", "invalid_attachments")
    if attachments is None:
        return None
    if not isinstance(attachments, list) or not all(isinstance(each, dict) for each in attachments):
        raise SlackError("invalid_attachments")
    return tuple(attachments)


def channel_of(workspace: Workspace, args: Json, name: str = "channel") -> Channel:
    """By id, by name, or the direct messages of a person by the person's id. Raises channel_not_found."""
    wanted = needed(args, name)
    if wanted in workspace.channels:
        return workspace.channels[wanted]
    if wanted in workspace.users and wanted != workspace.app.user_id:
        return workspace.direct_channel(wanted)
    for channel in workspace.channels.values():
        if channel.name and channel.name == wanted.removeprefix("#"):
            return channel
    raise SlackError("channel_not_found")


def joined_channel_of(workspace: Workspace, args: Json) -> Channel:
    """A channel that the app may write to. Raises not_in_channel or is_archived too."""
    channel = channel_of(workspace, args)
    if workspace.app.user_id not in channel.members:
        raise SlackError("channel_not_found" if channel.is_private or channel.is_im else "not_in_channel")
    if channel.is_archived:
        raise SlackError("is_archived")
    return channel


def user_of(workspace: Workspace, args: Json, name: str = "user") -> User:
    user = workspace.users.get(needed(args, name))
    if user is None:
        raise SlackError("user_not_found")
    return user


def public_message_of(workspace: Workspace, channel: Channel, ts: str) -> Message:
    """A message that stands in the channel for everybody: ephemeral and deleted ones cannot be found again."""
    message = workspace.messages.get(ts)
    if (
        message is None
        or message.channel != channel.id
        or message.ephemeral_to
        or message.subtype == TOMBSTONE
    ):
        raise SlackError("message_not_found")
    return message


def cursor_start(args: Json) -> int:
    """How many entries the pages before this one had. Raises invalid_cursor."""
    cursor = args.get("cursor")
    if not cursor:
        return 0
    try:
        return int(base64.b64decode(str(cursor), validate=True).decode().removeprefix("from:"))
    except (binascii.Error, ValueError):
        raise SlackError("invalid_cursor") from None


def page_of(entries: list[Any], args: Json, default: int = 100, most: int = 999) -> tuple[list[Any], str]:
    """The entries that limit and cursor ask for, and the cursor of the next page (empty at the end)."""
    start, limit = cursor_start(args), whole(args, "limit", default, most)
    end = start + limit
    following = base64.b64encode(f"from:{end}".encode()).decode() if end < len(entries) else ""
    return entries[start:end], following
