"""Look at a lab over the network: whether a port takes a connection, what is answered, whose certificate it shows.

Directly: no proxy, no cookie, no redirect unless asked, and little is read. What is met is not trusted, so no word of
it is in what is told. A socket's timeout is for each byte, and some answer a byte at a time: so the line is hung up.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from commands.engines import matching
from commands.engines.checks.looking import NotSo

BODY_BYTES = 64 * 1024
REDIRECTS = 5
DAY_SECONDS = 86_400

_ADDRESS = re.compile(r"https?://[^\s\\@/?#]+[^\s\\]*", re.ASCII)
_PLACE = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_.-]+)):(\d{1,5})", re.ASCII)


@dataclass(frozen=True)
class Place:
    """A host and a port. shown is how people see them."""

    host: str
    port: int
    shown: str


@dataclass(frozen=True)
class Asked:
    """What is asked at an http address, and what must be answered."""

    url: str
    status: int | None = None  # None: any of success, 200 to 299
    body: str | None = None  # it has this in it
    matches: str | None = None  # and what this regular expression finds
    headers: Mapping[str, str] = field(default_factory=dict)  # name → what its value has in it
    follows: bool = False
    tls: Tls | None = None


@dataclass(frozen=True)
class Tls:
    """What is trusted beside what this machine trusts (PEM), and the name that is asked for instead of the host's."""

    also_trusted: str = ""
    name: str | None = None
    days: int = 0  # how long the certificate must still be good

    def __repr__(self) -> str:
        return f"Tls({self.name!r}, {self.days})"


def place(text: str, shown: str = "") -> Place:
    """`10.0.0.1:443`, `[::1]:443`. Raises ValueError for anything else."""
    found = _PLACE.fullmatch(text)
    if found is None or not 0 < int(found[3]) < 65536:
        raise ValueError("is written host:port, such as 10.0.0.1:443")
    return Place(found[1] or found[2], int(found[3]), shown or text)


def checked_address(text: str) -> str:
    """The text, if it is an http or https address without a user in it. Raises ValueError."""
    try:
        at = urlsplit(text)
        fits = bool(at.hostname) and at.port != 0
    except ValueError:
        fits = False
    if not fits or not _ADDRESS.fullmatch(text) or "@" in at.netloc:
        raise ValueError("is an address, such as http://10.0.0.1:8080/healthz")
    return text


def tcp(at: Place, seconds: float) -> str:
    """Whether it takes a connection."""
    with _line(at, time.monotonic() + seconds):
        return "open"


