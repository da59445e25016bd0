"""A Vault that behaves badly, and a login that ends: nobody waits long, and nothing is guessed."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import pytest

from commands.engines.vault.protocol import (
    AppRole,
    FixedToken,
    HvacVault,
    Operator,
    TokenFile,
    VaultAway,
    VaultDenied,
    VaultLoginRefused,
    VaultSealed,
    VaultSlow,
    VaultUnavailable,
    VaultUnprepared,
)
from commands.engines.vault.setup import prepare, unwrap_secret_id
from state.records import Person
from tests.conftest import VaultSpace
from tests.waiting import until

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ADMIN, ANNA = Person("T1", "U0"), Person("T1", "U1")


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a server that does with each connection whatever answer does."""
    listening = socket.create_server(("127.0.0.1", 0))
    connections: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        try:
            connection.recv(65536)
            answer(connection)
        except OSError:
            pass  # the test is over

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            connections.append(connection)
            Thread(target=serve, args=(connection,), daemon=True).start()

    Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    for connection in connections:
        connection.close()


pace = Event()


def silent(connection: socket.socket) -> None:
    connection.recv(1)


def trickle_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n{")
    for _ in itertools.count():
        connection.sendall(b" ")
        pace.wait(0.1)


def trickle_head(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in itertools.count():
        connection.sendall(f"X-{number}: x\r\n".encode())
        pace.wait(0.1)


def says(status: str, body: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + body)
        connection.close()

    return answer


def hangs_up(connection: socket.socket) -> None:
    connection.close()


@pytest.mark.parametrize("answer", [silent, trickle_body, trickle_head])
def test_a_vault_that_does_not_answer_holds_nobody(answer: Callable[[socket.socket], None]) -> None:
    with server(answer) as addr:
        vault = HvacVault(addr, FixedToken("a-token"))
        started = time.monotonic()
        with pytest.raises(VaultSlow) as refusal:
            vault.operator(ANNA)
        assert time.monotonic() - started < 20
        assert refusal.value.sentence == (
            "Vault took too long to answer, so I cannot check who you are. I have not done anything. "
            "Try again in a minute."
        )


def test_a_silent_login_holds_nobody() -> None:
    with server(silent) as addr:
        vault = HvacVault(addr, AppRole("a-role", "a-secret"))
        started = time.monotonic()
        with ThreadPoolExecutor(30) as pool:  # one after the other they would take half a minute
            answers = list(pool.map(lambda _: vault.health(), range(30)))
        assert answers == ["away"] * 30
        assert time.monotonic() - started < 20


def test_a_write_without_an_answer_is_in_doubt_and_says_so() -> None:
    with server(silent) as addr:
        vault = HvacVault(addr, FixedToken("a-token"), timeout_seconds=0.2)
        with pytest.raises(VaultSlow) as refusal:
            vault.write_operator(Operator(ANNA, "Anna", ("operator",), (), "T1-U0", NOW))
    assert refusal.value.sentence.endswith(
        "Look at `/operator list` before you try again: it may have been written."
    )


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (says("503 Service Unavailable", b'{"errors":["Vault is sealed"]}'), VaultSealed),
        (says("503 Service Unavailable", b"<html>no backend</html>"), VaultAway),
        (says("501 Not Implemented", b'{"errors":["Vault is not initialized"]}'), VaultSealed),
        (says("500 Internal Server Error", b'{"errors":["no leader"]}'), VaultAway),
        (says("502 Bad Gateway", b"<html>"), VaultAway),
        (says("429 Too Many Requests", b'{"errors":["quota"]}'), VaultSlow),
        (says("401 Unauthorized", b"{}"), VaultDenied),
        (says("403 Forbidden", b'{"errors":["permission denied"]}'), VaultLoginRefused),
        (says("400 Bad Request", b'{"errors":["no such backend"]}'), VaultUnprepared),
        (says("200 OK", b"<html>some other server</html>"), VaultAway),
        (says("200 OK", b"[]"), VaultAway),
        (says("200 OK", b'{"data": null}'), VaultAway),
        (says("200 OK", b'{"data": {"data": {"roles": ["admin"]}}}'), VaultAway),
        (says("204 No Content", b""), VaultAway),
        (says("nonsense", b""), VaultAway),
        (hangs_up, VaultAway),
    ],
)
def test_a_bad_answer_is_no_answer(
    answer: Callable[[socket.socket], None], error: type[VaultUnavailable]
) -> None:
    with server(answer) as addr:
        vault = HvacVault(addr, FixedToken("a-token"), timeout_seconds=30)
        with pytest.raises(VaultUnavailable) as refusal:
            vault.operator(ANNA)
        assert type(refusal.value) is error
        assert vault.health() != "ready"


