"""Runs somebody's app as it is, with its calls to Slack led to the workspace at SLACK_API_URL.

    python PATH/TO/bot/playground/unchanged.py app.py …
    python PATH/TO/bot/playground/unchanged.py -m uvicorn app:api …

It needs nothing but the app's own Python: slack-sdk's clients begin there where the app names no address itself.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
from pathlib import Path
from typing import Any

SLACK = "https://slack.com/api/"
CLIENTS = (
    ("slack_sdk.web.base_client", "BaseClient"),
    ("slack_sdk.web.async_base_client", "AsyncBaseClient"),
    ("slack_sdk.web.legacy_base_client", "LegacyBaseClient"),
)


def lead(api_url: str) -> int:
    """Clients that are made from here on begin there, unless they are told an address. Gives how many kinds do."""
    count = 0
    for module, name in CLIENTS:
        try:
            client: Any = getattr(importlib.import_module(module), name)
        except (
            ImportError,
            AttributeError,
        ):  # aiohttp is not there, or slack-sdk has no such client any more
            continue
        defaults = client.__init__.__defaults__ or ()
        client.__init__.__defaults__ = tuple(api_url if each == SLACK else each for each in defaults)
        client.BASE_URL = api_url
        count += 1
    return count


def main(arguments: list[str]) -> None:
    """Run a file, or -m and a module, with the arguments after it, as python itself does."""
    api_url = os.environ.get("SLACK_API_URL", "")
    if not api_url or not arguments or arguments == ["-m"]:
        raise SystemExit("Set SLACK_API_URL, and name the app: python unchanged.py app.py")
    is_module = arguments[0] == "-m"
    sys.argv = arguments[1:] if is_module else arguments
    sys.path[0] = str(Path.cwd() if is_module else Path(arguments[0]).resolve().parent)
    if lead(api_url) == 0:
        raise SystemExit("There is no slack-sdk here: run this with the app's own Python.")
    if is_module:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
