"""A Slack workspace on this machine, for any Bolt app: python -m bot.playground --app-url http://127.0.0.1:3000/slack/events

The app needs SLACK_BOT_TOKEN, SLACK_SIGNING_SECRET (and for Socket Mode SLACK_APP_TOKEN) as they are here; they are
taken from the environment, or made up and printed. It also needs WebClient(base_url=…) or SLACK_API_URL to lead here.
"""

from __future__ import annotations

import argparse
import os
import threading
from pathlib import Path
from typing import Any

import yaml

from bot.playground.people import EVENTS
from bot.playground.server import LocalSlack


def from_manifest(path: str) -> tuple[str, list[str], list[str]]:
    """The app's name, commands and events, as its manifest names them."""
    shape: dict[str, Any] = yaml.safe_load(Path(path).read_text()) if path else {}
    commands = [entry["command"] for entry in shape.get("features", {}).get("slash_commands", [])]
    events = shape.get("settings", {}).get("event_subscriptions", {}).get("bot_events") or list(EVENTS)
    return shape.get("display_information", {}).get("name", "App"), commands, events


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bot.playground", description="A Slack on this machine.")
    options.add_argument(
        "--app-url", default="", help="where the app takes requests; not needed for Socket Mode"
    )
    options.add_argument("--port", type=int, default=3999, help="of the workspace (3999)")
    options.add_argument("--people", default="ines,bo,mika", help="who is there, comma-separated")
    options.add_argument("--channels", default="lab,random", help="which channels there are, comma-separated")
    options.add_argument("--manifest", default="", help="the app's manifest: its name, commands and events")
    chosen = options.parse_args()
    name, commands, events = from_manifest(chosen.manifest)
    slack = LocalSlack(
        app_url=chosen.app_url,
        signing_secret=os.environ.get("SLACK_SIGNING_SECRET"),
        bot_token=os.environ.get("SLACK_BOT_TOKEN"),
        app_token=os.environ.get("SLACK_APP_TOKEN"),
        port=chosen.port,
        app_name=name,
        commands=commands,
        events=events,
    )
    people = [slack.add_user(person) for person in chosen.people.split(",")]
    for channel in chosen.channels.split(","):
        slack.add_channel(channel, people)
    for person in people:
        slack.direct_channel(person)
    try:
        with slack:
            announce(slack)
            threading.Event().wait()
    except KeyboardInterrupt:
        return


def announce(slack: LocalSlack) -> None:
    """Where the workspace is and what the app needs to know; what came from the environment is not repeated."""
    print(f"The workspace is at {slack.page_url}")
    print(f"  SLACK_API_URL={slack.api_url}")
    for variable, value in (
        ("SLACK_BOT_TOKEN", slack.bot_token),
        ("SLACK_SIGNING_SECRET", slack.signing_secret),
        ("SLACK_APP_TOKEN", slack.app_token),
    ):
        print(f"  {variable}={'as in the environment' if variable in os.environ else value}", flush=True)


if __name__ == "__main__":
    main()
