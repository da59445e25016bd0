"""The payloads that Slack sends to an app for commands, clicks, forms and events.

Sources: https://docs.slack.dev/interactivity/implementing-slash-commands,
https://docs.slack.dev/reference/interaction-payloads and https://docs.slack.dev/apis/events-api
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.playground import legacy
from bot.playground.model import Json, Message, User, View
from bot.playground.shapes import file_json, message_json, rich_text_of, view_json
from bot.playground.workspace import Workspace


def response_url(workspace: Workspace, ticket: str) -> str:
    return f"{workspace.base_url}/response/{ticket}"


def command(workspace: Workspace, user: User, channel_id: str, word: str, text: str) -> Json:
    """A slash command. team_id is the app's workspace, whatever workspace the person is of."""
    ticket = workspace.tickets.issue_response_url(channel_id, user.id)
    channel = workspace.channels[channel_id]
    return {
        "token": workspace.app.verification_token,
        "team_id": workspace.team.id,
        "team_domain": workspace.team.domain,
        "channel_id": channel_id,
        "channel_name": channel.name or "directmessage",
        "user_id": user.id,
        "user_name": user.name,
        "command": word,
        "text": text,
        "api_app_id": workspace.app.id,
        "is_enterprise_install": "false",
        "response_url": response_url(workspace, ticket),
        "trigger_id": workspace.tickets.issue_trigger(user.id, channel=channel_id),
    }


def _interaction(workspace: Workspace, kind: str, user: User) -> Json:
    """What all interactions have in common: `user.team_id` is the person's, `team` the app's workspace."""
    return {
        "type": kind,
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id},
        "api_app_id": workspace.app.id,
        "token": workspace.app.verification_token,
        "team": {"id": workspace.team.id, "domain": workspace.team.domain},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def _step(workspace: Workspace, user: User, place: Message | View, pointer: str) -> Json:
    """What an interaction tells beside where the message or the view was made for a step of a workflow."""
    run = workspace.function_runs.get(place.function_run)
    if run is None:
        return {}
    function = {"execution_id": run.id, "function": {"callback_id": run.callback_id}, "inputs": run.inputs}
    interactor = {"id": user.id, "secret": workspace.app.verification_token}
    return {
        "function_data": function,
        "bot_access_token": run.token,
        "interactivity": {"interactor": interactor, "interactivity_pointer": pointer},
    }


def message_click(workspace: Workspace, user: User, message: Message, action: Json, values: Json) -> Json:
    if old := legacy.pressed(message.attachments, action):
        return _attachment_click(workspace, user, message, *old)
    channel = workspace.channels[message.channel]
    thread = {"thread_ts": message.thread_ts} if message.thread_ts else {}
    ticket = workspace.tickets.issue_response_url(channel.id, user.id, message.ts, message.thread_ts)
    trigger_id = workspace.tickets.issue_trigger(user.id, channel=channel.id)
    step = _step(workspace, user, message, trigger_id)
    return (
        _interaction(workspace, "block_actions", user)
        | step
        | {
            "container": {
                "type": "message",
                "message_ts": message.ts,
                "channel_id": channel.id,
                "is_ephemeral": bool(message.ephemeral_to),
                **thread,
                **_attachment_of(message, action),
            },
            "trigger_id": trigger_id,
            "channel": {"id": channel.id, "name": channel.name or "directmessage"},
            "message": message_json(workspace, message),
            "state": {"values": values},
            "response_url": response_url(workspace, ticket),
            "actions": [action],
        }
    )


def _attachment_click(
    workspace: Workspace, user: User, message: Message, attachment: Json, action: Json
) -> Json:
    """Source: https://docs.slack.dev/legacy/legacy-messaging/legacy-making-messages-interactive"""
    channel = workspace.channels[message.channel]
    where = (channel.id, user.id, message.ts, message.thread_ts)
    ticket = workspace.tickets.issue_response_url(*where, is_legacy=True)
    return _interaction(workspace, "interactive_message", user) | {
        "actions": [action],
        "callback_id": str(attachment.get("callback_id") or ""),
        "channel": {"id": channel.id, "name": channel.name or "directmessage"},
        "action_ts": workspace.next_ts(),
        "message_ts": message.ts,
        "attachment_id": str(attachment["id"]),
        "is_app_unfurl": False,
        "original_message": message_json(workspace, message),
        "response_url": response_url(workspace, ticket),
        "trigger_id": workspace.tickets.issue_trigger(user.id, channel=channel.id),
    }


