from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.blueprints.records import (
    Activity,
    Approvals,
    Blueprint,
    Check,
    Cost,
    Deploy,
    FromVault,
    Lifetime,
    Secure,
    Ssh,
    Variable,
)
from commands.blueprints.restraint import held_back, restrained

REVIEWED = Blueprint(
    name="web",
    summary="Reviewed",
    folder=Path("/reviewed/web"),
    module=Path("/reviewed/web"),
    variables={"token": Variable("token", sensitive=True, vault="innkeeper/variables/web#token")},
    cost=Cost(10, "EUR"),
    lifetime=Lifetime(ttl_seconds=3600, max_seconds=7200, idle_seconds=1800, grace_seconds=600),
    approvals=Approvals({"infra": 2, "admin": 1}),
    destroy_approvals=Approvals({"operator": 1}, self_approval=True),
    credentials={"CLOUD_TOKEN": "innkeeper/providers/cloud#token"},
    second_factor=True,
    rekey="removals",
    secure=Secure(Ssh("admin", 600), "lab.test", 3600, "readonly", 600),
    checks=(Check("command", "probe ${address}"),),
    activity=Activity(command=("probe", "${address}")),
)
BRANCH = replace(
    REVIEWED, summary="Of a branch", folder=Path("/proposals/web"), module=Path("/proposals/web/module")
)

# What a branch may decide by itself; a new field is either here, or held by restrained().
ITS_OWN = {"name", "summary", "folder", "module", "publish", "health_seconds"}
HELD = {
    *("variables", "cost", "lifetime", "approvals", "destroy_approvals", "credentials"),
    *("second_factor", "rekey", "secure", "deploy", "checks", "activity", "is_shared"),
}


def held(reviewed: Blueprint | None = REVIEWED, **branch: Any) -> Blueprint:
    return restrained(replace(BRANCH, **branch), reviewed)


def test_somebody_has_thought_about_every_key() -> None:
    assert {each.name for each in fields(Blueprint)} == ITS_OWN | HELD


def test_a_branch_decides_what_it_is() -> None:
    deploy = Deploy(Path("/proposals/web/site.yml"), variables={"title": "${lab}"})
    found = held(deploy=deploy, publish=("address",))
    assert (found.summary, found.folder, found.module) == (BRANCH.summary, BRANCH.folder, BRANCH.module)
    assert (found.deploy, found.publish) == (deploy, ("address",))


def test_what_a_branch_deploys_gets_no_secret_that_was_not_reviewed() -> None:
    ours, theirs = FromVault("innkeeper/variables/web#password"), FromVault("innkeeper/providers/cloud#token")
    reviewed = replace(REVIEWED, deploy=Deploy(Path("/labs/web/site.yml"), variables={"password": ours}))
    branch = Deploy(
        Path("/proposals/web/site.yml"), variables={"password": ours, "more": theirs, "plain": "x"}
    )
    found = held(reviewed, deploy=branch).deploy
    assert found == replace(branch, variables={"password": ours, "plain": "x"})
    assert "secrets from Vault for what it deploys" in held_back(replace(BRANCH, deploy=branch), reviewed)
    nothing = held(None, deploy=branch).deploy
    assert nothing is not None
    assert nothing.variables == {"plain": "x"}


def test_both_teams_approve_whatever_the_branch_says() -> None:
    found = held(
        approvals=Approvals({"operator": 1}, True), destroy_approvals=Approvals({"operator": 1}, True)
    )
    assert found.approvals == Approvals({"infra": 2, "security": 1, "admin": 1, "operator": 1}, False)
    assert found.destroy_approvals == Approvals({"infra": 1, "security": 1, "operator": 1}, False)
    assert held(None, approvals=Approvals({"operator": 1}, True)).approvals.needed == {
        "infra": 1,
        "security": 1,
        "operator": 1,
    }
    assert held(approvals=Approvals({"security": 3})).approvals.needed["security"] == 3


def test_a_lab_of_a_branch_lives_no_longer() -> None:
    long = Lifetime(
        ttl_seconds=10**6, max_seconds=10**7, idle_seconds=10**6, grace_seconds=10**5, auto_destroy=False
    )
    found = held(lifetime=long).lifetime
    assert (found.max_seconds, found.ttl_seconds) == (7200, 7200)
    assert (found.idle_seconds, found.grace_seconds, found.auto_destroy) == (1800, 600, True)
    assert held(lifetime=Lifetime(max_seconds=60, ttl_seconds=30)).lifetime.max_seconds == 60
    assert held(None, lifetime=long).lifetime.max_seconds == Lifetime.max_seconds


