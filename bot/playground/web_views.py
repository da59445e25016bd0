"""views.*: modals and Home tabs.

Source: https://docs.slack.dev/surfaces/modals
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.playground.arguments import FUNCTION_RUN, needed, structure
from bot.playground.checks import check_view
from bot.playground.model import Json, SlackError, View
from bot.playground.shapes import view_json
from bot.playground.web_chat import check_pictures
from bot.playground.workspace import Workspace

STACK = 3  # modals one upon the other


def make_view(workspace: Workspace, user: str, payload: Json) -> View:
    """The view that an app describes, checked and not yet shown. Raises SlackError."""
    shape = check_view(payload)
    check_pictures(workspace, shape["blocks"])
    external_id = str(shape.get("external_id") or "")
    if external_id and workspace.find_view(external_id=external_id):
        raise SlackError("duplicate_external_id")
    return View(
        id=workspace.next_id("V"),
        user=user,
        type=str(shape["type"]),
        callback_id=str(shape.get("callback_id") or ""),
        title=_text(shape, "title"),
        blocks=workspace.with_ids(shape["blocks"]),
        private_metadata=str(shape.get("private_metadata") or ""),
        external_id=external_id,
        submit=_text(shape, "submit"),
        close=_text(shape, "close"),
        notify_on_close=bool(shape.get("notify_on_close")),
        clear_on_close=bool(shape.get("clear_on_close")),
    )


def _text(shape: Json, name: str) -> str:
    return str((shape.get(name) or {}).get("text", ""))


def push_upon(workspace: Workspace, below: View, payload: Json) -> View:
    """Show a new modal upon another. Raises push_limit_reached when three are open."""
    if len(workspace.views.get(below.user, [])) >= STACK:
        raise SlackError("push_limit_reached")
    view = make_view(workspace, below.user, payload)
    root = below.root_view_id or below.id
    view = replace(view, root_view_id=root, previous_view_id=below.id, function_run=below.function_run)
    return workspace.put_view(view, on_top=True)


def update_view(workspace: Workspace, old: View, payload: Json) -> View:
    """Show other contents in the place of a view; it keeps its id and its place."""
    if payload.get("external_id") == old.external_id:
        payload = {key: value for key, value in payload.items() if key != "external_id"}
    new = make_view(workspace, old.user, payload)
    return workspace.put_view(
        replace(
            new,
            id=old.id,
            function_run=old.function_run,
            external_id=new.external_id or old.external_id,
            root_view_id=old.root_view_id,
            previous_view_id=old.previous_view_id,
        )
    )


def _payload(args: Json) -> Json:
    payload = structure(args, "view")
    if not isinstance(payload, dict):
        raise SlackError("invalid_arguments", "[ERROR] missing required field: view")
    return payload


def _trigger_id(args: Json) -> str:
    """A step of a workflow gets one under another name too."""
    return str(args.get("interactivity_pointer") or "") or needed(args, "trigger_id")


def views_open(workspace: Workspace, args: Json) -> Json:
    payload = check_view(_payload(args))
    if payload["type"] != "modal":
        raise SlackError("invalid_arguments", "[ERROR] views.open takes a modal [json-pointer:/view/type]")
    trigger = workspace.tickets.use_trigger(_trigger_id(args))
    view = make_view(workspace, trigger.user, _from_here(payload, trigger.channel))
    view = workspace.put_view(replace(view, function_run=str(args.get(FUNCTION_RUN) or "")))
    return {"view": view_json(workspace, view)}


def _from_here(payload: Json, channel: str) -> Json:
    """Menus with `default_to_current_conversation` begin with the one that the form was opened in."""
    if not channel:
        return payload
    blocks = []
    for block in payload["blocks"]:
        element = block.get("element") or {}
        name = (
            "initial_conversations"
            if element.get("type", "").startswith("multi_")
            else "initial_conversation"
        )
        if element.get("default_to_current_conversation") and name not in element:
            first: Any = [channel] if name.endswith("s") else channel
            block = block | {"element": element | {name: first}}
        blocks.append(block)
    return payload | {"blocks": blocks}


def views_push(workspace: Workspace, args: Json) -> Json:
    payload = check_view(_payload(args))
    trigger = workspace.tickets.use_trigger(_trigger_id(args))
    below = workspace.find_view(trigger.view_id)
    if below is None or below.type != "modal":
        raise SlackError("not_found")
    return {"view": view_json(workspace, push_upon(workspace, below, payload))}


def views_update(workspace: Workspace, args: Json) -> Json:
    payload = check_view(_payload(args))
    view_id, external_id = str(args.get("view_id") or ""), str(args.get("external_id") or "")
    if not view_id and not external_id:
        raise SlackError("invalid_arguments", "[ERROR] missing required field: view_id")
    old = workspace.find_view(view_id, external_id)
    if old is None:
        raise SlackError("not_found")
    if args.get("hash") and args["hash"] != old.hash:
        raise SlackError("hash_conflict")
    return {"view": view_json(workspace, update_view(workspace, old, payload))}


def views_publish(workspace: Workspace, args: Json) -> Json:
    payload = check_view(_payload(args))
    user = needed(args, "user_id")
    if user not in workspace.users:
        raise SlackError("user_not_found")
    if payload["type"] != "home":
        raise SlackError("invalid_arguments", "[ERROR] views.publish takes a home [json-pointer:/view/type]")
    old = workspace.homes.get(user)
    if args.get("hash") and old and args["hash"] != old.hash:
        raise SlackError("hash_conflict")
    new = make_view(workspace, user, payload)
    view = workspace.put_view(replace(new, id=old.id) if old else new)
    return {"view": view_json(workspace, view)}


METHODS = {
    "views.open": views_open,
    "views.push": views_push,
    "views.update": views_update,
    "views.publish": views_publish,
}
