"""The Dockerfile, read: no engine builds it here, so what can be known without one is held by these tests."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from bot.settings import Settings, read

ROOT = Path(__file__).parents[1]


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the Dockerfile with what follows it, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = [line.strip() for line in joined.splitlines() if line.strip()]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def said(word: str) -> list[str]:
    return [rest for each, rest in instructions() if each == word]


def last_stage(word: str) -> list[str]:
    found = instructions()
    begins = max(place for place, (each, _) in enumerate(found) if each == "FROM")
    return [rest for each, rest in found[begins:] if each == word]


def variables() -> dict[str, str]:
    pairs = " ".join(last_stage("ENV")).split()
    return dict(pair.split("=", 1) for pair in pairs)


def test_every_base_names_its_version() -> None:
    assert len(said("FROM")) == 2
    for base in said("FROM"):
        image = base.split()[0]
        assert re.fullmatch(r"python:3\.\d+-slim-\w+", image), image


def test_it_does_not_run_as_root() -> None:
    user = last_stage("USER")[-1]
    assert user.split(":")[0] not in ("root", "0")
    words = [word for word, _ in instructions()]
    assert words.index("USER") < words.index("ENTRYPOINT")


def test_it_starts_the_bot() -> None:
    assert json.loads(last_stage("ENTRYPOINT")[0]) == ["innkeeper"]
    assert json.loads(last_stage("CMD")[0]) == ["serve"]


def test_what_it_keeps_is_in_its_volume() -> None:
    volume = last_stage("VOLUME")[0]
    settings = read(variables())
    assert settings.data_path.is_relative_to(volume)
    assert settings.state_url == f"sqlite:///{volume}/innkeeper.db"


def test_its_terraform_reaches_it_from_within() -> None:
    assert read(variables()).public_url == "http://127.0.0.1:3000"


def test_it_sets_only_variables_that_the_bot_knows_and_no_secret() -> None:
    ours = set(variables()) - {"PATH", "PYTHONUNBUFFERED"}
    assert ours <= {name.upper() for name in Settings.model_fields}
    assert not {name for name in ours if re.search("TOKEN|SECRET", name)}


def test_everything_that_is_copied_is_here_and_not_left_out() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    for line in said("COPY"):
        if line.startswith("--from"):
            continue
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignored, source


def test_what_the_context_leaves_out_is_everything_else() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] not in ("", "#")]
    assert lines[0] == "*"


class _Alive(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def alive() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), _Alive)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def health_check(port: int) -> int:
    _, _, command = last_stage("HEALTHCHECK")[0].partition("CMD ")
    argv = json.loads(command)
    assert argv[0] == "python"
    done = subprocess.run(
        [sys.executable, *argv[1:]], env={**os.environ, "PORT": str(port)}, capture_output=True, timeout=60
    )
    return done.returncode


def test_the_health_check_sees_a_bot_that_is_alive(alive: int) -> None:
    assert health_check(alive) == 0


def test_the_health_check_notices_one_that_is_not() -> None:
    assert health_check(1) != 0
