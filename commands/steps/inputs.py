"""What one run's Terraform is given: variables, secrets and credentials, read for that run and kept nowhere else."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from commands import consuming
from commands.blueprint import Blueprint
from commands.blueprints import sources
from commands.deps import Deps
from commands.engines.vault.protocol import VaultError, VaultUnprepared
from commands.request import Refused
from state import labs
from state.records import Lab, Run


@dataclass(frozen=True)
class Inputs:
    """variables go into a file that only Terraform reads, environment into its environment.

    ephemeral: those of the variables that are in no plan, and so are given again at the apply.
    secrets: every secret value in either, to be taken out of all that is said.
    """

    variables: Mapping[str, Any]
    ephemeral: Mapping[str, Any]
    environment: Mapping[str, str]
    secrets: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Inputs(variables={sorted(self.variables)}, environment={sorted(self.environment)})"


def gather(deps: Deps, lab: Lab, run: Run, blueprint: Blueprint) -> Inputs:
    """Read a run's inputs: what was asked for, what Vault holds, and what we fill in where the module declares it.

    Raises Refused, VaultError.
    """
    secret: dict[str, Any] = {
        name: deps.vault.read_field(variable.vault)
        for name, variable in blueprint.variables.items()
        if variable.vault is not None
    }
    if run.sealed_variables is not None:
        secret |= json.loads(deps.vault.unseal(run.sealed_variables, f"variables {lab.id}"))
    environment = {
        name: deps.vault.read_field(reference) for name, reference in blueprint.credentials.items()
    }
    consumed, of_others = consuming.values(deps, lab, blueprint, may_be_gone=run.kind == "destroy")
    variables = {**run.variables, **secret, **consumed}
    declared = deps.terraform.declared(blueprint.module)
    filled: dict[str, Any] = {"lab": lab.name, "owner": lab.owner.key, "innkeeper_url": deps.base_url}
    if "ssh_ca_public_key" in declared:
        filled["ssh_ca_public_key"] = _prepared(deps.vault.ssh_ca_public_key)
    if "krl_public_key" in declared:
        filled["krl_public_key"] = _prepared(deps.vault.signing_public_key)
    if "active_url" in declared:
        filled["active_url"] = f"{deps.base_url}/labs/{lab.name}/active"
    if "active_token" in declared:
        filled["active_token"] = secret["active_token"] = _active_token(deps, lab)
    if "trusted_ssh_keys" in declared:
        operators = deps.vault.operators()
        filled["trusted_ssh_keys"] = sorted({key for each in operators for key in each.ssh_public_keys})
    variables |= {name: value for name, value in filled.items() if name in declared}
    parts = [part for value in secret.values() for part in (value if isinstance(value, list) else [value])]
    hidden = [*map(str, parts), *environment.values(), *of_others]
    ephemeral = {
        name: value for name, value in variables.items() if name in declared and declared[name].ephemeral
    }
    return Inputs(variables, ephemeral, environment, tuple(value for value in hidden if value))


def _active_token(deps: Deps, lab: Lab) -> str:
    """With it the lab's hosts report that they are used. One for each lab: a host is told it once."""
    about = f"active token {lab.id}"
    sealed = _sealed_active_token(deps, lab)
    if sealed is None:
        token = secrets.token_urlsafe(32)
        digest = sha256(token.encode()).hexdigest()
        labs.give_active_token(deps.database, lab.id, deps.vault.seal(token.encode(), about), digest)
        sealed = _sealed_active_token(deps, lab)  # somebody else may have been quicker
    return deps.vault.unseal(sealed or b"", about).decode()


def _sealed_active_token(deps: Deps, lab: Lab) -> bytes | None:
    current = labs.get(deps.database, lab.id)
    return current.sealed_active_token if current is not None else None


def _prepared(read: Callable[[], str]) -> str:
    """What Vault answers, or "" where it was never prepared for that: the lab can do without."""
    try:
        return read()
    except VaultUnprepared:
        return ""


def known_secrets(deps: Deps, run: Run) -> tuple[str, ...]:
    """The secret values of a run that is applied already, read again so that they can be taken out of what it says.

    Where Vault does not give them now, Terraform's output is not repeated at all: see RunLog.
    """
    lab = labs.get(deps.database, run.lab_id)
    if lab is None:
        return ()
    try:
        return gather(deps, lab, run, sources.blueprint_of(deps, lab, run)).secrets
    except (Refused, VaultError):
        return UNKNOWN


UNKNOWN: tuple[str, ...] = ("\0",)  # there are secrets, and we do not know them
