"""The step deploy: the blueprint's Ansible playbook on the lab's hosts, with a certificate that lives for minutes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from commands.blueprints.records import Deploy, FromVault
from commands.engines import openssh
from commands.engines.ansible.events import Failure
from commands.engines.ansible.playbook import Play, Played
from commands.engines.openssh import Host, Login
from commands.engines.terraform.engine import scrub
from commands.steps import hosts
from commands.steps.step import Done, StepFailed, StepInterrupted, Work
from commands.words import duration, listed, plural

_PLACE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_-]*)\}")
_SPARE_SECONDS = 30  # what a certificate lives longer than it is used


def perform(work: Work) -> Done:
    """Deploy, or with options {"check": True} only see what would change; "tags" keeps to parts of the playbook.

    Raises StepFailed, StepInterrupted, VaultError.
    """
    deploy = work.blueprint.deploy
    if deploy is None:
        return Done("nothing to deploy")
    if missing := work.deps.ansible.missing():
        raise StepFailed(f"Nothing can be deployed from here: {missing}.")
    everywhere, groups = _inventory(work, deploy)
    variables, secrets = values_of(work, deploy)
    openssh.close_leftovers(work.folder)
    openssh.end_processes(str(work.folder))
    login = hosts.log_in(
        work, deploy.known_hosts, deploy.within_seconds + deploy.limit_seconds + _SPARE_SECONDS
    )
    try:
        _wait(work, deploy, login, everywhere)
        folder = work.folder / "ansible"
        folder.mkdir(mode=0o700)
        play = Play(
            folder,
            deploy.playbook,
            login,
            everywhere,
            groups,
            variables,
            tuple(work.options.get("tags") or ()),
            bool(work.options.get("check")),
            deploy.limit_seconds,
        )

        def tell(said: str) -> None:
            work.progress(scrub(said, (*work.secrets, *secrets)))

        played = work.deps.ansible.play(play, tell, lambda: _is_stopped(work))
        hosts.remember(work, login)
    finally:
        openssh.close(login)
    return _ended(work, deploy, play, played, (*work.secrets, *secrets))


def undo(work: Work) -> None:
    """What runs on the hosts goes with them. Their keys are forgotten."""
    hosts.forget(work.deps.data_path, work.lab)


def values_of(work: Work, deploy: Deploy) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What the playbook is told, and those texts of it that are secret. Raises StepFailed, VaultError."""
    secrets: list[str] = []
    known: dict[str, Any] = {}

    def named(name: str) -> Any:
        if name not in known:
            known[name] = _named(work, name, secrets)
        return known[name]

    found: dict[str, Any] = {}
    for name, value in deploy.variables.items():
        if isinstance(value, FromVault):
            reference = value.reference.replace("${lab}", work.lab.name)
            found[name] = work.deps.vault.read_field(reference, work.lab.name)
            secrets.append(str(found[name]))
        elif isinstance(value, tuple):
            found[name] = [_filled(each, named, name) for each in value]
        else:
            found[name] = _filled(value, named, name)
    return found, tuple(secrets)


def _named(work: Work, name: str, secrets: list[str]) -> Any:
    """What ${name} stands for."""
    if name in ("lab", "owner"):
        return {"lab": work.lab.name, "owner": work.lab.owner.key}[name]
    if name in work.outputs:
        return work.outputs[name]
    variable = work.blueprint.variables.get(name)
    if variable is None:
        raise StepFailed(
            f"`${{{name}}}` in `deploy` is neither an output of the lab nor a variable of its blueprint."
        )
    if variable.vault is not None:
        value: Any = work.deps.vault.read_field(variable.vault)
    elif variable.from_form:
        sealed = work.lab.sealed_variables
        told = json.loads(work.deps.vault.unseal(sealed, f"variables {work.lab.id}")) if sealed else {}
        value = told.get(name, "")
    else:
        given = work.run.variables if work.run.kind == "apply" else work.lab.variables
        value = given.get(name, variable.default)
    if variable.sensitive:
        secrets.extend(str(each) for each in (value if isinstance(value, list) else [value]))
    return value


