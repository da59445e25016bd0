"""The guardrails on the way of a run: what is denied is not applied, and what may be overridden is by both teams."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from commands.engines.terraform.events import Diagnostic
from commands.steps import endings
from state.records import Verdict
from tests.commands.grants.test_rekeying import a_lab as rooted
from tests.commands.test_branches import Proposed
from tests.inn import ADMIN, BOTH, INFRA, REQUESTER, SECURITY, Inn, Shown

pytestmark = pytest.mark.integration

CROWDED = """package team.crowded

deny := [{{"msg": msg, "overridable": {overridable}}} |
	input.plan
	count(input.plan.resource_changes) > 2
	msg := sprintf("It makes %v things, and two are enough.", [count(input.plan.resource_changes)])
]
"""
WARNS = """package team.warns

warn contains msg if {
	some change in input.plan.resource_changes
	msg := sprintf("%s costs money.", [change.address])
}
"""
ASKS = """package team.asks

deny contains msg if {
	not "operator" in input.person.roles
	msg := "It was asked for by a stranger."
}

deny contains {"msg": "It is dear.", "overridable": true} if {
	input.cost.per_hour_cents > 5
}
"""


def policy(inn: Inn, text: str, name: str = "one") -> None:
    folder = inn.folder / "labs" / "policy"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.rego").write_text(text)


def crowd(inn: Inn) -> None:
    inn.terraform.resources = ("a.a", "a.b", "a.c")


def asked(inn: Inn, blueprint: str = "open") -> Shown:
    return inn.says(REQUESTER, f"/lab up {blueprint} demo").card()


# Every plan


def test_without_policies_nobody_is_asked(inn: Inn) -> None:
    inn.terraform.show_failure = Diagnostic("error", "Plugin crashed")
    card = asked(inn)
    assert card.text.startswith("demo: proposed")
    assert "Guardrails" not in card.all
    assert inn.run().verdict is None


def test_what_passes_is_counted_and_what_is_warned_of_is_shown(inn: Inn) -> None:
    policy(inn, CROWDED.format(overridable="false"))
    policy(inn, WARNS, "two")
    inn.terraform.resources = ("a.*<!channel>b",)
    card = asked(inn)
    assert card.text.startswith("demo: proposed")
    assert "Guardrails: 1 passed · 1 warning: *a.∗!channelb costs money*" in card.all
    inn.approved(card)
    assert "Guardrails" not in inn.card(card).all


def test_many_findings_go_to_the_thread(inn: Inn) -> None:
    policy(inn, WARNS)
    inn.terraform.resources = tuple(f"a.r{number}" for number in range(9))
    card = asked(inn)
    assert (
        "9 warnings: *a.r0 costs money*, *a.r1 costs money*, *a.r2 costs money*, and 6 more, in the thread"
        in card.all
    )
    body = next(said.body for said in inn.slack.thread(card.said.ts) if said.file == "guardrails.txt")
    assert body.splitlines()[-2:] == ["warned  one: a.r8 costs money.", "passed  0 policies"]


def test_what_is_denied_for_good_is_not_proposed(inn: Inn) -> None:
    policy(inn, CROWDED.format(overridable="false"))
    crowd(inn)
    card = asked(inn)
    said = "Guardrails: 0 passed · denied: *It makes 3 things, and two are enough*"
    assert card.text == f"demo: failed — {said}"
    assert card.all.count(said) == 1
    assert inn.replies(card)[-1].startswith(f"<@U1> *demo* did not come up. {said}")
    assert card.buttons == ["Re-plan"]
    assert ("innkeeper", "denied", "demo") in inn.audited()
    inn.is_tidy()


def test_both_teams_together_override_what_says_that_it_may_be(inn: Inn) -> None:
    policy(inn, CROWDED.format(overridable="true"))
    crowd(inn)
    card = asked(inn)  # its blueprint asks for the requester alone
    assert card.text.startswith("demo: proposed")
    assert "Guardrails: 0 passed · denied: *It makes 3 things, and two are enough*" in card.all
    assert "Infra and security people together may override that, and do so by approving." in card.all
    inn.clicks(REQUESTER, card, "Approve")
    assert (
        inn.told(REQUESTER) == "You asked for this plan, so infra, operator and security people approve it."
    )
    inn.clicks(BOTH, card, "Approve")
    inn.clicks(INFRA, card, "Approve")
    assert inn.runs() == ["proposed"]  # each counts once
    inn.clicks(SECURITY, card, "Approve")
    assert inn.runs() == ["proposed"]
    assert "*operator*" in inn.card(card).all


def test_in_direct_messages_both_teams_are_called_directly(inn: Inn) -> None:
    policy(inn, CROWDED.format(overridable="true"))
    crowd(inn)
    inn.says(REQUESTER, "/lab up open demo", channel="D1")
    assert inn.told(INFRA).startswith(
        "<@U1>'s *demo* needs your approval for *infra*, *operator* and *security*"
    )
    assert inn.told(SECURITY) == inn.told(INFRA)


def test_an_override_covers_exactly_what_was_shown(inn: Inn) -> None:
    policy(inn, CROWDED.format(overridable="true"))
    crowd(inn)
    asked(inn)
    run = inn.run()
    assert run.verdict is not None
    assert endings.digest_of(run) == run.digest
    other = replace(run.verdict.denials[0], message="It makes 4 things, and two are enough.")
    assert endings.digest_of(replace(run, verdict=Verdict((other,)))) != run.digest
    assert endings.digest_of(replace(run, verdict=None)) != run.digest


def test_policies_know_who_asks_and_what_it_costs(inn: Inn) -> None:
    policy(inn, ASKS)
    (inn.folder / "labs" / "prices.yaml").write_text(
        "date: 2026-06-17\ncurrency: USD\nresources:\n  a: {per_hour: 0.03}\n"
    )
    inn.terraform.resources = ("a.a",)
    assert asked(inn).text.startswith("demo: proposed")
    assert inn.run().verdict == Verdict(passed=1)
    inn.terraform.resources = ("a.a", "a.b")
    card = inn.says(REQUESTER, "/lab up open other").card()
    assert "denied: *It is dear*" in card.all
    assert "about $0.06 an hour" in inn.card(card).all


def test_a_plan_that_cannot_be_shown_cannot_be_judged(inn: Inn) -> None:
    policy(inn, CROWDED.format(overridable="true"))
    inn.terraform.show_failure = Diagnostic("error", "Plugin crashed")
    card = asked(inn)
    assert card.text.startswith("demo: failed — Plugin crashed")
    assert inn.terraform.applied == []


def test_a_policy_that_is_broken_denies(inn: Inn) -> None:
    policy(inn, "package team.broken\n\ndeny contains msg if {\n")
    assert asked(inn).text.startswith(
        "demo: failed — Guardrails: 0 passed · denied: *The policy one.rego, line 3: it does not compile"
    )


def test_what_was_made_can_always_be_destroyed(inn: Inn) -> None:
    inn.has(blueprint="open")
    policy(inn, 'package team.never\n\ndeny := ["Never."]\n')
    inn.says(REQUESTER, "/lab drift demo")
    assert inn.newest_card().text.startswith("demo: no_changes")
    card = inn.says(REQUESTER, "/lab down demo").card()
    assert card.text.startswith("demo: proposed")
    assert "Guardrails" not in card.all
    inn.clicks(REQUESTER, card, "Approve")
    assert inn.card(card).text.startswith("demo: destroyed")


# What goes by itself


@pytest.mark.parametrize(("overridable", "text"), [("true", "demo: proposed"), ("false", "demo: failed")])
def test_new_root_keys_that_are_denied_do_not_go_by_themselves(inn: Inn, overridable: str, text: str) -> None:
    rooted(inn)
    policy(inn, CROWDED.format(overridable=overridable).replace("> 2", "> 1"))
    inn.clock.passes(minutes=5)
    inn.sees_out(ADMIN, "<@U2>")
    card = inn.newest_card()
    assert card.text.startswith(text)
    assert inn.runs()[0] == "applied"
    if overridable == "true":
        assert "The guardrails deny it, so people look at this first." in card.all
        assert dict(inn.run().approvals_needed) == {"infra": 1, "security": 1}


# The sources of a branch


def test_terraform_never_sees_what_a_branch_may_not_have(tmp_path: Path) -> None:
    branch = Proposed(tmp_path)
    branch.push(
        {"web/main.tf": 'variable "lab" {}\ndata "external" "run" {\n  program = ["touch", "/tmp/x"]\n}\n'}
    )
    inn = branch.inn
    inn.vault.fields = {}
    card = branch.asks()
    said = "Guardrails: 0 passed · denied: *A branch may not read data run* (main.tf:2)"
    assert card.text == f"demo: failed — {said}"
    assert (inn.terraform.inits, inn.terraform.environments) == ([], [])
    assert "Not reviewed yet: `anna/larger`" in card.all
    branch.push({"web/main.tf": 'variable "lab" {}\n'})
    inn.clicks(REQUESTER, card, "Re-plan")
    assert inn.newest_card().text.startswith("demo: proposed")


def test_a_branch_has_no_say_in_the_policies(tmp_path: Path) -> None:
    branch = Proposed(tmp_path)
    branch.push({"web/main.tf": 'data "external" "run" {}\n', "policy/no_external.rego": None})
    assert branch.asks().text.startswith(
        "demo: failed — Guardrails: 0 passed · denied: *A branch may not read"
    )


def test_without_policies_nothing_of_a_branch_is_planned(tmp_path: Path) -> None:
    branch = Proposed(tmp_path)
    branch.repository.git("switch", "--quiet", "main")
    branch.repository.commit({"policy/no_external.rego": None})
    branch.inn.deps.catalogue.refresh()  # type: ignore[attr-defined]
    card = branch.asks()
    assert (
        "denied: *The catalogue has no policies, and without them nothing of a branch is planned*" in card.all
    )
    assert branch.inn.terraform.inits == []


def test_what_was_approved_is_destroyed_whatever_the_policies_say_by_now(tmp_path: Path) -> None:
    branch = Proposed(tmp_path)
    branch.has()
    branch.repository.git("switch", "--quiet", "main")
    branch.repository.commit({"policy/no_external.rego": 'package team.never\n\ndeny := ["Never."]\n'})
    branch.inn.deps.catalogue.refresh()  # type: ignore[attr-defined]
    branch.inn.says(REQUESTER, "/lab down demo")
    branch.approved(branch.inn.newest_card())
    assert branch.inn.newest_card().text.startswith("demo: destroyed")
