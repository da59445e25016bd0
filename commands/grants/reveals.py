"""`Reveal once`: a secret in a modal, for one person, once. And `This was not me`."""

from __future__ import annotations

from functools import partial
from typing import Any

from commands.authorise import admins
from commands.deps import Deps
from commands.engines.vault.protocol import VaultError, WrappingSpent
from commands.grants import issuing
from commands.request import (
    Button,
    Outcome,
    Refused,
    Request,
    Reveal,
    Revealed,
    Secret,
    id_from,
)
from commands.words import at, mention
from state import audit, grants, labs, outbox
from state.records import Grant, OutboxMessage, Person

_LABELS = {
    "secret_id": "Secret ID",
    "username": "User",
    "password": "Password",
    "private_key": "Private key",
    "certificate": "Certificate",
    "ca_chain": "Issued by",
}


def reveal(request: Request, deps: Deps) -> Outcome:
    """The `Reveal once` button: open the wrapping in a modal. Opened before: when, and what to do about it."""
    grant = _mine(request, deps)
    if grant.opened_at is not None:
        return Outcome(_opened_words(grant), buttons=(_not_me_button(grant),))
    _refuse_late(deps, grant)
    return Outcome(
        reveal=Reveal(
            title="Shown once",
            fetch=partial(_open, deps, grant),
            lost=partial(issuing.revoke, deps, grant.id, deps.now(), "Slack did not show it"),
            afterwards=partial(_afterwards, deps, grant),
        )
    )


def reveal_token(request: Request, deps: Deps) -> Outcome:
    """The `Unwrap it myself` button: the wrapping's token, for `vault unwrap`. It is opened by whoever is first."""
    grant = _mine(request, deps)
    if grant.opened_at is not None:
        return Outcome(_opened_words(grant), buttons=(_not_me_button(grant),))
    _refuse_late(deps, grant)

    def fetch() -> Revealed:
        try:
            token = deps.vault.unseal(grant.sealed_reveal or b"", f"reveal {grant.id}").decode()
        except VaultError as away:
            return Revealed(away.sentence)
        if grant.kind == "connect" and not grants.begin_opening(deps.database, grant.id, deps.now()):
            return Revealed(
                _opened_words(grants.get(deps.database, grant.id) or grant)
            )  # for one machine alone
        audit.append(
            deps.database,
            deps.now(),
            request.person.key,
            "reveal_token_shown",
            _lab_of(deps, grant),
            grant=grant.id,
        )
        return Revealed(
            f"It opens once, until {at(grant.reveal_until or grant.expires_at)}. With `VAULT_ADDR` set:",
            (Secret("Command", f"vault unwrap {token}"),),
            "After that `Reveal once` shows that it was opened.",
        )

    done = partial(_afterwards, deps, grant)
    return Outcome(reveal=Reveal("Unwrap it yourself", fetch, lambda: None, done))


def not_me(request: Request, deps: Deps) -> Outcome:
    """The `This was not me` button: the grant ends, and the admins are called."""
    grant = _mine(request, deps)
    now = deps.now()
    lab = _lab_of(deps, grant)
    issuing.revoke(deps, grant.id, now, "somebody else opened it", request.person.key)
    audit.append(deps.database, now, request.person.key, "not_me", lab, grant=grant.id, kind=grant.kind)
    said = (
        f"{mention(grant.person)} says that somebody else opened their {grant.kind} credentials for *{lab}* "
        f"(grant `{grant.id}`). They are revoked. Whoever it was may have their Slack account: look at "
        "what they did with `/operator audit`, and see them out until that is clear."
    )
    if not tell_admins(deps, f"not me {grant.id}", said):
        raise Refused(
            "It is revoked. Vault does not tell me now who the admins are: call one yourself, at once."
        )
    return Outcome(
        "It is revoked, and the admins have been called. Change your Slack password, and end its sessions."
    )


def tell_admins(deps: Deps, cause: str, text: str) -> bool:
    """A direct message to each admin, once a cause. False: Vault does not say who they are."""
    try:
        found = admins(deps.vault)
    except VaultError:
        return False
    for admin in found:
        tell(deps, admin.person, cause, text)
    return bool(found)


