"""Opens a page in the reader's browser, where there is one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

OFF = ("", "0", "none", "no", "off", "false")


def open_page(address: str, environment: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Ask for a page to be opened, by the standard library's `webbrowser`. Whether somebody was asked.

    In a process of its own, without this terminal: what the browser says there is neither seen nor waited for.
    """
    if not has_browser(environment, platform):
        return False
    try:
        subprocess.Popen(
            [sys.executable, "-m", "webbrowser", "-t", address],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    return True


def has_browser(environment: Mapping[str, str], platform: str) -> bool:
    """BROWSER says so, or `BROWSER=none` that there is none. Without it: a screen here, not at the other end of ssh."""
    if "BROWSER" in environment:
        return environment["BROWSER"].strip().lower() not in OFF
    if environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"):
        return False
    return platform in ("darwin", "win32") or any(
        environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME")
    )
