"""One host of the sandbox: a web server on a loopback port, which outlives the Terraform that started it.

`host.py start` starts it and returns when it answers; `host.py stop` returns when its port is closed. Both
may be said twice. The environment says which host: HOST, PORT, FOLDER; and for start LAB, SIZE, MESSAGE,
PASSWORD (sha256, hex).

    GET /         {"lab": …, "host": …, "size": …, "message": …}
    GET /healthz  ok
    GET /private  asks for the lab's password; how long the host has been up, and how many requests it has
    seen

FOLDER/HOST.pid holds the host's pid, and the host holds a lock on that file as long as it lives. So a pid
that was left there is never taken for a host, and a host that does not answer can still be stopped.
"""

import base64
import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import signal
import socket
import sys
import time
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWERS_WITHIN_SECONDS = 10.0
STOPS_WITHIN_SECONDS = 3.0


def start(host: str, port: int, folder: str) -> None:
    """Start the host, in place of one that runs already, and wait until it answers."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    lock = locked(host, folder)
    # The port is ours before the host exists: from then on there is either no host, or one that can be found.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        os.unlink(pid_path(host, folder))
        sys.exit(
            f"Port {port} on this machine is taken by {who_is_at(port)} ({error.strerror}). "
            "Stop that program, or give the lab another name: its ports follow from the name."
        )
    listener.listen(64)
    if os.fork() == 0:
        serve(listener, lock, os.path.join(folder, host + ".log"))
    listener.close()
    os.close(lock)
    status, body = get(port, "/healthz")
    if status != 200:
        sys.exit(f"The host {host} does not answer on port {port}: {body}. Its log is {folder}/{host}.log.")
    print(f"{host} answers on http://127.0.0.1:{port}/")


def stop(host: str, port: int, folder: str) -> None:
    """Stop the host, if there is one, and wait until its port is closed."""
    if os.path.isdir(folder):
        lock = locked(host, folder)
        for path in (pid_path(host, folder), os.path.join(folder, host + ".log")):
            if os.path.exists(path):
                os.unlink(path)
        os.close(lock)
        if not os.listdir(folder):
            os.rmdir(folder)
    print(f"{host} is gone, port {port} is closed")


def locked(host: str, folder: str) -> int:
    """Give the lock of a host, ending the process that holds it. The host's port is closed then."""
    until = time.monotonic() + 2 * STOPS_WITHIN_SECONDS
    with_force_at = time.monotonic() + STOPS_WITHIN_SECONDS
    while time.monotonic() < until:
        lock = os.open(pid_path(host, folder), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(lock, 20)
            os.close(lock)
            if pid.isdigit():
                end(int(pid), with_force=time.monotonic() > with_force_at)
            time.sleep(0.02)
            continue
        if is_current(lock, pid_path(host, folder)):
            os.ftruncate(lock, 0)
            return lock
        os.close(lock)  # whoever held it has removed the file meanwhile
    sys.exit(f"The host {host} does not end. Its pid is in {pid_path(host, folder)}: end it, and try again.")


def end(pid: int, with_force: bool) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL if with_force else signal.SIGTERM)


def is_current(lock: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(lock), os.stat(path))
    except FileNotFoundError:
        return False


def pid_path(host: str, folder: str) -> str:
    return os.path.join(folder, host + ".pid")


def who_is_at(port: int) -> str:
    try:
        return f"the host {json.loads(get(port, '/', timeout_seconds=1)[1])['host']} of another lab"
    except (ValueError, KeyError, TypeError):
        return "another program"


def get(port: int, path: str, timeout_seconds: float = ANSWERS_WITHIN_SECONDS) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout_seconds)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()


def serve(listener: socket.socket, lock: int, log_path: str) -> None:
    """Become the host: a session of its own, nothing of Terraform's open, until SIGTERM. Never returns."""
    os.setsid()
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for theirs, ours in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(theirs, ours)
    for number in range(3, 256):
        if number not in (listener.fileno(), lock):
            with contextlib.suppress(OSError):
                os.close(number)
    os.chdir("/")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Host, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    try:
        server.serve_forever()
    finally:
        os._exit(1)


class Host(BaseHTTPRequestHandler):
    """What a visitor sees."""

    since = time.time()
    requests = 0

    def do_GET(self) -> None:
        Host.requests += 1
        if self.path == "/healthz":
            self.answer(200, "ok\n", "text/plain")
        elif self.path == "/":
            self.answer_json(
                {name.lower(): os.environ.get(name, "") for name in ("LAB", "HOST", "SIZE", "MESSAGE")}
            )
        elif self.path == "/private" and self.knows_the_password():
            self.answer_json({"up_seconds": int(time.time() - Host.since), "requests": Host.requests})
        elif self.path == "/private":
            self.answer(401, "The lab's output `password` opens this.\n", "text/plain")
        else:
            self.answer(404, "There is /, /healthz and /private.\n", "text/plain")

    def knows_the_password(self) -> bool:
        try:
            told = base64.b64decode(
                self.headers.get("Authorization", "").removeprefix("Basic "), validate=True
            )
        except ValueError:
            return False
        digest = hashlib.sha256(told.partition(b":")[2]).hexdigest()
        return hmac.compare_digest(digest, os.environ.get("PASSWORD", ""))

    def answer_json(self, value: dict[str, object]) -> None:
        self.answer(200, json.dumps(value) + "\n", "application/json")

    def answer(self, status: int, body: str, kind: str) -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="lab"')
        self.end_headers()
        self.wfile.write(content)

    def version_string(self) -> str:
        return "sandbox"


if __name__ == "__main__":
    words = {"start": start, "stop": stop}
    if len(sys.argv) != 2 or sys.argv[1] not in words:
        sys.exit("host.py start, or host.py stop")
    words[sys.argv[1]](os.environ["HOST"], int(os.environ["PORT"]), os.environ["FOLDER"])
