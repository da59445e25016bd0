"""What is told of somebody who leaves: before, what would end; after, what has ended and what is still tried."""

from __future__ import annotations

from commands.deps import Deps
from commands.engines.vault.protocol import Operator
from commands.words import at, listed, mention, plural
from state import approvals, grants, labs, rekeys, runs
from state.leavings import Leaving
from state.records import Grant, GrantKind, Person

_KINDS: dict[GrantKind, tuple[str, str]] = {
    "ssh": ("certificate revoked, list published", "certificates revoked, list published"),
    "tls": ("TLS certificate revoked", "TLS certificates revoked"),
    "db": ("database user and its sessions ended", "database users and their sessions ended"),
    "connect": ("consumer's login ended", "consumers' logins ended"),
}


def what_ends(deps: Deps, operator: Operator) -> str:
    """What the removal of an operator would end."""
    now = deps.now()
    person = operator.person
    ends = [f"the roles {listed(operator.roles)}" if operator.roles else "their document"]
    if keys := len(operator.ssh_public_keys):
        ends.append(plural(keys, "enrolled ssh key"))
    if held := len(grants.living(deps.database, now, person=person)):
        ends.append(plural(held, "credential") + " that they hold now")
    if given := approvals.not_applied(deps.database, person, now):
        ends.append(f"{plural(len(given), 'approval')} of what is not applied yet")
    owned = _owned(deps, person)
    stay = f"\nTheir labs stay, and infra people may run them: {listed(owned)}." if owned else ""
    return (
        f"Removing {mention(person)} ends {listed(ends)}. The labs get root keys without theirs."
        f"{stay}\nNothing has happened yet."
    )


def report(deps: Deps, leaving: Leaving) -> str:
    """How far somebody's leaving is, part by part: what is done has a tick."""
    person = mention(leaving.person)
    head = {
        "removed": f"{person} is no longer an operator.",
        "deactivated": f"{person} was deactivated in Slack, and is no longer an operator.",
        "expired": f"{person}'s time as an operator is over.",
    }[leaving.because]
    head = f"{head[0].upper()}{head[1:]}"  # an agent's name begins with `agent`
    parts = [] if leaving.document_gone_at is not None else ["◐ their document: Vault has not taken that yet"]
    because = f"leaving {leaving.id}"
    revoked = [
        each for each in grants.of_person(deps.database, leaving.person) if each.revoked_because == because
    ]
    for kind, words in _KINDS.items():
        of_kind = [each for each in revoked if each.kind == kind]
        if of_kind:
            parts.append(_ended(of_kind, *words))
    parts += _approvals(deps, leaving)
    if leaving.person.is_agent and leaving.factor_gone_at is not None:
        parts.append("✓ its AppRole is gone, and what it was logged in as")
    if leaving.factor_gone_at is None:
        what = "its AppRole" if leaving.person.is_agent else "their second factor"
        parts.append(f"◐ {what}: Vault has not taken that yet")
    parts += _root_keys(deps, leaving)
    if leaving.done_at is None:
        end = "I go on with what is open, and tell you when it is done."
    else:
        end = f"All of it is done, {at(leaving.done_at)}."
    owned = _owned(deps, leaving.person)
    stay = [f"Their labs stay, and infra people may run them: {listed(owned)}."] if owned else []
    return "\n".join([head, *parts, *stay, end])


def _ended(revoked: list[Grant], one: str, many: str) -> str:
    """An ssh certificate is refused as soon as it is on the list; what Vault keeps is over when Vault says so."""
    ended = sum(each.kind == "ssh" or each.ended_at is not None for each in revoked)
    if ended == len(revoked):
        return f"✓ {plural(ended, one, many)}"
    return f"◐ {ended} of {plural(len(revoked), one, many)} · Vault has not confirmed the rest yet"


def _approvals(deps: Deps, leaving: Leaving) -> list[str]:
    withdrawn = approvals.withdrawn(deps.database, leaving.person, leaving.started_at)
    found = [runs.get(deps.database, each.run_id) for each in withdrawn]
    names = sorted({run.lab_name for run in found if run is not None})
    return [f"✓ {plural(len(withdrawn), 'approval')} withdrawn ({listed(names)})"] if withdrawn else []


def _root_keys(deps: Deps, leaving: Leaving) -> list[str]:
    wishes = rekeys.of_leaving(deps.database, leaving.id)
    if not wishes:
        return [] if leaving.rekeyed_at is not None else ["◐ root keys of the labs: not begun"]
    replaced = sum(wish.done_at is not None and wish.sentence == "replaced" for wish in wishes)
    other = [wish.sentence for wish in wishes if wish.sentence not in ("replaced", "")]
    tick = "✓" if all(wish.done_at is not None for wish in wishes) else "◐"
    told = f"{tick} root keys replaced on {replaced} of {plural(len(wishes), 'lab')}"
    return [" · ".join([told, *dict.fromkeys(other)])]


def _owned(deps: Deps, person: Person) -> list[str]:
    return [lab.name for lab in labs.all_living(deps.database) if lab.owner == person]
