"""The step integrate: what a lab publishes lies in Vault, and its consumers log in there as the lab's own."""

from __future__ import annotations

import json
from typing import Any

from commands.engines.vault.places import DATABASE_MOUNT, LABS_FOLDER, OPERATORS_MOUNT, lab_connection
from commands.engines.vault.protocol import Vault, VaultMissing
from commands.grants import issuing
from commands.steps.step import Done, StepFailed, Work
from commands.words import listed, plural
from state import grants

LONGEST_CHARACTERS = 256 * 1024  # as JSON, all together


def perform(work: Work) -> Done:
    """Publish the outputs at `innkeeper/labs/LAB`, and see that the lab has its AppRole.

    Raises StepFailed, VaultError.
    """
    vault, lab = work.deps.vault, work.lab
    values = published(work) | pointers(work)
    if vault.open_lab_role(lab.name, lab.id):
        vault.remove_lab_secret(lab.name)  # with every version that an earlier lab of its name has left
    if vault.lab_secret(lab.name) != values:
        vault.write_lab_secret(lab.name, values)
    return Done(plural(len(work.blueprint.publish), "value"))


def undo(work: Work) -> None:
    """Nobody reads it any more, and then it is not there any more."""
    deps, now = work.deps, work.deps.now()
    for grant in grants.living(deps.database, now, lab_id=work.lab.id):
        if grant.kind == "connect":
            issuing.revoke(deps, grant.id, now, "its lab is being destroyed")
    take_back(work.deps.vault, work.lab.name)


def take_back(vault: Vault, lab: str) -> None:
    """The same by the lab's name, which may be gone already. Harmless where nothing was published."""
    vault.close_lab_role(lab)
    vault.remove_lab_secret(lab)


def published(work: Work) -> dict[str, Any]:
    """Output → value, of those that the blueprint publishes. Raises StepFailed naming the one that cannot be."""
    found = {}
    for name in work.blueprint.publish:
        if name not in work.outputs:
            has = listed([f"`{each}`" for each in sorted(work.outputs)]) or "no outputs"
            raise StepFailed(f"There is no output `{name}`, which `integrate` publishes. The lab has {has}.")
        found[name] = work.outputs[name]
        if not _is_plain(found[name]):
            raise StepFailed(
                f"The output `{name}` cannot be published: it is a text, a number, true or false, or a list or a map "
                f"of these, and not {_kind(found[name])}."
            )
    if len(json.dumps(found)) > LONGEST_CHARACTERS:
        longest = max(found, key=lambda name: len(json.dumps(found[name])))
        raise StepFailed(f"What `integrate` publishes is too long for Vault: look at the output `{longest}`.")
    return found


def pointers(work: Work) -> dict[str, str]:
    """Where in Vault a consumer finds what is no output: paths, which are no secrets."""
    secure, lab, found = work.blueprint.secure, work.lab.name, {}
    if secure.tls_domain is not None:
        found["vault_tls"] = f"{OPERATORS_MOUNT}/{LABS_FOLDER}/{lab}/tls"
    if secure.database_role is not None:
        try:
            role = work.deps.vault.database_role(lab, secure.database_role).name
        except VaultMissing:
            return found
        if role.startswith(
            (f"{lab}.", f"{lab_connection(lab)}.")
        ):  # one that several labs share is for people alone
            found["vault_database"] = f"{DATABASE_MOUNT}/creds/{role}"
    return found


def _is_plain(value: Any) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    return all(isinstance(each, str | int | float | bool) for each in parts)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return "a list of more than that" if isinstance(value, list) else "a map of more than that"
