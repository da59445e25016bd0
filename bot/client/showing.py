"""What the command line shows: a bar that moves on a terminal, plain lines elsewhere, JSON where that was asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from commands.words import listed, plural, unmarked

TERMINAL_SECONDS, LINES_SECONDS = 1, 10  # between two looks at what is under way


class Screen:
    """Results go to out, and how far it is to err."""

    def __init__(self, out: Console, err: Console, as_json: bool = False) -> None:
        self._out = out
        self._err = err
        self._as_json = as_json
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._last = ""

    @property
    def look_every_seconds(self) -> int:
        """How often somebody wants to see how far it is."""
        return TERMINAL_SECONDS if self._err.is_terminal else LINES_SECONDS

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """It is waited for a run: a bar on a terminal."""
        if not self._err.is_terminal:
            yield
            return
        columns = TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn()
        with Progress(*columns, console=self._err, transient=True) as self._bar:
            self._task = self._bar.add_task("", total=None)
            yield

    def said(self, answer: dict[str, Any]) -> None:
        """What the command said."""
        if self._as_json:
            return
        if answer["text"]:
            self._line(self._out, answer["text"])
        if answer["listing"]:
            for row in answer["listing"]["rows"]:
                self._line(self._out, f"{row['title']}\n  {row['text']}".replace("\n", "\n  ").rstrip())
            if answer["listing"]["pages"] > 1:
                page = (
                    f"Page {answer['listing']['page']} of {answer['listing']['pages']}: add page=2 and so on."
                )
                self._line(self._out, page)
        if answer["file"]:
            self._line(self._out, answer["file"]["body"])

    def progress(self, run: dict[str, Any]) -> None:
        """How far a run is, where that is news."""
        words = progress_words(run)
        if self._bar is not None:
            total = run["resources_total"] or None
            self._bar.update(self._task, description=words, completed=run["resources_done"], total=total)
        elif words != self._last:
            self._line(self._err, words)
        self._last = words

    def end(self, answer: dict[str, Any], waited: bool) -> None:
        """What came of it."""
        run = answer.get("run")
        if self._as_json:
            self._out.print(json.dumps(answer, ensure_ascii=False, indent=2), markup=False, soft_wrap=True)
            return
        if run is None:
            return
        self._line(self._out, end_words(run, waited))
        for name, value in sorted(run["outputs"].items()):
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            self._line(self._out, f"{name} = {shown}")

    def problem(self, sentence: str, example: str = "") -> None:
        """Why it was not done."""
        self._line(self._err, unmarked(sentence) + (f"\nFor example: {example}" if example else ""))

    def _line(self, console: Console, text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def progress_words(run: dict[str, Any]) -> str:
    """`demo: proposed · 4 to add, 0 to change, 0 to destroy · waits for infra and security`. Pure."""
    parts = [f"{run['lab']}: {run['state'].replace('_', ' ')}"]
    if run["state"] == "proposed":
        parts.append(f"{run['add']} to add, {run['change']} to change, {run['destroy']} to destroy")
        roles = [role if many == 1 else f"{many} {role}" for role, many in sorted(run["waiting_for"].items())]
        if roles:
            parts.append(f"waits for {listed(roles)}")
    if run["state"] == "applying":
        step = next((each["name"] for each in run["steps"] if each["state"] == "running"), "")
        parts.append(step or f"{run['resources_done']} of {plural(run['resources_total'], 'resource')}")
    return " · ".join(parts)


def end_words(run: dict[str, Any], waited: bool) -> str:
    """How it ended, with the reason; or that it goes on without us. Pure."""
    said = f"{progress_words(run)}. {run['sentence']}".strip() if run["sentence"] else progress_words(run)
    if waited and not run["is_ended"]:
        return f"{said} · run {run['id']} goes on, and I wait no longer."
    return f"{said} · run {run['id']}"
