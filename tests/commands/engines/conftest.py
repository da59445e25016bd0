"""The Vaults that a contract is held to."""

from __future__ import annotations

import pytest

from tests.commands.engines.vault_worlds import FakeWorld, RealWorld, World


@pytest.fixture(params=["fake", pytest.param("openbao", marks=pytest.mark.integration)])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "fake":
        return FakeWorld()
    return RealWorld(request.getfixturevalue("vault_space"), request.getfixturevalue("postgresql"))
