"""What asyncssh has no public hook for: a new version that moves it is noticed here, and lets nobody in."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.labs.sandbox_machine import Authority, KrlServer, host_module

ssh_server = host_module("ssh_server")
asyncssh = ssh_server.asyncssh


class UnwrappedDoor(ssh_server.Door):  # type: ignore[misc,name-defined]
    """As after a version of asyncssh that looks at certificates in another place than the one that we wrap."""

    def connection_made(self, connection: Any) -> None:
        self._connection, self._from = connection, "somewhere"


class BlindDoor(ssh_server.Door):  # type: ignore[misc,name-defined]
    """As after a version of asyncssh that keeps serial and key id under other names."""

    async def _objection(self, username: str, certificate: Any) -> Any:
        return await super()._objection(username, _Renamed(certificate))


class _Renamed:
    def __init__(self, certificate: Any) -> None:
        self.signing_key, self.key, self.principals = (
            *(certificate.signing_key, certificate.key, certificate.principals),
        )


@pytest.fixture
def lodge(tmp_path: Path) -> Any:
    authority, krls = Authority(tmp_path / "ca"), KrlServer()
    krls.content = authority.krl()
    setting = ssh_server.Setting("demo-1", "demo", "root", authority.public_key, str(tmp_path), krls.url)
    yield ssh_server.Lodge(setting), authority
    krls.close()


async def _enters(door: Callable[[], Any], key: Path) -> bool:
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=door,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        process_factory=lambda process: process.exit(0),
    )
    try:
        async with asyncssh.connect(
            "127.0.0.1",
            server.get_port(),
            username="root",
            known_hosts=None,
            client_keys=[(str(key), f"{key}-cert.pub")],
            config=None,
            agent_path=None,
        ) as client:
            return bool((await client.run("true")).exit_status == 0)
    except asyncssh.PermissionDenied:
        return False
    finally:
        server.close()


def enters(door: Callable[[], Any], key: Path) -> bool:
    return asyncio.run(_enters(door, key))


def test_asyncssh_looks_at_certificates_where_we_look_too() -> None:
    connection = asyncssh.connection.SSHServerConnection
    assert inspect.iscoroutinefunction(connection._validate_openssh_certificate)
    assert list(inspect.signature(connection._validate_openssh_certificate).parameters) == [
        *("self", "username", "cert"),
    ]
    assert "_validate_openssh_certificate" in inspect.getsource(connection._validate_client_certificate)


@pytest.mark.integration
def test_serial_and_key_id_are_what_ssh_keygen_wrote(lodge: Any) -> None:
    key = lodge[1].certificate("anna", serial=2**64 - 1, key_id="T1-U1:demo:g1")
    shown = ssh_server.read_certificate(asyncssh.read_certificate(f"{key}-cert.pub"))
    assert (shown.certificate.serial, shown.certificate.key_id) == (2**64 - 1, "T1-U1:demo:g1")
    assert (shown.is_for_users, shown.principals) == (True, ("root",))
    assert shown.valid_before - shown.valid_after >= 30 * 60


@pytest.mark.integration
def test_a_door_lets_in_who_has_a_certificate(lodge: Any) -> None:
    door, key = (lambda: ssh_server.Door(lodge[0])), lodge[1].certificate("anna")
    assert enters(door, key)


@pytest.mark.integration
@pytest.mark.parametrize("kind", [UnwrappedDoor, BlindDoor])
def test_where_asyncssh_has_moved_nobody_gets_in(
    lodge: Any, kind: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not enters(lambda: kind(lodge[0]), lodge[1].certificate("anna"))
    if kind is BlindDoor:
        assert f"asyncssh {asyncssh.__version__} shows certificates in another way" in capsys.readouterr().out
