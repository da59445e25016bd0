"""From a blueprint's checks and what a lab has answered to what is looked at, and to what was found."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from commands.blueprints.checks import check_target
from commands.blueprints.records import Check
from commands.checks import filling as check_filling
from commands.checks.filling import filled
from commands.deps import Deps
from commands.engines import openssh
from commands.engines.checks import database as database_checks
from commands.engines.checks import network as network_checks
from commands.engines.checks import program as program_checks
from commands.engines.checks.looking import NotSo, Probe, Result
from commands.engines.checks.network import Asked, Tls
from commands.engines.terraform.engine import scrub
from commands.engines.vault.protocol import VaultError
from commands.lab_outputs import texts
from commands.steps import hosts
from commands.steps.step import StepFailed, Work
from commands.words import cut, plain, printable
from state import tfstate
from state.records import Lab

DATABASE_USER_SECONDS = 120
SPARE_SECONDS, MOST_SECONDS = 60, 3000  # what a certificate lives longer than its checks, and the longest

_SHOWN_CHARACTERS = 120


@dataclass(frozen=True)
class Seen:
    """A lab's Terraform state, as far as its checks go by it."""

    outputs: Mapping[str, Any] = field(default_factory=dict, repr=False)  # in the clear
    sensitive: frozenset[str] = frozenset()
    secrets: tuple[str, ...] = field(default=(), repr=False)  # the texts in the sensitive ones
    blocks: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # check block → status, what it says


@dataclass(frozen=True)
class Scene:
    """Where checks take place, and what they need of Vault for it."""

    work: Work
    seen: Seen
    also_trusted: str = ""  # the labs' own certificate authority, PEM
    login: openssh.Login | None = None
    no_login: str = ""  # why there is none


def seen(deps: Deps, lab: Lab) -> Seen:
    """Read the lab's state. Raises VaultError."""
    version = tfstate.current(deps.database, lab.id)
    if version is None:
        return Seen()
    state = json.loads(tfstate.clear(version, deps.vault))
    told = state.get("outputs") or {}
    sensitive = frozenset(name for name, each in told.items() if each.get("sensitive"))
    outputs = {name: each.get("value") for name, each in told.items()}
    secrets = tuple(text for name in sensitive for text in texts(outputs[name]))
    return Seen(outputs, sensitive, secrets, blocks_of(state))


def probes(scene: Scene, checks: tuple[Check, ...]) -> list[Probe]:
    """What is looked at for these checks, in their order."""
    return [probe for check in checks for probe in _probes(scene, check)]


@contextlib.contextmanager
def scene(work: Work, checks: tuple[Check, ...]) -> Iterator[Scene]:
    """Get ready for these checks: read the state, and get from Vault what they need. Raises VaultError."""
    trusted, login, no_login = "", None, ""
    if work.blueprint.secure.tls_domain and any(each.kind in ("tls", "http") for each in checks):
        trusted = work.deps.vault.tls_ca()
    if within := [each.within_seconds for each in checks if each.kind == "ssh"]:
        known_hosts = work.blueprint.deploy.known_hosts if work.blueprint.deploy is not None else None
        try:
            login = hosts.log_in(work, known_hosts, min(sum(within) + SPARE_SECONDS, MOST_SECONDS))
        except StepFailed as failed:
            no_login = failed.sentence
    try:
        yield Scene(work, seen(work.deps, work.lab), trusted, login, no_login)
        if login is not None:
            hosts.remember(work, login)
    finally:
        if login is not None:
            openssh.close(login)


def _probes(scene: Scene, check: Check) -> list[Probe]:
    values = {"lab": scene.work.lab.name, **scene.seen.outputs}
    if check.kind == "terraform":
        return _of_blocks(scene, check)
    try:
        each_of = check_filling.each_of(check.target, values)
    except NotSo as why:
        return [_unfit(check, check.target, why)]
    return [_probe(scene, check, each) for each in each_of]


def _probe(scene: Scene, check: Check, values: Mapping[str, Any]) -> Probe:
    fill = partial(filled, values=values, sensitive=scene.seen.sensitive)
    shown = check.target
    try:
        target, shown = fill(check.target)
        if check.kind != "command":
            check_target(check.kind, target)
        look, attempt_seconds = _look(scene, check, target, shown, lambda text: fill(text)[0])
    except NotSo as why:
        return _unfit(check, shown, why)
    except ValueError as form:
        return _unfit(check, shown, NotSo(f"what it looks at {form}", is_final=True))
    return Probe(_name(check, shown), look, check.within_seconds, attempt_seconds)


