"""The second factor: enrolled once, asked for where a blueprint wants more than a Slack account to approve."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from math import ceil
from urllib.parse import parse_qs, urlsplit

import segno

from commands.deps import Deps
from commands.engines.vault.protocol import VaultConflict, VaultError
from commands.grants.reveals import tell, tell_admins
from commands.request import (
    Field,
    Form,
    Outcome,
    Refused,
    Request,
    Reveal,
    Revealed,
    Secret,
    id_from,
)
from commands.words import at, duration, mention, plural
from state import audit, factors
from state.records import Person, Run

TRIES = 5
LOCK = timedelta(minutes=10)


def enroll(request: Request, deps: Deps) -> Outcome:
    """`/key factor`: make a second factor, and show it once. One that is there stands: an account is easily stolen."""
    if deps.vault.totp_has(request.person):
        raise Refused(
            "You have a second factor already, and it stands. If you lost it, ask an admin to remove it: "
            "they find it with `/operator show`, and your name.",
            "/key list",
        )
    return Outcome(
        reveal=Reveal(
            title="Second factor",
            fetch=partial(_make, deps, request.person),
            lost=partial(_forget, deps, request.person),
        )
    )


def forget(request: Request, deps: Deps) -> Outcome:
    """The `Remove second factor` button of an admin: its person has lost it, and enrolls another."""
    person = Person.parse(request.words[1])
    if person == request.person:
        raise Refused("Another admin removes yours: whoever has your Slack account must not.")
    deps.vault.totp_forget(person)
    factors.right(deps.database, person)
    now = deps.now()
    audit.append(deps.database, now, request.person.key, "factor_removed", person.key)
    said = f"{mention(request.person)} has removed your second factor. `/key factor` makes a new one."
    tell(deps, person, f"factor removed {request.id}", said)
    return Outcome(f"{mention(person)} has no second factor now. They enroll one with `/key factor`.")


def form(run: Run, shown: str) -> Form:
    """What asks for the code. shown: the value of the Approve button."""
    return Form(
        action="approve_with_code",
        value=shown,
        title="Second factor",
        submit="Approve",
        introduction=f"To approve the plan of *{run.lab_name}*, type what your authenticator shows now.",
        fields=(Field(name="code", label="Six digits", sensitive=True),),
    )


def require_one(deps: Deps, person: Person) -> None:
    """Raise Refused for who has no second factor, or may not show it now. Raises VaultError."""
    _refuse_locked(deps, person)
    if not deps.vault.totp_has(person):
        raise Refused(
            "This plan is approved with a second factor, and you have none yet. Enroll one, then approve.",
            "/key factor",
        )


def require_code(request: Request, deps: Deps) -> None:
    """Raise Refused unless the form that came back brought the code of now. Raises VaultError.

    A try counts as a wrong one before Vault is asked, so that many at once are no more than a few.
    """
    person, now = request.person, deps.now()
    code = _code(request, deps)
    tried = factors.begin_try(deps.database, person, now, TRIES, LOCK)
    if tried is None:
        _refuse_locked(deps, person)
        raise Refused("Try again in a moment.")
    try:
        is_right = deps.vault.totp_check(person, code)
    except VaultError:
        factors.not_tried(deps.database, person)
        raise
    if is_right:
        factors.right(deps.database, person)
        return
    audit.append(deps.database, now, person.key, "factor_wrong", person.key, wrong=tried.wrong)
    if tried.locked_until is None:
        left = plural(TRIES - tried.wrong, "try", "tries")
        raise Refused(
            f"That code is not right, or was used before. You have {left} left. Press `Approve` again."
        )
    audit.append(deps.database, now, "innkeeper", "factor_locked", person.key, until=tried.locked_until)
    tell_admins(
        deps,
        f"factor locked {request.id}",
        f"{mention(person)} gave {TRIES} wrong codes for their second factor, so they approve nothing until "
        f"{at(tried.locked_until)}. If that is not like them, somebody else may have their Slack account.",
    )
    raise _locked(deps, person)


def _make(deps: Deps, person: Person) -> Revealed:
    try:
        secret = deps.vault.totp_enroll(person)
    except VaultConflict as conflict:
        return Revealed(conflict.sentence)
    except VaultError as away:
        return Revealed(away.sentence)
    factors.right(deps.database, person)
    audit.append(deps.database, deps.now(), person.key, "factor_enrolled", person.key)
    said = "A second factor was enrolled for you just now. If that was not you, tell an admin at once."
    tell(deps, person, f"factor enrolled {person.key} {deps.now().isoformat()}", said)
    typed = (parse_qs(urlsplit(secret.url).query).get("secret") or [""])[0]
    return Revealed(
        "Scan this with your authenticator, or type the key into it. It is shown once, and only here.",
        (
            Secret("To scan", drawn(secret.url)),
            Secret("To type", " ".join(typed[place : place + 4] for place in range(0, len(typed), 4))),
            Secret("Address", secret.url),
        ),
        "From now on `Approve` asks for its code wherever a blueprint wants one.",
    )


def drawn(text: str) -> str:
    """A QR code out of half blocks, two rows a line: Slack has no place for an image that one person sees once."""
    rows = [list(row) for row in segno.make(text, error="l", micro=False).matrix_iter(border=2)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    half = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return "\n".join(
        "".join(half[bool(upper), bool(lower)] for upper, lower in zip(above, below, strict=True)).rstrip()
        or " "
        for above, below in pairs
    )


def _forget(deps: Deps, person: Person) -> None:
    """Slack did not show it, so nobody has it."""
    deps.vault.totp_forget(person)
    audit.append(
        deps.database, deps.now(), "innkeeper", "factor_removed", person.key, because="it was not shown"
    )


def _code(request: Request, deps: Deps) -> str:
    """The code, which came sealed. Raises Refused for none, VaultError."""
    if request.sealed_form is None:
        raise Refused("Type the six digits that your authenticator shows.")
    clear = deps.vault.unseal(request.sealed_form, f"variables {id_from(f'lab {request.id}')}")
    code = "".join(str(json.loads(clear).get("code", "")).split())
    if not (len(code) == 6 and code.isascii() and code.isdigit()):
        raise Refused("The code is six digits. Press `Approve` again.")
    return code


def _refuse_locked(deps: Deps, person: Person) -> None:
    tries = factors.of_person(deps.database, person)
    if tries.locked_until is not None and deps.now() < tries.locked_until:
        raise _locked(deps, person)


def _locked(deps: Deps, person: Person) -> Refused:
    tries = factors.of_person(deps.database, person)
    left = (tries.locked_until - deps.now()).total_seconds() if tries.locked_until is not None else 0
    return Refused(
        f"{TRIES} codes were wrong, so your approvals are locked for {duration(60 * max(1, ceil(left / 60)))}. "
        "The admins have been told."
    )
