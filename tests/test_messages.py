"""docs/MESSAGES.md is what the bot says now, and it is said in one voice."""

from __future__ import annotations

import re

import pytest

from tests import messages


@pytest.fixture(scope="module")
def written() -> str:
    return messages.page()


def test_the_page_is_what_is_said(written: str) -> None:
    assert messages.PAGE.read_text() == written, "python -m tests.messages writes it anew"


def test_nobody_shouts_gives_up_or_counts_wrong(written: str) -> None:
    said = "\n".join(line for line in written.splitlines() if line.startswith(">"))
    assert "!" not in said
    assert not re.search(r"unable to|failed to|something went wrong|\b1 \w+s\b(?! )", said, re.IGNORECASE)
    assert not re.search(r"<[@#!]|&(amp|lt|gt);|\bNone\b|\bRunState\b", said)
