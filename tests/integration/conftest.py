"""One house for the tests that can share it, and houses of their own for those that cannot."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from bot.playground.house import end_hosts
from bot.playground.postgresql_server import LocalPostgreSQL
from bot.playground.vault_server import EmbeddedVault
from tests.integration.blueprints import add_sandbox
from tests.integration.house import House
from tests.integration.keyholder import HOSTED

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def new_house(
    openbao: EmbeddedVault, sealed_openbao: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], House]]:
    """Builds a house, its bot not yet started. All end with the tests."""
    built: list[House] = []

    def build() -> House:
        house = House(tmp_path_factory.mktemp("house") / "h", openbao, sealed_openbao)
        built.append(house)
        return house

    yield build
    for house in built:
        house.close()


@pytest.fixture(scope="session")
def shared_house(new_house: Callable[[], House]) -> House:
    return new_house()


@pytest.fixture
def house(shared_house: House) -> House:
    """The house that tests share, its bot running and its Vault open. Call labs by names of your own."""
    shared_house.front.become("open")
    shared_house.let_go()
    shared_house.close_forms()
    if not shared_house.lives:
        shared_house.start()
    return shared_house


@pytest.fixture(scope="session")
def keyed_house(new_house: Callable[[], House], postgresql: LocalPostgreSQL) -> Iterator[House]:
    """The house of the tests about keys, its bot running. The lab HOSTED has hosts with ssh, `store` a database."""
    house = new_house()
    add_sandbox(house.labs)
    house.start()
    house.asks(house.riley, f"/lab up sandbox {HOSTED}")
    house.has("keyed", "store")
    house.put_database("store", postgresql)
    house.presses(house.riley, house.card(f"{HOSTED}: proposed"), "Approve", expect="counts for")
    house.card(f"{HOSTED}: applied", 90)  # Ansible deploys onto its hosts, on a machine that may be busy
    yield house
    end_hosts(house.data)


@pytest.fixture
def keyed(keyed_house: House) -> House:
    """The same, its Vault heard and its bot running."""
    keyed_house.front.keep_all()
    keyed_house.let_go()
    keyed_house.close_forms()
    if not keyed_house.lives:
        keyed_house.start()
    return keyed_house


@pytest.fixture
def own_house(new_house: Callable[[], House]) -> Iterator[House]:
    """A house for one test, its bot not yet started."""
    house = new_house()
    yield house
    house.close()