def _filled(value: Any, named: Any, of: str) -> Any:
    """The value with each ${name} in it. Alone in its text it keeps its kind."""
    if not isinstance(value, str):
        return value
    if whole := _PLACE.fullmatch(value):
        return named(whole[1])

    def text(found: re.Match[str]) -> str:
        part = named(found[1])
        if isinstance(part, bool):
            return str(part).lower()
        if not isinstance(part, str | int | float):
            raise StepFailed(
                f"`${{{found[1]}}}` in `{of}` is no single value, so it stands alone: `{of}: {found[0]}`."
            )
        return str(part)

    return _PLACE.sub(text, value)


def _inventory(work: Work, deploy: Deploy) -> tuple[tuple[Host, ...], Mapping[str, tuple[str, ...]]]:
    """All hosts, and the names of those in each group. A host is the same whichever output names it."""
    found = {(host.address, host.port): host for host in hosts.hosts_of(work, deploy.hosts)}
    groups: dict[str, tuple[str, ...]] = {}
    for group, output in deploy.groups.items():
        members = [found.setdefault((each.address, each.port), each) for each in hosts.hosts_of(work, output)]
        groups[group] = tuple(member.name for member in members)
    return tuple(found.values()), groups


def _wait(work: Work, deploy: Deploy, login: Login, everywhere: tuple[Host, ...]) -> None:
    """Wait until each host lets us in: a new one needs a while. Raises StepFailed, StepInterrupted."""
    work.progress(f"waiting for {plural(len(everywhere), 'host')}")
    away = work.deps.ansible.unreachable(login, everywhere, deploy.within_seconds, lambda: _is_stopped(work))
    _go_on(work)
    if away:
        name, why = next(iter(away.items()))
        raise StepFailed(
            f"{_of(len(away), len(everywhere))} did not let me in within {duration(deploy.within_seconds)}: "
            f"{listed(list(away))}. {name} says: {_last_line(why)}",
            "\n\n".join(f"{host}:\n{reason}" for host, reason in away.items()),
        )


def _ended(work: Work, deploy: Deploy, play: Play, played: Played, secrets: tuple[str, ...]) -> Done:
    """Raises StepFailed, StepInterrupted."""
    log = scrub(played.log, secrets)
    if played.end == "stopped":
        _go_on(work, log)
    if played.end == "late":
        raise StepFailed(
            f"The playbook took longer than {duration(deploy.limit_seconds)} and was stopped.", log
        )
    if played.end == "failed":
        raise StepFailed(scrub(_failure(played, len(play.hosts)), secrets), log)
    if play.tags and not played.tasks:
        raise StepFailed(
            f"The playbook has nothing with the tag {listed([f'`{tag}`' for tag in play.tags], 'or')}.", log
        )
    if play.is_check:
        return Done(f"{played.changed} would change" if played.changed else "nothing would change", log)
    return Done(f"{played.changed} changed" if played.changed else "nothing changed", log)


def _failure(played: Played, hosts: int) -> str:
    """`2 of 3 hosts failed at the task "install nginx": no space left on device`."""
    if not played.failures:
        return f"Ansible could not begin: {played.reason or 'its log says why.'}"
    first = played.failures[0]
    alike = [
        each
        for each in played.failures
        if (each.task, each.is_unreachable) == (first.task, first.is_unreachable)
    ]
    sentence = f"{_of(len(alike), hosts)} {_what(first)}"
    others = len(played.failures) - len(alike)
    return f"{sentence} {plural(others, 'other')} failed elsewhere." if others else sentence


def _what(failure: Failure) -> str:
    reason = failure.reason.rstrip(".")
    if failure.is_unreachable:
        return f'could not be reached at the task "{failure.task}": {reason}.'
    return f'failed at the task "{failure.task}": {reason}.'


def _of(number: int, all_hosts: int) -> str:
    return f"{number} of {plural(all_hosts, 'host')}"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"{lines[-1].rstrip('.')}." if lines else "nothing."


def _is_stopped(work: Work) -> bool:
    return work.stopping.is_set() or work.is_cancelled()


def _go_on(work: Work, details: str = "") -> None:
    """Raise what ends the step early, if something does."""
    if work.stopping.is_set():
        raise StepInterrupted
    if work.is_cancelled():
        raise StepFailed("Stopped.", details)
