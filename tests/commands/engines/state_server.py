"""A small `http` backend for Terraform's state, strict about who asks for what."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from commands.engines.terraform.engine import Access


class StateServer:
    """Keeps states in memory. refuses_writes: answer 409 to a new state, as for a conflict."""

    def __init__(self) -> None:
        self.states: dict[str, bytes] = {}
        self.locks: dict[str, dict[str, Any]] = {}
        self.passwords: dict[str, str] = {}  # lab → the password that opens it
        self.requests: list[tuple[str, str, int]] = []
        self.refuses_writes = False
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                server.answer(self)

            do_POST = do_LOCK = do_UNLOCK = do_GET

            def log_message(self, *arguments: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def access(self, lab: str) -> Access:
        """What a run of that lab is given."""
        self.passwords[lab] = f"password-of-{lab}"
        return Access(f"http://127.0.0.1:{self._http.server_port}/tfstate/{lab}", "run", self.passwords[lab])

    def state(self, lab: str) -> dict[str, Any]:
        return json.loads(self.states[lab])

    def addresses(self, lab: str) -> list[str]:
        """The resources in a lab's state, such as terraform_data.a."""
        return [f"{each['type']}.{each['name']}" for each in self.state(lab)["resources"]]

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        lab = request.path.partition("?")[0].rpartition("/")[2]
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        status, answer = self._decide(request.command, lab, request.headers.get("Authorization", ""), body)
        self.requests.append((request.command, lab, status))
        request.send_response(status)
        request.send_header("Content-Length", str(len(answer)))
        request.end_headers()
        request.wfile.write(answer)

    def _decide(self, method: str, lab: str, authorization: str, body: bytes) -> tuple[int, bytes]:
        password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")[2]
        if password != self.passwords.get(lab, ""):
            return 403, b""
        if method == "GET":
            return (200, self.states[lab]) if lab in self.states else (404, b"")
        if method == "LOCK":
            if lab in self.locks:
                return 423, json.dumps(self.locks[lab]).encode()
            self.locks[lab] = json.loads(body)
            return 200, b""
        if method == "UNLOCK":
            self.locks.pop(lab, None)
            return 200, b""
        if self.refuses_writes:
            return 409, b""
        self.states[lab] = body
        return 200, b""