def _attachment_of(message: Message, action: Json) -> Json:
    """Which attachment something was pressed in, counted from 1."""
    for number, each in enumerate(message.attachments, 1):
        if action["block_id"] in [block["block_id"] for block in each.get("blocks") or ()]:
            return {"attachment_id": number, "is_app_unfurl": False}
    return {}


def shortcut(workspace: Workspace, user: User, callback_id: str, channel: str = "") -> Json:
    return _interaction(workspace, "shortcut", user) | {
        "callback_id": callback_id,
        "trigger_id": workspace.tickets.issue_trigger(user.id, channel=channel),
    }


def message_shortcut(workspace: Workspace, user: User, message: Message, callback_id: str) -> Json:
    channel = workspace.channels[message.channel]
    ticket = workspace.tickets.issue_response_url(channel.id, user.id, message.ts, message.thread_ts)
    return _interaction(workspace, "message_action", user) | {
        "callback_id": callback_id,
        "trigger_id": workspace.tickets.issue_trigger(user.id, channel=channel.id),
        "channel": {"id": channel.id, "name": channel.name or "directmessage"},
        "message_ts": message.ts,
        "message": message_json(workspace, message),
        "response_url": response_url(workspace, ticket),
    }


def view_click(workspace: Workspace, user: User, view: View, action: Json, values: Json) -> Json:
    trigger_id = workspace.tickets.issue_trigger(user.id, view.id)
    step = _step(workspace, user, view, trigger_id)
    return (
        _interaction(workspace, "block_actions", user)
        | step
        | {
            "container": {"type": "view", "view_id": view.id},
            "trigger_id": trigger_id,
            "view": view_json(workspace, view, _with_files(workspace, values)),
            "actions": [action],
        }
    )


def suggestion(
    workspace: Workspace, user: User, place: Message | View, block: Json, element: Json, typed: str
) -> Json:
    """What an external menu asks the app, for a part of a word."""
    shape: Json = {
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "value": typed,
        "container": {"type": "view", "view_id": place.id}
        if isinstance(place, View)
        else {
            "type": "message",
            "message_ts": place.ts,
            "channel_id": place.channel,
            "is_ephemeral": bool(place.ephemeral_to),
        },
    }
    if isinstance(place, View):
        shape["view"] = view_json(workspace, place)
    else:
        name = workspace.channels[place.channel].name or "directmessage"
        shape |= {"channel": {"id": place.channel, "name": name}, "message": message_json(workspace, place)}
    return _interaction(workspace, "block_suggestion", user) | shape


def view_submission(workspace: Workspace, user: User, view: View, values: Json) -> Json:
    trigger_id = workspace.tickets.issue_trigger(user.id, view.id)
    step = _step(workspace, user, view, trigger_id)
    return (
        _interaction(workspace, "view_submission", user)
        | step
        | {
            "trigger_id": trigger_id,
            "view": view_json(workspace, view, _with_files(workspace, values)),
            "response_urls": list(_response_urls(workspace, user, view, values)),
        }
    )


def _with_files(workspace: Workspace, values: Json) -> Json:
    """What stands in fields for files are the files themselves, not their ids alone."""

    def whole(state: Json) -> Json:
        if state.get("type") != "file_input":
            return state
        known = [workspace.files[each["id"]] for each in state["files"] if each["id"] in workspace.files]
        return state | {"files": [file_json(workspace, file) for file in known]}

    return {
        block_id: {action_id: whole(state) for action_id, state in fields.items()}
        for block_id, fields in values.items()
    }