def test_no_secret_is_read_that_was_not_read_before() -> None:
    stolen = {
        "CLOUD_TOKEN": "innkeeper/providers/other#token",
        "OTHER": "innkeeper/providers/cloud#token",
    }
    assert held(credentials=stolen).credentials == {}
    assert held(credentials=REVIEWED.credentials).credentials == REVIEWED.credentials
    assert held(None, credentials=REVIEWED.credentials).credentials == {}
    wanted = Variable("other", sensitive=True, vault="innkeeper/variables/web#token")
    moved = Variable("token", sensitive=True, vault="innkeeper/operators/T1-U1#name")
    for variables in ({"other": wanted}, {"token": moved}):
        (found,) = held(variables=variables).variables.values()
        assert found.vault is None
        assert found.from_form
    assert held(variables=REVIEWED.variables).variables == REVIEWED.variables
    assert held(None, variables=REVIEWED.variables).variables["token"].from_form


def test_what_is_secured_stays_so() -> None:
    assert held(secure=Secure()).secure == REVIEWED.secure
    loose = Secure(Ssh("root", 10**6), "other.test", 10**6, "admin", 10**6)
    assert held(secure=loose).secure == REVIEWED.secure
    assert held(secure=Secure(Ssh("admin", 60), tls_ttl_seconds=60)).secure == Secure(
        Ssh("admin", 60), "lab.test", 60, "readonly", 600
    )
    assert held(replace(REVIEWED, secure=Secure()), secure=loose).secure.ssh is None
    assert held(None, secure=loose).secure == Secure(Ssh("root", Ssh.ttl_seconds))
    assert held(None, secure=Secure()).secure == Secure()
    assert held(second_factor=False).second_factor
    assert held(replace(REVIEWED, second_factor=False), second_factor=True).second_factor


def test_root_keys_are_replaced_no_easier() -> None:
    assert held(rekey="auto").rekey == "removals"
    assert held(rekey="ask").rekey == "ask"
    assert held(None, rekey="auto").rekey == "ask"


def test_it_costs_no_less() -> None:
    assert held(cost=Cost(1, "EUR")).cost == Cost(10, "EUR")
    assert held(cost=Cost(20, "EUR")).cost == Cost(20, "EUR")
    assert held(cost=Cost(20, "USD")).cost == Cost(10, "EUR")
    assert held(cost=Cost()).cost == Cost(10, "EUR")
    assert held(None, cost=Cost(1)).cost == Cost()


def test_no_program_runs_here_that_was_not_reviewed() -> None:
    checks = (Check("command", "rm -rf /"), *REVIEWED.checks, Check("tcp", "${address}:22"))
    assert held(checks=checks).checks == checks[1:]
    assert held(None, checks=checks).checks == checks[2:]
    assert held(activity=Activity(command=("rm",))).activity == REVIEWED.activity
    assert held(None, activity=Activity(command=("rm",))).activity is None
    assert held(activity=Activity(http="http://${address}/")).activity == Activity(http="http://${address}/")
    assert held(activity=None).activity is None


def test_what_is_held_back_is_told() -> None:
    kept = replace(
        BRANCH, destroy_approvals=None, approvals=Approvals({"infra": 2, "security": 1, "admin": 1})
    )
    assert held_back(kept, REVIEWED) == ()
    loose = replace(
        BRANCH, credentials={"OTHER": "innkeeper/providers/other#token"}, checks=(Check("command", "id"),)
    )
    assert held_back(loose, REVIEWED) == (
        "its approvals",
        "its credentials",
        "checks that run a program here",
    )


PEOPLE = st.builds(
    Approvals,
    st.dictionaries(
        st.sampled_from(["operator", "infra", "security", "admin"]), st.integers(1, 20), min_size=1
    ),
    st.booleans(),
)
LIFETIMES = st.builds(
    Lifetime,
    st.integers(1, 10**7),
    st.integers(1, 10**7),
    st.integers(1, 10**7),
    st.integers(1, 10**7),
    st.integers(1, 10**7),
    st.sampled_from([True, False, "polite"]),
)


@given(PEOPLE, st.none() | PEOPLE, PEOPLE, LIFETIMES, LIFETIMES, st.booleans())
def test_nothing_is_ever_loosened(
    branch: Approvals,
    branch_destroy: Approvals | None,
    reviewed: Approvals,
    long: Lifetime,
    short: Lifetime,
    is_new: bool,
) -> None:
    base = None if is_new else replace(REVIEWED, approvals=reviewed, destroy_approvals=None, lifetime=short)
    proposed = replace(BRANCH, approvals=branch, destroy_approvals=branch_destroy, lifetime=long)
    found = restrained(proposed, base)
    assert found.destroy_approvals is not None
    for people in (found.approvals, found.destroy_approvals):
        assert not people.self_approval
        assert min(people.needed["infra"], people.needed["security"]) >= 1
        for role, number in ({} if base is None else base.approvals.needed).items():
            assert people.needed[role] >= number
    assert found.lifetime.ttl_seconds <= found.lifetime.max_seconds
    assert found.lifetime.max_seconds <= (Lifetime() if base is None else base.lifetime).max_seconds
    assert restrained(found, base) == found


@pytest.mark.parametrize("reviewed", [REVIEWED, None])
def test_what_was_held_once_is_held_no_further(reviewed: Blueprint | None) -> None:
    found = restrained(BRANCH, reviewed)
    assert restrained(found, reviewed) == found
