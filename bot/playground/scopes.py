"""What a bot's token must be allowed for each call, where the app's manifest says what it is allowed.

Source: https://docs.slack.dev/reference/scopes and the page of each method
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.playground.model import Channel, Json, SlackError
from bot.playground.workspace import Workspace

# By method, or by the beginning of its name; each entry is enough by itself. {kind}: channels, groups, im or mpim.
NEEDED = {
    "chat.getPermalink": (),
    "chat.scheduledMessages.list": (),
    "chat.unfurl": ("links:write",),
    "chat.": ("chat:write",),
    "conversations.history": ("{kind}:history",),
    "conversations.replies": ("{kind}:history",),
    "conversations.list": ("{kind}:read",),
    "conversations.info": ("{kind}:read",),
    "conversations.members": ("{kind}:read",),
    "users.conversations": ("{kind}:read",),
    "conversations.open": ("im:write", "mpim:write"),
    "conversations.close": ("im:write", "mpim:write"),
    "conversations.create": ("channels:manage", "groups:write"),
    "conversations.join": ("channels:join",),
    "conversations.invite": ("{manage}", "{kind}:write.invites"),
    "conversations.setTopic": ("{manage}", "{kind}:write.topic"),
    "conversations.setPurpose": ("{manage}", "{kind}:write.topic"),
    "conversations.": ("{manage}",),
    "files.info": ("files:read",),
    "files.list": ("files:read",),
    "files.": ("files:write",),
    "reactions.add": ("reactions:write",),
    "reactions.remove": ("reactions:write",),
    "reactions.": ("reactions:read",),
    "pins.list": ("pins:read",),
    "pins.": ("pins:write",),
    "bookmarks.list": ("bookmarks:read",),
    "bookmarks.": ("bookmarks:write",),
    "usergroups.list": ("usergroups:read",),
    "usergroups.users.list": ("usergroups:read",),
    "usergroups.": ("usergroups:write",),
    "users.lookupByEmail": ("users:read.email",),
    "users.profile.get": ("users.profile:read", "users:read"),
    "users.setPresence": ("users:write",),
    "users.": ("users:read",),
    "bots.info": ("users:read",),
    "dnd.": ("dnd:read",),
    "team.info": ("team:read",),
    "emoji.list": ("emoji:read",),
    "assistant.threads.setStatus": ("assistant:write", "chat:write"),
    "assistant.": ("assistant:write",),
}
KINDS = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}


def check_scope(workspace: Workspace, method: str, args: Json) -> None:
    """Raises missing_scope with what would be enough. Nothing is checked where no manifest has named scopes."""
    allowed = workspace.app.scopes
    if allowed is None:
        return
    needed = next(
        (NEEDED[each] for each in sorted(NEEDED, key=len, reverse=True) if method.startswith(each)), ()
    )
    enough = {scope for each in needed for scope in _filled(each, _channel(workspace, args))}
    if needed and not enough & allowed:
        wanted, provided = ",".join(sorted(enough)), ",".join(sorted(allowed))
        raise SlackError("missing_scope", needed=wanted, provided=provided)


def _channel(workspace: Workspace, args: Json) -> Channel | None:
    named = str(args.get("channel") or args.get("channel_id") or "")
    return workspace.channels.get(named)


def _filled(scope: str, channel: Channel | None) -> Iterable[str]:
    """The scopes of one conversation's kind, or of all kinds where none is named."""
    kinds = [KINDS[channel.kind]] if channel else KINDS.values()
    for kind in kinds:
        manage = "channels:manage" if kind == "channels" else f"{kind}:write"
        yield scope.format(kind=kind, manage=manage)


def may_post_anywhere(workspace: Workspace, channel: Channel) -> bool:
    """Whether the app may write to a public channel that it is not in."""
    return channel.kind == "channel" and "chat:write.public" in (workspace.app.scopes or ())