def _response_urls(workspace: Workspace, user: User, view: View, values: Json) -> Iterator[Json]:
    """One for each conversation that was chosen in a menu with `response_url_enabled`."""
    for block in view.blocks:
        element = block.get("element") or {}
        if not element.get("response_url_enabled"):
            continue
        state = values[block["block_id"]][element["action_id"]]
        channel_id = state.get("selected_conversation") or state.get("selected_channel")
        if channel_id:
            yield {
                "block_id": block["block_id"],
                "action_id": element["action_id"],
                "channel_id": channel_id,
                "response_url": response_url(
                    workspace, workspace.tickets.issue_response_url(channel_id, user.id)
                ),
            }


def view_closed(workspace: Workspace, user: User, view: View, is_cleared: bool) -> Json:
    step = _step(workspace, user, view, "")
    return (
        _interaction(workspace, "view_closed", user)
        | step
        | {
            "view": view_json(workspace, view),
            "is_cleared": is_cleared,
        }
    )


def event(workspace: Workspace, inner: Json, is_shared: bool = False) -> Json:
    """An event in its envelope; event_id stays the same however often it is sent."""
    return {
        "token": workspace.app.verification_token,
        "team_id": workspace.team.id,
        "context_team_id": workspace.team.id,
        "api_app_id": workspace.app.id,
        "event": inner,
        "type": "event_callback",
        "event_id": workspace.next_id("Ev"),
        "event_time": int(workspace.clock()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": workspace.team.id,
                "user_id": workspace.app.user_id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": is_shared,
        "event_context": workspace.next_id("4-event-"),
    }


def message_event(workspace: Workspace, message: Message, kind: str) -> Json:
    """kind: message or app_mention."""
    author, channel = workspace.users[message.user], workspace.channels[message.channel]
    shape: Json = {
        "type": kind,
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        "team": author.team_id,
        "channel": message.channel,
        "event_ts": message.ts,
    }
    if message.files:
        files = [file_json(workspace, file) for file in message.files]
        shape |= {"subtype": "file_share", "files": files, "upload": False}
    if message.subtype:
        shape["subtype"] = message.subtype
    else:
        shape["client_msg_id"] = f"local-{message.ts}"
    if kind == "message":
        shape["channel_type"] = channel.kind
    if blocks := rich_text_of(message):
        shape["blocks"] = blocks
    if message.thread_ts:
        parent = workspace.messages.get(message.thread_ts)
        shape |= {"thread_ts": message.thread_ts, "parent_user_id": parent.user if parent else ""}
    if message.reply_broadcast:
        shape["subtype"] = "thread_broadcast"
    if author.team_id != workspace.team.id:
        shape |= {"user_team": author.team_id, "source_team": author.team_id}
    return shape


def edit_event(workspace: Workspace, before: Message, after: Message | None) -> Json:
    """message_changed; message_deleted where nothing is left of it.

    Source: https://docs.slack.dev/reference/events/message/message_changed and …/message_deleted
    """
    now = workspace.next_ts()
    shape: Json = {
        "type": "message",
        "channel": before.channel,
        "channel_type": workspace.channels[before.channel].kind,
        "hidden": True,
        "previous_message": message_json(workspace, before),
        "ts": now,
        "event_ts": now,
    }
    if after is None:
        return shape | {"subtype": "message_deleted", "deleted_ts": before.ts}
    return shape | {"subtype": "message_changed", "message": message_json(workspace, after)}


def link_shared(workspace: Workspace, message: Message, links: list[Json]) -> Json:
    return {
        "type": "link_shared",
        "channel": message.channel,
        "user": message.user,
        "message_ts": message.ts,
        "unfurl_id": f"{message.channel}-{message.ts}",
        "source": "conversations_history",
        "is_bot_user_member": True,
        "links": links,
        "event_ts": workspace.next_ts(),
        **({"thread_ts": message.thread_ts} if message.thread_ts else {}),
    }


def challenge(workspace: Workspace, word: str) -> Json:
    """What Slack sends when an address is entered in the app's settings: the answer must carry the word."""
    body: dict[str, Any] = {"token": workspace.app.verification_token, "type": "url_verification"}
    return body | {"challenge": word}
