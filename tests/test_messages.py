"""docs/MESSAGES.md is what the bot says now, all of it, in one voice, with pictures that show the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from commands.table import ACTIONS, COMMANDS, NOTICED
from tests.messages import page, pictures, refusals, spoken
from tests.messages.page import Played

AGAIN = "`python -m tests.messages` writes it anew"
# Lines of the views that no scene comes to, and why.
_TOO_LONG = "a message as a whole beyond Slack's limit: all that is said is cut long before"
_ANSWER = "an answer beyond one section: none is that long today"
_FORTY = "more than forty rows that have no pages: there is no such list"
_GUARD = "our own mistake, not a person's"
_SECRET = "a secret beyond one section: a chain of many certificates"
_BOXES = "more than ten boxes to tick: there are four roles"
NOT_SPOKEN = {
    "message.py: longest = max(blocks, key=lambda block: len(_text_of(block)))": _TOO_LONG,
    "message.py: length = len(_text_of(longest))": _TOO_LONG,
    "message.py: if length > 200:": _TOO_LONG,
    'message.py: longest["text"]["text"] = shorten(longest["text"]["text"], length * 2 // 3)': _TOO_LONG,
    "message.py: blocks.pop(max(0, len(blocks) - 2))": _TOO_LONG,
    'message.py: return str(block["text"]["text"]) if block["type"] == "section" else ""': _TOO_LONG,
    'message.py: return text + "\\n```"': _ANSWER,
    'lists.py: blocks.append(section(f"{part}\\n{_FENCE}" if fenced else part))': _ANSWER,
    'lists.py: part = _FENCE if fenced else ""': _ANSWER,
    'lists.py: blocks.append(message.context([f"and {len(listing.rows) - place:,} more"]))': _FORTY,
    "lists.py: break": _FORTY,
    "modals.py: raise ValueError(": _GUARD,
    'modals.py: f"private_metadata has {len(private_metadata)} characters; Slack takes {METADATA_LIMIT}"': _GUARD,
    "modals.py: or [section(data(form.title))],": "a form without fields: there is none",
    'modals.py: yield f"```\\n{escape(part)}\\n```"': _SECRET,
    'modals.py: part = ""': _SECRET,
    "modals.py: if len(options) > _CHOICES:": _BOXES,
    "modals.py: return StaticMultiSelectElement(": _BOXES,
    "modals.py: action_id=VALUE, option_groups=_groups(options), initial_options=chosen": _BOXES,
    "modals.py: return StaticMultiSelectElement(action_id=VALUE, options=list(options.values()), "
    "initial_options=chosen)": _BOXES,
}

Chapters = dict[str, list[Played]]


@pytest.fixture(scope="module")
def seen() -> dict[str, set[int]]:
    """File of the views → the lines that were run while the scenes were played."""
    return {str(path): set() for path in spoken.VIEWS.glob("*.py")}


@pytest.fixture(scope="module")
def chapters(seen: dict[str, set[int]]) -> Chapters:
    with spoken.traced(seen):
        return page.all_played()


@pytest.fixture(scope="module")
def written(chapters: Chapters) -> str:
    return page.page(chapters)


def test_the_page_is_what_is_said(written: str) -> None:
    assert page.PAGE.read_text() == written, AGAIN


def test_nobody_shouts_gives_up_or_counts_wrong(written: str) -> None:
    said = "\n".join(line for line in written.splitlines() if line.startswith((">", "- ")))
    assert "!" not in said
    assert not re.search(r"unable to|failed to|something went wrong|\b1 \w+s\b(?! )", said, re.IGNORECASE)
    assert not re.search(r"<[@#!]|&(amp|lt|gt);|\bNone\b|\bRunState\b", said)


def test_everything_that_can_be_asked_is_played(chapters: Chapters) -> None:
    played = {asked for scenes in chapters.values() for scene in scenes for asked in scene.asked}
    wanted = {" ".join(each.words) for each in COMMANDS} | {*ACTIONS, *NOTICED}
    assert wanted - played == set()


def test_every_line_of_the_views_is_spoken(chapters: Chapters, seen: dict[str, set[int]]) -> None:
    silent = []
    for name, lines in seen.items():
        path = Path(name)
        text = path.read_text().splitlines()
        silent += [f"{path.name}: {text[line - 1].strip()}" for line in sorted(spoken.lines_of(path) - lines)]
    told = "play it in a scene of tests/messages/scenes, or say in NOT_SPOKEN why not"
    assert sorted({*silent} - {*NOT_SPOKEN}) == [], told
    assert sorted({*NOT_SPOKEN} - {*silent}) == [], "this is spoken by now, or there no more"


def test_every_refusal_is_shown_or_made_elsewhere() -> None:
    silent = {each.place for each in refusals.refusals() if not each.sentence}
    assert silent == set(refusals.HANDED_ON)


def test_every_scene_has_a_picture_and_a_name_of_its_own(chapters: Chapters) -> None:
    scenes = [scene for each in chapters.values() for scene in each]
    assert [scene.title for scene in scenes if scene.shot is None] == []
    slugs = [scene.slug for scene in scenes]
    assert len(set(slugs)) == len(slugs)


def test_every_picture_shows_what_is_said(chapters: Chapters) -> None:
    shots = {scene.slug: scene.shot for each in chapters.values() for scene in each if scene.shot is not None}
    stale = {
        slug: "shows something else" if (pictures.FOLDER / f"{slug}.png").exists() else "is missing"
        for slug, shot in shots.items()
        if pictures.digest_of(pictures.FOLDER / f"{slug}.png") != pictures.shows(shot)
    }
    assert stale == {}, "`python -m tests.messages --pictures` takes them anew, with Chromium"
    assert {path.stem for path in pictures.FOLDER.iterdir()} == set(shots)


def test_pictures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in pictures.FOLDER.iterdir()}
    assert {name: size for name, size in sizes.items() if size > 25_000} == {}
    assert sum(sizes.values()) < 1_000_000
