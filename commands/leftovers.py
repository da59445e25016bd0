"""What labs that are gone have left in Vault: taken back by themselves, some at a time."""

from __future__ import annotations

from datetime import datetime

import structlog

from commands.deps import Deps
from commands.engines.vault.protocol import VaultError
from commands.steps import integrate, secure
from commands.words import plural
from state import audit, labs

MOST_AT_ONCE = 20

logger = structlog.get_logger()


def sweep(deps: Deps, now: datetime) -> str:
    """Take back what is left of labs that are gone. A name that we never had is somebody else's, and stays."""
    try:
        names = sorted(deps.vault.labs_with_secrets())
    except VaultError as away:
        return f"what labs have in Vault is looked at later: {away.sentence}"
    gone = [name for name in names if _is_gone(deps, name)]
    taken_back = [name for name in gone[:MOST_AT_ONCE] if _take_back(deps, name, now)]
    return (
        f"took back what {plural(len(taken_back), 'lab')} left in Vault, {len(gone) - len(taken_back)} wait"
    )


def _is_gone(deps: Deps, name: str) -> bool:
    return labs.living(deps.database, name) is None and labs.last_gone(deps.database, name) is not None


def _take_back(deps: Deps, name: str, now: datetime) -> bool:
    try:
        integrate.take_back(deps.vault, name)
        secure.take_back(deps.vault, name)
    except VaultError as why:
        logger.warning("what a lab left in Vault stays for now", lab=name, because=why.sentence)
        return False
    audit.append(deps.database, now, "innkeeper", "taken_back", name, place="Vault")
    return True