def tls(at: Place, asked: Tls, seconds: float) -> str:
    """Whether it has a certificate that is good for its name, and still for so many days."""
    with _line(at, time.monotonic() + seconds, asked) as line:
        assert isinstance(line, ssl.SSLSocket)
        told = line.getpeercert() or {}
    ends_at = ssl.cert_time_to_seconds(str(told["notAfter"]))
    days = int((ends_at - time.time()) // DAY_SECONDS)
    said = f"its certificate is good for {days} more {'day' if days == 1 else 'days'}"
    if days < asked.days:
        raise NotSo(f"{said}, and {asked.days} are asked for", is_final=True)
    return said


def http_answer(asked: Asked, shown: str, seconds: float) -> str:
    """Whether an address answers as it should. Gives the status."""
    ends_at = time.monotonic() + seconds
    url = asked.url
    for _ in range(REDIRECTS + 1):
        answer, body = _got(url, asked, shown, ends_at)
        location = answer.getheader("Location")
        if not (asked.follows and 300 <= answer.status < 400 and location):
            break
        try:
            url = checked_address(urljoin(url, location))
        except ValueError:
            raise NotSo("it redirects to what is no http address") from None
    else:
        raise NotSo(f"it redirects more than {REDIRECTS} times")
    _judge(asked, answer, body, ends_at)
    return str(answer.status)


def _judge(asked: Asked, answer: http.client.HTTPResponse, body: bytes, ends_at: float) -> None:
    """Raises NotSo."""
    expected = str(asked.status) if asked.status is not None else "200 to 299"
    if answer.status != asked.status and (asked.status is not None or not 200 <= answer.status < 300):
        raise NotSo(f"it answers {answer.status}, not {expected}")
    for name, value in asked.headers.items():
        told = answer.getheader(name)
        if told is None or value not in told:
            raise NotSo(f"it answers {answer.status} without the header {name} that is asked for")
    text = body.decode(errors="replace")
    if asked.body is not None and asked.body not in text:
        raise NotSo(f"it answers {answer.status}, and what is asked for is not in it")
    if asked.matches is not None:
        found = matching.is_found(asked.matches, text, max(0.5, ends_at - time.monotonic()))
        if found is None:
            raise NotSo("its answer took too long to match", is_final=True)
        if not found:
            raise NotSo(f"it answers {answer.status}, and that does not match")


def _got(url: str, asked: Asked, shown: str, ends_at: float) -> tuple[http.client.HTTPResponse, bytes]:
    parts = urlsplit(url)
    is_secure = parts.scheme == "https"
    port = parts.port or (443 if is_secure else 80)
    name = (asked.tls.name if asked.tls else None) if url == asked.url else None
    shown = shown if url == asked.url else "where it redirects to"
    with _line(
        Place(parts.hostname or "", port, _place_in(shown)),
        ends_at,
        Tls(asked.tls.also_trusted if asked.tls else "", name) if is_secure else None,
    ) as line:
        connection = http.client.HTTPConnection(name or parts.hostname or "", port)
        connection.sock = line
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            headers = {"User-Agent": "innkeeper", "Accept": "*/*", "Connection": "close"}
            headers |= {"Host": name} if name else {}
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer, answer.read(BODY_BYTES)
        except (http.client.HTTPException, ValueError):
            raise NotSo("it does not answer in HTTP") from None


def _place_in(shown: str) -> str:
    """`10.0.0.1:80` of `http://10.0.0.1:80/path`, as people see it."""
    found = re.match(r"\w+://([^/?#]+)", shown)
    return found[1] if found else shown


@contextlib.contextmanager
def _line(at: Place, ends_at: float, asked: Tls | None = None) -> Iterator[socket.socket]:
    """A connection that is hung up when the time is over. Raises NotSo, also for what happens to it inside."""
    too_late = threading.Event()
    with contextlib.ExitStack() as stack:
        try:
            line = stack.enter_context(socket.create_connection((at.host, at.port), _left(ends_at)))
            watch = threading.Timer(_left(ends_at), _hang_up, (line, too_late))
            watch.daemon = True
            watch.start()
            stack.callback(watch.cancel)
            if asked is not None:
                name = asked.name or at.host
                secured = _context(asked).wrap_socket(
                    line, server_hostname=name, do_handshake_on_connect=False
                )
                stack.enter_context(secured)
                watch.args = (secured, too_late)  # the same line, which the plain socket has given away
                secured.do_handshake()
                line = secured
            yield line
        except (OSError, ValueError, NotSo) as error:
            late = too_late.is_set() or isinstance(error, TimeoutError)
            if isinstance(error, NotSo) and not late:
                raise
            raise NotSo(f"{at.shown} gives no answer in time" if late else _why(error, at)) from None
        if too_late.is_set():
            raise NotSo(f"{at.shown} gives no answer in time")


def _left(ends_at: float) -> float:
    return max(0.01, ends_at - time.monotonic())


def _hang_up(line: socket.socket, too_late: threading.Event) -> None:
    too_late.set()
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def _context(asked: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if asked.also_trusted:
        context.load_verify_locations(cadata=asked.also_trusted)
    return context


def _why(error: Exception, at: Place) -> str:
    """What has happened, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = _VERIFIED.get(error.verify_code, "nobody here trusts it")
        return f"its certificate is not good for {at.shown}: {why}"
    if isinstance(error, ssl.SSLError):
        return f"{at.shown} does not speak TLS as it should"
    if isinstance(error, ConnectionRefusedError):
        return f"nobody answers at {at.shown} (connection refused)"
    if isinstance(error, socket.gaierror):
        known = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
        return (
            f"there is no host of the name in {at.shown}"
            if known
            else f"the name in {at.shown} cannot be looked up now"
        )
    if isinstance(error, ConnectionError):
        return f"{at.shown} has hung up"
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is no address"
    return f"{at.shown} cannot be reached ({reason.lower()})"


# Source: OpenSSL, x509_vfy.h
_VERIFIED = {
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is signed by itself",
    19: "it is signed by an authority that nobody here trusts",
    20: "it is signed by an authority that nobody here trusts",
    62: "it is for another name",
    64: "it is for another address",
}
