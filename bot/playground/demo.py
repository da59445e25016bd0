"""`make demo`: a local Slack, an embedded Vault and the real bot on this machine, and the tour through them.

The bot is a process of its own that knows nothing of this: SLACK_API_URL and VAULT_ADDR are all the difference.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from bot.playground.browser import open_page
from bot.playground.guide import Guide, Live
from bot.playground.manifest import Manifest, read_manifest
from bot.playground.model import SlashCommand
from bot.playground.page.dates import zone_of_machine
from bot.playground.people import EVENTS
from bot.playground.server import LocalSlack
from bot.playground.tour_acts import Cast, TourFailed
from bot.playground.transcript import Transcript

if TYPE_CHECKING:
    from bot.playground.tour import Tour

LABS = Path(__file__).resolve().parents[2] / "labs"
INVITATION = "Type /lab up to ask for a lab, or open innkeeper's Home."
PAUSE_SECONDS = 0.5  # after a caption of the first tour, where somebody watches it
COMMANDS = ("/lab", "/key", "/operator")
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def play(folder: Path, only_tour: bool) -> int:
    """Start everything, play the tour, and stay until Ctrl-C unless only_tour. Returns the exit status."""
    for number in _ENDS:  # a terminal that is closed leaves nothing behind, either
        signal.signal(number, signal.default_int_handler)
    console = Console(highlight=False)
    folder = folder.resolve()
    with ExitStack() as stack:
        slack = stack.enter_context(workspace())
        cast = cast_of(slack)
        guide = slack.guide = Guide(slack.workspace, cast.channel, invitation=INVITATION)
        console.print(f"The workspace is at {slack.page_url}", style="bold")
        if not only_tour and open_page(slack.page_url, os.environ):
            console.print("It opens in your browser. Watch the tour there or here.", style="dim")
        console.print("Starting a Vault, a database and the bot, all on this machine …", style="dim")

        from bot.playground.house import house  # takes a second, in which the page is there already

        new_tour = stack.enter_context(house(folder, slack, cast))
        stack.callback(guide.close)
        told = Transcript(slack, cast.channel, console)
        stage = Live(told, guide, 0.0 if only_tour else PAUSE_SECONDS)
        is_whole = _play_live(new_tour(stage), guide, console, folder)
        if not only_tour:
            guide.offer(lambda stage: new_tour(stage).play())
            console.print(
                f"\nNow it is yours: open {slack.page_url} and play any part. Ctrl-C ends it.", style="bold"
            )
            _until_asked_to_end()
    return 0 if is_whole else 1


def _play_live(tour: Tour, guide: Guide, console: Console, folder: Path) -> bool:
    """Play the tour to the terminal and at the same time in the page. Whether it came to its end."""
    began, end, problem = time.monotonic(), "", ""
    try:
        end = tour.play()
    except TourFailed as failure:
        problem = str(failure)
    guide.end_live(end, problem)
    if problem:
        console.print(
            f"\nThe tour ended early: {problem}\nThe bot's log is {folder / 'bot.log'}.", style="red"
        )
    elif end:
        console.print(f"\n{end}")
    else:
        console.print(f"\nThe tour took {time.monotonic() - began:.1f} s.", style="dim")
    return not (end or problem)


def workspace(ack_limit_seconds: float = 3.0) -> LocalSlack:
    """A Slack with the bot's commands, events and shortcuts, and nobody in it."""
    app = _manifest()
    return LocalSlack(
        app_name="innkeeper",
        team_name="Innkeeper Demo",
        commands=app.commands,
        events=app.events,
        shortcuts=app.shortcuts,
        scopes=app.scopes,
        ack_limit_seconds=ack_limit_seconds,
    )


def _manifest() -> Manifest:
    """The app as its manifest has it; its commands alone where that is not at hand, as in an installed wheel."""
    path = LABS.parent / "app.yaml"
    return (
        read_manifest(path)
        if path.is_file()
        else Manifest(events=list(EVENTS), commands=[SlashCommand(word) for word in COMMANDS])
    )


def cast_of(slack: LocalSlack) -> Cast:
    """Who plays, in one channel, by this machine's clock. Whoever opens the page is the first of them."""
    add = partial(slack.add_user, tz=zone_of_machine(os.environ))
    people = {
        "requester": add("riley", title="asks for labs"),
        "infra": add("ines", title="infra, approves"),
        "security": add("sam", title="security, approves"),
        "admin": add("ada", title="admin, says who may", is_admin=True),
        "stranger": add("eve", title="stranger, may nothing"),
        "leaver": add("ivo", title="infra, leaves today"),
    }
    channel = slack.add_channel("lab", list(people.values()))
    return Cast(channel=channel, **people)


def _until_asked_to_end() -> None:
    ended = threading.Event()
    for number in _ENDS:  # once more, while everything ends, changes nothing
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
