"""What a person is told when something is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from commands.request import Refused


def refused(call: Callable[..., Any], *arguments: Any) -> Refused:
    """The refusal that the call ends in."""
    with pytest.raises(Refused) as caught:
        call(*arguments)
    return caught.value
