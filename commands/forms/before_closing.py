"""What is told about a form before it closes: quick looks alone, by the action that the form has.

Everything is checked once more when it is handled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from commands import operators
from commands.authorise import StandingUnknown, who_asks
from commands.deps import Deps
from commands.engines.vault.protocol import VaultError
from commands.forms import connect_form, extend_form, operator_form, up_form
from commands.grants import public_keys
from commands.request import Refused, Request

ANY = ""  # the field of what is wrong with none in particular
Check = Callable[[Request, Mapping[str, str], Deps], dict[str, str]]  # what was given → field → sentence


def _wrong_key(request: Request, given: Mapping[str, str], deps: Deps) -> dict[str, str]:
    try:
        public_keys.read(given.get("key", ""))
    except Refused as refused:
        return {"key": refused.sentence}
    return {}


def _wrong_reason(request: Request, given: Mapping[str, str], deps: Deps) -> dict[str, str]:
    empty = not given.get("reason", "").strip()
    return {"reason": "Say why, so that the requester knows what to change."} if empty else {}


CHECKS: dict[str, Check] = {
    up_form.ACTION: up_form.wrong,
    connect_form.ACTION: connect_form.wrong,
    extend_form.ACTION: extend_form.wrong,
    operator_form.ACTION: operators.wrong,
    "enroll_key": _wrong_key,
    "reject_with_reason": _wrong_reason,
}


def wrong(request: Request, given: Mapping[str, str], deps: Deps) -> dict[str, str]:
    """Field → what is wrong with it. Empty: the form may close. given: secrets in the clear, kept nowhere.

    A form stays open while nobody can tell who sent it, so that nothing that was filled in is lost. For whoever has no
    right to send it, it closes: they are refused when it is handled, and that is in the audit.
    """
    check = CHECKS.get(request.words[0])
    try:
        operator, standing = who_asks(request.person, deps.vault, deps.standing)
        asked = replace(request, person=standing.person, operator=operator)
        return check(asked, given, deps) if check is not None else {}
    except (VaultError, StandingUnknown) as away:
        return {ANY: away.sentence}
    except Refused:
        return {}