@pytest.mark.parametrize("addr", ["http://vault.invalid", "not-an-address", "http://127.0.0.1:99999", ""])
def test_an_address_that_leads_nowhere_is_away(addr: str) -> None:
    vault = HvacVault(addr or "http://", FixedToken("a-token"))
    assert vault.health() == "away"


def test_no_secret_shows_in_its_representation(tmp_path: Path) -> None:
    logins = [AppRole("a-role", "s3cret"), FixedToken("s3cret"), TokenFile(tmp_path / "token")]
    shown = [repr(HvacVault("http://127.0.0.1:1", login)) for login in logins]
    assert "s3cret" not in "".join(shown)
    assert "a-role" in shown[0]


# logins that end, on a real server


def bot(space: VaultSpace) -> HvacVault:
    prepared = prepare(space.client, ADMIN, "admin", NOW)
    secret_id = unwrap_secret_id(space.addr, prepared.wrapped_secret_id, space.namespace)
    return HvacVault(space.addr, AppRole(prepared.role_id, secret_id), space.namespace, timeout_seconds=30)


def tokens(space: VaultSpace) -> set[str]:
    """The accessors of the tokens that the AppRole gave."""
    found = set()
    for accessor in space.client.list("auth/token/accessors")["data"]["keys"]:
        data = space.client.auth.token.lookup_accessor(accessor)["data"]
        if data["path"] == "auth/approle/login":
            found.add(accessor)
    return found


def new_token(space: VaultSpace, ttl: str, **options: object) -> str:
    made = space.client.auth.token.create(policies=["innkeeper-bot", "default"], ttl=ttl, **options)
    return str(made["auth"]["client_token"])


@pytest.mark.integration
def test_a_token_revoked_while_running_is_followed_by_one_new_login(vault_space: VaultSpace) -> None:
    vault = bot(vault_space)
    assert vault.operator(ADMIN) is not None
    (first,) = tokens(vault_space)
    vault_space.client.auth.token.revoke_accessor(first)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: vault.operator(ADMIN), range(8)))
    assert all(each is not None and each.roles == ("admin",) for each in found)
    assert len(tokens(vault_space)) == 1


@pytest.mark.integration
def test_a_write_goes_through_although_the_token_was_revoked(vault_space: VaultSpace) -> None:
    vault = bot(vault_space)
    assert vault.operator(ANNA) is None
    for accessor in tokens(vault_space):
        vault_space.client.auth.token.revoke_accessor(accessor)
    vault.write_operator(Operator(ANNA, "Anna", ("operator",), (), "T1-U0", NOW))
    written = vault.operator(ANNA)
    assert written is not None
    assert written.version == 1


@pytest.mark.integration
def test_a_missing_right_is_not_taken_for_an_ended_token(vault_space: VaultSpace) -> None:
    vault = bot(vault_space)
    for _ in range(3):
        with pytest.raises(VaultDenied) as refusal:
            vault.read_field("kv/team/aws#token")
    assert '`path "kv/data/team/aws" { capabilities = ["read"] }`' in refusal.value.sentence
    assert "`innkeeper-blueprints`" in refusal.value.sentence
    assert len(tokens(vault_space)) == 1


