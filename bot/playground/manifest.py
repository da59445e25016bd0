"""An app's manifest, as far as a workspace needs it: the app's name, commands, shortcuts and events.

Source: https://docs.slack.dev/reference/app-manifest
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bot.playground.events import SERVED
from bot.playground.model import Shortcut, SlashCommand


@dataclass(frozen=True)
class Manifest:
    name: str = "App"
    commands: list[SlashCommand] = field(default_factory=list)
    events: list[str] = field(default_factory=lambda: list(SERVED))
    should_escape: bool = True
    shortcuts: list[Shortcut] = field(default_factory=list)
    has_assistant: bool = False
    unfurl_domains: list[str] = field(default_factory=list)
    scopes: list[str] | None = None  # None: it names none, and all are had


def read_manifest(path: Path) -> Manifest:
    """JSON or YAML. Raises ValueError, with a sentence, for what is not a manifest."""
    try:
        shape: Any = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as problem:
        raise ValueError(f"{path} cannot be read as a manifest: {problem}") from problem
    if not isinstance(shape, dict):
        raise ValueError(f"{path} is not a manifest: it has no keys.")
    listed = (shape.get("features") or {}).get("slash_commands") or []
    scopes = ((shape.get("oauth_config") or {}).get("scopes") or {}).get("bot")
    events = ((shape.get("settings") or {}).get("event_subscriptions") or {}).get("bot_events")
    return Manifest(
        name=(shape.get("display_information") or {}).get("name", "App"),
        commands=[
            SlashCommand(
                str(each["command"]), str(each.get("usage_hint") or ""), str(each.get("description") or "")
            )
            for each in listed
        ],
        events=list(events or ()),
        has_assistant=bool({"assistant_view", "agent_view"} & set(shape.get("features") or {})),
        unfurl_domains=[str(each) for each in (shape.get("features") or {}).get("unfurl_domains") or []],
        scopes=[str(each) for each in scopes] if scopes else None,
        should_escape=any(each.get("should_escape") for each in listed) or not listed,
        shortcuts=[
            Shortcut(
                name=str(each["name"]),
                callback_id=str(each["callback_id"]),
                is_for_message=each.get("type") == "message",
                description=str(each.get("description") or ""),
            )
            for each in (shape.get("features") or {}).get("shortcuts") or []
        ],
    )
