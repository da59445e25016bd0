"""files.*: the upload in three steps that slack-sdk's files_upload_v2 makes.

Source: https://docs.slack.dev/messaging/working-with-files
"""

from __future__ import annotations

import mimetypes
import secrets
from dataclasses import replace
from typing import Any

from bot.playground.arguments import channel_of, needed, structure
from bot.playground.model import File, Json, Message, SlackError
from bot.playground.shapes import file_json
from bot.playground.web_chat import thread_of
from bot.playground.workspace import Workspace

TYPES = {"py": "python", "md": "markdown", "yml": "yaml", "txt": "text", "jpeg": "jpg", "log": "text"}


def get_upload_url(workspace: Workspace, args: Json) -> Json:
    name, length = needed(args, "filename"), needed(args, "length")
    if not length.isdigit() or int(length) == 0:
        raise SlackError("invalid_arguments", "[ERROR] length must be more than 0")
    suffix = name.rsplit(".", 1)[-1].lower() if "." in name else "text"
    kind = str(args.get("snippet_type") or TYPES.get(suffix, suffix))
    file = File(
        id=workspace.next_id("F"),
        name=name,
        title=name,
        user=workspace.app.user_id,
        created=int(workspace.clock()),
        filetype=kind,
        mimetype=mimetypes.guess_type(name)[0] or "text/plain",
        size=int(length),
        alt=str(args.get("alt_txt") or ""),
    )
    ticket = secrets.token_urlsafe(24)
    workspace.files[file.id] = file
    workspace.upload_tickets[ticket] = file.id
    return {"upload_url": f"{workspace.base_url}/upload/v1/{ticket}", "file_id": file.id}


def take_upload(workspace: Workspace, ticket: str, content: bytes) -> int:
    """What is POSTed to an upload url; gives the number of bytes. Raises SlackError."""
    with workspace.lock:
        file_id = workspace.upload_tickets.pop(ticket, None)
        if file_id is None:
            raise SlackError("invalid_upload_url")
        file = workspace.files[file_id]
        if len(content) != file.size:
            raise SlackError("content_length_mismatch")
        workspace.files[file_id] = replace(file, content=content, is_uploaded=True)
    return len(content)


def complete_upload(workspace: Workspace, args: Json) -> Json:
    """Shares the uploaded files, as one message when a channel is given."""
    entries = structure(args, "files")
    if not isinstance(entries, list) or not entries:
        raise SlackError("invalid_arguments", "[ERROR] missing required field: files")
    channel = None
    if args.get("channel_id"):
        channel = channel_of(workspace, args, "channel_id")
        if workspace.app.user_id not in channel.members:
            raise SlackError("not_in_channel")
        if channel.is_archived:
            raise SlackError("is_archived")
    done = [_completed(workspace, entry, channel is not None) for entry in entries]
    thread = thread_of(workspace, channel.id, str(args.get("thread_ts") or "")) if channel else ""
    for file in done:
        workspace.files[file.id] = file
    if channel is not None:
        workspace.put_message(
            Message(
                ts=workspace.next_ts(),
                channel=channel.id,
                user=workspace.app.user_id,
                text=str(args.get("initial_comment") or ""),
                thread_ts=thread,
                files=tuple(done),
                bot_id=workspace.app.bot_id,
            )
        )
    return {"files": [file_json(workspace, file) for file in done]}


def _completed(workspace: Workspace, entry: Any, is_shared: bool) -> File:
    file = workspace.files.get(str(entry.get("id"))) if isinstance(entry, dict) else None
    if file is None or not file.is_uploaded:
        raise SlackError("file_not_found")
    return replace(file, title=str(entry.get("title") or file.name), is_shared=is_shared)


def files_info(workspace: Workspace, args: Json) -> Json:
    file = workspace.files.get(needed(args, "file"))
    if file is None or not file.is_uploaded:
        raise SlackError("file_not_found")
    return {"file": file_json(workspace, file), "comments": []}


METHODS = {
    "files.getUploadURLExternal": get_upload_url,
    "files.completeUploadExternal": complete_upload,
    "files.info": files_info,
}
