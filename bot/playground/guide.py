"""A tour in the page: captions, what somebody does, and pauses where the reader acts themselves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from bot.playground.workspace import Workspace

PAUSE_SECONDS = 0.9  # after each act, so that a reader can follow


@dataclass(frozen=True)
class Scene:
    """What the page shows of the tour. user: who acts now, or whom the reader should be."""

    state: Literal["offered", "waiting", "playing", "asking", "over"] = "offered"
    caption: str = ""
    said: tuple[str, ...] = ()
    user: str = ""
    asked: str = ""  # the button that the reader should press
    problem: str = ""


class Guide:
    """Plays a tour once for every start(), in a thread of its own.

    play: called with this guide; it tells what happens through caption, does, say, catch_up and lets_reader.
    """

    def __init__(
        self,
        workspace: Workspace,
        channel: str,
        play: Callable[[Guide], object],
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self.workspace = workspace
        self.channel = channel
        self._play = play
        self._pause_seconds = pause_seconds
        self._scene = Scene()
        self._is_played_through = False
        self._is_let_go = False  # the reader pressed what goes on
        self._is_ending = threading.Event()

    @property
    def scene(self) -> Scene:
        with self.workspace.lock:
            return self._scene

    # What the page asks for

    def press(self, what: str) -> None:
        """start, next, do (instead of the reader) or through. Raises LookupError for anything else."""
        if what not in ("start", "next", "do", "through"):
            raise LookupError("The tour has no such button.")
        with self.workspace.lock:
            is_new = what == "start" and self._scene.state in ("offered", "over")
            if is_new:
                self._is_played_through = False
                self._show(Scene("playing"))
            elif what != "start":
                self._is_played_through |= what == "through"
                self._is_let_go = True
        self.workspace.note()
        if is_new:
            threading.Thread(target=self._run, name="tour", daemon=True).start()

    def end(self) -> None:
        """Let a tour that waits for its reader end."""
        self._is_ending.set()
        self.workspace.note()

    def _run(self) -> None:
        try:
            self._play(self)
        except Exception as problem:
            self._show(replace(self.scene, state="over", problem=str(problem), asked=""))
            return
        self._show(replace(self.scene, state="over", asked=""))

    # What the tour tells

    def caption(self, text: str) -> None:
        """What comes next. Goes on when the reader does."""
        before = self.scene
        self._show(replace(before, state="waiting", caption=text, asked=""))
        self._wait(lambda: self._is_played_through)
        self._show(replace(self.scene, state="playing", said=()))

    def does(self, user: str, doing: str) -> None:
        """Somebody acts: the page becomes theirs."""
        self._show(replace(self.scene, state="playing", user=user))
        self.say(f"{self.workspace.users[user].real_name} {doing}")
        self._is_ending.wait(self._pause_seconds)

    def say(self, text: str) -> None:
        """Something that happens outside of Slack, too."""
        scene = self.scene
        self._show(replace(scene, said=(*scene.said, text)))

    def catch_up(self) -> None:
        """The page itself shows what was said."""

    def lets_reader(self, user: str, label: str, is_done: Callable[[], bool]) -> bool:
        """Ask the reader to press a button as somebody. False: they would rather have it done for them."""
        self._show(replace(self.scene, state="asking", user=user, asked=label))
        self._wait(lambda: is_done() or self._is_played_through)
        self._show(replace(self.scene, state="playing", asked=""))
        return is_done()

    def _show(self, scene: Scene) -> None:
        with self.workspace.lock:
            self._scene = scene
            self._is_let_go = False  # what was pressed before concerned another scene
        self.workspace.note()

    def _wait(self, is_enough: Callable[[], bool]) -> None:
        with self.workspace.changed:
            self.workspace.changed.wait_for(
                lambda: self._is_let_go or self._is_ending.is_set() or is_enough()
            )
        if self._is_ending.is_set():
            raise RuntimeError("The workspace is closing.")
