"""One host of the sandbox: a web and an ssh server on loopback ports, which outlive the Terraform that started them.

`host.py start` starts it and returns when it answers; `host.py stop` returns when its ports are closed. Both
may be said twice. The environment says which host: HOST, PORT, FOLDER; and for start LAB, SIZE, MESSAGE,
PASSWORD (sha256, hex). For the ssh server SSH_PORT, SSH_USER, SSH_CA (the public key of the CA whose certificates
are taken), KRL_URL (the list of revoked ones), KRL_PUBLIC_KEY (PEM; who signs that list), ACTIVE_URL (where it
reports that somebody is there), SERVICE_PORT (of what is deployed there, see supervising.py). `host.py keep` puts
ACTIVE_TOKEN, with which it reports, into a file that the host's owner alone reads: the environment that start is given
can be read for as long as the host lives.

    GET /         {"lab": …, "host": …, "size": …, "message": …}
    GET /healthz  ok
    GET /private  asks for the lab's password; how long the host has been up, and how many requests it has
    seen

FOLDER/HOST.pid holds the host's pid, and the host holds a lock on that file as long as it lives. So a pid
that was left there is never taken for a host, and a host that does not answer can still be stopped.
FOLDER/HOST is what an ssh session sees: home/ is where it begins, and the lab's own.
"""

import base64
import contextlib
import fcntl
import hashlib
import hmac
import importlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

sys.dont_write_bytecode = True

ANSWERS_WITHIN_SECONDS = 30.0  # on a machine that is busy; of a host that has ended it is known at once
STOPS_WITHIN_SECONDS = 3.0
PORTS_CLOSE_WITHIN_SECONDS = 3.0  # the system may let go of a host's lock before its ports

Result = TypeVar("Result")


def start(host: str, port: int, folder: str) -> None:
    """Start the host, in place of one that runs already, and wait until it answers."""
    lock = in_folder(folder, lambda: locked(host, folder))
    # The ports are ours before the host exists: from then on there is either no host, or one that can be found.
    listener = listening(host, port, folder)
    ssh_port = int(os.environ.get("SSH_PORT", "0"))
    without_ssh = no_ssh_because()
    ssh_listener = None if without_ssh else listening(host, ssh_port, folder)
    if os.fork() == 0:
        serve(listener, ssh_listener, without_ssh, lock, os.path.join(folder, host))
    if ssh_listener is not None:
        ssh_listener.close()
    listener.close()
    os.close(lock)
    status, body = get(port, "/healthz")
    if status != 200:
        sys.exit(f"The host {host} does not answer on port {port}: {body}. Its log is {folder}/{host}.log.")
    print(f"{host} answers on http://127.0.0.1:{port}/")
    if ssh_listener is None:
        print(f"{host} has no ssh server: {without_ssh}.")
    elif not is_open(ssh_port):
        print(f"{host} has no ssh server: its log, {folder}/{host}.log, says why.")
    else:
        print(f"{host} lets certificates in on ssh://{os.environ['SSH_USER']}@127.0.0.1:{ssh_port}")


def stop(host: str, port: int, folder: str) -> None:
    """Stop the host, if there is one, and wait until its ports are closed."""
    try:
        lock = locked(host, folder)
    except FileNotFoundError:
        pass  # the folder has gone with the last of its hosts
    else:
        wait_until_closed([port, int(os.environ.get("SSH_PORT", port))])
        remove(os.path.join(folder, host))
        for path in (pid_path(host, folder), os.path.join(folder, host + ".log")):
            if os.path.exists(path):
                os.unlink(path)
        os.close(lock)
    with contextlib.suppress(OSError):  # others have theirs in it, or have just removed it
        os.rmdir(folder)
    print(f"{host} is gone, port {port} is closed")


def keep(host: str, port: int, folder: str) -> None:
    """Keep the token with which the host reports that it is used."""
    token = os.environ.get("ACTIVE_TOKEN", "")
    in_folder(folder, lambda: beside("reporting").keep_token(os.path.join(folder, host), token))


def in_folder(folder: str, act: Callable[[], Result]) -> Result:
    """Do something in the folder of all hosts, which the last host of another lab may take with it meanwhile."""
    for _ in range(100):  # that it is there by now says nothing: somebody may have made it anew
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            return act()
    return act()


def no_ssh_because() -> str:
    """Why there is no ssh server, or "" when there is to be one."""
    if not os.environ.get("SSH_CA"):
        return "ssh_ca_public_key is empty, so nobody could be let in"
    if not os.environ.get("KRL_URL"):
        return "innkeeper_url is empty, so revoked certificates could not be told from others"
    if importlib.util.find_spec("asyncssh") is None:
        return f"{sys.executable} has no asyncssh (`{sys.executable} -m pip install asyncssh` brings it)"
    return ""


