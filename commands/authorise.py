"""May this person do this? Read from Vault now, each time: nothing about anybody's rights is kept here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from commands.engines.vault.protocol import ENDED, Operator, Vault, VaultError
from commands.request import NotTrusted
from commands.words import at
from state.records import Person


@dataclass(frozen=True)
class Standing:
    """What Slack says of a person. person is their own workspace and id: in a shared channel, not ours."""

    person: Person
    name: str
    is_bot: bool = False
    is_guest: bool = False
    is_deleted: bool = False
    timezone: str = "UTC"


class StandingUnknown(Exception):
    """Slack cannot say now who somebody is: nobody is let in, and nothing that waits ends for it."""

    def __init__(self, code: str) -> None:
        self.sentence = (
            f"Slack does not tell me who you are (`{code}`), so I have not done anything. "
            "Try again in a minute."
        )
        super().__init__(self.sentence)


def operator_of(
    person: Person,
    vault: Vault,
    standing: Standing,
    document: Callable[[], Operator | None] | None = None,
) -> Operator:
    """The operator that this person is, by their document as it stands now.

    document: the person's vault.operator_soon, where that was begun while Slack was asked.

    Raises NotTrusted, with a sentence that says whom to ask, for whoever is nobody: bots, guests and deactivated
    accounts whatever a document says, people without a document, with a damaged one, or past its expires_at (by
    Vault's now: no caller can forget it); and for agents, who are nobody in Slack. VaultUnavailable passes.
    """
    if person.is_agent or standing.person.is_agent:
        raise NotTrusted("An agent is nobody in Slack. I have not done anything.")
    if standing.person != person:
        raise NotTrusted("Slack says that you are somebody else. I have not done anything. Try again.")
    if standing.is_deleted:
        raise NotTrusted(
            "This Slack account is deactivated, so it has no rights here. I have not done anything."
        )
    if standing.is_bot:
        raise NotTrusted("Bots have no rights here, whoever wrote them. I have not done anything.")
    if standing.is_guest:
        raise NotTrusted(
            "You are a guest in this workspace, and guests cannot be trusted operators. "
            f"I have not done anything. {_ask(vault)} to do it for you."
        )
    operator = vault.operator(person) if document is None else document()
    return _sound(operator, vault, "/operator add @you operator")


def who_asks(
    person: Person, vault: Vault, standing: Callable[[Person], Standing]
) -> tuple[Operator, Standing]:
    """Who asks, by Slack and by Vault, which is read while Slack is asked.

    Raises NotTrusted as operator_of does, and what standing raises. VaultUnavailable passes.
    """
    document = vault.operator_soon(person)
    found = standing(person)
    is_theirs = found.person == person
    return operator_of(found.person, vault, found, document if is_theirs else None), found


def agent_of(agent: Person, vault: Vault) -> Operator:
    """The operator that this agent is: for requests with its own Vault token, and for what it has asked for.

    Raises NotTrusted as operator_of does, and for whoever is no agent. VaultUnavailable passes.
    """
    if not agent.is_agent:
        raise NotTrusted("That is no agent. I have not done anything.")
    return _sound(vault.operator(agent), vault, f"/operator add-agent {agent.user} operator")


def asker_of(person: Person, vault: Vault, standing: Callable[[Person], Standing]) -> Operator:
    """Who asked for something, a person or an agent, as they are trusted now. Never for whoever approves it.

    Raises NotTrusted, what standing raises. VaultUnavailable passes.
    """
    return agent_of(person, vault) if person.is_agent else operator_of(person, vault, standing(person))


def _sound(operator: Operator | None, vault: Vault, remedy: str) -> Operator:
    if operator is None:
        raise NotTrusted(
            f"You are not a trusted operator yet. {_ask(vault)} to run `{remedy}`. I have not done anything."
        )
    if operator.problem == ENDED and operator.expires_at is not None:
        raise NotTrusted(
            f"Your time as an operator ended {at(operator.expires_at)}. {_ask(vault)} to "
            f"run `{remedy} until=30d`. I have not done anything."
        )
    if operator.problem:
        raise NotTrusted(
            f"Your operator document in Vault cannot be trusted: {operator.problem}. {_ask(vault)} to "
            f"mend it with `{remedy}`. I have not done anything."
        )
    if not operator.roles:
        raise NotTrusted(f"You have no role here. {_ask(vault)} to run `{remedy}`. I have not done anything.")
    return operator


def require(operator: Operator, *roles: str, sentence: str = "") -> None:
    """Refuse whoever has none of these roles, with the sentence, or with one that names the roles."""
    if set(roles) & set(operator.roles):
        return
    named = " or ".join(f"`{role}`" for role in roles)
    mine = ", ".join(operator.roles) or "no role"
    raise NotTrusted(
        sentence or f"That needs the role {named}, and you have {mine}. I have not done anything."
    )


def is_trusted(person: Person, vault: Vault) -> bool:
    """Whether somebody is an operator, as their document says now. VaultUnavailable passes."""
    operator = vault.operator(person)
    return operator is not None and not operator.problem and bool(operator.roles)


def admins(vault: Vault) -> list[Operator]:
    """Who may change who is an operator; the first is the longest known. VaultUnavailable passes."""
    found = [each for each in vault.operators() if "admin" in each.roles]
    return sorted(found, key=lambda each: (each.added_at, each.person))


def known_admins(vault: Vault) -> tuple[Person, ...]:
    """The admins, the longest known first, for what must not hang on the list: none where Vault does not tell it."""
    try:
        return tuple(each.person for each in admins(vault))
    except VaultError:
        return ()


def may_run(operator: Operator, owner: Person) -> bool:
    """Whether they may plan, change or destroy that owner's lab: operators theirs, infra anybody's."""
    return "infra" in operator.roles or ("operator" in operator.roles and operator.person == owner)


def _ask(vault: Vault) -> str:
    """ "Ask <@U0>", an admin by name where the list can be read: a refusal must not hang on that."""
    found = known_admins(vault)
    return f"Ask <@{found[0].user}>" if found else "Ask an admin"
