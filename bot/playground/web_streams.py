"""chat.startStream and its neighbours: a message that grows while the app thinks.

Source: https://docs.slack.dev/messaging/sending-and-scheduling-messages (text streaming)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.playground.arguments import blocks_of, joined_channel_of, needed, public_message_of, structure
from bot.playground.checks import MARKDOWN_TEXT, check_message, check_metadata
from bot.playground.model import Json, Message, SlackError
from bot.playground.shapes import message_json
from bot.playground.web_chat import end_status, thread_of
from bot.playground.workspace import Workspace

STREAM_TEXT = 40_000  # characters, of the message as a whole
CHUNKS = ("markdown_text", "task_update", "plan_update", "blocks")


def start_stream(workspace: Workspace, args: Json) -> Json:
    channel = joined_channel_of(workspace, args)
    thread = thread_of(workspace, channel.id, needed(args, "thread_ts"))
    if not channel.is_im:
        for name in ("recipient_user_id", "recipient_team_id"):
            if not args.get(name):
                raise SlackError(f"missing_{name}")
    parts = _chunks(args)
    message = Message(
        ts=workspace.next_ts(),
        channel=channel.id,
        user=workspace.app.user_id,
        text="",
        thread_ts=thread,
        bot_id=workspace.app.bot_id,
        username=str(args.get("username") or ""),
        icon_emoji=str(args.get("icon_emoji") or "").strip(":"),
    )
    mode = str(args.get("task_display_mode") or "timeline")
    shown = _shown(message, mode, parts)
    workspace.streams[message.ts] = (mode, parts)
    workspace.put_message(shown)
    end_status(workspace, thread)
    return {"channel": channel.id, "ts": message.ts}


def append_stream(workspace: Workspace, args: Json) -> Json:
    message, mode, parts = _streaming(workspace, args)
    added = _chunks(args)
    if not added:
        raise SlackError("no_text")
    parts = _joined(parts, added)
    shown = _shown(message, mode, parts)
    workspace.streams[message.ts] = (mode, parts)
    workspace.put_message(shown)
    return {"channel": message.channel, "ts": message.ts}


def stop_stream(workspace: Workspace, args: Json) -> Json:
    """What is named besides comes at the end; blocks are the last of all."""
    message, mode, parts = _streaming(workspace, args)
    last = blocks_of(args) or ()
    shown = _shown(message, mode, _joined(parts, _chunks(args)), last)
    metadata = check_metadata(structure(args, "metadata", "invalid_metadata_format"))
    shown = replace(shown, metadata=metadata, blocks=workspace.with_ids(shown.blocks))
    del workspace.streams[message.ts]
    workspace.put_message(shown)
    return {"channel": message.channel, "ts": message.ts, "message": message_json(workspace, shown)}


def _streaming(workspace: Workspace, args: Json) -> tuple[Message, str, list[Json]]:
    message = public_message_of(workspace, joined_channel_of(workspace, args), needed(args, "ts"))
    if message.bot_id != workspace.app.bot_id:
        raise SlackError("message_not_owned_by_app")
    if message.ts not in workspace.streams:
        raise SlackError("message_not_in_streaming_state")
    return message, *workspace.streams[message.ts]


def _chunks(args: Json) -> list[Json]:
    """What a call adds. Raises msg_too_long or invalid_chunks."""
    text, chunks = str(args.get("markdown_text") or ""), structure(args, "chunks") or []
    if len(text) > MARKDOWN_TEXT:
        raise SlackError("msg_too_long")
    if not isinstance(chunks, list):
        raise SlackError("invalid_chunks")
    for chunk in chunks:
        if not isinstance(chunk, dict) or chunk.get("type") not in CHUNKS:
            raise SlackError("invalid_chunks")
    return [*([{"type": "markdown_text", "text": text}] if text else []), *chunks]


def _joined(parts: list[Json], added: list[Json]) -> list[Json]:
    """Text goes on where it stopped; a task that is named again is the same task, further on."""
    parts = list(parts)
    for chunk in added:
        kind = chunk["type"]
        known = [place for place, each in enumerate(parts) if _same(each, chunk)]
        if kind == "markdown_text" and parts and parts[-1]["type"] == kind:
            parts[-1] = parts[-1] | {"text": parts[-1]["text"] + str(chunk.get("text") or "")}
        elif known:
            parts[known[0]] = parts[known[0]] | {
                key: value for key, value in chunk.items() if value is not None
            }
        else:
            parts.append(chunk)
    return parts


def _same(part: Json, chunk: Json) -> bool:
    if part["type"] != chunk["type"]:
        return False
    if part["type"] == "task_update":
        return bool(part.get("id") == chunk.get("id"))
    return bool(part["type"] == "plan_update")


def _shown(message: Message, mode: str, parts: list[Json], last: tuple[Json, ...] = ()) -> Message:
    """The message as it reads by now, checked. Raises as chat.postMessage does."""
    words = [str(part.get("text") or "") for part in parts if part["type"] == "markdown_text"]
    tasks = [_task(part) for part in parts if part["type"] == "task_update"]
    plans = [str(part.get("title") or "") for part in parts if part["type"] == "plan_update"]
    blocks: list[Json] = []
    if tasks and (mode == "plan" or plans):
        blocks.append({"type": "plan", "title": (plans or ["Thinking"])[-1], "tasks": tasks})
        tasks = []
    for part in parts:
        if part["type"] == "markdown_text":
            blocks.append({"type": "markdown", "text": str(part.get("text") or "")})
        elif part["type"] == "task_update" and tasks:
            blocks.append(tasks.pop(0))
        elif part["type"] == "blocks":
            blocks += part.get("blocks") or []
    text = "".join(words)
    if text or blocks or last:
        check_message(text, [*blocks, *last], STREAM_TEXT)
    return replace(message, text=text, blocks=(*blocks, *last))


def _task(part: Json) -> Json:
    shape: dict[str, Any] = {
        "type": "task_card",
        "task_id": str(part.get("id") or ""),
        "title": str(part.get("title") or ""),
        "status": str(part.get("status") or "in_progress"),
    }
    for name in ("details", "output"):
        if part.get(name):
            words = [{"type": "text", "text": str(part[name])}]
            shape[name] = {
                "type": "rich_text",
                "elements": [{"type": "rich_text_section", "elements": words}],
            }
    return shape | ({"sources": part["sources"]} if part.get("sources") else {})


METHODS = {
    "chat.startStream": start_stream,
    "chat.appendStream": append_stream,
    "chat.stopStream": stop_stream,
}
