"""One host of the sandbox on free ports, what signs certificates for it, and the list that revokes them."""

from __future__ import annotations

import hashlib
import importlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bot.playground.ports import free_port
from bot.playground.tour_acts import has_ports, ports_of
from tests.conftest import cannot_be_had

SANDBOX = Path(__file__).parents[2] / "labs" / "sandbox"
HOST = SANDBOX / "host.py"


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def lab_with_ports(word: str) -> str:
    """A name for a lab with hosts: their ports follow from it, and are free, and not of those who test beside us."""
    names = (f"{word}-{os.getpid()}-{number}" for number in itertools.count())
    ours = os.getpid() % 100
    return next(name for name in names if ports_of(name).start // 12 % 100 == ours and has_ports(name))


class Machine:
    """One host. ssh: what its ssh server is told, see with_ssh; none without."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.ssh_port = free_port(), free_port()
        self.ssh: dict[str, str] = {}

    def with_ssh(self, ca: str, krl_url: str, **more: str) -> Machine:
        self.ssh = {"SSH_USER": "root", "SSH_CA": ca, "KRL_URL": krl_url, "KRL_WITHIN_SECONDS": "9", **more}
        return self

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LAB": "demo",
            "HOST": "demo-1",
            "PORT": str(self.port),
            "SSH_PORT": str(self.ssh_port),
            "FOLDER": str(self.folder),
            "SIZE": "small",
            "MESSAGE": "hello",
            "PASSWORD": hashlib.sha256(b"sesame").hexdigest(),
            "PATH": os.environ["PATH"],
            **self.ssh,
        }

    def run(self, word: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", str(HOST), word]
        env = {**self.environment, **more}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    def get(self, path: str, password: str = "") -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        if password:
            request.add_header("Authorization", "Basic " + b64encode(f"any:{password}".encode()).decode())
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    @property
    def pid(self) -> int:
        return int((self.folder / "demo-1.pid").read_text())

    @property
    def is_open(self) -> bool:
        return is_open(self.port) or is_open(self.ssh_port)

    @property
    def home(self) -> Path:
        return self.folder / "demo-1" / "home"

    @property
    def log(self) -> str:
        return (self.folder / "demo-1.log").read_text()

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        """The log's lines of JSON, or those of these kinds."""
        lines = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return [each for each in lines if not kinds or each["event"] in kinds]


class Authority:
    """A certificate authority, and keys that it signs: files in a folder, made with OpenSSH's ssh-keygen."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("ssh-keygen") is None or shutil.which("ssh") is None:
            cannot_be_had("OpenSSH's client")
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.key = self.new_key("ca")
        self.public_key = self.key.with_suffix(".pub").read_text().strip()

    def new_key(self, name: str, kind: str = "ed25519") -> Path:
        path = self.folder / name
        keygen("-q", "-t", kind, "-N", "", "-C", name, "-f", path)
        return path

    def certificate(self, name: str, *, serial: int = 7, key_id: str = "T1-U1:demo:g1", **more: Any) -> Path:
        """A new key with a certificate beside it. more: kind, principal, valid (as ssh-keygen -V), options, host."""
        key = self.new_key(name, more.get("kind", "ed25519"))
        arguments = ["-q", "-s", self.key, "-I", key_id, "-z", str(serial), "-V", more.get("valid", "+30m")]
        if more.get("principal", "root"):
            arguments += ["-n", more.get("principal", "root")]
        for option in more.get("options", ()):
            arguments += ["-O", option]
        if more.get("host"):
            arguments += ["-h"]
        keygen(*arguments, key.with_suffix(".pub"))
        return key

    def krl(self, *lines: str, version: int = 1) -> bytes:
        """A list of revoked certificates, as ssh-keygen writes it from such lines."""
        spec, made = self.folder / "spec", self.folder / "krl"
        spec.write_text("".join(f"{line}\n" for line in lines))
        keygen("-q", "-k", "-f", made, "-z", str(version), "-s", self.key.with_suffix(".pub"), spec)
        return made.read_bytes()


def keygen(*arguments: object) -> None:
    subprocess.run(["ssh-keygen", *map(str, arguments)], check=True, capture_output=True, timeout=60)


class KrlServer:
    """Serves a list and its signature as Innkeeper does. content None: 503. answers cleared: it answers nobody."""

    def __init__(self, content: bytes | None = None) -> None:
        self.content = content
        self.signature = b""
        self.answers = threading.Event()
        self.answers.set()
        self.requests: list[tuple[str, int]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_port}/ssh/krl"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.answers.wait(60)
        content, status = self.content or b"", 200 if self.content is not None else 503
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        if request.path.startswith("/ssh/krl.sig"):
            content = self.signature
        elif request.headers.get("If-None-Match") == etag:
            content, status = b"", 304
        self.requests.append((request.path.partition("?")[0], status))
        request.send_response(status)
        request.send_header("ETag", etag)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)


class ActiveServer:
    """Takes reports as Innkeeper does. reports: what each said, token first. status: what it answers."""

    def __init__(self) -> None:
        self.status = 204
        self.reports: list[tuple[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                said = self.rfile.read(int(self.headers["Content-Length"]))
                server.reports.append((self.headers["Authorization"], json.loads(said)["who"]))
                self.send_response(server.status)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_port}/labs/demo/active"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


def host_module(name: str) -> Any:
    """A module of the host's own program, which belongs to no package."""
    if str(SANDBOX) not in sys.path:
        sys.path.append(str(SANDBOX))
    return importlib.import_module(name)
