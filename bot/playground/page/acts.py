"""What a person does at the page, done in the workspace."""

from __future__ import annotations

from typing import Any

from bot.playground import fields, web_files
from bot.playground.model import Delivery, Json, Message, View
from bot.playground.page import dates, emoji_names
from bot.playground.patience import patience
from bot.playground.sharing import Sharing

PATIENCE_SECONDS = 2.0  # for an event; an app that takes its time over one keeps nobody waiting longer


def act(people: Sharing, asked: Json) -> str:
    """Do what the page asks for; gives a sentence about what went wrong with the app, or nothing.

    Raises LookupError, ValueError or PermissionError, with a sentence, for what a person cannot do.
    """
    doing = ACTS.get(str(asked.get("kind")))
    if doing is None:
        raise ValueError(f"There is nothing like {asked.get('kind')!r} to do.")
    if asked.get("user") not in people.workspace.users:
        raise LookupError("There is no such person.")
    if people.guide is not None and people.guide.scene.state == "starting":
        raise ValueError("The app is starting. Try again in a few seconds.")
    with patience(PATIENCE_SECONDS):
        delivery = doing(people, str(asked["user"]), asked)
    return f"The app did not take it ({delivery.error})." if delivery and delivery.error else ""


def _say(people: Sharing, user: str, asked: Json) -> None:
    text, thread = str(asked["text"]).strip(), str(asked.get("thread_ts") or "")
    if text.startswith("/") and thread:
        raise ValueError(f"{text.split()[0]} is not supported in threads. Sorry!")
    if text.startswith("/"):
        people.command(user, asked["channel"], text)  # Slack itself tells what went wrong
    elif text:
        also_to_channel = asked.get("also_to_channel") is True
        people.say(user, asked["channel"], text, thread, also_to_channel)


def _share(people: Sharing, user: str, asked: Json) -> None:
    files, thread = [str(each) for each in asked["files"]], str(asked.get("thread_ts") or "")
    text = str(asked.get("text") or "").strip()
    people.share_taken(user, asked["channel"], files, text, thread)


def _edit(people: Sharing, user: str, asked: Json) -> None:
    people.edit(user, str(asked["ts"]), str(asked["text"]))


def _delete(people: Sharing, user: str, asked: Json) -> None:
    people.delete(user, str(asked["ts"]))


def _click(people: Sharing, user: str, asked: Json) -> Delivery:
    place = _place(people, user, asked)
    values = _in_zone(people, user, place.all_blocks, asked.get("values") or {})
    _, element = fields.find(place.all_blocks, asked["action_id"], asked["block_id"])
    chosen = _moment(people, user, element, asked.get("chosen"))
    return people.click(user, place, asked["action_id"], chosen, values, asked["block_id"])


def _submit(people: Sharing, user: str, asked: Json) -> Delivery:
    view = _view(people, user, str(asked["view_id"]))
    return people.submit(user, view, _in_zone(people, user, view.blocks, asked["values"]))


def _close(people: Sharing, user: str, asked: Json) -> Delivery | None:
    return people.close_view(user, _view(people, user, str(asked["view_id"])))


def _home(people: Sharing, user: str, asked: Json) -> Delivery | None:
    """An app that is there and has no Home tab takes no such event, of which nobody is told."""
    delivery = people.open_home(user)
    return delivery if delivery and delivery.error == "dispatch_failed" and not delivery.status else None


def _react(people: Sharing, user: str, asked: Json) -> None:
    name = str(asked["name"]).strip().strip(":")
    message = people.workspace.messages.get(str(asked["ts"]))
    is_there = message is not None and name in [known for known, _ in message.reactions]
    is_known = emoji_names.character(name) or name in people.workspace.emoji
    if not is_known and not is_there:
        raise LookupError(f"There is no emoji :{name}: here.")
    people.react(user, str(asked["ts"]), name)


def _shortcut(people: Sharing, user: str, asked: Json) -> Delivery:
    if asked.get("ts"):
        return people.message_shortcut(user, str(asked["ts"]), str(asked["callback_id"]))
    return people.shortcut(user, str(asked["callback_id"]), str(asked.get("channel") or ""))


ACTS = {
    "say": _say,
    "share": _share,
    "edit": _edit,
    "delete": _delete,
    "click": _click,
    "submit": _submit,
    "close": _close,
    "home": _home,
    "react": _react,
    "shortcut": _shortcut,
}


def options(people: Sharing, asked: Json) -> tuple[Json, list[Json]]:
    """An external menu of a view or a message, and the groups that the app offers in it for what was typed."""
    user = str(asked["user"])
    place = _place(people, user, asked)
    return people.suggestions(
        user, place, str(asked["action_id"]), str(asked["block_id"]), str(asked["query"])
    )


def take_file(people: Sharing, user: str, name: str, content: bytes) -> Json:
    """A file that a person puts into a form: {"id": …, "name": …}."""
    file = web_files.take_chosen(people.workspace, user, name, content)
    return {"id": file.id, "name": file.name}


def _place(people: Sharing, user: str, asked: Json) -> Message | View:
    """The view or the message that something was done in, as it is now."""
    if asked.get("view_id"):
        return _view(people, user, str(asked["view_id"]))
    return people.visible_message(user, str(asked.get("ts")))


def _view(people: Sharing, user: str, view_id: str) -> View:
    view = people.workspace.find_view(view_id)
    if view is None or view.user != user:
        raise LookupError("This form is not open any more.")
    return view


def _in_zone(people: Sharing, user: str, blocks: Any, values: Json) -> Json:
    """Dates with times come from the browser as the person's clock shows them."""
    known = dict(values)
    for block, element in fields.usable(blocks):
        name = f"{block.get('block_id')}/{element.get('action_id')}"
        if name in known:
            known[name] = _moment(people, user, element, known[name])
    return known


def _moment(people: Sharing, user: str, element: Json, chosen: Any) -> Any:
    if element.get("type") != "datetimepicker" or not isinstance(chosen, str):
        return chosen
    return dates.at(chosen, people.workspace.users[user].timezone)
