"""reactions.*, pins.* and bookmarks.*: what is put to messages and channels.

Source: https://docs.slack.dev/reference/methods/reactions.add and its neighbours
"""

from __future__ import annotations

from bot.playground.arguments import needed, page_of, public_message_of
from bot.playground.model import Json, Message, SlackError
from bot.playground.page.emoji_names import character
from bot.playground.shapes import message_json
from bot.playground.web_conversations import readable
from bot.playground.workspace import Workspace

MOST_REACTIONS = 23  # kinds at one message
MOST_PINS = MOST_BOOKMARKS = 100  # in one channel


def _marked(workspace: Workspace, args: Json) -> Message:
    if not args.get("timestamp"):
        raise SlackError("no_item_specified")
    return public_message_of(workspace, readable(workspace, args), needed(args, "timestamp"))


def reactions_add(workspace: Workspace, args: Json) -> Json:
    message = _marked(workspace, args)
    name = needed(args, "name").strip(":")
    if not character(name) and name not in workspace.emoji:
        raise SlackError("invalid_name")
    if (name, workspace.app.user_id) in message.reactions:
        raise SlackError("already_reacted")
    kinds = {known for known, _ in message.reactions}
    if name not in kinds and len(kinds) >= MOST_REACTIONS:
        raise SlackError("too_many_emoji")
    workspace.react(message.ts, name, workspace.app.user_id)
    return {}


def reactions_remove(workspace: Workspace, args: Json) -> Json:
    message = _marked(workspace, args)
    mine = (needed(args, "name").strip(":"), workspace.app.user_id)
    if mine not in message.reactions:
        raise SlackError("no_reaction")
    workspace.toggle_reaction(message.ts, *mine)
    return {}


def reactions_get(workspace: Workspace, args: Json) -> Json:
    message = _marked(workspace, args)
    return {"type": "message", "channel": message.channel, "message": message_json(workspace, message)}


def reactions_list(workspace: Workspace, args: Json) -> Json:
    """What somebody has reacted to, newest first, where the app is too."""
    user, me = str(args.get("user") or workspace.app.user_id), workspace.app.user_id
    if user not in workspace.users:
        raise SlackError("user_not_found")
    reacted = [
        message
        for message in workspace.messages.values()
        if any(by == user for _, by in message.reactions)
        and me in workspace.channels[message.channel].members
    ]
    page, following = page_of(reacted[::-1], args)
    items = [
        {"type": "message", "channel": each.channel, "message": message_json(workspace, each)}
        for each in page
    ]
    return {"items": items, "response_metadata": {"next_cursor": following}}


def _pin_event(workspace: Workspace, kind: str, channel: str, ts: str) -> None:
    item = {"type": "message", "channel": channel, "message": {"ts": ts}}
    shape = {"type": kind, "user": workspace.app.user_id, "channel_id": channel, "item": item}
    workspace.happened(kind, shape)


def pins_add(workspace: Workspace, args: Json) -> Json:
    message = _marked(workspace, args)
    pinned = workspace.pins.setdefault(message.channel, {})
    if message.subtype:
        raise SlackError("not_pinnable")
    if message.ts in pinned:
        raise SlackError("already_pinned")
    if len(pinned) >= MOST_PINS:
        raise SlackError("too_many_pins")
    pinned[message.ts] = (workspace.app.user_id, int(workspace.clock()))
    _pin_event(workspace, "pin_added", message.channel, message.ts)
    return {}


def pins_remove(workspace: Workspace, args: Json) -> Json:
    message = _marked(workspace, args)
    if workspace.pins.get(message.channel, {}).pop(message.ts, None) is None:
        raise SlackError("no_pin")
    _pin_event(workspace, "pin_removed", message.channel, message.ts)
    return {}


def pins_list(workspace: Workspace, args: Json) -> Json:
    """Newest first; messages that are gone since are not pinned any more."""
    channel = readable(workspace, args)
    pinned = [
        (workspace.messages[ts], by, created)
        for ts, (by, created) in workspace.pins.get(channel.id, {}).items()
        if ts in workspace.messages
    ]
    items = [
        {
            "type": "message",
            "channel": channel.id,
            "created": created,
            "created_by": by,
            "message": message_json(workspace, message),
        }
        for message, by, created in reversed(pinned)
    ]
    return {"items": items}


def _bookmarks(workspace: Workspace, args: Json) -> list[Json]:
    channel = readable(workspace, args, "channel_id")
    return workspace.bookmarks.setdefault(channel.id, [])


def _bookmark(workspace: Workspace, args: Json) -> Json:
    wanted = needed(args, "bookmark_id")
    for each in _bookmarks(workspace, args):
        if each["id"] == wanted:
            return each
    raise SlackError("not_found")


def bookmarks_add(workspace: Workspace, args: Json) -> Json:
    known = _bookmarks(workspace, args)
    title = needed(args, "title")
    if needed(args, "type") != "link":
        raise SlackError("invalid_bookmark_type")
    link = str(args.get("link") or "")
    if not link.startswith(("http://", "https://")):
        raise SlackError("invalid_link")
    if len(known) >= MOST_BOOKMARKS:
        raise SlackError("too_many_bookmarks")
    made = {
        "id": workspace.next_id("Bk"),
        "channel_id": args["channel_id"],
        "title": title,
        "link": link,
        "emoji": str(args.get("emoji") or ""),
        "type": "link",
        "date_created": int(workspace.clock()),
        "date_updated": 0,
        "app_id": workspace.app.id,
        "last_updated_by_user_id": workspace.app.user_id,
    }
    known.append(made)
    return {"bookmark": made}


def bookmarks_edit(workspace: Workspace, args: Json) -> Json:
    bookmark = _bookmark(workspace, args)
    bookmark |= {name: str(args[name]) for name in ("title", "link", "emoji") if args.get(name)}
    bookmark["date_updated"] = int(workspace.clock())
    return {"bookmark": bookmark}


def bookmarks_list(workspace: Workspace, args: Json) -> Json:
    return {"bookmarks": list(_bookmarks(workspace, args))}


def bookmarks_remove(workspace: Workspace, args: Json) -> Json:
    bookmark = _bookmark(workspace, args)
    _bookmarks(workspace, args).remove(bookmark)
    return {}


METHODS = {
    "reactions.add": reactions_add,
    "reactions.remove": reactions_remove,
    "reactions.get": reactions_get,
    "reactions.list": reactions_list,
    "pins.add": pins_add,
    "pins.remove": pins_remove,
    "pins.list": pins_list,
    "bookmarks.add": bookmarks_add,
    "bookmarks.edit": bookmarks_edit,
    "bookmarks.list": bookmarks_list,
    "bookmarks.remove": bookmarks_remove,
}
