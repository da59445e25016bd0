"""How a credential comes to be and ends: recorded before Vault is asked, revoked wherever something goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from commands.blueprint import Blueprint
from commands.blueprints import sources
from commands.deps import Deps
from commands.engines.vault.protocol import VaultError
from commands.labs import lab_called, require_may_run
from commands.lifetime import office_hours
from commands.request import Refused, Request, id_from
from commands.words import duration, short
from state import audit, grants, habits, labs, leavings, runs
from state.records import Grant, GrantKind, Lab
from state.transitions import RunState

AT_ONCE = 8  # calls to Vault when much must end
_JUST_LEFT = timedelta(minutes=1)  # longer than a request takes from its rights being read to its grant

logger = structlog.get_logger()


@dataclass(frozen=True)
class Issued:
    """What Vault said of a credential: what is recorded of it, never the credential."""

    request_id: str  # as in Vault's own audit log; empty where it is wrapped: that of its token stands for it
    expires_at: datetime | None = None  # where it is another moment than the grant's
    serial: str | None = None
    sealed_reveal: bytes | None = None
    reveal_until: datetime | None = None


def lab_for_keys(request: Request, deps: Deps, name: str) -> tuple[Lab, Blueprint]:
    """The lab of that name, if this person may hold a key of it now. Raises Refused."""
    return usable(request, deps, lab_called(deps, name))


def usable(request: Request, deps: Deps, lab: Lab | None) -> tuple[Lab, Blueprint]:
    """That lab, if it lives and this person may hold a key of it now. Raises Refused."""
    if lab is None or lab.gone_at is not None:
        raise Refused("That lab is gone, and its keys with it.", "/lab list all")
    require_may_run(request, lab)
    if lab.applied_at is None:
        raise Refused(
            f"*{lab.name}* has not been applied yet, so there is nothing to open.", f"/lab show {lab.name}"
        )
    if lab.asleep_at is not None:
        sleeps = office_hours.asleep_words(lab, habits.of(deps.database, lab.owner), deps.now())
        raise Refused(f"*{lab.name}* is {sleeps}, so there is nothing to open.", f"/lab plan {lab.name}")
    run = runs.active_of(deps.database, lab.id)
    if run is not None and run.kind == "destroy" and run.state in (RunState.APPROVED, RunState.APPLYING):
        raise Refused(f"*{lab.name}* is being destroyed, so it gets no new keys.", f"/lab show {lab.name}")
    return lab, sources.of_lab(deps, lab).blueprint


def checked_seconds(asked_seconds: int | None, most_seconds: int, command: str) -> int:
    """How long it shall work: what was asked for, or the most there is. Raises Refused above that."""
    if asked_seconds is not None and asked_seconds > most_seconds:
        raise Refused(
            f"{duration(asked_seconds)} is too long: it works for {duration(most_seconds)} at most.",
            f"{command} ttl={short(most_seconds)}",
        )
    return most_seconds if asked_seconds is None else asked_seconds


def issue(
    request: Request,
    deps: Deps,
    lab: Lab,
    kind: GrantKind,
    name: str,
    ttl_seconds: int,
    ask: Callable[[str, Grant], Issued],
) -> Grant:
    """Record a grant, let ask get its credential with a token of this person's, and record what became of it.

    ask is given the token and the grant. Whatever it raises ends the grant: nothing is left over. Raises Refused
    when the person was seen out meanwhile, VaultError.
    """
    now = deps.now()
    grant = Grant(
        id=_fresh_id(deps, request.id),
        kind=kind,
        person=request.person,
        lab_id=lab.id,
        name=name,
        issued_at=now,
        expires_at=now + timedelta(seconds=ttl_seconds),
    )
    grants.add(deps.database, grant)
    try:
        _refuse_leaver(request, deps, now)
        token, request_id = _token(deps, grant, ttl_seconds)
        issued = ask(token, grant)
        request_id = issued.request_id or request_id
        detail = {"kind": kind, "grant": grant.id, "name": name, "serial": issued.serial or ""}
        with deps.database.transaction():
            stands = grants.update(
                deps.database,
                grant.id,
                serial=issued.serial,
                vault_request_id=request_id,
                expires_at=issued.expires_at or grant.expires_at,
                sealed_reveal=issued.sealed_reveal,
                reveal_until=issued.reveal_until,
            )
            labs.touch(deps.database, lab, now, request.person, command_of(kind))
            audit.append(
                deps.database,
                now,
                request.person.key,
                "issued",
                lab.name,
                request_id=request_id,
                **detail,
            )
        _go_on(stands)
    except Exception:
        revoke(deps, grant.id, deps.now(), "it was not handed over")
        raise
    return grants.get(deps.database, grant.id) or grant


# What one holds, in words.
KINDS: dict[GrantKind, str] = {
    "ssh": "ssh certificate",
    "tls": "TLS certificate",
    "db": "database user",
    "connect": "consumer's login",
}


def command_of(kind: GrantKind) -> str:
    """What one asks for such a credential with: `/key ssh`."""
    return "/lab connect" if kind == "connect" else f"/key {kind}"


def revoke(deps: Deps, grant_id: str, now: datetime, because: str, by: str = "innkeeper") -> bool:
    """From now on it must not work. Whether Vault has confirmed that; if not, a sweep goes on trying."""
    if grants.revoke(deps.database, grant_id, now, because):
        grant = grants.get(deps.database, grant_id)
        lab = labs.get(deps.database, grant.lab_id) if grant is not None else None
        subject = lab.name if lab is not None else grant_id
        audit.append(
            deps.database,
            now,
            by,
            "revoked",
            subject,
            grant=grant_id,
            holder=grant.person.key if grant is not None else "",
            because=because,
        )
    ended = grants.get(deps.database, grant_id)
    return ended is None or end(deps, [ended], now) == 1


def end(deps: Deps, revoked: Iterable[Grant], now: datetime) -> int:
    """End revoked and expired grants in Vault, several at once. Counts those of which Vault has confirmed it."""
    todo = [grant for grant in revoked if grant.ended_at is None]
    if len(todo) < 2:
        confirmed = [grant for grant in todo if _end_one(deps, grant)]
    else:
        with ThreadPoolExecutor(min(AT_ONCE, len(todo)), "revoke") as pool:
            answers = list(pool.map(lambda grant: _end_one(deps, grant), todo))
        confirmed = [grant for grant, is_ended in zip(todo, answers, strict=True) if is_ended]
    with deps.database.transaction():
        for grant in confirmed:
            grants.end(deps.database, grant.id, now)
    return len(confirmed)


def key_id(grant: Grant, lab_name: str) -> str:
    """`TEAM-USER:LAB:GRANT`: what a host's log says of who came in."""
    return f"{grant.person.key}:{lab_name}:{grant.id}"


