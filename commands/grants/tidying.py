"""What happens to grants by themselves: what nobody finished, opened or needs ends; what expires is told of."""

from __future__ import annotations

from datetime import datetime, timedelta

from commands.deps import Deps
from commands.grants import issuing
from commands.grants.reveals import tell
from commands.words import at, plural
from state import grants, labs
from state.records import Grant

UNFINISHED = timedelta(minutes=1)  # longer than Vault may take to issue
REMINDED = timedelta(days=1)  # before a TLS certificate expires, or a quarter of its life if that is shorter


def sweep(deps: Deps, now: datetime) -> str:
    """Revoke what must not work any more, and end in Vault all that was revoked or has expired."""
    wanted = (
        ("whoever asked for it got no answer", grants.unfinished(deps.database, now - UNFINISHED)),
        ("nobody opened it", grants.unopened(deps.database, now)),
        ("its lab is gone", grants.of_gone_labs(deps.database, now)),
    )
    revoked = 0
    for because, found in wanted:
        for grant in found:
            issuing.revoke(deps, grant.id, now, because)
            revoked += 1
    todo = grants.to_end(deps.database, now)
    ended = issuing.end(deps, todo, now)
    return f"revoked {plural(revoked, 'grant')}, ended {ended}, {len(todo) - ended} wait for Vault"


def remind(deps: Deps, now: datetime) -> str:
    """Tell whoever holds a TLS certificate that it expires soon, once, unless they have the next one already."""
    soon = [
        grant
        for grant in grants.expiring(deps.database, "tls", now, now + REMINDED)
        if grant.expires_at - now <= (grant.expires_at - grant.issued_at) / 4
        and not _has_next(deps, grant, now)
    ]
    for grant in soon:
        lab = labs.get(deps.database, grant.lab_id)
        name = lab.name if lab is not None else grant.lab_id
        said = (
            f"Your certificate for `{grant.name}` on *{name}* expires {at(grant.expires_at)}. "
            f"`/key tls {name} {grant.name}` gives you the next one."
        )
        tell(deps, grant.person, f"expiry {grant.id}", said)
    return f"reminded of {plural(len(soon), 'certificate')}"


def _has_next(deps: Deps, grant: Grant, now: datetime) -> bool:
    held = grants.living(deps.database, now, person=grant.person, lab_id=grant.lab_id)
    return any(
        (each.kind, each.name) == (grant.kind, grant.name)
        and (each.expires_at, each.id) > (grant.expires_at, grant.id)
        for each in held
    )
