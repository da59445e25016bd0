"""Somebody else's app, as docs/PLAYGROUND.md shows it: a process of its own, over Socket Mode and over HTTP."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.playground.ports import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
PATIENT = ["--ack-seconds", "60"]  # a busy machine takes longer than Slack allows


@dataclass(frozen=True)
class Served:
    page_url: str


@contextmanager
def started(command: list[str], folder: Path, environment: dict[str, str], until: str) -> Iterator[list[str]]:
    """A process and what it has said, once a line of that has `until` in it."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = {**inherited, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), **environment}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        said: list[str] = []
        try:
            for line in process.stdout:
                said.append(line)
                if until in line:
                    break
            assert until in "".join(said), said
            yield said
        finally:
            process.terminate()


@pytest.mark.parametrize("way", ["Socket Mode", "HTTP"])
def test_the_app_of_the_docs_is_played_in_the_page(
    visit: Callable[..., Page], tmp_path: Path, way: str
) -> None:
    page_of_docs = (ROOT / "docs" / "PLAYGROUND.md").read_text()
    app, manifest = (
        re.findall(rf"```{kind}\n(.*?)```", page_of_docs, re.DOTALL)[0] for kind in ("python", "yaml")
    )
    (tmp_path / "app.yaml").write_text(manifest)
    serve = [sys.executable, "-m", "bot.playground", "--manifest", "app.yaml", "--port", "0", *PATIENT]
    more = []
    if way == "HTTP":
        port = free_port()
        more = ["--app-url", f"http://127.0.0.1:{port}/slack/events"]
        app, count = re.subn(r"^SocketModeHandler\(.*$", f"app.start({port})", app, flags=re.MULTILINE)
        assert count == 1
    (tmp_path / "app.py").write_text(app)
    with started([*serve, *more], tmp_path, {}, "SLACK_APP_TOKEN") as said:
        given = dict(re.findall(r"^export (\w+)=(.+)$", "".join(said), re.MULTILINE))
        address = re.findall(r"http://\S+/", said[0])[0]
        with started([sys.executable, "app.py"], tmp_path, given, "Bolt app is running"):
            plays_with_the_parrot(visit(Served(address)))


def plays_with_the_parrot(page: Page) -> None:
    """A command, a button, a form that is sent wrongly and mended, and the Home tab."""
    page.fill("#text", "/squ")
    page.get_by_role("option", name="/squawk WORDS").wait_for()
    page.press("#text", "Tab")
    page.type("#text", "hello")
    page.press("#text", "Enter")
    page.locator("#log article", has_text="hello").get_by_role("button", name="Again").click()
    modal = page.locator("#modal")
    modal.get_by_label("What to say").fill("no")
    modal.get_by_role("button", name="Say it").click()
    modal.get_by_text("Say more than that.").wait_for()
    modal.get_by_label("What to say").fill("once more")
    modal.get_by_role("button", name="Say it").click()
    page.locator("#log article", has_text="once more").wait_for()
    page.locator("#sides button", has_text="Parrot").click()
    page.get_by_role("tab", name="Home").click()
    page.get_by_text("The parrot is in.").wait_for()
