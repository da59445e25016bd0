"""One house for the tests that can share it, and houses of their own for those that cannot."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from bot.playground.vault_server import EmbeddedVault
from tests.integration.house import House

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
    if shared_house.process is None or shared_house.process.poll() is not None:
        shared_house.start()
    return shared_house


@pytest.fixture
def own_house(new_house: Callable[[], House]) -> Iterator[House]:
    """A house for one test, its bot not yet started."""
    house = new_house()
    yield house
    house.close()
