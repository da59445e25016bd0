"""The bot is killed between Vault's issuing and its own recording: what was made is found, and ends."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.playground.postgresql_server import LocalPostgreSQL
from state.rows import to_text
from tests.integration.house import House
from tests.integration.keyholder import Keyholder
from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
def gus(keyed: House, tmp_path: Path) -> Iterator[Keyholder]:
    """An infra person with a key of their own."""
    name = f"gus{len(keyed.slack.workspace.users)}"
    gus = Keyholder(keyed, tmp_path, name, "infra")
    gus.enrolls()
    yield gus
    gus.asks("/key revoke all", expect="Your keys stay enrolled")


def killed_while(house: House, gus: Keyholder, command: str, path: str) -> None:
    """Kill the bot when Vault has done what a command asks of it, and the bot has not heard of it."""
    lost = len(house.front.lost)
    assert house.process is not None
    house.front.lose(path, "answer", house.process.kill)  # a second later it would know that it was lost
    house.slack.command(gus.user, house.channel, command)
    until(lambda: len(house.front.lost) > lost)
    house.kill()
    house.front.keep_all()


def test_the_request_is_taken_up_again_and_what_was_made_before_ends(
    keyed: House, postgresql: LocalPostgreSQL, gus: Keyholder
) -> None:
    users = postgresql.users()
    killed_while(keyed, gus, "/key db store", "database/creds")
    (orphan,) = until(lambda: postgresql.users() - users)
    assert gus.living()[-1]["vault_request_id"] == ""
    keyed.start()
    keyed.is_told(gus.user, "It opens once")
    until(lambda: orphan not in postgresql.users())
    until(lambda: gus.grants()[0]["ended_at"] is not None)
    first, second = gus.grants()
    assert first["revoked_because"] == "its answer was lost"
    shown = gus.reveals(gus.answer)
    assert postgresql.users() - users == {shown["User"]}
    assert second["revoked_at"] is None
    assert postgresql.connect(shown["User"], shown["Password"]).execute("SELECT 1").fetchone() == (1,)


def test_where_nobody_waits_any_more_the_sweep_ends_it(
    keyed: House, postgresql: LocalPostgreSQL, gus: Keyholder
) -> None:
    """As after a minute: the request is over, and its grant was never finished."""
    users = postgresql.users()
    killed_while(keyed, gus, "/key db store", "database/creds")
    (orphan,) = until(lambda: postgresql.users() - users)
    before = datetime.now(UTC) - timedelta(minutes=2)
    with keyed.database() as database:
        database.execute("UPDATE inbox SET done_at = received_at WHERE done_at IS NULL")
        database.execute(
            "UPDATE grants SET issued_at = ? WHERE id = ?", (to_text(before), gus.living()[0]["id"])
        )
    keyed.start()
    until(lambda: orphan not in postgresql.users())
    (grant,) = gus.grants()
    assert grant["revoked_because"] == "whoever asked for it got no answer"
    until(lambda: gus.grants()[0]["ended_at"] is not None)


def test_a_certificate_that_nobody_got_is_revoked_by_its_key_id(
    keyed: House, gus: Keyholder, tmp_path: Path
) -> None:
    """Its serial never became known."""
    killed_while(keyed, gus, "/key ssh store", "ssh-lab/sign")
    keyed.start()
    keyed.is_told(gus.user, "Certificate for root")
    first, second = gus.grants()
    assert (first["serial"], first["revoked_because"]) == (None, "its answer was lost")
    assert second["revoked_at"] is None
    krl = tmp_path / "krl"
    krl.write_bytes(keyed.get("/ssh/krl").content)
    listed = subprocess.run(["ssh-keygen", "-Q", "-l", "-f", krl], capture_output=True, text=True, timeout=30)
    assert f"id: {gus.person.key}:store:{first['id']}" in listed.stdout
    assert second["id"] not in listed.stdout
