"""A Slack workspace on this machine, for any Bolt app: python -m bot.playground --app-url http://127.0.0.1:3000/slack/events

The app needs SLACK_BOT_TOKEN, SLACK_SIGNING_SECRET (and for Socket Mode SLACK_APP_TOKEN) as they are here; they are
taken from the environment, or made up and printed. It also needs WebClient(base_url=…) or SLACK_API_URL to lead here.
"""

from __future__ import annotations

import argparse
import os
import threading
from pathlib import Path
from urllib.parse import urlsplit

from bot.playground.manifest import Manifest, read_manifest
from bot.playground.page.dates import zone_of_machine
from bot.playground.server import LocalSlack


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bot.playground", description="A Slack on this machine.")
    options.add_argument(
        "--app-url", default="", help="where the app takes requests; not needed for Socket Mode"
    )
    options.add_argument("--port", type=int, default=3999, help="of the workspace (3999)")
    options.add_argument("--people", default="ines,bo,mika", help="who is there, comma-separated")
    options.add_argument("--channels", default="lab,random", help="which channels there are, comma-separated")
    options.add_argument("--emoji", default="", help="the workspace's own emoji, comma-separated")
    options.add_argument("--manifest", default="", help="the app's manifest: its name, commands and events")
    options.add_argument(
        "--ack-seconds", type=float, default=3.0, help="how long the app may take to acknowledge (3)"
    )
    chosen = options.parse_args()
    try:
        manifest = read_manifest(Path(chosen.manifest)) if chosen.manifest else Manifest()
    except ValueError as problem:
        options.error(str(problem))
    slack = LocalSlack(
        app_url=with_path(chosen.app_url),
        signing_secret=os.environ.get("SLACK_SIGNING_SECRET"),
        bot_token=os.environ.get("SLACK_BOT_TOKEN"),
        app_token=os.environ.get("SLACK_APP_TOKEN"),
        port=chosen.port,
        app_name=manifest.name,
        commands=manifest.commands,
        events=manifest.events,
        should_escape=manifest.should_escape,
        shortcuts=manifest.shortcuts,
        has_assistant=manifest.has_assistant,
        unfurl_domains=manifest.unfurl_domains,
        ack_limit_seconds=chosen.ack_seconds,
        scopes=manifest.scopes,
    )
    people = [slack.add_user(each, tz=zone_of_machine(os.environ)) for each in _names(chosen.people)]
    for channel in _names(chosen.channels):
        slack.add_channel(channel, people)
    for person in people:
        slack.direct_channel(person)
    for name in _names(chosen.emoji):
        slack.add_emoji(name)
    try:
        with slack:
            announce(slack)
            threading.Event().wait()
    except KeyboardInterrupt:
        return
    except OSError as problem:
        raise SystemExit(
            f"Port {chosen.port} cannot be had ({problem.strerror}). Name another: --port 4000"
        ) from None


def with_path(address: str) -> str:
    """Bolt's own path, where an address names none."""
    parts = urlsplit(address)
    return parts._replace(path="/slack/events").geturl() if address and parts.path in ("", "/") else address


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]


def announce(slack: LocalSlack) -> None:
    """Where the workspace is, and what the app needs, as lines for its shell. Secrets that were given stay unsaid."""
    print(f"The workspace is at {slack.page_url}\nGive your app these, and start it:\n")
    print(f"export SLACK_API_URL={slack.api_url}")
    for variable, value in (
        ("SLACK_BOT_TOKEN", slack.bot_token),
        ("SLACK_SIGNING_SECRET", slack.signing_secret),
        ("SLACK_APP_TOKEN", slack.app_token),
    ):
        is_given = variable in os.environ
        print(f"# {variable} as in the environment" if is_given else f"export {variable}={value}", flush=True)


if __name__ == "__main__":
    main()
