"""The documents of operators in Vault's KV v2 mount, through a client that is logged in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import hvac
import structlog
from hvac import exceptions

from commands.engines.vault.documents import ENDED, Operator, from_document, to_document
from commands.engines.vault.errors import VaultConflict, VaultError
from commands.engines.vault.places import OPERATORS_MOUNT
from state.records import Person

log = structlog.get_logger()


def keys(client: hvac.Client) -> list[str]:
    """The names of all documents, whatever they are."""
    try:
        return list(
            client.secrets.kv.v2.list_secrets("operators", mount_point=OPERATORS_MOUNT)["data"]["keys"]
        )
    except exceptions.InvalidPath:
        return []


def read(
    client: hvac.Client, person: Person, path: str, now: datetime | None = None
) -> tuple[Operator | None, dict[str, Any]]:
    """The operator with its document as it stands at now, or None and nothing."""
    try:
        answer = client.secrets.kv.v2.read_secret_version(
            path, mount_point=OPERATORS_MOUNT, raise_on_deleted_version=True
        )
    except exceptions.InvalidPath:
        return None, {}
    document, metadata = answer["data"]["data"], answer["data"]["metadata"]
    operator = from_document(
        person,
        document,
        int(metadata["version"]),
        now or datetime.now(UTC),
        metadata.get("created_time", ""),
    )
    if operator.problem and operator.problem != ENDED:
        log.warning(
            "an operator's document is not as agreed",
            path=f"{OPERATORS_MOUNT}/{path}",
            problem=operator.problem,
        )
    return operator, document


def write(client: hvac.Client, operator: Operator, path: str) -> None:
    """Check-and-set on the version that was read; keys that we do not know are kept."""
    before, document = read(client, operator.person, path)
    if (before.version if before else 0) != operator.version:
        raise conflict(operator)
    try:
        client.secrets.kv.v2.create_or_update_secret(
            path,
            secret=to_document(operator, document),
            cas=operator.version or _deleted_version(client, path),
            mount_point=OPERATORS_MOUNT,
        )
    except exceptions.InvalidRequest as error:
        if "check-and-set" in str(error):
            raise conflict(operator) from None
        raise VaultError("Vault did not take the document: look at its log.", str(error.errors)) from None


def _deleted_version(client: hvac.Client, path: str) -> int:
    """What to set against where no document stands: not 0 when one was deleted and its history kept."""
    try:
        metadata = client.secrets.kv.v2.read_secret_metadata(path, mount_point=OPERATORS_MOUNT)
    except exceptions.InvalidPath:
        return 0
    return int(metadata["data"]["current_version"])


def conflict(operator: Operator) -> VaultConflict:
    """The error for a write that lost."""
    return VaultConflict(
        f"Somebody else changed the rights of <@{operator.person.user}> at the same moment, "
        "and theirs stand. Look at `/operator list`, then ask me again."
    )
