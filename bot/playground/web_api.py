"""Slack's Web API over a local workspace: a table of plain functions, each (workspace, args) -> answer.

Source: https://docs.slack.dev/reference/methods
"""

from __future__ import annotations

from collections.abc import Callable

from bot.playground import web_chat, web_files, web_views
from bot.playground.arguments import (
    channel_of,
    flag,
    needed,
    page_of,
    public_message_of,
    user_of,
)
from bot.playground.model import Channel, Json, Message, SlackError
from bot.playground.shapes import channel_json, message_json, user_json
from bot.playground.workspace import SLACKBOT, Workspace

Method = Callable[[Workspace, Json], Json]


def answer(workspace: Workspace, method: str, args: Json, token: str) -> Json:
    """What Slack says to one call; never raises for what the app did wrong."""
    function = METHODS.get(method)
    wanted = workspace.app.app_token if method == "apps.connections.open" else workspace.app.bot_token
    try:
        if function is None:
            raise SlackError("unknown_method")
        if method != "api.test":
            _check_token(workspace, token, wanted)
        with workspace.lock:
            return {"ok": True, **function(workspace, args)}
    except SlackError as problem:
        return error_answer(problem)
    except RecursionError:  # blocks within blocks within blocks
        return error_answer(SlackError("invalid_blocks"))


def error_answer(problem: SlackError) -> Json:
    shape: Json = {"ok": False, "error": problem.code}
    if problem.messages:
        shape["response_metadata"] = {"messages": list(problem.messages)}
    return shape


def _check_token(workspace: Workspace, token: str, wanted: str) -> None:
    if not token:
        raise SlackError("not_authed")
    if token != wanted:
        known = token in (workspace.app.bot_token, workspace.app.app_token)
        raise SlackError("not_allowed_token_type" if known else "invalid_auth")


def api_test(workspace: Workspace, args: Json) -> Json:
    if args.get("error"):
        raise SlackError(str(args["error"]))
    return {"args": args}


def auth_test(workspace: Workspace, args: Json) -> Json:
    app = workspace.app
    return {
        "url": f"{workspace.base_url}/",
        "team": workspace.team.name,
        "user": workspace.users[app.user_id].name,
        "team_id": workspace.team.id,
        "user_id": app.user_id,
        "bot_id": app.bot_id,
        "is_enterprise_install": False,
    }


def users_info(workspace: Workspace, args: Json) -> Json:
    return {"user": user_json(workspace, user_of(workspace, args))}


def users_lookup_by_email(workspace: Workspace, args: Json) -> Json:
    email = needed(args, "email")
    for user in workspace.users.values():
        shape = user_json(workspace, user)
        if shape["profile"]["email"] == email and not user.is_bot and not user.deleted:
            return {"user": shape}
    raise SlackError("users_not_found")


def users_profile_get(workspace: Workspace, args: Json) -> Json:
    user = user_of(workspace, {"user": args.get("user") or workspace.app.user_id})
    return {"profile": user_json(workspace, user)["profile"]}


def team_info(workspace: Workspace, args: Json) -> Json:
    team = workspace.team
    return {
        "team": {"id": team.id, "name": team.name, "domain": team.domain, "url": f"{workspace.base_url}/"}
    }


def bots_info(workspace: Workspace, args: Json) -> Json:
    app, wanted = workspace.app, str(args.get("bot") or workspace.app.bot_id)
    if wanted != app.bot_id:
        raise SlackError("bot_not_found")
    bot = {"id": app.bot_id, "app_id": app.id, "user_id": app.user_id, "name": app.name, "deleted": False}
    return {"bot": bot}


def users_list(workspace: Workspace, args: Json) -> Json:
    home = [user for user in workspace.users.values() if user.team_id == workspace.team.id]
    members, following = page_of(home, args)
    return {
        "members": [user_json(workspace, user) for user in members],
        "cache_ts": int(workspace.clock()),
        "response_metadata": {"next_cursor": following},
    }


