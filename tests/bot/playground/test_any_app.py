"""What somebody else's app is told it can count on, and how it is led here without a change."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bot.playground.__main__ import with_path
from bot.playground.built_in import BUILT_IN
from bot.playground.events import SERVED
from bot.playground.manifest import Manifest, read_manifest
from bot.playground.server import LocalSlack
from bot.playground.web_api import METHODS

ROOT = Path(__file__).resolve().parents[3]
UNCHANGED = ROOT / "bot" / "playground" / "unchanged.py"
APP = """
import sys
from slack_sdk import WebClient
print(WebClient("{token}").auth_test()["user_id"], sys.argv[1:], __name__)
"""


def served_in_docs(heading: str) -> set[str]:
    """What the rows of a table of docs/PLAYGROUND.md name."""
    page = (ROOT / "docs" / "PLAYGROUND.md").read_text()
    rows = page.split(f"| {heading} | |\n|---|---|\n")[1].split("\n\n")[0].splitlines()
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[2])}


def test_every_method_and_event_is_told_of() -> None:
    assert served_in_docs("methods") == set(METHODS)
    assert served_in_docs("events") == set(SERVED)
    page = (ROOT / "docs" / "PLAYGROUND.md").read_text()
    assert [word for word in BUILT_IN if f"`{word}" not in page and word != "/kick"] == []


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("", ""),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000/slack/events"),
        ("http://127.0.0.1:3000/", "http://127.0.0.1:3000/slack/events"),
        ("http://127.0.0.1:3000/bolt", "http://127.0.0.1:3000/bolt"),
    ],
)
def test_bolt_is_asked_where_it_listens(address: str, asked: str) -> None:
    assert with_path(address) == asked


def test_a_manifest_says_what_the_app_is(tmp_path: Path) -> None:
    path = tmp_path / "app.yaml"
    path.write_text(
        "features:\n  assistant_view: {assistant_description: Asks}\n  unfurl_domains: [example.test]\n"
    )
    manifest = read_manifest(path)
    assert (manifest.has_assistant, manifest.unfurl_domains, manifest.events) == (True, ["example.test"], [])
    assert Manifest().events == list(SERVED)


@pytest.mark.integration
def test_an_app_runs_unchanged(tmp_path: Path) -> None:
    with LocalSlack(ack_limit_seconds=30) as slack:
        (tmp_path / "app.py").write_text(APP.format(token=slack.bot_token))
        environment = {"PATH": os.environ["PATH"], "SLACK_API_URL": slack.api_url}
        for named in (["app.py"], ["-m", "app"]):
            command = [sys.executable, str(UNCHANGED), *named, "--loud"]
            told = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
            ).stdout
            assert told.strip() == f"{slack.bot_user} ['--loud'] __main__"


@pytest.mark.integration
def test_it_says_what_it_needs() -> None:
    command = [sys.executable, str(UNCHANGED), "app.py"]
    said = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)
    assert (said.returncode, said.stderr.strip()) == (
        1,
        "Set SLACK_API_URL, and name the app: python unchanged.py app.py",
    )
