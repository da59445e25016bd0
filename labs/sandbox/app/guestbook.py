#!/usr/bin/env -S python3 -I
"""A guestbook: a small web application, which a deployment puts onto each host of the sandbox.

It becomes service/run, which the host keeps running (../supervising.py), and serves on PORT. `run ready` has it started
anew, and returns when it answers. What it is told stands in guestbook.json beside it: lab, host, title.

    GET /         a page with what visitors wrote
    POST /        name=…&text=…: write something
    GET /healthz  ok, and since when it runs
"""

import html
import http.client
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

FOLDER = Path(__file__).parent
ENTRIES_SHOWN = 100
LONGEST_BYTES = 4096
READY_WITHIN_SECONDS = 60

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<h1>{title}</h1>
<p>{lab}, on {host}. {count} so far.</p>
<ol>{entries}</ol>
<form method="post">
<input name="name" placeholder="Name"><input name="text" placeholder="Text"><button>Write</button>
</form>
</html>
"""


class Book:
    """What visitors wrote: a file with an entry a line, the newest last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def add(self, name: str, text: str) -> None:
        with self._lock, self._path.open("a") as file:
            file.write(json.dumps({"name": name, "text": text}) + "\n")

    def entries(self) -> list[dict[str, str]]:
        with self._lock:
            lines = self._path.read_text().splitlines() if self._path.exists() else []
        return [json.loads(line) for line in lines]


class Guestbook(BaseHTTPRequestHandler):
    """One request."""

    told: dict[str, str]
    book: Book
    started = time.time_ns()

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._answer(200, f"ok {self.started}\n", "text/plain")
        elif self.path == "/":
            self._answer(200, self._page(), "text/html; charset=utf-8")
        else:
            self._answer(404, "There is / and /healthz.\n", "text/plain")

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length <= LONGEST_BYTES:
            self._answer(413, f"Write up to {LONGEST_BYTES} bytes.\n", "text/plain")
            return
        form = parse_qs(self.rfile.read(length).decode(errors="replace"))
        self.book.add(*(form.get(field, [""])[0].strip()[:200] for field in ("name", "text")))
        self.send_response(303)
        self.send_header("Location", "/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _page(self) -> str:
        entries = self.book.entries()
        shown = "".join(
            f"<li><b>{html.escape(each['name'])}</b> {html.escape(each['text'])}</li>"
            for each in entries[-ENTRIES_SHOWN:]
        )
        told = {name: html.escape(str(value)) for name, value in self.told.items()}
        return PAGE.format(**told, count=len(entries), entries=shown)

    def _answer(self, status: int, body: str, kind: str) -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def serve(port: int) -> None:
    Guestbook.told = json.loads((FOLDER / "guestbook.json").read_text())
    Guestbook.book = Book(FOLDER / "guestbook.jsonl")
    ThreadingHTTPServer.allow_reuse_address = True
    ThreadingHTTPServer(("127.0.0.1", port), Guestbook).serve_forever()


def make_ready(port: int) -> None:
    """Have the host start it anew, and wait until another process than before answers."""
    before = health(port)
    os.utime(FOLDER / "run")
    ends_at = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < ends_at:
        if (now := health(port)) and now != before:
            return
        time.sleep(0.05)
    log = (FOLDER / "log").read_text(errors="replace").strip() if (FOLDER / "log").exists() else ""
    sys.exit(log or f"The guestbook does not answer on port {port}.")


def health(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException):  # it may be ended while it answers
        return ""
    finally:
        connection.close()


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["ready"]):
        sys.exit("run, or run ready")
    (make_ready if sys.argv[1:] else serve)(int(os.environ["PORT"]))