def _listed(workspace: Workspace, args: Json, channels: list[Channel]) -> Json:
    kinds = str(args.get("types") or "public_channel").replace(" ", "").split(",")
    wanted = [
        channel
        for channel in channels
        if ("im" if channel.is_im else "private_channel" if channel.is_private else "public_channel") in kinds
        and not (channel.is_archived and flag(args, "exclude_archived"))
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


def _readable(workspace: Workspace, args: Json) -> Channel:
    """A channel whose messages the app may read: one it has joined."""
    channel = channel_of(workspace, args)
    if workspace.app.user_id not in channel.members:
        raise SlackError("channel_not_found" if channel.is_private or channel.is_im else "not_in_channel")
    return channel


def conversations_info(workspace: Workspace, args: Json) -> Json:
    channel = channel_of(workspace, args)
    if channel.is_private and workspace.app.user_id not in channel.members:
        raise SlackError("channel_not_found")
    return {"channel": channel_json(workspace, channel)}


def conversations_members(workspace: Workspace, args: Json) -> Json:
    members, following = page_of(sorted(_readable(workspace, args).members), args)
    return {"members": members, "response_metadata": {"next_cursor": following}}


def conversations_open(workspace: Workspace, args: Json) -> Json:
    if args.get("channel"):
        return {"channel": channel_json(workspace, channel_of(workspace, args))}
    people = [user for user in needed(args, "users").split(",") if user]
    if len(people) > 1:
        raise SlackError("invalid_arguments", "[ERROR] this workspace opens conversations of two only")
    user = workspace.users.get(people[0])
    if user is None:
        raise SlackError("user_not_found")
    if user.is_bot or user.id == SLACKBOT:
        raise SlackError("cannot_dm_bot")
    if user.deleted:
        raise SlackError("user_disabled")
    return {"channel": channel_json(workspace, workspace.direct_channel(user.id))}


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
    channel = _readable(workspace, args)
    shown = [
        message
        for message in workspace.visible(channel.id)
        if not message.ephemeral_to and (not message.thread_ts or message.reply_broadcast)
    ]
    return _history(workspace, args, shown[::-1])


def conversations_replies(workspace: Workspace, args: Json) -> Json:
    """The message and its thread, oldest first."""
    channel = _readable(workspace, args)
    parent = workspace.messages.get(needed(args, "ts"))
    if parent is None or parent.channel != channel.id or parent.ephemeral_to:
        raise SlackError("thread_not_found")
    return _history(workspace, args, [parent, *workspace.replies(parent.ts)])


def _reacted_to(workspace: Workspace, args: Json) -> Message:
    return public_message_of(workspace, _readable(workspace, args), needed(args, "timestamp"))


def reactions_add(workspace: Workspace, args: Json) -> Json:
    message = _reacted_to(workspace, args)
    mine = (needed(args, "name").strip(":"), workspace.app.user_id)
    if mine in message.reactions:
        raise SlackError("already_reacted")
    workspace.react(message.ts, *mine)
    return {}


def reactions_remove(workspace: Workspace, args: Json) -> Json:
    message = _reacted_to(workspace, args)
    mine = (needed(args, "name").strip(":"), workspace.app.user_id)
    if mine not in message.reactions:
        raise SlackError("no_reaction")
    workspace.toggle_reaction(message.ts, *mine)
    return {}


def reactions_get(workspace: Workspace, args: Json) -> Json:
    message = _reacted_to(workspace, args)
    return {"type": "message", "channel": message.channel, "message": message_json(workspace, message)}


def conversations_join(workspace: Workspace, args: Json) -> Json:
    channel = channel_of(workspace, args)
    if channel.is_private or channel.is_im:
        raise SlackError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise SlackError("is_archived")
    joined = workspace.change_channel(channel.id, members=channel.members | {workspace.app.user_id})
    return {"channel": channel_json(workspace, joined)}


def connections_open(workspace: Workspace, args: Json) -> Json:
    address = workspace.base_url.replace("http", "ws", 1)
    return {"url": f"{address}/link/?ticket={workspace.tickets.issue_socket()}&app_id={workspace.app.id}"}


METHODS: dict[str, Method] = {
    "api.test": api_test,
    "auth.test": auth_test,
    "users.info": users_info,
    "users.list": users_list,
    "users.lookupByEmail": users_lookup_by_email,
    "users.profile.get": users_profile_get,
    "team.info": team_info,
    "bots.info": bots_info,
    "users.conversations": users_conversations,
    "conversations.list": conversations_list,
    "conversations.info": conversations_info,
    "conversations.members": conversations_members,
    "conversations.open": conversations_open,
    "conversations.history": conversations_history,
    "conversations.replies": conversations_replies,
    "conversations.join": conversations_join,
    "reactions.add": reactions_add,
    "reactions.remove": reactions_remove,
    "reactions.get": reactions_get,
    "apps.connections.open": connections_open,
    **web_chat.METHODS,
    **web_files.METHODS,
    **web_views.METHODS,
}
