"""What a lab's Terraform answered, in the clear: for its own steps, and for labs that use it. Never to be shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from commands.deps import Deps
from state import tfstate
from state.records import Lab


def outputs_of(deps: Deps, lab: Lab) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A lab's outputs as Terraform's state has them, in the clear, and the texts in them that are secret.

    Raises VaultError.
    """
    version = tfstate.current(deps.database, lab.id)
    if version is None:
        return {}, ()
    told = json.loads(tfstate.clear(version, deps.vault)).get("outputs") or {}
    outputs = {name: each.get("value") for name, each in told.items()}
    secret = [outputs[name] for name, each in told.items() if each.get("sensitive")]
    return outputs, tuple(text for value in secret for text in texts(value))


def texts(value: Any) -> list[str]:
    """The texts and numbers in a secret value that are long enough to be looked for."""
    if isinstance(value, Mapping):
        return [text for each in value.values() for text in texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [str(value)] if isinstance(value, str | int | float) and len(str(value)) > 3 else []
