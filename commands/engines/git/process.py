"""git as a child: nothing inherited that it does not need, a limit of time, and nobody who is asked for a password."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO

from commands import words

SAID_LIMIT = 200  # characters of git's own reason
OUTPUT_LIMIT_BYTES = 64 * 2**20

# How it finds ssh's agent, a credential helper, a proxy and the certificates to trust.
_KEPT = (
    *("PATH", "HOME", "XDG_CONFIG_HOME", "SSH_AUTH_SOCK"),
    *("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO"),
)
_SETTINGS = (
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "protocol.ext.allow=never"),
    *("-c", "submodule.recurse=false"),
    *("-c", "gc.autoDetach=false"),
    *("-c", "maintenance.autoDetach=false"),
)


class GitFailed(Exception):
    """git did not do it. sentence says why, without passwords; is_away: it is the repository that does not answer."""

    def __init__(self, sentence: str, is_away: bool = False) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.is_away = is_away


class GitMissing(GitFailed):
    """There is no git on this machine."""

    def __init__(self) -> None:
        super().__init__("A catalogue in git needs git, and there is none on PATH. Install it.")


def environment(scheme: str, config_file: str | None = None) -> dict[str, str]:
    """What git is given. scheme: the one protocol that may be spoken; config_file: instead of the user's own."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    own = {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GIT_ALLOW_PROTOCOL": scheme,
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=10",
        "GIT_NO_REPLACE_OBJECTS": "1",
    }
    if config_file is not None:
        own["GIT_CONFIG_GLOBAL"] = config_file
    return {"PATH": os.defpath, "HOME": "/", **kept, **own}


def run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    limit_seconds: float,
    limit_bytes: int = OUTPUT_LIMIT_BYTES,
) -> bytes:
    """What git prints: of more than limit_bytes, the first so many. Raises GitFailed."""
    with started(arguments, environment, limit_seconds) as output:
        return output.read(limit_bytes)


@contextmanager
def started(
    arguments: Sequence[str], environment: Mapping[str, str], limit_seconds: float, given: bytes = b""
) -> Iterator[IO[bytes]]:
    """git's output, to be read as it comes. Raises GitFailed at the end, unless the output was not read to its end."""
    late = threading.Event()
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
        stdin.write(given)
        stdin.seek(0)
        try:
            child = subprocess.Popen(
                ["git", *_SETTINGS, *arguments],
                env=dict(environment),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,  # so that ssh and the like end with it
            )
        except FileNotFoundError:
            raise GitMissing from None
        assert child.stdout is not None

        def end() -> None:
            late.set()
            _kill(child)

        timer = threading.Timer(limit_seconds, end)
        timer.daemon = True
        timer.start()
        try:
            with child.stdout:
                yield child.stdout
                is_whole = not child.stdout.read(1)
            if not is_whole:
                _kill(child)
            exit_code = child.wait()
        except GitFailed:
            if not late.is_set():
                raise
        finally:
            timer.cancel()
            if child.poll() is None:
                _kill(child)
                child.wait()
        if late.is_set():
            raise GitFailed(f"git did not end within {limit_seconds:g} s.", is_away=True)
        if exit_code and is_whole:
            stderr.seek(0)
            raise GitFailed(_reason(stderr.read(100_000).decode(errors="replace")))


def _kill(child: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _reason(said: str) -> str:
    """git's own last word, in one line. Where an address has a password in it, it is left out."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    named = [line for line in lines if line.startswith(("fatal:", "error:", "ssh:"))]
    reason = (named or lines or ["git gave no reason"])[0]
    without = re.sub(r"//[^/\s@]*@", "//", words.plain(words.printable(reason)))
    return words.cut(re.sub(r"^(fatal|error): ", "", without), SAID_LIMIT)