@pytest.mark.integration
def test_a_fixed_token_that_ended_needs_an_admin(vault_space: VaultSpace) -> None:
    prepare(vault_space.client, ADMIN, "admin", NOW)
    token = new_token(vault_space, "1h")
    vault = HvacVault(vault_space.addr, FixedToken(token), vault_space.namespace, timeout_seconds=30)
    assert vault.health() == "ready"
    vault_space.client.auth.token.revoke(token)
    assert vault.health() == "denied"
    with pytest.raises(VaultLoginRefused, match="Vault does not accept my login"):
        vault.operator(ADMIN)


@pytest.mark.integration
def test_a_token_file_is_read_again_when_its_token_has_ended(vault_space: VaultSpace, tmp_path: Path) -> None:
    prepare(vault_space.client, ADMIN, "admin", NOW)
    file = tmp_path / "token"
    vault = HvacVault(vault_space.addr, TokenFile(file), vault_space.namespace, timeout_seconds=30)
    assert vault.health() == "denied"  # not written yet
    first = new_token(vault_space, "1h")
    file.write_text(f"{first}\n")
    assert vault.operator(ADMIN) is not None
    vault_space.client.auth.token.revoke(first)
    assert vault.health() == "denied"
    file.write_text(new_token(vault_space, "1h"))
    assert vault.operator(ADMIN) is not None


@pytest.mark.integration
def test_a_token_past_half_of_its_life_is_renewed(vault_space: VaultSpace) -> None:
    prepare(vault_space.client, ADMIN, "admin", NOW)
    young, old = (FixedToken(new_token(vault_space, ttl)) for ttl in ("1h", "16s"))
    vault = HvacVault(vault_space.addr, young, vault_space.namespace, timeout_seconds=30)
    assert vault.renew().startswith("the Vault token is good for ")
    vault = HvacVault(vault_space.addr, old, vault_space.namespace, timeout_seconds=30)
    assert until(lambda: vault.renew().startswith("renewed the Vault token for "))


@pytest.mark.integration
def test_a_token_near_its_very_end_is_followed_by_a_new_login(vault_space: VaultSpace) -> None:
    vault = bot(vault_space)
    vault_space.client.auth.approle.create_or_update_approle("innkeeper", token_ttl="2s", token_max_ttl="2s")
    assert until(lambda: vault.renew() == "logged in to Vault again" or None) is True
    assert vault.health() == "ready"


@pytest.mark.integration
def test_a_token_that_cannot_be_renewed_is_announced(vault_space: VaultSpace) -> None:
    prepare(vault_space.client, ADMIN, "admin", NOW)
    token = new_token(vault_space, "16s", renewable=False)
    vault = HvacVault(vault_space.addr, FixedToken(token), vault_space.namespace, timeout_seconds=30)
    sentence = until(lambda: said if "good for" not in (said := vault.renew()) else "")
    assert sentence.endswith("cannot be renewed: give me a new login")


@pytest.mark.integration
def test_a_root_token_does_not_end(vault_space: VaultSpace) -> None:
    vault = HvacVault(vault_space.addr, FixedToken(vault_space.root_token), timeout_seconds=30)
    assert vault.renew() == "the Vault token does not end"


@pytest.mark.integration
def test_an_unprepared_vault_says_who_prepares_it(vault_space: VaultSpace) -> None:
    root = FixedToken(vault_space.root_token)
    vault = HvacVault(vault_space.addr, root, vault_space.namespace, timeout_seconds=30)
    with pytest.raises(VaultUnprepared, match="innkeeper init --admin TEAM:USER"):
        vault.seal(b"x", "y")
    with pytest.raises(VaultUnprepared):
        vault.write_operator(Operator(ANNA, "Anna", ("operator",), (), "T1-U0", NOW))
    assert vault.operator(ANNA) is None
