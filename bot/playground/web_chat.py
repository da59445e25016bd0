"""chat.* and response_urls: what the app says.

Sources: https://docs.slack.dev/reference/methods/chat.postMessage and its neighbours, and
https://docs.slack.dev/interactivity/handling-user-interaction (message responses).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from bot.playground.arguments import (
    FUNCTION_RUN,
    attachments_of,
    blocks_of,
    channel_of,
    flag,
    joined_channel_of,
    needed,
    public_message_of,
    structure,
    user_of,
)
from bot.playground.checks import MARKDOWN_TEXT, POST_TEXT, UPDATE_TEXT, check_message, check_metadata
from bot.playground.model import Json, Message, SlackError
from bot.playground.scopes import may_post_anywhere
from bot.playground.shapes import message_json
from bot.playground.workspace import Workspace


def post_message(workspace: Workspace, args: Json) -> Json:
    channel = channel_of(workspace, args)
    if not may_post_anywhere(workspace, channel) or channel.is_archived:
        channel = joined_channel_of(workspace, args)
    message = new_message(workspace, channel.id, args)
    workspace.put_message(message)
    end_status(workspace, message.thread_ts)
    return {
        "channel": channel.id,
        "ts": message.ts,
        "message": message_json(workspace, message, with_metadata=True),
    }


def end_status(workspace: Workspace, thread_ts: str) -> None:
    """Once it has answered, the app is not busy with that any more."""
    shown = workspace.statuses.pop(thread_ts, "")
    if shown:
        workspace.remove_message(shown)


def new_message(workspace: Workspace, channel_id: str, args: Json, ephemeral_to: str = "") -> Message:
    """A message of the app, checked and not yet posted."""
    text, blocks = str(args.get("text") or ""), blocks_of(args) or _markdown(args)
    attachments = attachments_of(args) or ()
    check_message(text, blocks, POST_TEXT, attachments)
    check_pictures(workspace, blocks)
    metadata = check_metadata(structure(args, "metadata", "invalid_metadata_format"))
    return Message(
        ts=workspace.next_ts(),
        channel=channel_id,
        user=workspace.app.user_id,
        text=text,
        blocks=workspace.with_ids(blocks),
        attachments=_with_ids(workspace, attachments),
        thread_ts=thread_of(workspace, channel_id, str(args.get("thread_ts") or "")),
        metadata=metadata,
        ephemeral_to=ephemeral_to,
        bot_id=workspace.app.bot_id,
        reply_broadcast=flag(args, "reply_broadcast"),
        username=str(args.get("username") or ""),
        icon_emoji=str(args.get("icon_emoji") or "").strip(":"),
        function_run=str(args.get(FUNCTION_RUN) or ""),
    )


def _markdown(args: Json) -> tuple[Json, ...]:
    """markdown_text as the block that shows it. Raises msg_too_long, or that it stands beside text."""
    written = str(args.get("markdown_text") or "")
    if written and (args.get("text") or blocks_of(args)):
        raise SlackError("markdown_text_conflict")
    if len(written) > MARKDOWN_TEXT:
        raise SlackError("msg_too_long")
    return ({"type": "markdown", "text": written},) if written else ()


def _with_ids(workspace: Workspace, attachments: Sequence[Json]) -> tuple[Json, ...]:
    """The attachments, numbered, and their blocks with an id each."""
    return tuple(
        {
            "id": number,
            **each,
            **({"blocks": list(workspace.with_ids(each["blocks"]))} if each.get("blocks") else {}),
        }
        for number, each in enumerate(attachments, 1)
    )


def check_pictures(workspace: Workspace, blocks: Sequence[Json]) -> None:
    """An image names a picture that was uploaded. Raises invalid_blocks, as for one that is not ready yet."""
    for place, block in enumerate(blocks):
        for asked in _slack_files(block):
            file = workspace.files.get(str(asked.get("id"))) if isinstance(asked, dict) else None
            is_there = file is not None and file.is_uploaded and file.mimetype.startswith("image/")
            if not is_there and not (isinstance(asked, dict) and asked.get("url")):
                where = f"[json-pointer:/blocks/{place}/slack_file]"
                raise SlackError("invalid_blocks", f"[ERROR] invalid slack file {where}")


def _slack_files(part: Any) -> Iterator[Any]:
    """Every slack_file in a block, those of its elements too."""
    if isinstance(part, dict):
        if part.get("type") == "image" and "slack_file" in part:
            yield part["slack_file"]
        for inner in part.values():
            yield from _slack_files(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _slack_files(inner)


def thread_of(workspace: Workspace, channel_id: str, thread_ts: str) -> str:
    """The ts of the thread's first message, also when a reply's is given. Raises SlackError."""
    if not thread_ts:
        return ""
    parent = workspace.messages.get(thread_ts)
    if parent is None or parent.channel != channel_id:
        raise SlackError("thread_not_found")
    if parent.ephemeral_to:
        raise SlackError("cannot_reply_to_message")
    return parent.thread_ts or parent.ts


def post_ephemeral(workspace: Workspace, args: Json) -> Json:
    channel = joined_channel_of(workspace, args)
    user = user_of(workspace, args)
    if user.id not in channel.members:
        raise SlackError("user_not_in_channel")
    message = workspace.put_message(new_message(workspace, channel.id, args, ephemeral_to=user.id))
    return {"message_ts": message.ts}


def update(workspace: Workspace, args: Json) -> Json:
    """New text without blocks takes the blocks away; blocks alone keep the text; metadata and attachments stay."""
    channel = channel_of(workspace, args)
    message = public_message_of(workspace, channel, needed(args, "ts"))
    if channel.is_archived:
        raise SlackError("is_archived")
    if message.bot_id != workspace.app.bot_id:
        raise SlackError("cant_update_message")
    changes = changes_of(workspace, message, args)
    message = workspace.edit(message.ts, **changes)
    return {
        "channel": channel.id,
        "ts": message.ts,
        "text": message.text,
        "message": message_json(workspace, message, with_metadata=True),
    }


def changes_of(workspace: Workspace, message: Message, args: Json) -> dict[str, Any]:
    """What an edit changes in a message, checked. Raises SlackError."""
    blocks, text, attachments = blocks_of(args), args.get("text"), attachments_of(args)
    if blocks is None and text is None and attachments is None:
        raise SlackError("no_text")
    metadata = message.metadata
    if args.get("metadata") not in (None, ""):
        metadata = check_metadata(structure(args, "metadata", "invalid_metadata_format"))
    new_text = message.text if text is None else str(text)
    new_blocks = blocks or ()
    check_message(
        new_text, new_blocks, UPDATE_TEXT, message.attachments if attachments is None else attachments
    )
    check_pictures(workspace, new_blocks)
    changes = {"text": new_text, "blocks": workspace.with_ids(new_blocks), "metadata": metadata}
    if attachments is not None:
        changes["attachments"] = _with_ids(workspace, attachments)
    return changes


def delete(workspace: Workspace, args: Json) -> Json:
    channel = channel_of(workspace, args)
    message = public_message_of(workspace, channel, needed(args, "ts"))
    if message.bot_id != workspace.app.bot_id:
        raise SlackError("cant_delete_message")
    workspace.remove_message(message.ts)
    return {"channel": channel.id, "ts": message.ts}


def me_message(workspace: Workspace, args: Json) -> Json:
    channel = joined_channel_of(workspace, args)
    text = needed(args, "text")
    check_message(text, (), POST_TEXT)
    app = workspace.app
    said = Message(
        workspace.next_ts(), channel.id, app.user_id, text, bot_id=app.bot_id, subtype="me_message"
    )
    return {"channel": channel.id, "ts": workspace.put_message(said).ts}


def unfurl(workspace: Workspace, args: Json) -> Json:
    """What the app tells of the links in somebody's message stands below it, as attachments."""
    channel_id, ts = str(args.get("channel") or ""), str(args.get("ts") or "")
    if args.get("unfurl_id"):
        channel_id, _, ts = str(args["unfurl_id"]).partition("-")
    message = workspace.messages.get(ts)
    if message is None or message.channel != channel_id or message.ephemeral_to:
        raise SlackError("cannot_find_message")
    unfurls = structure(args, "unfurls", "invalid_unfurls_format")
    if not isinstance(unfurls, dict):
        raise SlackError("invalid_unfurls_format" if unfurls else "missing_unfurls")
    told = []
    for url, shape in unfurls.items():
        if f"<{url}" not in message.text:
            raise SlackError("cannot_unfurl_message")
        if not isinstance(shape, dict):
            raise SlackError("cannot_parse_attachment")
        told.append({**shape, "from_url": url, "is_app_unfurl": True, "app_id": workspace.app.id})
    check_message(message.text, message.blocks, POST_TEXT, told)
    others = [each for each in message.attachments if each.get("from_url") not in unfurls]
    attachments = _with_ids(workspace, [*others, *told])
    workspace.put_message(replace(message, attachments=attachments))
    return {}


