"""The API of an Inn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bot.api.serving_api import Served, serving
from tests.inn import Inn


@pytest.fixture
def served(inn: Inn) -> Iterator[Served]:
    """Its API, on a port of its own."""
    with serving(inn) as running:
        yield running
