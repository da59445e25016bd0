"""A host and a running bot with a real OpenBao behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.host import Host
from tests.integration.house import House

pytestmark = pytest.mark.integration


def test_a_host_trusts_what_a_running_bot_has_vault_sign(house: House, tmp_path: Path) -> None:
    host = Host(tmp_path / "innkeeper")
    done = host.run("install", house.address)
    assert done.returncode == 0, done.stderr
    assert host.has("ca.pub").decode() == house.bots_vault().ssh_ca_public_key() + "\n"
    assert host.has("krl").startswith(b"SSHKRL\n\0")


def test_the_list_stays_while_vault_is_sealed(house: House, tmp_path: Path) -> None:
    host = Host(tmp_path / "innkeeper")
    assert host.run("install", house.address).returncode == 0
    before = host.has("krl")
    house.front.become("sealed")
    assert host.run().returncode == 0
    assert host.has("krl") == before
    assert house.get("/ssh/krl.sig").status_code == 200
