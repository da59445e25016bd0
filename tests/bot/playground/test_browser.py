"""When the page is opened in a browser, and that it never disturbs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bot.playground.browser import has_browser, open_page
from tests.waiting import until

SCREEN, SSH = {"DISPLAY": ":0"}, {"SSH_CONNECTION": "10.0.0.1 50000 10.0.0.2 22"}


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        (SCREEN, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"WSL_DISTRO_NAME": "Ubuntu"}, "linux", True),
        ({}, "darwin", True),
        ({}, "linux", False),
        ({"DISPLAY": ""}, "linux", False),
        (SSH, "darwin", False),
        (SCREEN | SSH, "linux", False),
        (SSH | {"BROWSER": "/vscode/helpers/browser.sh"}, "linux", True),
        (SCREEN | {"BROWSER": "none"}, "linux", False),
        (SCREEN | {"BROWSER": ""}, "linux", False),
        ({"BROWSER": "None "}, "darwin", False),
    ],
)
def test_where_there_is_a_browser(environment: dict[str, str], platform: str, expected: bool) -> None:
    assert has_browser(environment, platform) is expected


def test_the_browser_that_is_named_gets_the_address(tmp_path: Path) -> None:
    browser, got = tmp_path / "browser", tmp_path / "got"
    browser.write_text(f'#!/bin/sh\necho noise; echo noise >&2; echo "$1" > {got}\n')
    browser.chmod(0o755)
    assert open_page("http://127.0.0.1:3999/", {"BROWSER": str(browser), "PATH": "/bin:/usr/bin"})
    until(lambda: got.exists() and got.read_text() == "http://127.0.0.1:3999/\n")


def test_a_browser_that_cannot_be_started_disturbs_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    assert open_page("http://127.0.0.1:3999/", {"BROWSER": "/nowhere", "PATH": "/nowhere"}, sys.platform)
    assert capfd.readouterr() == ("", "")


def test_nobody_is_asked_where_there_is_none() -> None:
    assert not open_page("http://127.0.0.1:3999/", {}, "linux")
