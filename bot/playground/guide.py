"""A tour in the page: captions, what somebody does, and pauses where the reader acts themselves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from bot.playground.workspace import Workspace

PAUSE_SECONDS = 0.9  # after each act, so that a reader can follow
LATE_SECONDS = 60.0  # then a reader who is asked to press something is told what else they can do

State = Literal["starting", "live", "offered", "waiting", "playing", "asking", "stopping", "over"]


class TourEnded(Exception):
    """The tour ends before its time, and nothing is wrong. Its words say why."""


class Stage(Protocol):
    """Where a tour is told. Until ending() was called, each of these may raise TourEnded."""

    def caption(self, text: str) -> None:
        """What the next part is about."""

    def does(self, user: str, doing: str) -> None:
        """Somebody acts."""

    def say(self, text: str) -> None:
        """Something that happens outside of Slack."""

    def catch_up(self) -> None:
        """Show what was said since."""

    def lets_reader(self, user: str, label: str, is_done: Callable[[], bool]) -> bool:
        """Ask the reader to press a button as somebody. False: it is to be done for them."""

    def go_on(self) -> None:
        """Asked while the tour waits for something."""

    def ending(self, text: str) -> None:
        """The tour ends before its time, and tidies up."""


@dataclass(frozen=True)
class Scene:
    """What the page shows of the tour. user: who acts now, or whom the reader should be."""

    state: State = "offered"
    caption: str = ""
    said: tuple[str, ...] = ()
    user: str = ""
    asked: str = ""  # the button that the reader should press
    is_late: bool = False  # they have been asked for a while
    problem: str = ""  # what went wrong
    end: str = ""  # why the tour ended before its time, and what is left of it


class Guide:
    """Plays a tour for every start(), in a thread of its own, one at a time. It is a Stage.

    play: called with this guide. What it gives is told at the end, for instance what it has left behind.
    None: there is no tour yet, and the page says that everything is starting until offer().
    invitation: what the reader may try, told beside the button that starts the tour.
    """

    def __init__(
        self,
        workspace: Workspace,
        channel: str,
        play: Callable[[Guide], str] | None = None,
        pause_seconds: float = PAUSE_SECONDS,
        late_seconds: float = LATE_SECONDS,
        invitation: str = "",
    ) -> None:
        self.workspace = workspace
        self.channel = channel
        self.invitation = invitation
        self._play = play
        self._pause_seconds = pause_seconds
        self._late_seconds = late_seconds
        self._scene = Scene("offered" if play else "starting")
        self._is_played_through = False
        self._is_let_go = False  # the reader pressed what goes on
        self._is_stopped = False
        self._is_closing = False

    @property
    def scene(self) -> Scene:
        with self.workspace.lock:
            return self._scene

    def offer(self, play: Callable[[Guide], str]) -> None:
        """There is a tour now. What was told of one that played by itself stays where it ended early."""
        self._play = play
        scene = self.scene
        self._show(replace(scene, state="over") if scene.problem or scene.end else Scene("offered"))

    # What the page asks for

    def press(self, what: str) -> None:
        """start, next, do (instead of the reader), through or stop. Raises LookupError for anything else."""
        if what not in ("start", "next", "do", "through", "stop"):
            raise LookupError("The tour has no such button.")
        with self.workspace.lock:
            is_new = what == "start" and self._scene.state in ("offered", "over")
            if is_new:
                self._is_played_through = self._is_stopped = False
                self._show(Scene("playing"))
            elif what == "stop":
                self._is_stopped |= self._scene.state in ("live", "waiting", "playing", "asking")
            elif what != "start":
                self._is_played_through |= what == "through"
                self._is_let_go = True
        self.workspace.note()
        if is_new:
            threading.Thread(target=self._run, name="tour", daemon=True).start()

    def close(self) -> None:
        """End a tour that plays or waits for its reader: the workspace is closing."""
        self._is_closing = True
        self.workspace.note()

    def _run(self) -> None:
        try:
            end, problem = self._play(self) if self._play else "", ""
        except Exception as wrong:
            end, problem = "", str(wrong)
        self._show(replace(self.scene, state="over", asked="", end=end, problem=problem))

    # What the tour tells

    def caption(self, text: str) -> None:
        """What comes next. Goes on when the reader does."""
        self._tell(state="waiting", caption=text, asked="")
        self._wait(lambda: self._is_played_through)
        self._tell(state="playing", said=(), is_late=False)

    def does(self, user: str, doing: str) -> None:
        """Somebody acts: the page becomes theirs."""
        self._tell(state="playing", user=user)
        self.say(f"{self.workspace.users[user].real_name} {doing}")
        self.pause(self._pause_seconds)

    def say(self, text: str) -> None:
        """Something that happens outside of Slack, too."""
        self.go_on()
        self._tell(said=(*self.scene.said, text))

    def catch_up(self) -> None:
        """The page itself shows what was said."""

    def lets_reader(self, user: str, label: str, is_done: Callable[[], bool]) -> bool:
        """Ask the reader to press a button as somebody. False: they would rather have it done for them."""
        self._tell(state="asking", user=user, asked=label)
        self._wait(lambda: is_done() or self._is_played_through)
        self._tell(state="playing", asked="", is_late=False)
        return is_done()

    def go_on(self) -> None:
        """Raises TourEnded when the reader has pressed Stop, and whenever the workspace is closing."""
        if self._is_closing:
            raise TourEnded("The workspace is closing.")
        if self._is_over():
            raise TourEnded("You stopped the tour.")

    def ending(self, text: str) -> None:
        """It tidies up from here, and waits for nobody."""
        self._show(Scene("stopping", caption=text))

    def pause(self, seconds: float) -> None:
        """Let a reader follow. Raises TourEnded as soon as they stop the tour."""
        with self.workspace.changed:
            self.workspace.changed.wait_for(self._is_over, seconds)
        self.go_on()

    # A tour that plays by itself

    def tell_live(self, caption: str = "", said: str = "") -> None:
        """A tour plays in the terminal: its newest caption, or what happened since. The page waits for nobody."""
        scene = self.scene
        if caption:
            self._tell(state="live", caption=caption)
        elif said:
            self._tell(said=(*scene.said, said))

    def end_live(self, end: str = "", problem: str = "") -> None:
        """It has ended, before its time where there is an end or a problem to tell."""
        self._tell(end=end, problem=problem)

    # How

    def _is_over(self) -> bool:
        return self._is_closing or (self._is_stopped and self._scene.state != "stopping")

    def _tell(self, **values: Any) -> None:
        self._show(replace(self.scene, **values))

    def _show(self, scene: Scene) -> None:
        with self.workspace.lock:
            self._scene = scene
            self._is_let_go = False  # what was pressed before concerned another scene
        self.workspace.note()

    def _wait(self, is_enough: Callable[[], bool]) -> None:
        """Until the reader goes on, or it is enough: a reader who is asked for long is told so once."""

        def is_met() -> bool:
            return self._is_let_go or self._is_over() or is_enough()

        with self.workspace.changed:
            is_soon = self.workspace.changed.wait_for(is_met, self._late_seconds)
        if not is_soon:
            self._tell(is_late=True)
            with self.workspace.changed:
                self.workspace.changed.wait_for(is_met)
        self.go_on()


class Live:
    """A Stage of a tour that plays by itself: it is told on another stage, and shown in the page meanwhile.

    pause_seconds: after each caption, so that it can be read.
    """

    def __init__(self, told: Stage, guide: Guide, pause_seconds: float = 0.0) -> None:
        self._told = told
        self._guide = guide
        self._pause_seconds = pause_seconds

    def caption(self, text: str) -> None:
        self.go_on()
        self._told.caption(text)
        self._guide.tell_live(caption=text)
        self._guide.pause(self._pause_seconds)

    def does(self, user: str, doing: str) -> None:
        self._told.does(user, doing)
        self._guide.tell_live(said=f"{self._guide.workspace.users[user].real_name} {doing}")
        self.go_on()

    def say(self, text: str) -> None:
        self._told.say(text)
        self._guide.tell_live(said=text)

    def catch_up(self) -> None:
        self._told.catch_up()

    def lets_reader(self, user: str, label: str, is_done: Callable[[], bool]) -> bool:
        return is_done()

    def go_on(self) -> None:
        self._guide.go_on()

    def ending(self, text: str) -> None:
        self._told.ending(text)
        self._guide.ending(text)