def tell(deps: Deps, person: Person, cause: str, text: str) -> None:
    """A direct message, once a cause."""
    message_id = id_from(f"{cause} to {person.key}")
    outbox.add(deps.database, OutboxMessage(message_id, "", text, deps.now(), person=person))


def _mine(request: Request, deps: Deps) -> Grant:
    grant = grants.get(deps.database, request.words[1])
    if grant is None or grant.person != request.person:
        raise Refused(
            "That was issued to somebody else, and only they can open it." if grant else "I do not know it."
        )
    return grant


def _refuse_late(deps: Deps, grant: Grant) -> None:
    again = f"{issuing.command_of(grant.kind)} {_lab_of(deps, grant)}"
    if grant.revoked_at is not None:
        raise Refused(f"It was revoked {at(grant.revoked_at)}: {grant.revoked_because}.", again)
    if grant.reveal_until is None or deps.now() >= grant.reveal_until:
        raise Refused("It has waited for more than ten minutes, so nobody can open it any more.", again)


def _open(deps: Deps, grant: Grant) -> Revealed:
    """Unwrap it. What was claimed before and could not be asked of Vault is given back."""
    try:
        token = deps.vault.unseal(grant.sealed_reveal or b"", f"reveal {grant.id}").decode()
    except VaultError as away:
        return Revealed(away.sentence)
    if not grants.begin_opening(deps.database, grant.id, deps.now()):
        current = grants.get(deps.database, grant.id) or grant
        if current.revoked_at is not None:
            return Revealed("It was revoked, so it is not shown.")
        return Revealed(_opened_words(current), buttons=(_not_me_button(grant),))
    try:
        values = deps.vault.unwrap(token)
    except WrappingSpent:
        return _opened_elsewhere(deps, grant)
    except VaultError as away:
        grants.not_opened(deps.database, grant.id)
        return Revealed(away.sentence)
    request_id = str(values.get("request_id") or grant.vault_request_id)
    stands = grants.update(
        deps.database,
        grant.id,
        sealed_reveal=None,
        serial=values.get("serial_number") or grant.serial,
        vault_request_id=request_id,
    )
    lab, detail = _lab_of(deps, grant), {"grant": grant.id, "request_id": request_id}
    audit.append(deps.database, deps.now(), grant.person.key, "revealed", lab, **detail)
    if not stands:
        return Revealed("It was revoked just now, so it is not shown.")
    return Revealed(
        f"For *{lab}*, until {at(grant.expires_at)}. This is shown once: keep it now.",
        tuple(Secret(label, _text(values[name])) for name, label in _LABELS.items() if values.get(name)),
        f"`/key revoke {grant.id}` ends it.",
    )


def _afterwards(deps: Deps, grant: Grant, revealed: Revealed) -> Outcome | None:
    """What stands where the buttons were, once there is nothing left to open."""
    current = grants.get(deps.database, grant.id) or grant
    if revealed.buttons:
        return Outcome(revealed.introduction, buttons=revealed.buttons)
    if not revealed.secrets or current.opened_at is None:
        return None
    what = f"{issuing.command_of(grant.kind)} {_lab_of(deps, grant)}"
    return Outcome(f"`{what}`: {_opened_words(current)}", buttons=(_not_me_button(grant),))


def _opened_elsewhere(deps: Deps, grant: Grant) -> Revealed:
    """Somebody had its token: the person themselves, if they asked to unwrap it, or a thief."""
    grants.update(deps.database, grant.id, sealed_reveal=None)
    audit.append(
        deps.database, deps.now(), grant.person.key, "opened_elsewhere", _lab_of(deps, grant), grant=grant.id
    )
    return Revealed(
        f"It was opened before, outside of Slack, some time after {at(grant.issued_at)}. "
        "If that was not you:",
        buttons=(_not_me_button(grant),),
    )


def _opened_words(grant: Grant) -> str:
    return f"Opened {at(grant.opened_at or grant.issued_at)} by you. If that was not you:"


def _not_me_button(grant: Grant) -> Button:
    return Button("This was not me", "not_me", grant.id, "danger", "Revoke it now, and call the admins?")


def _lab_of(deps: Deps, grant: Grant) -> str:
    lab = labs.get(deps.database, grant.lab_id)
    return lab.name if lab is not None else grant.lab_id


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(str(each).strip() for each in value)
    return str(value).strip()
