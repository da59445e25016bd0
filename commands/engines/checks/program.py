"""Look at a lab with a program: one beside its blueprint, or one on a host of it over ssh."""

from __future__ import annotations

import re
import shlex
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from commands.engines import openssh, programs
from commands.engines.checks.looking import NotSo

_LOOK_SECONDS = 0.02
_SSH = re.compile(
    r"(?:ssh://)?(?:([a-z_][a-z0-9_-]{0,31})@)?(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_][A-Za-z0-9_.-]*))(?::(\d{1,5}))?/?",
    re.ASCII,
)


def command(words: Sequence[str], folder: Path, exit_code: int, seconds: float, over: threading.Event) -> str:
    """Whether a program ends with that exit code, started in the folder without a shell.

    It gets words and an almost empty environment, what it says is thrown away, and all that it started ends with it.
    """
    ends_at = time.monotonic() + seconds
    try:
        with programs.running(words, folder) as child:
            while child.poll() is None:
                if over.wait(_LOOK_SECONDS):
                    raise NotSo("it was stopped")
                if time.monotonic() >= ends_at:
                    raise NotSo(f"it does not end within {max(1, round(seconds))} s")
    except (OSError, ValueError) as error:
        reason = (
            error.strerror
            if isinstance(error, OSError) and error.strerror
            else "a word of it has a zero byte"
        )
        raise NotSo(f"it cannot be started ({reason.lower()})", is_final=True) from None
    return _judged(child.returncode, exit_code)


def ssh_host(text: str, user: str) -> openssh.Host:
    """`ssh://root@10.0.0.1:22`, `10.0.0.1`; user: whom to log in as where it does not say. Raises ValueError."""
    found = _SSH.fullmatch(text)
    port = int(found[4] or 22) if found else 0
    if found is None or not 0 < port < 65536:
        raise ValueError("is written user@host:port, such as ssh://root@10.0.0.1:22")
    address = found[2] or found[3]
    return openssh.Host(address, address, port, found[1] or user)


def ssh(
    login: openssh.Login,
    host: openssh.Host,
    words: Sequence[str],
    exit_code: int,
    seconds: float,
    over: threading.Event,
) -> str:
    """Whether a host lets us in, and a program there ends with that exit code. No words: to get in is enough."""
    answer = openssh.run(login, host, shlex.join(words) if words else "true", seconds, over.is_set)
    if answer.exit_code == 255 and answer.reason:
        raise NotSo(f"it does not let us in: {_reason(answer.reason)}")
    return _judged(answer.exit_code, exit_code)


def _judged(ended_with: int, exit_code: int) -> str:
    if ended_with == exit_code:
        return f"ended with {exit_code}"
    if ended_with < 0:
        raise NotSo(f"it was ended by signal {-ended_with}")
    raise NotSo(f"it ended with {ended_with}, not {exit_code}")


def _reason(said: str) -> str:
    """ssh's own words without those of the host."""
    known = {
        "Connection refused": "nobody answers (connection refused)",
        "Permission denied": "it does not take the bot's certificate",
        "Host key verification failed": "its key is not the one that the lab has told",
        "No route to host": "no route leads there",
        "Could not resolve hostname": "there is no host of that name",
        "no answer within": "no answer in time",
        "timed out": "no answer in time",
        "closed by": "it has hung up",
        "no ssh client": openssh.NO_CLIENT,
    }
    return next((words for sign, words in known.items() if sign in said), "ssh gives another reason")
