"""`/operator add-agent` and `remove-agent`: machines that ask for labs, each with an AppRole of its own in Vault.

What a machine logs in with is shown once, to the admin who asked. Until then it is in its wrapping, whose token is in
the button, sealed by Vault for that admin and that agent.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from functools import partial

from commands.deps import Deps
from commands.engines.vault.documents import AGENT_ROLES
from commands.engines.vault.protocol import Operator, SealBroken, VaultConflict, VaultError, WrappingSpent
from commands.operators import refuse_leaver, remove_button, until_of, until_words
from commands.people import leaving
from commands.request import (
    Button,
    NotTrusted,
    Outcome,
    Refused,
    Request,
    Reveal,
    Revealed,
    Secret,
)
from commands.words import at, code, duration, mention
from state import audit
from state.records import Person

_EXAMPLE = "/operator add-agent ci operator"


def add(request: Request, deps: Deps) -> Outcome:
    """`/operator add-agent NAME ROLE [until=90d]`: an AppRole, a document, and a button that shows the secret id."""
    words = [word for word in request.words[2:] if not word.startswith("until=")]
    if len(words) != 2:
        raise Refused("Say how to call the agent, and its role, which is operator.", _EXAMPLE)
    agent = _agent_called(words[0])
    if tuple(words[1].split(",")) != AGENT_ROLES:
        raise Refused(
            f"An agent's role is operator, and not {code(words[1])}: it asks for labs and runs its own. "
            "People review, and say who is an operator.",
            _EXAMPLE,
        )
    before = deps.vault.operator(agent)
    if before is not None and not before.problem:
        again = Button(
            "New secret id",
            "renew_agent",
            agent.key,
            "danger",
            f"Give {agent.user} a new secret id? What it logs in with now ends at once.",
        )
        return Outcome(f"There is an {mention(agent)} already.", buttons=(again, remove_button(agent)))
    refuse_leaver(deps, agent)
    now = deps.now()
    until = [word.partition("=")[2] for word in request.words[2:] if word.startswith("until=")]
    wanted = Operator(
        agent,
        agent.user,
        AGENT_ROLES,
        (),
        request.person.key,
        now,
        version=before.version if before is not None else 0,
        expires_at=until_of(until[-1], now) if until else None,
    )
    return _written(request, deps, wanted, "agent_adding", "agent_added")


def renew(request: Request, deps: Deps) -> Outcome:
    """The `New secret id` button: another AppRole, and so another role id and secret id. The earlier ones end."""
    agent = Person.parse(request.words[1])
    operator = deps.vault.operator(agent) if agent.is_agent else None
    if operator is None or operator.problem:
        raise Refused("There is no such agent any more.", _EXAMPLE)
    wanted = replace(operator, added_by=request.person.key, added_at=deps.now())
    return _written(request, deps, wanted, "agent_renewing", "agent_renewed")


def remove(request: Request, deps: Deps) -> Outcome:
    """`/operator remove-agent NAME`: its document, its AppRole and what it is logged in as end at once. Labs stay."""
    if len(request.words) != 3:
        raise Refused("Say which agent.", "/operator remove-agent ci")
    agent = _agent_called(request.words[2])
    return leaving.ask(replace(request, words=("operator", "remove", agent.key)), deps)


def reveal(request: Request, deps: Deps) -> Outcome:
    """The `Reveal once` button: what the agent logs in with, in a window."""
    key, _, sealed = request.words[1].partition(":")
    agent = Person.parse(key)
    try:
        wrapped = deps.vault.unseal(base64.b64decode(sealed, validate=True), _about(agent, request.person))
    except (SealBroken, binascii.Error):
        raise NotTrusted("That was made for somebody else, and only they can open it.") from None
    role_id, _, token = wrapped.decode().partition(" ")
    return Outcome(
        reveal=Reveal(
            "Shown once",
            partial(_open, request, deps, agent, role_id, token),
            partial(_lost, deps, agent),
            partial(_afterwards, deps, agent),
        )
    )


def _written(request: Request, deps: Deps, wanted: Operator, doing: str, done: str) -> Outcome:
    """Record it, make the AppRole, and then the document: without one, whatever logs in is nobody."""
    agent, by = wanted.person, request.person.key
    detail = {"roles": list(wanted.roles), "until": wanted.expires_at or ""}
    audit.append(deps.database, deps.now(), by, doing, agent.key, **detail)
    role_id = deps.vault.add_agent(agent)
    wrapped = deps.vault.agent_secret_id(agent)
    try:
        deps.vault.write_operator(wanted)
    except VaultConflict:
        deps.vault.remove_agent(agent)
        raise Refused(
            f"Somebody else changed {mention(agent)} just now. Look at it, then try again.", "/operator list"
        ) from None
    audit.append(deps.database, deps.now(), by, done, agent.key, **detail)
    sealed = deps.vault.seal(f"{role_id} {wrapped.token}".encode(), _about(agent, request.person))
    value = f"{agent.key}:{base64.b64encode(sealed).decode()}"
    left = duration((wrapped.expires_at - deps.now()).total_seconds())
    return Outcome(
        f"{mention(agent).capitalize()} is a trusted operator now{until_words(wanted)}: it asks for labs and runs its "
        "own, and people approve them. What it logs in to Vault with waits for you, and opens once, within "
        f"{left}.",
        buttons=(Button("Reveal once", "reveal_agent", value, "primary"), remove_button(agent)),
    )


def _open(request: Request, deps: Deps, agent: Person, role_id: str, token: str) -> Revealed:
    try:
        secret_id = str(deps.vault.unwrap(token)["secret_id"])
    except WrappingSpent:
        audit.append(deps.database, deps.now(), request.person.key, "opened_elsewhere", agent.key)
        return Revealed(
            "It was opened before, or has waited for too long. If it was not you who opened it, remove the agent: "
            "somebody has what it logs in with.",
            buttons=(remove_button(agent),),
        )
    except VaultError as away:
        return Revealed(away.sentence)
    audit.append(deps.database, deps.now(), request.person.key, "revealed", agent.key)
    return Revealed(
        f"What {mention(agent)} logs in with, from {at(deps.now())} on. This is shown once: put it where your CI "
        "keeps its secrets.",
        (Secret("INNKEEPER_ROLE_ID", role_id), Secret("INNKEEPER_SECRET_ID", secret_id)),
        f"`/operator remove-agent {agent.user}` ends it.",
    )


def _afterwards(deps: Deps, agent: Person, revealed: Revealed) -> Outcome | None:
    """What stands where the buttons were, unless Vault was away."""
    if revealed.buttons:
        return Outcome(revealed.introduction, buttons=revealed.buttons)
    if not revealed.secrets:
        return None
    said = f"What {mention(agent)} logs in with was shown to you {at(deps.now())}."
    return Outcome(said, buttons=(remove_button(agent),))


def _lost(deps: Deps, agent: Person) -> None:
    """Nobody has seen it, and nobody will: it must not stay good."""
    deps.vault.add_agent(agent)


def _agent_called(word: str) -> Person:
    try:
        return Person.agent(word)
    except ValueError:
        raise Refused(
            f"{code(word)} is no name for an agent: 2 to 40 small letters, digits and hyphens, a letter first.",
            _EXAMPLE,
        ) from None


def _about(agent: Person, admin: Person) -> str:
    return f"agent {agent.key} for {admin.key}"
