"""The form that asks for a lab's secrets: they are never typed into a command, and never kept in the clear."""

from __future__ import annotations

import json
import shlex

from commands.blueprint import Blueprint, check_secrets
from commands.deps import Deps
from commands.request import FORM_VALUE_LIMIT, Field, Form, Refused


def secret_form(blueprint: Blueprint, names: list[str], lab: str, words: tuple[str, ...]) -> Form:
    """The form for these variables; the command's words come back with it. Raises Refused where they are too long."""
    value = shlex.join([*words[:3], lab, *[word for word in words[3:] if "=" in word]])
    if len(json.dumps(value, ensure_ascii=False)) > FORM_VALUE_LIMIT:
        raise Refused(
            f"`{blueprint.name}` asks for secrets in a form, and that is more than goes with one. Say it shorter."
        )
    return Form(
        action="up_with_secrets",
        value=value,
        title=f"{lab}: secrets"[:24],
        submit="Plan",
        introduction="These values are sealed by Vault. They are shown to nobody, and are never in a message.",
        fields=tuple(
            Field(name=name, label=name, hint=blueprint.variables[name].help, sensitive=True)
            for name in names
        ),
    )


def words_of(value: str) -> tuple[str, ...]:
    """The words of the command that opened the form with this value."""
    return tuple(shlex.split(value))


def sealed_secrets(deps: Deps, blueprint: Blueprint, sealed_form: bytes, lab_id: str) -> bytes:
    """What the form brought, checked as the blueprint says, and sealed for this lab. Raises Refused, VaultError.."""
    about = f"variables {lab_id}"
    brought = json.loads(deps.vault.unseal(sealed_form, about))
    by_variable = {name.rpartition("/")[2]: value for name, value in brought.items()}
    checked = check_secrets(blueprint, by_variable)
    return deps.vault.seal(json.dumps(checked).encode(), about)
