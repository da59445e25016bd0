"""Who sees a plan: one that others approve belongs into a channel, and not into somebody's direct messages."""

from __future__ import annotations

from collections.abc import Mapping

from commands.consuming import OWNER
from commands.request import Refused, Request
from commands.words import listed


def is_direct(channel: str) -> bool:
    """Whether only one person and the bot are there, as Slack's ids tell."""
    return channel.startswith("D")


def channel_for(request: Request, lab_channel: str, needed: Mapping[str, int], self_approval: bool) -> str:
    """Where the card of a plan is shown. needed: who approves it; lab_channel: the lab's, empty for a new one.

    A button that was pressed in direct messages means the lab's channel. Raises Refused where nobody who approves it
    would see it.
    """
    asked_in = request.channel or lab_channel
    if not is_direct(asked_in) or _is_alone(request, needed, self_approval):
        return asked_in
    has_channel = bool(lab_channel) and not is_direct(lab_channel)
    is_typed = request.words[0] == "lab"
    if has_channel and not is_typed:
        return lab_channel
    where = f"<#{lab_channel}>" if has_channel else "a channel where they are"
    example = f"/{' '.join(map(_typed, request.words))}" if is_typed else ""
    raise Refused(
        f"Nobody else sees our direct messages, and {_people(needed)} approve that plan. Ask for it in {where}.",
        example,
    )


def _is_alone(request: Request, needed: Mapping[str, int], self_approval: bool) -> bool:
    """Whether nobody's word is needed but that of who asks."""
    held = request.operator.roles if request.operator is not None else ()
    return not needed or (self_approval and sum(needed.values()) == 1 and set(needed) <= set(held))


def _typed(word: str) -> str:
    """A word as one types it: what has spaces in it stands in quotes."""
    name, equals, value = word.partition("=")
    return f'{name}="{value}"' if equals and " " in value else word


def _people(needed: Mapping[str, int]) -> str:
    teams = sorted(role for role in needed if not role.startswith(OWNER))
    owners = [f"the {role}" for role in sorted(needed) if role.startswith(OWNER)]
    return listed([*([f"{listed(teams)} people"] if teams else []), *owners])
