"""python -m tests.messages: docs/MESSAGES.md, everything that Innkeeper says, as an inn of fakes hears it.

Each scene plays on an inn of its own; what is new in Slack after each act is written down. tests/test_messages.py
compares.
"""

from __future__ import annotations

import html
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import structlog

from bot.requests import WrongFields
from commands import lifetime_sweep
from commands.engines.terraform import Diagnostic
from state.records import Person
from tests.fakes.slack import Said
from tests.inn import ADMIN, INFRA, KEYED, REQUESTER, SECURITY, STRANGER, Inn

PAGE = Path(__file__).parents[1] / "docs" / "MESSAGES.md"
NAMES = {
    "U1": "requester",
    "U2": "colleague",
    "U3": "infra",
    "U4": "infra-too",
    "U5": "security",
    "U6": "both",
    "U7": "admin",
    "U8": "stranger",
}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGQw0mFLTBUHPcPmFtD5fjDQ6YBNK9EMsTGPvn7o3JbD"
HEAD = """# Messages

What Innkeeper says, in the order in which people meet it. `python -m tests.messages` writes this page, and a test
compares it: nobody edits it by hand. Times are shown in each reader's own zone; here they are UTC. `( )` are buttons,
what stands deeper is in a thread, and *only @somebody sees* is for that person alone.
"""
_CHANGING = (
    (r"plan [0-9a-f]{7}\b", "plan 7f3a91c"),
    (r"\b(sandbox|web|wide|locked) at [0-9a-f]{7}\b", r"\1 at 4c1d2e9"),
    (r"\bAAAA[A-Za-z0-9+/=]{20,}", "AAAA…"),
    (r"serial `[^`]+`", "serial `4f:2a:…`"),
)


