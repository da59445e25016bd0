"""Somebody leaves, and all that they held ends with them: at once, or as soon as Vault can be asked again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from bot.playground.postgresql_server import LocalPostgreSQL
from tests.integration.house import House, said
from tests.integration.keyholder import HOSTED, Keyholder, krl_says
from tests.waiting import until

pytestmark = pytest.mark.integration


def removes(house: House, user: str, expect: str) -> str:
    """The admin sees somebody out. Gives the report."""
    name = house.slack.workspace.users[user].name
    told = house.asks(house.ada, f"/operator remove @{name}", expect=f"<@{user}>")
    if "Nothing has happened yet." in told:  # they hold something
        return house.presses(house.ada, house.answers[house.ada], "Remove", expect=expect)
    assert expect in told
    return told


def is_done(house: House, user: str) -> str:
    """Wait until the admin is told that all of somebody's has ended. Gives the report."""
    wanted = (f"<@{user}>", "All of it is done")

    def report() -> str:
        return next((each for each in house.direct(house.ada) if all(words in each for words in wanted)), "")

    return house.wait_for(report)


def waits_for_security(house: House, lab: str, user: str) -> None:
    """A plan of riley's that has the approval of one infra person, and waits for security."""
    house.asks(house.riley, f"/lab up pair {lab}")
    card = house.card(f"{lab}: proposed")
    house.presses(user, card, "Approve", expect="Waiting for *security*")


def test_everything_ends_with_one_report(keyed: House, postgresql: LocalPostgreSQL, tmp_path: Path) -> None:
    iris = Keyholder(keyed, tmp_path, "iris", "infra")
    iris.enrolls()
    certificate = iris.takes_certificate(HOSTED)
    name, password = iris.takes_database_user("store")
    session = postgresql.connect(name, password)
    iris.asks("/key tls store", expect="A certificate for `store.lab.test`")
    iris.presses(iris.answer, "With a new key", expect="It opens once")
    iris.types("/key factor")
    keyed.slack.close_view(iris.user)
    waits_for_security(keyed, "leaving-one", iris.user)
    assert iris.laptop.run(iris.address(HOSTED), "echo welcome") == "welcome\n"

    report = removes(keyed, iris.user, expect="is no longer an operator.")
    for line in (
        "✓ 1 certificate revoked, list published",
        "✓ 1 TLS certificate revoked",
        "✓ 1 database user and its sessions ended",
        "✓ 1 approval withdrawn (leaving-one)",
    ):
        assert line in report
    assert "All of it is done" in report
    assert krl_says(keyed, certificate) == "REVOKED"
    until(lambda: iris.laptop.run(iris.address(HOSTED), "echo still here") is None)
    until(lambda: name not in postgresql.users())
    with pytest.raises(psycopg.Error):
        session.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        postgresql.connect(name, password)
    assert iris.living() == []
    assert keyed.vault.operator(iris.person) is None
    assert not keyed.vault.totp_has(iris.person)
    keyed.presses(keyed.sam, keyed.cards("leaving-one")[-1], "Approve", expect="Waiting for *infra*")
    iris.asks(f"/key ssh {HOSTED}", expect="You are not a trusted operator yet.")
    iris.presses(keyed.cards("leaving-one")[-1], "Approve", expect="You are not a trusted operator yet.")
    audit = keyed.asks(keyed.sam, "/operator audit @iris", expect="Audit")
    assert "operator removed" in audit


# What of Vault's does not arrive → what the report says of it.
OPEN = (
    {
        "auth/token/revoke-accessor": "◐ 0 of 1 database user and its sessions ended",
        "totp/keys": "◐ their second factor: Vault has not taken that yet",
    },
    {"metadata/operators/T": "◐ their document: Vault has not taken that yet"},
)