def _token(deps: Deps, grant: Grant, ttl_seconds: int) -> tuple[str, str]:
    """A token of the person's own, and the request that made it. What revokes it is recorded before it is used.

    That of an ssh certificate has nothing to revoke, and no request id that matters. A consumer needs none.
    """
    if grant.kind == "connect":
        return "", ""
    if grant.kind == "ssh":
        return deps.vault.ssh_token(grant.person, grant.id), ""
    token = deps.vault.grant_token(grant.person, grant.id, ttl_seconds)
    _go_on(grants.update(deps.database, grant.id, accessor=token.accessor))
    return token.token, token.request_id


def _end_one(deps: Deps, grant: Grant) -> bool:
    """Without an accessor there is nothing in Vault: an ssh certificate, or what was never asked for."""
    try:
        if grant.kind == "connect":
            _end_consumer(deps, grant)
        elif grant.accessor is not None:
            deps.vault.revoke_accessor(grant.accessor)
    except VaultError as away:
        logger.warning("a revocation waits for Vault", grant=grant.id, because=away.sentence)
        return False
    return True


def _end_consumer(deps: Deps, grant: Grant) -> None:
    """A secret id is found by its grant. Ended before its time, what was logged in with it ends too."""
    lab = labs.get(deps.database, grant.lab_id)
    if lab is not None:
        deps.vault.revoke_lab_secret_id(
            lab.name, lab.id, grant.id, end_sessions=grant.expires_at > deps.now()
        )


def _fresh_id(deps: Deps, request_id: str) -> str:
    """The request's id for a grant. Where there is one already, its answer was lost with a process: it ends."""
    for number in range(10):
        grant_id = id_from(f"grant {request_id} {number}" if number else f"grant {request_id}")
        if grants.get(deps.database, grant_id) is None:
            return grant_id
        revoke(deps, grant_id, deps.now(), "its answer was lost")
    raise Refused("That was tried too often. Ask again.")


def _refuse_leaver(request: Request, deps: Deps, now: datetime) -> None:
    """Who was seen out between the look at their rights and their grant gets none: the leaving did not find it."""
    leaving = leavings.latest_of(deps.database, request.person)
    if leaving is None or leaving.started_at < now - _JUST_LEFT:
        return
    operator = deps.vault.operator(request.person)
    if leaving.document_gone_at is None or operator is None or operator.problem:
        raise Refused("You are not a trusted operator any more.")


def _go_on(stands: bool) -> None:
    if not stands:
        raise Refused(
            "It was revoked while it was made, so you get nothing. Ask again if that was not meant."
        )
