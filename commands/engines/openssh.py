"""OpenSSH's client with a login of its own: a folder with a key, a certificate, and the hosts' keys; nothing of ~/.ssh.

One connection a host is shared by all that a step does there, through a socket in a folder of its own, which ends
with the step. Source: ssh_config(5).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

CONNECT_SECONDS = 30  # a host that is busy, or has just begun, takes its time to greet
SHARED_SECONDS = 120  # how long a connection waits for the next command
NO_CLIENT = "this machine has no ssh client: install OpenSSH's (Debian and Alpine call it `openssh-client`)"

_LOOK_EVERY_SECONDS = 0.02
_SAID_BYTES = 64 * 1024
_TIDIED_SECONDS = 3
_ENVIRONMENT = ("PATH", "LANG", "TZ")


@dataclass(frozen=True)
class Host:
    """One machine, and who one logs in as. name is how it is called in logs and cards."""

    name: str
    address: str
    port: int
    user: str


@dataclass(frozen=True)
class Login:
    """How to get in: config is what `ssh -F` reads, sockets a folder of short name for the shared connections."""

    config: Path
    sockets: Path
    is_first_contact: bool = False  # a host whose key is not known is believed


@dataclass(frozen=True)
class Answer:
    """How a command on a host ended. exit_code 255 with a reason: nobody was let in, or the host was not there."""

    exit_code: int
    output: str
    reason: str = ""  # ssh's own words


def has_client(path: str | None = None) -> bool:
    """Whether this machine has OpenSSH's client."""
    return shutil.which("ssh", path=path or os.environ.get("PATH")) is not None


def write_login(
    folder: Path, private_key: str, certificate: str, known_hosts: Sequence[str], is_first_contact: bool
) -> Login:
    """Put all that a login needs into a folder that only we read. Call close when all is done.

    is_first_contact: the key of a host that is not known is added to folder/known_hosts.
    """
    for name, text in (
        ("key", private_key),
        ("key-cert.pub", f"{certificate}\n"),
        ("known_hosts", "".join(f"{line}\n" for line in known_hosts)),
    ):
        with open(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
    login = Login(folder / "ssh_config", _sockets(folder), is_first_contact)
    told = {
        "IdentityFile": folder / "key",
        "CertificateFile": folder / "key-cert.pub",
        "UserKnownHostsFile": folder / "known_hosts",
        "ControlPath": f"{login.sockets}/%C",
    }
    quoted = {
        name: value if name == "ControlPath" else f'"{str(value).replace("%", "%%")}"'
        for name, value in told.items()
    }
    options: dict[str, object] = {
        **quoted,
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "PreferredAuthentications": "publickey",
        "BatchMode": "yes",
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "accept-new" if is_first_contact else "yes",
        "UpdateHostKeys": "no",
        "ForwardAgent": "no",
        "ForwardX11": "no",
        "ConnectTimeout": CONNECT_SECONDS,
        "ServerAliveInterval": 15,
        "ServerAliveCountMax": 4,
        "LogLevel": "ERROR",
        "ControlMaster": "auto",
        "ControlPersist": SHARED_SECONDS,
    }
    login.config.write_text("".join(f"{name} {value}\n" for name, value in options.items()))
    return login


def run(login: Login, host: Host, command: str, within_seconds: float, stop: Callable[[], bool]) -> Answer:
    """Run a command of a shell's on a host. Ends early when stop says so: with 255, too."""
    words = [
        "ssh",
        "-F",
        str(login.config),
        "-p",
        str(host.port),
        "-l",
        host.user,
        "--",
        host.address,
        command,
    ]
    # Into files: the shared connection, which outlives the command, keeps the ends of pipes open.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            words,
            env=environment(login.config.parent),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        ends_at = time.monotonic() + within_seconds
        while child.poll() is None:
            if stop() or time.monotonic() > ends_at:
                child.kill()
                child.wait()
                return Answer(255, _said(output), f"no answer within {within_seconds:g} s")
            time.sleep(_LOOK_EVERY_SECONDS)
        reason = _said(errors).strip()
        return Answer(child.returncode, _said(output), reason if child.returncode == 255 else "")


def close(login: Login) -> None:
    """End the shared connections, and with them what still runs on the hosts, and whatever uses them here."""
    end_processes(str(login.sockets))
    shutil.rmtree(login.sockets, ignore_errors=True)


def close_leftovers(folder: Path) -> None:
    """The same for a folder whose login was written by a process that has died since."""
    sockets = _sockets_path(folder)
    if sockets.exists():
        close(Login(folder / "ssh_config", sockets))


def arguments(login: Login) -> str:
    """What Ansible gives to each ssh and sftp. In words, because from a file alone it would not share connections."""
    path = shlex.quote(str(login.config))
    return f"-F {path} -o ControlMaster=auto -o ControlPersist={SHARED_SECONDS} -o ControlPath={login.sockets}/%C"


def environment(home: Path, outer: Mapping[str, str] | None = None) -> dict[str, str]:
    """All that ssh, and what uses it, inherits of ours. No agent."""
    given = os.environ if outer is None else outer
    return {**{name: given[name] for name in _ENVIRONMENT if name in given}, "HOME": str(home)}


def end_processes(marker: str) -> None:
    """Kill every process of ours that has the marker in its environment or its command line, and wait for their end.

    A process group would not do: Ansible's workers and ssh's shared connections have sessions of their own.
    """
    ends_at = time.monotonic() + _TIDIED_SECONDS
    while time.monotonic() < ends_at:  # one of them may have started another meanwhile
        found = [process for process in psutil.process_iter() if _has(process, marker)]
        if not found:
            return
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(_LOOK_EVERY_SECONDS)


def _has(process: psutil.Process, marker: str) -> bool:
    if process.pid == os.getpid():
        return False
    with contextlib.suppress(psutil.Error, OSError):
        if process.uids().real != os.getuid():
            return False
        # Of one that has ended, and that nobody has waited for, neither is left.
        return any(marker in word for word in process.cmdline()) or any(
            marker in value for value in process.environ().values()
        )
    return False


def _sockets(folder: Path) -> Path:
    """A folder for sockets, whose paths must be short, made afresh and for us alone."""
    path = _sockets_path(folder)
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    made = path.lstat()
    if not stat.S_ISDIR(made.st_mode) or made.st_uid != os.getuid():
        raise OSError(f"{path} is not ours")
    return path


def _sockets_path(folder: Path) -> Path:
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"innkeeper-{name}"


def _said(file: object) -> str:
    file.seek(0)  # type: ignore[attr-defined]
    return str(file.read(_SAID_BYTES).decode(errors="replace"))  # type: ignore[attr-defined]
