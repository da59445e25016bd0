"""Who may reach a lab's Terraform state: the run that works on it, or an operator with a Vault token."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from commands.authorise import Standing, operator_of, require
from commands.engines.vault.protocol import Vault
from commands.request import Refused
from commands.words import unmarked
from state import labs, runs, tfstate
from state.database import Database
from state.records import Lab, Person, Run
from state.transitions import RunState

PEOPLE = ("operator", "infra")  # the roles, any of which lets a person carry on with the ordinary terraform
AskSlack = Callable[[Person], Standing]


class Denied(Exception):
    """No, with the HTTP status that Terraform is told, and a sentence for whoever looks closer."""

    def __init__(self, status: int, sentence: str, person: Person | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.person = person  # who it was, where that is certain


@dataclass(frozen=True)
class Caller:
    """Whoever shows valid credentials. holder is how states and locks name them."""

    holder: str
    person: Person | None = None
    run: Run | None = None


def caller_of(database: Database, vault: Vault, standing: AskSlack, authorization: str) -> Caller:
    """Who shows this Authorization header. Raises Denied (401, 403), and VaultUnavailable passes through."""
    username, password = _basic(authorization)
    if username.startswith(tfstate.USERNAME_PREFIX):
        return _run(database, username.removeprefix(tfstate.USERNAME_PREFIX), password)
    return _person(vault, standing, username, password)


def lab_of(database: Database, caller: Caller, name: str) -> Lab:
    """The living lab of that name, if the caller may reach it. Raises Denied (403, 404, 410)."""
    lab = labs.living(database, name)
    if caller.run is not None and (lab is None or lab.id != caller.run.lab_id):
        raise Denied(403, f"Run {caller.run.id} works on {caller.run.lab_name}, and on no other lab.")
    if lab is not None:
        return lab
    if labs.last_gone(database, name) is not None:
        # Not 404, which Terraform takes for an empty state: it would plan to make everything again.
        raise Denied(410, f"The lab {name} is gone, and its state with it. /lab list shows the others.")
    raise Denied(404, f"There is no lab {name}. /lab list shows the labs that are here.")


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        decoded = (
            base64.b64decode(encoded.strip(), validate=True).decode() if scheme.lower() == "basic" else ""
        )
    except (binascii.Error, UnicodeDecodeError):
        decoded = ""
    username, separator, password = decoded.partition(":")
    if not separator or not username or not password:
        raise Denied(
            401, "Sign in with TEAM-USER, your ids in Slack, and a Vault token of yours as the password."
        )
    return username, password


def _run(database: Database, run_id: str, password: str) -> Caller:
    run = runs.get(database, run_id)
    shown = hashlib.sha256(password.encode()).hexdigest()
    right = hmac.compare_digest(shown, (run and run.token_sha256) or "")
    if run is None or not right or run.state not in (RunState.PLANNING, RunState.APPLYING):
        raise Denied(401, "That run's token is not valid, or has ended with its run.")
    return Caller(holder=tfstate.holder_of_run(run.id), run=run)


def _person(vault: Vault, standing: AskSlack, username: str, token: str) -> Caller:
    try:
        person = Person.parse(username)
    except ValueError:
        raise Denied(401, "The user name is TEAM-USER, your ids in Slack, such as T0123-U0456.") from None
    if not vault.token_reads_operator(token, person):
        raise Denied(401, f"That Vault token is not {person.key}'s, or has ended. Log in to Vault again.")
    try:
        operator = operator_of(person, vault, standing(person))
        require(
            operator,
            *PEOPLE,
            sentence=f"Terraform state is for {' and '.join(PEOPLE)} people, and {person.key} is neither.",
        )
    except Refused as refused:
        raise Denied(403, unmarked(refused.sentence), person) from None
    return Caller(holder=person.key, person=person)
