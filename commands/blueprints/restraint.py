"""What a branch may not decide by itself: its blueprint under the rules of the reviewed one.

A branch is planned before anybody has read it, so it gets no secret that it was not given before, needs the approvals
of both teams whatever it says, and runs no program on this machine by a line in its blueprint.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from commands.blueprints.records import (
    Approvals,
    Blueprint,
    Check,
    Cost,
    Deploy,
    FromVault,
    Lifetime,
    RekeyMode,
    Secure,
    Ssh,
    Variable,
)

TEAMS = ("infra", "security")

_REKEY: tuple[RekeyMode, ...] = ("ask", "removals", "auto")  # the strictest first
_AUTO_DESTROY = (True, "polite", False)


def restrained(branch: Blueprint, reviewed: Blueprint | None) -> Blueprint:
    """The blueprint of a branch, no looser than the reviewed one of that name, or than the defaults without one.

    approvals: of each role the larger number, at least one of infra and one of security, never the requester.
    lifetime: the shorter times, the surer end. second_factor, rekey: the stricter. secure: what was reviewed, with the
    shorter times; without a reviewed one, ssh alone, which opens no hosts but the lab's own. credentials and `vault` of
    variables: those that are the same in both; a variable that loses its `vault` is asked for in a form. cost: the
    higher. deploy: without what it would read from Vault, but for what is the same in both. Programs on
    this machine (activity, `command` checks): those that are the same in both.
    """
    base = reviewed or Blueprint(branch.name, branch.summary, branch.folder, branch.module, rekey="ask")
    return replace(
        branch,
        variables=_variables(branch.variables, base.variables),
        cost=_cost(branch.cost, base.cost),
        lifetime=_lifetime(branch.lifetime, base.lifetime),
        approvals=_approvals(branch.approvals, base.approvals),
        destroy_approvals=_approvals(
            branch.destroy_approvals or branch.approvals, base.destroy_approvals or base.approvals
        ),
        credentials={
            name: path for name, path in branch.credentials.items() if base.credentials.get(name) == path
        },
        second_factor=branch.second_factor or base.second_factor,
        rekey=min(branch.rekey, base.rekey, key=_REKEY.index),
        secure=_secure(branch.secure, base.secure if reviewed is not None else _own_hosts(branch.secure)),
        deploy=_deploy(branch.deploy, base.deploy),
        is_shared=branch.is_shared and base.is_shared,
        checks=tuple(each for each in branch.checks if _may_check(each, base)),
        activity=branch.activity
        if branch.activity is None or not branch.activity.command or branch.activity == base.activity
        else base.activity,
    )


def held_back(branch: Blueprint, reviewed: Blueprint | None) -> tuple[str, ...]:
    """What the branch asks for and does not get until it is merged, a few words for each, such as `credentials`."""
    held = restrained(branch, reviewed)
    named = {
        "variables": "secrets from Vault, and what other labs publish",
        "cost": "its cost",
        "lifetime": "its lifetime",
        "approvals": "its approvals",
        "credentials": "its credentials",
        "second_factor": "its second factor",
        "rekey": "how it is rekeyed",
        "secure": "what Vault issues",
        "is_shared": "that others may use its labs",
        "deploy": "secrets from Vault for what it deploys",
        "checks": "checks that run a program here",
        "activity": "activity that runs a program here",
    }
    return tuple(words for field, words in named.items() if getattr(held, field) != getattr(branch, field))


def _approvals(branch: Approvals, base: Approvals) -> Approvals:
    needed = {
        role: max(branch.needed.get(role, 0), base.needed.get(role, 0), int(role in TEAMS))
        for role in dict.fromkeys([*TEAMS, *base.needed, *branch.needed])
    }
    return Approvals(needed, self_approval=False)


def _lifetime(branch: Lifetime, base: Lifetime) -> Lifetime:
    max_seconds = min(branch.max_seconds, base.max_seconds)
    return replace(
        branch,
        max_seconds=max_seconds,
        ttl_seconds=min(branch.ttl_seconds, max_seconds),
        idle_seconds=min(branch.idle_seconds, base.idle_seconds),
        grace_seconds=min(branch.grace_seconds, base.grace_seconds),
        auto_destroy=min(branch.auto_destroy, base.auto_destroy, key=_AUTO_DESTROY.index),
        office_hours=base.office_hours,
    )


def _variables(branch: Mapping[str, Variable], base: Mapping[str, Variable]) -> dict[str, Variable]:
    nothing = Variable("")
    known = {name: base.get(name, nothing) for name in branch}
    return {
        name: replace(
            variable,
            vault=variable.vault if known[name].vault == variable.vault else None,
            consumes=variable.consumes if known[name].consumes == variable.consumes else None,
        )
        for name, variable in branch.items()
    }


def _secure(branch: Secure, base: Secure) -> Secure:
    ssh = base.ssh
    if ssh is not None and branch.ssh is not None:
        ssh = replace(ssh, ttl_seconds=min(branch.ssh.ttl_seconds, ssh.ttl_seconds))
    return replace(
        base,
        ssh=ssh,
        tls_ttl_seconds=min(branch.tls_ttl_seconds, base.tls_ttl_seconds),
        database_ttl_seconds=min(branch.database_ttl_seconds, base.database_ttl_seconds),
    )


def _own_hosts(branch: Secure) -> Secure:
    return Secure(ssh=None if branch.ssh is None else Ssh(user=branch.ssh.user))


def _cost(branch: Cost, base: Cost) -> Cost:
    """Without a figure of its own a lab costs what its plan has, and no branch has a say in that."""
    if base.per_hour_cents is None or branch.per_hour_cents is None:
        return base
    is_lower = branch.currency != base.currency or branch.per_hour_cents < base.per_hour_cents
    return base if is_lower else branch


def _deploy(branch: Deploy | None, base: Deploy | None) -> Deploy | None:
    """A playbook is run when both teams have approved the plan; no secret is given to one that was not reviewed."""
    if branch is None:
        return None
    known = base.variables if base is not None else {}
    given = {
        name: value
        for name, value in branch.variables.items()
        if not isinstance(value, FromVault) or known.get(name) == value
    }
    return replace(branch, variables=given)


def _may_check(check: Check, base: Blueprint) -> bool:
    return check.kind != "command" or check in base.checks
