"""What a user of a lab would find, held against real servers on this machine."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from commands.engines.checks import network as network_checks
from commands.engines.checks.looking import NotSo
from commands.engines.checks.network import Asked, Place, Tls

Answer = tuple[int, dict[str, str], bytes]


class _Handler(BaseHTTPRequestHandler):
    answers: dict[str, Answer] = {}  # noqa: RUF012
    hosts: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.hosts.append(self.headers["Host"])
        status, headers, body = self.answers.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@contextmanager
def serving(
    answers: dict[str, Answer], context: ssl.SSLContext | None = None, port: int = 0
) -> Iterator[tuple[int, list[str]]]:
    """A web server's port, and which hosts it was asked for."""
    handler = type("Handler", (_Handler,), {"answers": answers, "hosts": []})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_port, handler.hosts  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def listening(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port, and what it does with whoever connects."""
    server = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        try:
            while True:
                line, _ = server.accept()
                threading.Thread(target=_quietly, args=(talk, line), daemon=True).start()
        except OSError:
            return

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        server.close()


def _quietly(talk: Callable[[socket.socket], None], line: socket.socket) -> None:
    try:
        talk(line)
    except OSError:
        return


_closed: list[socket.socket] = []


def closed_port() -> int:
    """Where nobody answers. It stays taken, or the system might give it to somebody else meanwhile."""
    _closed.append(socket.socket())
    _closed[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a test may serve there later
    _closed[-1].bind(("127.0.0.1", 0))
    return int(_closed[-1].getsockname()[1])


def why(look: Callable[[], str]) -> str:
    with pytest.raises(NotSo) as told:
        look()
    return told.value.sentence


def at(port: int) -> Place:
    return network_checks.place(f"127.0.0.1:{port}")


def asks(port: int, path: str = "/", seconds: float = 30, scheme: str = "http", **asked: object) -> str:
    url = f"{scheme}://127.0.0.1:{port}{path}"
    return network_checks.http_answer(Asked(url, **asked), url, seconds)  # type: ignore[arg-type]


# tcp


def test_an_open_port_is_open() -> None:
    with listening(lambda line: line.close()) as port:
        assert network_checks.tcp(at(port), 30) == "open"


def test_a_closed_port_is_told_in_words() -> None:
    port = closed_port()
    said = why(lambda: network_checks.tcp(at(port), 30))
    assert said == f"nobody answers at 127.0.0.1:{port} (connection refused)"


def test_a_name_that_nobody_has_is_told_in_words() -> None:
    said = why(lambda: network_checks.tcp(network_checks.place("nobody.invalid:443"), 30))
    assert said in (
        "there is no host of the name in nobody.invalid:443",
        "the name in nobody.invalid:443 cannot be looked up now",  # on a machine without a name server
    )


@pytest.mark.parametrize(
    "text",
    ["", "a", ":80", "a:", "a:0", "a:65536", "a b:80", "me@a:80", "a:80/x", "::1:80", "[::1]", "a:８0"],
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        network_checks.place(text)


def test_an_address_of_the_sixth_version_is_a_place() -> None:
    assert network_checks.place("[::1]:443") == Place("::1", 443, "[::1]:443")


# http


def test_an_answer_is_judged_by_status_body_and_headers() -> None:
    page = (200, {"Content-Type": "text/html; charset=utf-8"}, b"Welcome to v12\n")
    with serving({"/": page, "/made": (201, {}, b""), "/away": (503, {}, b"secret words")}) as (port, _):
        assert asks(port) == "200"
        assert (
            asks(port, status=200, body="Welcome", matches="v[0-9]+", headers={"content-type": "text/html"})
            == "200"
        )
        assert asks(port, "/made") == "201"
        assert asks(port, "/away", status=503) == "503"
        assert why(lambda: asks(port, "/away")) == "it answers 503, not 200 to 299"
        assert why(lambda: asks(port, status=204)) == "it answers 200, not 204"
        assert why(lambda: asks(port, body="Goodbye")) == "it answers 200, and what is asked for is not in it"
        assert why(lambda: asks(port, matches="v[a-z]")) == "it answers 200, and that does not match"
        assert why(lambda: asks(port, headers={"X-Up": "1"})) == (
            "it answers 200 without the header X-Up that is asked for"
        )


@pytest.mark.integration
def test_an_expression_that_never_ends_is_ended() -> None:
    with serving({"/": (200, {}, b"a" * 40 + b"b")}) as (port, _):
        assert why(lambda: asks(port, matches="(a+)+$")) == "its answer took too long to match"


def test_a_redirect_is_followed_only_where_that_is_asked_for() -> None:
    with serving(
        {
            "/": (302, {"Location": "/next"}, b""),
            "/next": (200, {}, b"here"),
            "/round": (302, {"Location": "/round"}, b""),
            "/out": (302, {"Location": "file:///etc/passwd"}, b""),
        }
    ) as (port, _):
        assert asks(port, status=302) == "302"
        assert why(lambda: asks(port)) == "it answers 302, not 200 to 299"
        assert asks(port, follows=True, body="here") == "200"
        assert why(lambda: asks(port, "/round", follows=True)) == "it redirects more than 5 times"
        assert why(lambda: asks(port, "/out", follows=True)) == "it redirects to what is no http address"


def test_another_name_is_asked_for_where_one_is_given() -> None:
    with serving({"/": (200, {}, b"")}) as (port, hosts):
        asks(port, tls=Tls(name="demo.lab.test"))
        asks(port)
        assert hosts == ["demo.lab.test", f"127.0.0.1:{port}"]


def test_little_is_read_of_what_is_endless() -> None:
    def talk(line: socket.socket) -> None:
        line.recv(1000)
        line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            line.sendall(b"x" * 65536)

    with listening(talk) as port:
        began_at = time.monotonic()
        assert asks(port) == "200"
        assert time.monotonic() - began_at < 20


def test_a_server_that_trickles_does_not_hold_us() -> None:
    def talk(line: socket.socket) -> None:
        line.recv(1000)
        while True:
            line.sendall(b"H")
            time.sleep(0.05)

    with listening(talk) as port:
        began_at = time.monotonic()
        assert why(lambda: asks(port, seconds=0.4)) == f"127.0.0.1:{port} gives no answer in time"
        assert time.monotonic() - began_at < 20


def test_what_speaks_no_http_is_told_in_words() -> None:
    def talk(line: socket.socket) -> None:
        line.recv(1000)
        line.sendall(b"SSH-2.0-OpenSSH\r\n")
        line.close()

    with listening(talk) as port:
        assert why(lambda: asks(port)) == "it does not answer in HTTP"
    with listening(lambda line: line.close()) as port:
        assert why(lambda: asks(port)) in (f"127.0.0.1:{port} has hung up", "it does not answer in HTTP")
    port = closed_port()
    assert why(lambda: asks(port)) == f"nobody answers at 127.0.0.1:{port} (connection refused)"


# tls


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


class Authority:
    """A certificate authority of this test's own."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Labs")])
        self._root = self._signed(self._name, self._key, 3650, [], is_authority=True)
        self.pem = self._root.public_bytes(Encoding.PEM).decode()

    def context(self, folder: Path, names: list[x509.GeneralName], days: int) -> ssl.SSLContext:
        """For a server that shows a certificate for these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "host")])
        certificate = self._signed(name, key, days, names, is_authority=False)
        path = folder / "both.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        days: int,
        names: list[x509.GeneralName],
        is_authority: bool,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        begins_at = now - timedelta(days=max(1, 1 - days))
        usage = x509.KeyUsage(True, *[False] * 4, is_authority, is_authority, False, False)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins_at - timedelta(days=1))
            .not_valid_after(now + timedelta(days=days, hours=1))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())


HERE = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
LAB = x509.DNSName("demo.lab.test")


def test_a_certificate_of_the_labs_authority_is_good(authority: Authority, tmp_path: Path) -> None:
    with serving({"/": (200, {}, b"")}, authority.context(tmp_path, [HERE, LAB], 30)) as (port, hosts):
        good = "its certificate is good for 30 more days"
        assert network_checks.tls(at(port), Tls(authority.pem), 30) == good
        assert network_checks.tls(at(port), Tls(authority.pem, "demo.lab.test", 30), 30) == good
        assert why(lambda: network_checks.tls(at(port), Tls(authority.pem, days=31), 30)) == (
            f"{good}, and 31 are asked for"
        )
        assert why(lambda: network_checks.tls(at(port), Tls(authority.pem, "other.lab.test"), 30)) == (
            f"its certificate is not good for 127.0.0.1:{port}: it is for another name"
        )
        assert asks(port, scheme="https", tls=Tls(authority.pem, "demo.lab.test")) == "200"
        assert hosts[-1] == "demo.lab.test"


def test_a_certificate_that_nobody_trusts_is_not(authority: Authority, tmp_path: Path) -> None:
    with serving({"/": (200, {}, b"")}, authority.context(tmp_path, [HERE], 30)) as (port, _):
        who = "it is signed by an authority that nobody here trusts"
        untrusted = f"its certificate is not good for 127.0.0.1:{port}: {who}"
        assert why(lambda: network_checks.tls(at(port), Tls(), 30)) == untrusted
        assert why(lambda: asks(port, scheme="https")) == untrusted


def test_a_certificate_that_has_expired_is_not(authority: Authority, tmp_path: Path) -> None:
    with serving({}, authority.context(tmp_path, [HERE], -1)) as (port, _):
        assert why(lambda: network_checks.tls(at(port), Tls(authority.pem), 30)) == (
            f"its certificate is not good for 127.0.0.1:{port}: it has expired"
        )


def test_what_speaks_no_tls_is_told_in_words() -> None:
    with serving({}) as (port, _):
        said = why(lambda: network_checks.tls(at(port), Tls(), 30))
        assert said in (f"127.0.0.1:{port} does not speak TLS as it should", f"127.0.0.1:{port} has hung up")


def test_a_handshake_that_trickles_does_not_hold_us() -> None:
    def talk(line: socket.socket) -> None:
        line.recv(1000)
        for byte in b"\x16\x03\x03\x40\x00" + b"\x00" * 1000:
            line.sendall(bytes([byte]))
            time.sleep(0.05)

    with listening(talk) as port:
        began_at = time.monotonic()
        said = why(lambda: network_checks.tls(at(port), Tls(), 0.4))
        assert said == f"127.0.0.1:{port} gives no answer in time"
        assert time.monotonic() - began_at < 20