def _look(
    scene: Scene, check: Check, target: str, shown: str, fill: Callable[[str], str]
) -> tuple[Callable[[float, threading.Event], str], float]:
    """What looks, and how long one look may take. Raises NotSo, ValueError."""
    name = fill(check.name) if check.name is not None else None
    tls = Tls(scene.also_trusted, name, check.days)
    brief, whole = Probe.attempt_seconds, float(check.within_seconds)
    if check.kind == "tcp":
        place = network_checks.place(target, shown)
        return lambda seconds, over: network_checks.tcp(place, seconds), brief
    if check.kind == "tls":
        place = network_checks.place(target, shown)
        return lambda seconds, over: network_checks.tls(place, tls, seconds), brief
    if check.kind == "http":
        body = fill(check.body) if check.body is not None else None
        headers = {key: fill(value) for key, value in check.headers}
        asked = Asked(target, check.status, body, check.matches, headers, check.follows, tls)
        return lambda seconds, over: network_checks.http_answer(asked, shown, seconds), 2 * brief
    if check.kind == "postgres":
        equals = fill(check.equals) if check.equals is not None else None
        return lambda seconds, over: _query(scene, check, target, shown, equals, seconds), 2 * brief
    words = [fill(word) for word in check.words]
    if check.kind == "command":
        folder = scene.work.blueprint.folder
        return lambda seconds, over: program_checks.command(
            words, folder, check.exit_code, seconds, over
        ), whole
    login = scene.login
    if login is None or not openssh.has_client():
        raise NotSo(scene.no_login or openssh.NO_CLIENT, is_final=True)
    user = scene.work.blueprint.secure.ssh.user if scene.work.blueprint.secure.ssh is not None else "root"
    host = program_checks.ssh_host(target, user)
    return lambda seconds, over: program_checks.ssh(login, host, words, check.exit_code, seconds, over), whole


def _query(scene: Scene, check: Check, target: str, shown: str, equals: str | None, seconds: float) -> str:
    """Ask as a user that Vault makes for this, and that ends with it; in doubt a little later, by itself."""
    if (place := database_checks.place_of(target, shown)) is not None:
        network_checks.tcp(place, seconds)
    vault = scene.work.deps.vault
    try:
        role = vault.database_role(scene.work.lab.name, scene.work.blueprint.secure.database_role or "")
        token = vault.grant_token(
            scene.work.run.requester, f"check-{scene.work.lab.name}", DATABASE_USER_SECONDS
        )
        try:
            wrapped = vault.database_credentials(token.token, role.name)
            user = vault.unwrap(wrapped.token)
            return database_checks.query(
                target, str(user["username"]), str(user["password"]), check.query, equals, seconds
            )
        finally:
            vault.revoke_accessor(token.accessor)
    except VaultError as error:
        raise NotSo(error.sentence) from None


def _of_blocks(scene: Scene, check: Check) -> list[Probe]:
    """What the check blocks of the module said at the last apply."""
    names = list(scene.seen.blocks) if check.target == "all" else [check.target]
    if not names:
        return [_unfit(check, "all", NotSo("the module has no check block", is_final=True))]
    return [Probe(f"terraform {name}", partial(_block, scene.seen.blocks.get(name))) for name in names]


def _block(told: tuple[str, str] | None, seconds: float, over: threading.Event) -> str:
    if told is None:
        raise NotSo("the module has no check block of that name", is_final=True)
    status, message = told
    if status != "pass":
        said = f": {message}" if message else ""
        raise NotSo(f"Terraform says {status} when it was applied{said}", is_final=True)
    return "passed when it was applied"


def _unfit(check: Check, shown: str, why: NotSo) -> Probe:
    def look(seconds: float, over: threading.Event) -> str:
        raise why

    return Probe(_name(check, shown), look)


def _name(check: Check, shown: str) -> str:
    return f"{check.kind} {cut(plain(printable(shown)), _SHOWN_CHARACTERS)}"


def blocks_of(state: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Name of a check block → `pass`, `fail`, `error` or `unknown`, and what it says, as of the last apply.

    Source: Terraform, internal/states/statefile/version4.go, checkResultsV4.
    """
    found = {}
    for each in state.get("check_results") or []:
        if each.get("object_kind") == "check":
            messages = [
                text for one in each.get("objects") or [] for text in one.get("failure_messages") or []
            ]
            name = str(each.get("config_addr", "")).rpartition("check.")[2]
            found[name] = (str(each.get("status")), "; ".join(map(str, messages))[:300])
    return found


def clean(results: Iterable[Result], secrets: tuple[str, ...]) -> list[Result]:
    """The results without the secrets that a lab answers, wherever they might have got in."""
    return [
        replace(
            each, name=scrub(each.name, secrets), sentence=scrub(plain(printable(each.sentence)), secrets)
        )
        for each in results
    ]
