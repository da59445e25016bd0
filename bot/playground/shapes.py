"""Turns what the workspace remembers into the JSON objects that Slack's Web API and events carry."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.playground.model import Channel, File, Json, Message, User, View
from bot.playground.mrkdwn import parts_of
from bot.playground.workspace import TOMBSTONE, Workspace


def user_json(workspace: Workspace, user: User) -> Json:
    try:
        now = datetime.fromtimestamp(workspace.clock(), UTC).astimezone(ZoneInfo(user.timezone))
        offset, label = now.utcoffset(), now.tzname()
    except (ZoneInfoNotFoundError, ValueError):
        offset, label = None, user.timezone
    shape: Json = {
        "id": user.id,
        "team_id": user.team_id,
        "name": user.name,
        "real_name": user.real_name,
        "deleted": user.deleted,
        "tz": user.timezone,
        "tz_label": label,
        "tz_offset": int(offset.total_seconds()) if offset else 0,
        "profile": _profile(workspace, user),
        "is_admin": user.is_admin,
        "is_owner": False,
        "is_primary_owner": False,
        "is_email_confirmed": True,
        "is_restricted": bool(user.guest),
        "is_ultra_restricted": user.guest == "single_channel",
        "is_bot": user.is_bot,
        "is_app_user": False,
        "is_stranger": False,
        "updated": 0,
    }
    if user.is_bot:
        shape["profile"]["bot_id"] = user.bot_id
    if user.team_id != workspace.team.id:
        shape["is_stranger"] = not any(
            {user.id, workspace.app.user_id} <= channel.members for channel in workspace.channels.values()
        )
    return shape


def address_of(workspace: Workspace, user: User) -> str:
    return f"{user.name}@{workspace.teams[user.team_id].domain}.test"


def _profile(workspace: Workspace, user: User) -> Json:
    first, _, last = user.real_name.partition(" ")
    address, scopes = address_of(workspace, user), workspace.app.scopes
    picture = f"{workspace.base_url}/static/icon.svg"
    return {
        "real_name": user.real_name,
        "real_name_normalized": user.real_name,
        "display_name": user.name,
        "display_name_normalized": user.name,
        "first_name": first,
        "last_name": last,
        "title": user.title,
        "phone": "",
        "status_text": "",
        "status_emoji": "",
        "status_expiration": 0,
        **({"email": address} if scopes is None or "users:read.email" in scopes else {}),
        "team": user.team_id,
        **{f"image_{size}": picture for size in (24, 32, 48, 72, 192, 512)},
    }


def channel_json(workspace: Workspace, channel: Channel) -> Json:
    if channel.is_im:
        others = [member for member in channel.members if member != workspace.app.user_id]
        shape: Json = {"id": channel.id, "is_im": True, "user": others[0], "is_archived": channel.is_archived}
        return shape | {"created": channel.created, "is_org_shared": False}
    teams = {workspace.users[member].team_id for member in channel.members}
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "created": channel.created,
        "creator": channel.creator,
        "is_channel": not channel.is_private,
        "is_group": channel.is_private and not channel.is_mpim,
        "is_im": False,
        "is_mpim": channel.is_mpim,
        "is_private": channel.is_private,
        "is_archived": channel.is_archived,
        "is_general": False,
        "is_read_only": False,
        "is_frozen": False,
        "previous_names": [],
        "unlinked": 0,
        "updated": channel.created * 1000,
        "is_member": workspace.app.user_id in channel.members,
        "is_shared": len(teams) > 1,
        "is_ext_shared": len(teams) > 1,
        "context_team_id": workspace.team.id,
        "topic": {"value": channel.topic, "creator": "", "last_set": 0},
        "purpose": {"value": channel.purpose, "creator": "", "last_set": 0},
        "num_members": len(channel.members),
    }


def message_json(workspace: Workspace, message: Message, with_metadata: bool = False) -> Json:
    author = workspace.users[message.user]
    shape: Json = {
        "type": "message",
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        "team": author.team_id,
    }
    if message.bot_id:
        app = workspace.app
        profile = {"id": app.bot_id, "app_id": app.id, "user_id": app.user_id, "name": app.name}
        shape |= {"bot_id": message.bot_id, "app_id": app.id}
        shape["bot_profile"] = profile | {"deleted": False, "team_id": workspace.team.id}
    if message.subtype:
        shape["subtype"] = message.subtype
    if message.subtype == TOMBSTONE:
        shape["hidden"] = True
    blocks = list(message.blocks) or rich_text_of(message)
    if blocks:
        shape["blocks"] = blocks
    if message.attachments:
        shape["attachments"] = list(message.attachments)
    if message.username:
        shape["username"] = message.username
    if message.icon_emoji:
        shape["icons"] = {"emoji": f":{message.icon_emoji}:"}
    if message.thread_ts:
        shape["thread_ts"] = message.thread_ts
    if message.edited and not message.blocks:  # Slack marks no message with blocks as edited
        shape["edited"] = {"user": message.user, "ts": message.edited}
    if message.files:
        shape["files"] = [file_json(workspace, file) for file in message.files]
    if message.reactions:
        names = dict.fromkeys(name for name, _ in message.reactions)
        given = {name: [user for known, user in message.reactions if known == name] for name in names}
        shape["reactions"] = [
            {"name": name, "users": users, "count": len(users)} for name, users in given.items()
        ]
    if with_metadata and message.metadata:
        shape["metadata"] = message.metadata
    if message.ephemeral_to:
        shape["is_ephemeral"] = True
    return shape | _thread_counts(workspace, message)


def rich_text_of(message: Message) -> list[Json]:
    """The block that Slack makes of a message's text where it has no others."""
    parts = parts_of(message.text) if message.text and not message.subtype else ()
    return [{"type": "rich_text", "block_id": f"t{message.ts}", "elements": list(parts)}] if parts else []


