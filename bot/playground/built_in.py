"""Slack's own slash commands: /invite, /topic, /me, … They are Slack's to answer; the app hears of what they do.

Source: https://slack.com/help/articles/201259356-Slash-commands-in-Slack
"""

from __future__ import annotations

from collections.abc import Callable

from bot.playground import conversations
from bot.playground.model import Channel, Message, SlackError, SlashCommand, User
from bot.playground.typed import message_text
from bot.playground.workspace import Workspace

Act = Callable[[Workspace, User, Channel, str], None]
SHRUG = "¯\\_(ツ)_/¯"


def run(workspace: Workspace, user: User, channel_id: str, word: str, text: str) -> bool:
    """Do what one of Slack's commands says; False where word is none. What Slack refuses is told to the person."""
    act = BUILT_IN.get(word)
    if act is None:
        return False
    try:
        act(workspace, user, workspace.channels[channel_id], text.strip())
    except SlackError as problem:
        workspace.say_as_slack(user.id, channel_id, f'{word} failed with the error "{problem.code}"')
    return True


def offered(typed: str) -> list[SlashCommand]:
    """Those that a person is offered, once it is clear enough what is wanted: the app's own come first."""
    return [each for each in OFFERED if len(typed) > 2 and each.word in BUILT_IN]


def named_after(workspace: Workspace, channel: Channel, typed: str) -> list[User]:
    """Whom an @ may mean: who is there, and after /invite who is not."""
    users = sorted(workspace.users.values(), key=lambda user: user.id)
    wants_others = typed.startswith("/invite ")
    return [user for user in users if (user.id in channel.members) is not wants_others]


def _named(workspace: Workspace, text: str) -> list[str]:
    names = {user.name: user.id for user in workspace.users.values()}
    wanted = [word.removeprefix("@") for word in text.split() if word.startswith("@")]
    if not wanted or not set(wanted) <= set(names):
        raise SlackError("user_not_found")
    return [names[name] for name in wanted]


def _invite(workspace: Workspace, user: User, channel: Channel, text: str) -> None:
    conversations.invite(workspace, user.id, channel, _named(workspace, text))


def _remove(workspace: Workspace, user: User, channel: Channel, text: str) -> None:
    for other in _named(workspace, text):
        channel = conversations.leave(workspace, other, channel, kicked_by=user.id)


def _join(workspace: Workspace, user: User, channel: Channel, text: str) -> None:
    name = text.removeprefix("#")
    known = [each for each in workspace.channels.values() if each.name == name and name]
    if not known or known[0].is_private:
        raise SlackError("channel_not_found")
    conversations.join(workspace, user.id, known[0])


def _leave(workspace: Workspace, user: User, channel: Channel, text: str) -> None:
    conversations.leave(workspace, user.id, channel)


def _topic(workspace: Workspace, user: User, channel: Channel, text: str) -> None:
    conversations.describe(workspace, user.id, channel, "topic", text)


def _rename(workspace: Workspace, user: User, channel: Channel, text: str) -> None:
    conversations.rename(workspace, user.id, channel, text.removeprefix("#"))


def _archive(workspace: Workspace, user: User, channel: Channel, text: str) -> None:
    conversations.set_archived(workspace, user.id, channel, True)


def _who(workspace: Workspace, user: User, channel: Channel, text: str) -> None:
    names = sorted(workspace.users[member].name for member in channel.members)
    workspace.say_as_slack(user.id, channel.id, "Here: " + ", ".join(f"@{name}" for name in names))


def _me(workspace: Workspace, user: User, channel: Channel, text: str) -> None:
    _say(workspace, user, channel, message_text(workspace, text), "me_message")


def _shrug(workspace: Workspace, user: User, channel: Channel, text: str) -> None:
    _say(workspace, user, channel, message_text(workspace, f"{text} {SHRUG}".strip()), "")


def _say(workspace: Workspace, user: User, channel: Channel, text: str, subtype: str) -> None:
    said = Message(workspace.next_ts(), channel.id, user.id, text, subtype=subtype)
    conversations.tell_message(workspace, workspace.put_message(said))


BUILT_IN: dict[str, Act] = {
    "/invite": _invite,
    "/remove": _remove,
    "/kick": _remove,
    "/join": _join,
    "/leave": _leave,
    "/topic": _topic,
    "/rename": _rename,
    "/archive": _archive,
    "/who": _who,
    "/me": _me,
    "/shrug": _shrug,
}
OFFERED = (
    SlashCommand("/invite", "@name", "Bring somebody into this channel, the app too"),
    SlashCommand("/remove", "@name", "Take somebody out of this channel"),
    SlashCommand("/join", "#channel", "Go into a channel"),
    SlashCommand("/leave", "", "Leave this channel"),
    SlashCommand("/topic", "TEXT", "Say what this channel is about"),
    SlashCommand("/rename", "NAME", "Give this channel another name"),
    SlashCommand("/archive", "", "Close this channel"),
    SlashCommand("/who", "", "See who is here"),
    SlashCommand("/me", "TEXT", "Say what you do"),
    SlashCommand("/shrug", "TEXT", "Say that you do not know"),
)
