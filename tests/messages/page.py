"""docs/MESSAGES.md as it should be now."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from state import inbox
from tests.messages import markdown, refusals
from tests.messages.scene import Scene, Shot
from tests.messages.scenes import (
    approving,
    asking,
    branches,
    home,
    keys,
    lasting,
    making,
    money,
    much,
    people,
    trouble,
    using,
)

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "MESSAGES.md"
CHAPTERS: tuple[ModuleType, ...] = (
    asking,
    approving,
    making,
    using,
    keys,
    lasting,
    branches,
    people,
    money,
    home,
    much,
    trouble,
)
HEAD = """# Messages

What Innkeeper says, in the order in which people meet it, with pictures from the page of the local workspace.
`python -m tests.messages` writes this, and tests compare it: nobody edits it by hand. Times are shown in each reader's
own zone; here they are UTC. `( )` are buttons, with `…` where they ask once more, and `[ ]` is small print. A line that
is `…` stands for those that an edit left as they were. What stands deeper is in a thread, and *only @somebody sees*
is for that person alone.
"""


@dataclass(frozen=True)
class Played:
    """A scene after it was played. asked: what people asked for, a command by its two words, a click by its action."""

    title: str
    lines: tuple[str, ...]
    shot: Shot | None
    asked: frozenset[str]

    @property
    def slug(self) -> str:
        return slug(self.title)


def slug(title: str) -> str:
    """A heading's anchor, which is a picture's name too."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def played(title: str, play: Callable[[Scene], None]) -> Played:
    """Play a scene in an inn of its own."""
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder))
        try:
            play(scene)
            asked = frozenset(_asked(scene))
        finally:
            scene.inn.ends()
    return Played(title, tuple(scene.lines), scene.shot, asked)


def all_played() -> dict[str, list[Played]]:
    """Chapter → its scenes, each played."""
    return {each.TITLE: [played(*scene) for scene in each.SCENES.items()] for each in CHAPTERS}


def page(chapters: dict[str, list[Played]]) -> str:
    """The whole page."""
    told = [HEAD, *_contents(chapters)]
    for chapter, scenes in chapters.items():
        told += ["", f"## {chapter}"]
        for scene in scenes:
            told += ["", f"### {scene.title}", "", _picture(scene), *scene.lines]
    return "\n".join([*told, "", *refusals.section()]).rstrip() + "\n"


def alt(shot: Shot) -> str:
    """What a picture shows, for those who do not see it."""
    if shot.view is not None and "title" in shot.view:
        return f"The form or window “{shot.view['title']['text']}”"
    if shot.view is not None:
        return f"The Home tab of @{markdown.NAMES[shot.viewer.user]}"
    said = markdown.words(shot.messages[-1].text).replace("*", "").replace("`", "").splitlines()
    return said[0][:120] if said else shot.messages[-1].file or ""


def _contents(chapters: dict[str, list[Played]]) -> Iterator[str]:
    for chapter, scenes in chapters.items():
        links = " · ".join(f"[{each.title}](#{each.slug})" for each in scenes)
        yield f"- **[{chapter}](#{slug(chapter)})**: {links}"
    yield f"- **[{refusals.TITLE}](#{slug(refusals.TITLE)})**"


def _picture(scene: Played) -> str:
    return f"![{alt(scene.shot)}](images/messages/{scene.slug}.png)" if scene.shot is not None else ""


def _asked(scene: Scene) -> Iterator[str]:
    for row in scene.inn.database.rows("SELECT id FROM inbox"):
        entry = inbox.get(scene.inn.database, str(row["id"]))
        words = entry.payload["words"] if entry is not None else []
        yield from (" ".join(words[:2]), *words[:1])