def get_permalink(workspace: Workspace, args: Json) -> Json:
    channel = channel_of(workspace, args)
    message = public_message_of(workspace, channel, needed(args, "message_ts"))
    link = f"{workspace.base_url}/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.thread_ts:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


def respond(workspace: Workspace, ticket: str, body: Json) -> None:
    """One POST to a response_url. Raises SlackError: expired_url, used_url, no_text, invalid_blocks, …"""
    with workspace.lock:
        where = workspace.tickets.use_response_url(ticket)
        original = workspace.messages.get(where.message_ts)
        if flag(body, "delete_original"):
            if original is None:
                raise SlackError("message_not_found")
            workspace.remove_message(original.ts)
            return
        replaces = flag(body, "replace_original") or (where.is_legacy and "replace_original" not in body)
        if replaces and where.message_ts:
            if original is None:
                raise SlackError("message_not_found")
            body = {"attachments": [], **body} if where.is_legacy else body
            workspace.edit(original.ts, **changes_of(workspace, original, body))
            return
        otherwise = "in_channel" if where.is_legacy else "ephemeral"
        say_as_answer(workspace, where.channel, where.user, {"response_type": otherwise, **body})


def take_old_answer(workspace: Workspace, payload: Json, body: Json) -> None:
    """The ack of an attachment's button, which of old was an answer too. What is wrong with it is told by Slack."""
    try:
        respond(workspace, str(payload["response_url"]).rpartition("/")[2], body)
    except SlackError as problem:
        said = f'The app\'s answer failed with the error "{problem.code}"'
        workspace.say_as_slack(payload["user"]["id"], payload["channel"]["id"], said)


def say_as_answer(workspace: Workspace, channel_id: str, user: str, body: Json) -> Message:
    """An answer to a command or a click: to the person alone, unless it says `in_channel`."""
    to_all = body.get("response_type") == "in_channel"
    names = ("text", "blocks", "attachments", "metadata", "thread_ts", "reply_broadcast")
    args = {key: body.get(key) for key in names}
    return workspace.put_message(new_message(workspace, channel_id, args, "" if to_all else user))


METHODS = {
    "chat.postMessage": post_message,
    "chat.postEphemeral": post_ephemeral,
    "chat.update": update,
    "chat.delete": delete,
    "chat.unfurl": unfurl,
    "chat.meMessage": me_message,
    "chat.getPermalink": get_permalink,
}
