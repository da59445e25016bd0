"""`innkeeper init`: prepare a Vault, and say what goes into the bot's environment."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bot.settings import Settings
from commands.blueprints.git_catalogue import opened
from commands.blueprints.records import FromVault
from commands.engines.vault.protocol import VaultError
from commands.engines.vault.setup import Needs, admin_client
from commands.engines.vault.setup import prepare as prepare_vault
from state.records import Person


def prepare(settings: Settings, admin: Person, name: str) -> str:
    """Prepare it and print what was done. Returns a sentence when it could not be done, else nothing.

    The secret id is printed wrapped: whoever unwraps it first has it, and the second one notices.
    """
    assert settings.vault_token is not None
    client = admin_client(
        settings.vault_addr,
        settings.vault_token.get_secret_value(),
        settings.vault_namespace or "",
        str(settings.vault_cacert or ""),
    )
    needs = needs_of(settings.labs_path, settings.data_path)
    try:
        done = prepare_vault(client, admin, name, datetime.now(UTC), needs)
    except VaultError as error:
        return error.sentence
    console = Console(highlight=False, soft_wrap=True)
    for what in done.created:
        console.print(f"  made     {what}", markup=False)
    for what in done.present:
        console.print(f"  present  {what}", markup=False)
    for note in done.notes:
        console.print(f"  note     {note}", markup=False)
    minutes = done.wrapped_ttl_seconds // 60
    console.print(f"\nVAULT_ROLE_ID={done.role_id}", markup=False)
    console.print(f"wrapped secret id: {done.wrapped_secret_id}", markup=False)
    console.print(
        f"\nWithin {minutes} minutes, where the bot runs:\n"
        f"  export VAULT_ROLE_ID={done.role_id}\n"
        f"  export VAULT_SECRET_ID=$(VAULT_TOKEN={done.wrapped_secret_id} vault unwrap -field=secret_id)\n"
        "It opens once. When it was opened before you, run `innkeeper init` again, and find out by whom.",
        markup=False,
    )
    return ""


def needs_of(labs_path: str, data_path: Path) -> Needs:
    """What the blueprints of the catalogue ask of Vault. Nothing where the catalogue is not here yet."""
    try:
        blueprints = list(opened(labs_path, data_path).blueprints().values())
    except ValueError:
        return Needs(is_pushed_to=labs_path.startswith("git+"))
    reads = [reference for each in blueprints for reference in each.credentials.values()]
    reads += [variable.vault for each in blueprints for variable in each.variables.values() if variable.vault]
    told = [value for each in blueprints if each.deploy for value in each.deploy.variables.values()]
    reads += [
        value.reference for value in told if isinstance(value, FromVault) and "$" not in value.reference
    ]
    return Needs(
        reads=tuple(reads),
        principals=tuple(sorted({each.secure.ssh.user for each in blueprints if each.secure.ssh})),
        is_pushed_to=labs_path.startswith("git+"),
        domains=tuple(sorted({each.secure.tls_domain for each in blueprints if each.secure.tls_domain})),
    )
