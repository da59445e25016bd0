"""`/lab deploy`: put onto a lab again what its blueprint deploys, or see what that would change."""

from __future__ import annotations

import re

from commands.deps import Deps
from commands.grammar import assignments
from commands.labs import lab_called, require_may_run
from commands.redoing import start_steps
from commands.request import Outcome, Refused, Request
from commands.words import code

_EXAMPLE = "/lab deploy demo config check=yes"
_TAG = re.compile(r"[A-Za-z0-9_][\w.:-]{0,63}", re.ASCII)


def deploy(request: Request, deps: Deps) -> Outcome:
    """`/lab deploy NAME [TAG…] [check=yes]`: the playbook, or those of its tasks that have one of the tags."""
    values, ttl_seconds, rest = assignments(request.words[2:], _EXAMPLE)
    is_check = values.pop("check", "no")
    if not rest or values or ttl_seconds is not None:
        raise Refused("Say which lab to deploy to, and if you like which parts.", _EXAMPLE)
    if is_check not in ("yes", "no"):
        raise Refused(
            "`check` is yes or no: with yes, I show what would change and change nothing.", _EXAMPLE
        )
    name, *tags = rest
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise Refused(f"{code(tag)} is no tag. It has letters, digits, and any of `_ . : -`.", _EXAMPLE)
    lab = lab_called(deps, name)
    require_may_run(request, lab)
    options = {"tags": tags, "check": is_check == "yes"}
    start_steps(deps, lab, request.person, request.id, ("deploy",), channel=request.channel, options=options)
    return Outcome()