def listening(host: str, port: int, folder: str) -> socket.socket:
    until = time.monotonic() + PORTS_CLOSE_WITHIN_SECONDS
    while True:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(64)
            return listener
        except OSError as error:
            listener.close()
            if time.monotonic() > until:
                os.unlink(pid_path(host, folder))
                sys.exit(
                    f"Port {port} on this machine is taken by {who_is_at(port)} ({error.strerror}). "
                    "Stop that program, or give the lab another name: its ports follow from the name."
                )
            time.sleep(0.02)


def wait_until_closed(ports: list[int]) -> None:
    until = time.monotonic() + PORTS_CLOSE_WITHIN_SECONDS
    while any(map(is_open, ports)) and time.monotonic() < until:
        time.sleep(0.02)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(ANSWERS_WITHIN_SECONDS)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def remove(folder: str) -> None:
    """Remove a folder, whatever its users have made of the rights in it."""
    for path, names, _ in os.walk(folder):
        for name in names:
            if not os.path.islink(os.path.join(path, name)):
                os.chmod(os.path.join(path, name), 0o700)
    if os.path.isdir(folder):
        shutil.rmtree(folder)


def locked(host: str, folder: str) -> int:
    """Give the lock of a host, ending the process that holds it. The host's port is closed then."""
    with_force_at = time.monotonic() + STOPS_WITHIN_SECONDS
    until = with_force_at + ANSWERS_WITHIN_SECONDS
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
        return f"the host {json.loads(get(port, '/', timeout_seconds=5)[1])['host']} of another lab"
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


def serve(
    listener: socket.socket, ssh_listener: socket.socket | None, without_ssh: str, lock: int, path: str
) -> None:
    """Become the host: a session of its own, nothing of Terraform's open, until SIGTERM. Never returns."""
    os.setsid()
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    for ignored in (signal.SIGINT, signal.SIGHUP):
        # Unlike SIG_IGN this is not handed on to what a session starts.
        signal.signal(ignored, lambda *_: None)
    log = os.open(path + ".log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for theirs, ours in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(theirs, ours)
    # At its end a process lets go of what it has from the lowest number up: of the lock after the ports.
    fcntl.fcntl(lock, fcntl.F_DUPFD, 255)
    kept = {each.fileno() for each in (listener, ssh_listener) if each is not None}
    for number in range(3, 255):
        if number not in kept:
            with contextlib.suppress(OSError):
                os.close(number)
    os.chdir("/")
    if ssh_listener is None:
        say_without_ssh(without_ssh)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Host, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    try:
        run = None if ssh_listener is None else prepare_ssh(ssh_listener, path)
        if run is None:
            server.serve_forever()
        else:
            run(threading.Thread(target=server.serve_forever, daemon=True).start)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def prepare_ssh(listener: socket.socket, folder: str) -> Callable[[Callable[[], None]], None] | None:
    """What is the ssh server when it is called, and calls what it is given once it answers. None: there can be none."""
    try:
        ssh_server = beside("ssh_server")
        said = os.environ
        setting = ssh_server.Setting(
            host=said["HOST"],
            lab=said["LAB"],
            user=said["SSH_USER"],
            ca=said["SSH_CA"],
            folder=folder,
            krl_url=said["KRL_URL"],
            krl_public_key=said.get("KRL_PUBLIC_KEY", ""),
            krl_within_seconds=float(said.get("KRL_WITHIN_SECONDS", "1")),
            krl_trusted_seconds=float(said.get("KRL_TRUSTED_SECONDS", "600")),
            active_url=said.get("ACTIVE_URL", ""),
            reports_seconds=float(said.get("REPORTS_SECONDS", "60")),
            service_port=int(said.get("SERVICE_PORT", "0")),
        )
        return ssh_server.prepare(listener, setting)
    except Exception as error:
        listener.close()
        say_without_ssh(f"{type(error).__name__}: {error}")
        return None


def beside(name: str) -> Any:
    """The module of that name beside this file: where Python is isolated it looks elsewhere."""
    folder = os.path.dirname(os.path.abspath(__file__))
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(name)


def say_without_ssh(because: str) -> None:
    print(json.dumps({"event": "no ssh server", "host": os.environ["HOST"], "because": because}), flush=True)


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
    words = {"start": start, "stop": stop, "keep": keep}
    if len(sys.argv) != 2 or sys.argv[1] not in words:
        sys.exit("host.py start, host.py stop, or host.py keep")
    words[sys.argv[1]](os.environ["HOST"], int(os.environ["PORT"]), os.environ["FOLDER"])