class Scene:
    """One story. does() plays an act, and writes down who did what and what was said."""

    def __init__(self, folder: Path) -> None:
        self.inn = Inn(folder)
        self.lines: list[str] = []
        self._seen: dict[str, int] = {}
        self._shown: dict[str, str] = {}

    def does(self, who: Person | None, what: str, act: Callable[[], object], typed: str = "") -> None:
        doing = f"*@{NAMES[who.user]} {what}*" if who is not None else f"*{what}*"
        self.lines += ["", f"{doing} `{typed}`" if typed else doing]
        act()
        for said in self.inn.slack.messages:
            if self._seen.get(said.ts) != said.edits:
                self._seen[said.ts] = said.edits
                self.lines += ["", *_quoted(_message(said), 2 if said.thread_ts else 1)]
        for where, view in self._views():
            words = list(_view(view))
            if self._shown.get(where) != "\n".join(words):
                self._shown[where] = "\n".join(words)
                self.lines += ["", *_quoted([f"*{where}*", *words], 1)]

    def says(self, who: Person, typed: str) -> None:
        self.does(who, "types", lambda: self.inn.says(who, typed), _words(typed))

    def presses(self, who: Person, label: str) -> None:
        self.does(who, "presses", lambda: self.inn.clicks(who, self.inn.newest_card(), label), label)

    def was_told(self) -> None:
        """What was said so far was told of in another scene."""
        self._seen = {said.ts: said.edits for said in self.inn.slack.messages}

    def _views(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for number, view in enumerate(self.inn.slack.views):
            yield f"a form{' ' * number}", view
        for user, view in self.inn.slack.homes.items():
            yield f"the Home tab of @{NAMES[user]}", view


def _message(said: Said) -> Iterator[str]:
    if said.only is not None or said.channel.startswith("D"):
        user = said.only or f"U{said.channel[1:]}"
        yield f"*only @{NAMES[user]} sees{'' if said.only else ', as a direct message'}*"
    if said.file is not None:
        yield f"{_words(said.text)} `{said.file}`{' · `graph.png`' if said.beside else ''}".strip()
    elif said.blocks:
        yield from _blocks(said.blocks)
    else:
        yield _words(said.text)


def _view(view: dict[str, Any]) -> Iterator[str]:
    if "title" in view:
        yield f"**{view['title']['text']}**"
    yield from _blocks(view["blocks"])
    if "submit" in view:
        yield f"( {view['submit']['text']} )"


def _blocks(blocks: list[dict[str, Any]]) -> Iterator[str]:
    for block in blocks:
        kind = block["type"]
        if kind == "section":
            beside = [block["accessory"]] if "accessory" in block else []
            yield " ".join([_words(block["text"]["text"]), *map(_button, beside)])
        elif kind == "header":
            yield f"**{block['text']['text']}**"
        elif kind == "context":
            yield f"[ {' '.join(_words(each['text']) for each in block['elements'])} ]"
        elif kind == "actions":
            yield " ".join(map(_button, block["elements"]))
        elif kind == "input":
            element = block["element"]
            given = (element.get("initial_option") or {}).get("value") or element.get("initial_value") or ""
            choices = ", ".join(each["text"]["text"] for each in element.get("options") or ())
            hint = f" — {block['hint']['text']}" if "hint" in block else ""
            yield f"{block['label']['text']}: [{given or '…'}]{f' of {choices}' if choices else ''}{hint}"


def _button(element: dict[str, Any]) -> str:
    return f"( {element['text']['text']} )"


def _words(mrkdwn: str) -> str:
    text = re.sub(r"<@(\w+)>", lambda match: f"@{NAMES.get(match[1], match[1])}", mrkdwn)
    text = re.sub(r"<#(\w+)>", "#lab", text)
    text = re.sub(r"<!date\^[^|]*\|([^>]*)>", r"\1", text)
    text = re.sub(r"<(https?://[^|>]+)\|([^>]*)>", r"[\2](\1)", text)
    text = re.sub(r"(?<![\w*`])\*([^*\n]+)\*(?![\w*])", r"**\1**", text)
    for pattern, said in _CHANGING:
        text = re.sub(pattern, said, text)
    return html.unescape(text)


def _quoted(lines: Iterator[str] | list[str], depth: int) -> Iterator[str]:
    """As a quotation: each line a paragraph of its own."""
    whole = "\\\n".join(line for part in lines for line in part.splitlines()).replace("```\\\n", "```\n")
    yield from (f"{'> ' * depth}{line}".rstrip() for line in whole.replace("\\\n```", "\n```").splitlines())


def asking(scene: Scene) -> None:
    scene.says(REQUESTER, "/lab up web demo size=large")
    scene.presses(REQUESTER, "Approve")
    scene.presses(INFRA, "Approve")
    scene.presses(SECURITY, "Approve")
    scene.says(REQUESTER, "/lab list mine")
    scene.says(REQUESTER, "/lab show demo")
    scene.says(REQUESTER, "/lab extend demo 4h")


def a_form(scene: Scene) -> None:
    scene.says(REQUESTER, "/lab up")

    def mistaken() -> None:
        try:
            scene.inn.submits(REQUESTER, name="De Mo")
        except WrongFields as wrong:
            scene.lines += [
                "",
                *_quoted([f"under *{name}*: {told}" for name, told in wrong.errors.items()], 1),
            ]

    scene.does(REQUESTER, "calls it", mistaken, "De Mo")


def refusals(scene: Scene) -> None:
    scene.says(STRANGER, "/lab up web demo")
    scene.says(REQUESTER, "/lab up wbe demo")
    scene.says(REQUESTER, "/lab up web Demo")
    scene.says(REQUESTER, "/lab up web demo size=huge")
    scene.says(SECURITY, "/lab up web demo")
    scene.inn.vault.state = "sealed"
    scene.says(REQUESTER, "/lab up web demo")


def rejecting(scene: Scene) -> None:
    scene.inn.says(REQUESTER, "/lab up web demo")
    scene.was_told()
    scene.presses(INFRA, "Reject")
    scene.does(INFRA, "says why", lambda: scene.inn.submits(INFRA, reason="ssh is open to the world"))


def failing(scene: Scene) -> None:
    scene.inn.terraform.plan_failure = Diagnostic("error", "Invalid region", "There is no such region.")
    scene.says(REQUESTER, "/lab up web demo")


def idle(scene: Scene) -> None:
    scene.inn.has("demo")
    scene.was_told()

    def hours(count: float) -> None:
        scene.inn.clock.passes(hours=count)
        lifetime_sweep.sweep(scene.inn.deps, scene.inn.clock())
        scene.inn.works()

    scene.does(None, "nobody uses it for four hours", lambda: hours(4.1))
    scene.does(None, "and for half an hour more", lambda: hours(0.6))


def keys(scene: Scene) -> None:
    scene.inn.offers("locked", KEYED["locked"])
    scene.inn.has("demo", "locked")
    scene.was_told()
    scene.says(REQUESTER, f"/key enroll {KEY}")
    scene.says(REQUESTER, "/key ssh demo")
    scene.says(REQUESTER, "/key db demo")
    scene.says(REQUESTER, "/key list")


def operators(scene: Scene) -> None:
    scene.says(ADMIN, "/operator add <@U8> operator")
    scene.says(ADMIN, "/operator show <@U8>")
    scene.says(ADMIN, "/operator remove <@U8>")


def home(scene: Scene) -> None:
    scene.does(STRANGER, "opens the Home tab", lambda: scene.inn.opens_home(STRANGER))
    scene.inn.offers("locked", KEYED["locked"])
    scene.inn.has("hosted", "locked")
    scene.inn.says(REQUESTER, "/lab up web demo")
    scene.was_told()
    scene.does(REQUESTER, "opens the Home tab", lambda: scene.inn.opens_home(REQUESTER))
    scene.does(INFRA, "opens the Home tab", lambda: scene.inn.opens_home(INFRA))


SCENES: dict[str, Callable[[Scene], None]] = {
    "Asking for a lab": asking,
    "Asking in a form": a_form,
    "No": refusals,
    "A plan that is rejected": rejecting,
    "A plan that Terraform cannot make": failing,
    "A lab that nobody uses": idle,
    "Keys": keys,
    "Operators": operators,
    "The Home tab": home,
}


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, play in SCENES.items():
        with tempfile.TemporaryDirectory() as folder:
            scene = Scene(Path(folder))
            play(scene)
            scene.inn.ends()
        parts += [f"## {title}", *scene.lines, ""]
    return "\n".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    structlog.configure(processors=[], logger_factory=structlog.ReturnLoggerFactory())
    PAGE.write_text(page())