@pytest.mark.parametrize("lost", OPEN, ids=["end", "document"])
def test_what_vault_does_not_take_is_told_and_tried_until_it_is_done(
    keyed: House, postgresql: LocalPostgreSQL, tmp_path: Path, lost: dict[str, str]
) -> None:
    joe = Keyholder(keyed, tmp_path, f"joe{len(lost)}", "infra")
    joe.enrolls()
    certificate = joe.takes_certificate("store")
    name, _ = joe.takes_database_user("store")
    keyed.asks(keyed.ada, f"/operator remove @{joe.name}", expect="Nothing has happened yet.")
    for path in lost:
        keyed.front.lose(path, "request")
    report = keyed.presses(keyed.ada, keyed.answers[keyed.ada], "Remove", expect="I go on with what is open")
    assert all(line in report for line in lost.values())
    # Whatever Vault says, nothing of it is good any more here.
    assert joe.living() == []
    assert krl_says(keyed, certificate) == "REVOKED"
    tried = len(keyed.front.lost)
    until(lambda: len(keyed.front.lost) > tried)
    told = keyed.answers[keyed.ada]
    looked = keyed.presses(keyed.ada, told, "Look again", expect="I go on with what is open")
    assert all(line in looked for line in lost.values())
    keyed.front.keep_all()
    assert "◐" not in is_done(keyed, joe.user)
    until(lambda: name not in postgresql.users())
    assert keyed.vault.operator(joe.person) is None
    keyed.presses(keyed.ada, told, "Look again", expect="All of it is done")


def test_a_bot_that_dies_in_between_goes_on_after_its_start(
    keyed: House, postgresql: LocalPostgreSQL, tmp_path: Path
) -> None:
    max_ = Keyholder(keyed, tmp_path, "max", "infra")
    name, _ = max_.takes_database_user("store")
    keyed.asks(keyed.ada, "/operator remove @max", expect="Nothing has happened yet.")
    lost = len(keyed.front.lost)
    keyed.front.lose("auth/token/revoke-accessor", "request")
    keyed.slack.click(keyed.ada, keyed.answers[keyed.ada], "Remove")
    until(lambda: len(keyed.front.lost) > lost)
    keyed.kill()
    keyed.front.keep_all()
    assert name in postgresql.users()
    keyed.start()
    until(lambda: name not in postgresql.users())
    until(lambda: max_.living() == [])
    until(lambda: keyed.vault.operator(max_.person) is None)
    # Whoever is first does it: the request that is taken up again, or the sweep.
    mention = f"<@{max_.user}> is no longer an operator."

    def is_reported() -> bool:
        told = [*keyed.direct(keyed.ada), *map(said, keyed.private(keyed.ada))]
        return any(mention in each and "All of it is done" in each for each in told)

    keyed.wait_for(is_reported)


def test_slack_deactivates_somebody(keyed: House, postgresql: LocalPostgreSQL, tmp_path: Path) -> None:
    kim = Keyholder(keyed, tmp_path, "kim", "infra")
    kim.enrolls()
    certificate = kim.takes_certificate("store")
    name, _ = kim.takes_database_user("store")
    keyed.slack.change_user(kim.user, timezone="Asia/Tokyo")  # something else of theirs changes
    assert keyed.vault.operator(kim.person) is not None
    keyed.slack.change_user(kim.user, deleted=True)
    assert f"<@{kim.user}> was deactivated in Slack" in is_done(keyed, kim.user)
    assert keyed.vault.operator(kim.person) is None
    assert krl_says(keyed, certificate) == "REVOKED"
    until(lambda: name not in postgresql.users())
    assert kim.living() == []


def test_somebodys_time_is_over(keyed: House, postgresql: LocalPostgreSQL, tmp_path: Path) -> None:
    lou = Keyholder(keyed, tmp_path, "lou", "infra")
    lou.enrolls()
    certificate = lou.takes_certificate("store")
    name, _ = lou.takes_database_user("store")
    keyed.asks(
        keyed.ada, "/operator add @lou infra until=8h", expect="is a trusted operator now: infra, until"
    )
    assert krl_says(keyed, certificate) == "ok"
    trusted = keyed.vault.operator(lou.person)
    assert trusted is not None
    keyed.vault.write_operator(replace(trusted, expires_at=datetime.now(UTC)))  # the eight hours are over
    assert f"<@{lou.user}>'s time as an operator is over." in is_done(keyed, lou.user)
    assert krl_says(keyed, certificate) == "REVOKED"
    until(lambda: name not in postgresql.users())
    lou.asks("/key ssh store", expect="You are not a trusted operator yet.")
    assert keyed.vault.operator(lou.person) is None


def test_the_last_admin_stays(keyed: House) -> None:
    keyed.asks(keyed.ada, "/operator remove @ada", expect="is the last admin")
    keyed.asks(keyed.ada, "/operator add @ada admin until=2s", expect="is the last admin")
    assert keyed.vault.operator(keyed.trust(keyed.ada, "admin")) is not None
