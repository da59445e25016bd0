"""An HTTP server that answers everything alike, and remembers what it was asked over which connection."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    target: str  # a path, or of a proxy the whole address
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Server:
    """What listens on 127.0.0.1, and what it was asked, one list a connection."""

    port: int = 0
    connections: list[list[Asked]] = field(default_factory=list)

    @property
    def addr(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def asked(self) -> list[Asked]:
        return [each for connection in self.connections for each in connection]


@contextmanager
def serving(answer: object, moved: str = "", tls: Path | None = None) -> Iterator[Server]:
    """Answer everything with that JSON, or send everybody to the same path at another address.

    tls: a certificate and its key, in one file.
    """
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            self.asked: list[Asked] = []
            server.connections.append(self.asked)

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.asked.append(Asked(self.command, self.path, self.headers, body))
            said = b"" if moved else json.dumps(answer).encode()
            self.send_response(307 if moved else 200)
            if moved:
                self.send_header("Location", f"{moved}{self.path}")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = _answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            listening.socket = context.wrap_socket(listening.socket, server_side=True)
        server.port = listening.server_port
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        listening.shutdown()
        thread.join()
