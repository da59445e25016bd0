"""A host that trusts Innkeeper: labs/hosts/innkeeper-trust in a folder of its own, and what may go wrong on the way."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = Path(__file__).parents[2] / "labs" / "hosts"
SCRIPT = HOSTS / "innkeeper-trust"

Change = Callable[[int, bytes], tuple[int, bytes]]  # status and body → what arrives


@dataclass
class Host:
    """A host's folder. run gives what innkeeper-trust did."""

    folder: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": os.environ["PATH"]})

    def start(self, *words: str) -> subprocess.Popen[str]:
        environment = {**self.environment, "INNKEEPER_FOLDER": str(self.folder), "INVOCATION_ID": "test"}
        pipe = subprocess.PIPE
        return subprocess.Popen([SCRIPT, *words], env=environment, stdout=pipe, stderr=pipe, text=True)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*words)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def has(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


class Way:
    """What stands between Innkeeper and its hosts. changes: path → what happens to its answer."""

    def __init__(self) -> None:
        self.changes: dict[str, Change] = {}
        self.cut: set[str] = set()  # paths whose answer ends before its Content-Length
        self.asked: list[str] = []

    def between(self, app: ASGIApp) -> ASGIApp:
        async def pass_on(scope: Scope, receive: Receive, send: Send) -> None:
            answer: list[Message] = []

            async def keep(message: Message) -> None:
                answer.append(message)

            await app(scope, receive, keep)
            path, start = scope["path"], answer[0]
            self.asked.append(path)
            body = b"".join(message.get("body", b"") for message in answer[1:])
            if path in self.changes:
                start["status"], body = self.changes[path](start["status"], body)
            length = len(body)
            if path in self.cut:
                body = body[: length // 2]
            kept = [pair for pair in start["headers"] if pair[0] != b"content-length"]
            await send({**start, "headers": [*kept, (b"content-length", str(length).encode())]})
            await send({"type": "http.response.body", "body": body})

        return pass_on