def _thread_counts(workspace: Workspace, message: Message) -> Json:
    replies = workspace.replies(message.ts)
    if not replies or message.thread_ts:
        return {}
    people = list(dict.fromkeys(reply.user for reply in replies))
    return {
        "thread_ts": message.ts,
        "reply_count": len(replies),
        "reply_users": people,
        "reply_users_count": len(people),
        "latest_reply": replies[-1].ts,
    }


def file_json(workspace: Workspace, file: File) -> Json:
    return {
        "id": file.id,
        "created": file.created,
        "timestamp": file.created,
        "name": file.name,
        "title": file.title,
        "mimetype": file.mimetype,
        "filetype": file.filetype,
        "pretty_type": file.filetype.title(),
        "user": file.user,
        "size": file.size,
        "mode": "hosted",
        "is_external": False,
        "url_private": f"{workspace.base_url}/files/{file.id}",
        "url_private_download": f"{workspace.base_url}/files/{file.id}?download=1",
        "permalink": f"{workspace.base_url}/files/{file.id}",
        **({"alt_txt": file.alt} if file.alt else {}),
    }


def view_json(workspace: Workspace, view: View, values: Json | None = None) -> Json:
    """values: what stands in its fields, as view.state.values."""
    shape: Json = {
        "id": view.id,
        "team_id": workspace.team.id,
        "app_id": workspace.app.id,
        "app_installed_team_id": workspace.team.id,
        "bot_id": workspace.app.bot_id,
        "type": view.type,
        "blocks": list(view.blocks),
        "callback_id": view.callback_id,
        "private_metadata": view.private_metadata,
        "external_id": view.external_id,
        "state": {"values": values or {}},
        "hash": view.hash,
        "root_view_id": view.root_view_id or view.id,
        "previous_view_id": view.previous_view_id or None,
        "clear_on_close": view.clear_on_close,
        "notify_on_close": view.notify_on_close,
        "title": _plain_text(view.title),
        "close": _plain_text(view.close),
        "submit": _plain_text(view.submit),
    }
    return shape


def _plain_text(text: str) -> Any:
    return {"type": "plain_text", "text": text, "emoji": True} if text else None
