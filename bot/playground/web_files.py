"""files.*: the upload in three steps that slack-sdk's files_upload_v2 makes.

Source: https://docs.slack.dev/messaging/working-with-files
"""

from __future__ import annotations

import mimetypes
import secrets
from dataclasses import replace
from typing import Any

from bot.playground.arguments import joined_channel_of, needed, structure, whole
from bot.playground.model import File, Json, Message, SlackError
from bot.playground.shapes import file_json
from bot.playground.web_chat import thread_of
from bot.playground.workspace import Workspace

TYPES = {"py": "python", "md": "markdown", "yml": "yaml", "txt": "text", "jpeg": "jpg", "log": "text"}


def get_upload_url(workspace: Workspace, args: Json) -> Json:
    name, length = needed(args, "filename"), needed(args, "length")
    if not length.isdigit() or int(length) == 0:
        raise SlackError("invalid_arguments", "[ERROR] length must be more than 0")
    kind = str(args.get("snippet_type") or _type(name))
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
    wanted = [str(args.get("channel_id") or ""), *str(args.get("channels") or "").split(",")]
    channels = [joined_channel_of(workspace, {"channel": each.strip()}) for each in wanted if each.strip()]
    done = [_completed(workspace, entry, bool(channels)) for entry in entries]
    threads = [thread_of(workspace, channel.id, str(args.get("thread_ts") or "")) for channel in channels]
    for file in done:
        workspace.files[file.id] = file
    for channel, thread in zip(channels, threads, strict=True):
        said = Message(
            ts=workspace.next_ts(),
            channel=channel.id,
            user=workspace.app.user_id,
            text=str(args.get("initial_comment") or ""),
            thread_ts=thread,
            files=tuple(done),
            bot_id=workspace.app.bot_id,
        )
        share(workspace, said)
    return {"files": [file_json(workspace, file) for file in done]}


def _completed(workspace: Workspace, entry: Any, is_shared: bool) -> File:
    file = workspace.files.get(str(entry.get("id"))) if isinstance(entry, dict) else None
    if file is None or not file.is_uploaded:
        raise SlackError("file_not_found")
    return replace(file, title=str(entry.get("title") or file.name), is_shared=is_shared)


def take_chosen(workspace: Workspace, user: str, name: str, content: bytes) -> File:
    """A file that a person has chosen, for a form or to be shared."""
    name = name[:200] or "file"
    file = File(
        id=workspace.next_id("F"),
        name=name,
        title=name,
        user=user,
        created=int(workspace.clock()),
        content=content,
        filetype=_type(name),
        mimetype=mimetypes.guess_type(name)[0] or "text/plain",
        size=len(content),
        is_uploaded=True,
    )
    with workspace.lock:
        workspace.files[file.id] = file
    return file


def _type(name: str) -> str:
    """Slack's word for what a name ends with."""
    suffix = name.rsplit(".", 1)[-1].lower() if "." in name else "text"
    return TYPES.get(suffix, suffix)


def share(workspace: Workspace, message: Message) -> Message:
    """A message with files is said, and the app hears of each of them."""
    workspace.put_message(message)
    if workspace.app.user_id in workspace.channels[message.channel].members:
        for file in message.files:
            shape = {"file_id": file.id, "file": {"id": file.id}, "user_id": message.user}
            workspace.happened("file_shared", {"type": "file_shared", **shape, "channel_id": message.channel})
    return message


def _file(workspace: Workspace, args: Json) -> File:
    file = workspace.files.get(needed(args, "file"))
    if file is None or not file.is_uploaded:
        raise SlackError("file_not_found")
    return file


def _where(workspace: Workspace, file: File) -> Json:
    """The conversations that a file was shared in, by their kind."""
    found: dict[str, Json] = {"public": {}, "private": {}}
    lists: dict[str, list[str]] = {"channels": [], "groups": [], "ims": []}
    for message in workspace.messages.values():
        if file.id not in [each.id for each in message.files]:
            continue
        channel = workspace.channels[message.channel]
        kind = "ims" if channel.is_im else "groups" if channel.is_private else "channels"
        lists[kind].append(channel.id)
        place = found["public" if kind == "channels" else "private"]
        place.setdefault(channel.id, []).append({"ts": message.ts, "channel_name": channel.name})
    return {**lists, "shares": {key: value for key, value in found.items() if value}}


def files_info(workspace: Workspace, args: Json) -> Json:
    file = _file(workspace, args)
    shape = file_json(workspace, file) | _where(workspace, file)
    return {"file": shape, "comments": [], "response_metadata": {"next_cursor": ""}}


def files_list(workspace: Workspace, args: Json) -> Json:
    """Newest first, in pages that are counted from 1."""
    page, count = whole(args, "page", 1, 100), whole(args, "count", 100, 1000)
    found = [
        file_json(workspace, file) | _where(workspace, file)
        for file in reversed(workspace.files.values())
        if file.is_uploaded and str(args.get("user") or file.user) == file.user
    ]
    channel = str(args.get("channel") or "")
    found = [
        each for each in found if not channel or channel in each["channels"] + each["groups"] + each["ims"]
    ]
    total, start = len(found), (page - 1) * count
    paging = {"count": count, "total": total, "page": page, "pages": max(1, -(-total // count))}
    return {"files": found[start : start + count], "paging": paging}


def files_delete(workspace: Workspace, args: Json) -> Json:
    """It is gone from the messages too; one that had nothing else to say is gone with it."""
    file = _file(workspace, args)
    if file.user != workspace.app.user_id:
        raise SlackError("cant_delete_file")
    del workspace.files[file.id]
    for message in list(workspace.messages.values()):
        left = tuple(each for each in message.files if each.id != file.id)
        if len(left) == len(message.files):
            continue
        if left or message.text or message.blocks:
            workspace.put_message(replace(message, files=left))
        else:
            workspace.remove_message(message.ts)
    workspace.happened("file_deleted", {"type": "file_deleted", "file_id": file.id})
    return {}


METHODS = {
    "files.getUploadURLExternal": get_upload_url,
    "files.completeUploadExternal": complete_upload,
    "files.info": files_info,
    "files.list": files_list,
    "files.delete": files_delete,
}
