"""What is told about a form's fields before it closes: quick looks alone, by the action that the form has.

Everything else, and first of all who sends it, is checked when it is handled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from commands.deps import Deps
from commands.forms import connect_form, extend_form, operator_form, up_form
from commands.grants import public_keys
from commands.request import Refused

Check = Callable[[str, Mapping[str, str], Deps], dict[str, str]]  # value, what was given → field → sentence


def _wrong_key(value: str, given: Mapping[str, str], deps: Deps) -> dict[str, str]:
    try:
        public_keys.read(given.get("key", ""))
    except Refused as refused:
        return {"key": refused.sentence}
    return {}


def _wrong_reason(value: str, given: Mapping[str, str], deps: Deps) -> dict[str, str]:
    empty = not given.get("reason", "").strip()
    return {"reason": "Say why, so that the requester knows what to change."} if empty else {}


CHECKS: dict[str, Check] = {
    up_form.ACTION: up_form.wrong,
    connect_form.ACTION: connect_form.wrong,
    extend_form.ACTION: extend_form.wrong,
    operator_form.ACTION: operator_form.wrong,
    "enroll_key": _wrong_key,
    "reject_with_reason": _wrong_reason,
}


def wrong(action: str, value: str, given: Mapping[str, str], deps: Deps) -> dict[str, str]:
    """Field → what is wrong with it. Empty: the form may close. given: secrets in the clear, kept nowhere."""
    check = CHECKS.get(action)
    return check(value, given, deps) if check is not None else {}
