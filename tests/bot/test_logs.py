"""The log of a process: lines of JSON, with ids and without tokens."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import logging
import structlog
from bot.logs import set_up

log = set_up()
log.info("started", token="xoxb-canary-1", port=3000)
with structlog.contextvars.bound_contextvars(request="T.1", run="run1"):
    log.info("handled hvs.canary2abc", words=["lab", "up"])
try:
    raise RuntimeError("refused xapp-1-canary3 by Slack")
except RuntimeError:
    log.exception("a fault", incident="3FQ7", nested={"deep": ["hvs.canary4abc"]})
logging.getLogger("somebody").warning("token %s is wrong", "xoxp-canary-5")
logging.getLogger("slack_bolt").warning("Bolt chatters")
log.debug("not shown")
"""


@pytest.mark.integration
def test_lines_are_json_with_ids_and_without_tokens() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "canary" not in done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines] == ["started", "handled (token)", "a fault"]
    assert (lines[0]["token"], lines[0]["port"], lines[0]["level"]) == ("(token)", 3000, "info")
    assert (lines[1]["request"], lines[1]["run"]) == ("T.1", "run1")
    assert "RuntimeError: refused (token) by Slack" in lines[2]["exception"]
    assert lines[2]["timestamp"].endswith("Z")
    assert "WARNING somebody token (token) is wrong" in done.stderr
    assert "chatters" not in done.stderr
