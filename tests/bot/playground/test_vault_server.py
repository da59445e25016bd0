"""The embedded OpenBao: keeps what it was given, opens by itself, and leaves no process behind."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import hvac
import psutil
import pytest

from bot.playground.vault_server import EmbeddedVault, VaultDidNotStart
from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[EmbeddedVault]:
    vault = EmbeddedVault(tmp_path / "vault")
    yield vault
    vault.stop()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def servers_of(folder: Path) -> list[int]:
    """The processes whose command line names the folder."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        named = str(folder) in " ".join(process.info["cmdline"] or [])
        if named and process.info["status"] != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
            found.append(process.pid)
    return found


def test_it_keeps_its_data_and_its_port_and_opens_by_itself(vault: EmbeddedVault) -> None:
    vault.start()
    client = hvac.Client(vault.addr, token=vault.root_token)
    client.sys.enable_secrets_engine("kv", path="kept", options={"version": "1"})
    client.secrets.kv.v1.create_or_update_secret("a", secret={"value": "b"}, mount_point="kept")
    port, token = vault.port, vault.root_token
    vault.stop()
    assert not is_open(port)
    vault.start()
    assert (vault.port, vault.root_token) == (port, token)
    assert client.secrets.kv.v1.read_secret("a", mount_point="kept")["data"] == {"value": "b"}


def test_it_audits_to_a_file_and_its_secrets_are_for_its_owner_alone(vault: EmbeddedVault) -> None:
    vault.start()
    audit = (vault.folder / "audit.log").read_text()
    assert '"type":"request"' in audit
    assert vault.root_token not in audit
    for name in ("root-token", "seal.key"):
        assert stat.S_IMODE((vault.folder / name).stat().st_mode) == 0o600
    assert vault.root_token not in repr(vault)


def test_its_secrets_are_on_no_command_line(vault: EmbeddedVault) -> None:
    vault.start()
    running = servers_of(vault.folder)
    assert running
    assert all(vault.root_token not in " ".join(psutil.Process(pid).cmdline()) for pid in running)


def test_stopping_ends_every_process_and_twice_is_harmless(vault: EmbeddedVault) -> None:
    vault.start()
    vault.stop()
    vault.stop()
    assert servers_of(vault.folder) == []
    assert not is_open(vault.port)


def test_it_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    program = (
        "import sys, pathlib\n"
        "from bot.playground.vault_server import EmbeddedVault\n"
        "EmbeddedVault(pathlib.Path(sys.argv[1])).start()\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdin is not None
    assert child.stdout.readline() == "ready\n"
    assert servers_of(folder)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert until(lambda: servers_of(folder) == [])
    child.stdin.close()
    child.stdout.close()


def test_one_that_was_left_behind_is_ended_by_the_next(tmp_path: Path) -> None:
    first = EmbeddedVault(tmp_path / "vault").start()
    second = EmbeddedVault(tmp_path / "vault", port=first.port).start()
    assert hvac.Client(second.addr, token=second.root_token).sys.is_initialized()
    assert first.root_token == second.root_token
    second.stop()
    first.stop()
    assert servers_of(first.folder) == []


def test_a_folder_that_lost_its_token_says_what_to_do(vault: EmbeddedVault) -> None:
    vault.start()
    vault.stop()
    (vault.folder / "root-token").unlink()
    with pytest.raises(VaultDidNotStart, match="remove the folder to begin anew"):
        vault.start()
    assert servers_of(vault.folder) == []


def test_a_server_that_ends_at_once_points_to_its_log(vault: EmbeddedVault) -> None:
    vault.folder.mkdir()
    (vault.folder / "seal.key").write_bytes(b"too short")
    with pytest.raises(VaultDidNotStart, match=r"server\.log tells why"):
        vault.start()
    assert servers_of(vault.folder) == []
