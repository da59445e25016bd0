"""The guardrails on the way of a run: before Terraform sees a branch's sources, and before anybody approves a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from commands import guardrails
from commands.blueprint import Blueprint, approvals_needed
from commands.blueprints.restraint import TEAMS
from commands.deps import Deps
from commands.engines.module_sources import module_facts
from commands.engines.module_sources.module_facts import Facts
from commands.engines.policy import Question
from commands.guardrails import Subject
from commands.steps import pricing
from commands.steps.inputs import Inputs
from state import runs
from state.records import Run, Verdict


class Denied(Exception):
    """What nobody may override."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__("denied by the guardrails")
        self.verdict = verdict


def of_sources(deps: Deps, run: Run, blueprint: Blueprint, module: Path) -> Facts | None:
    """The facts of a branch's sources, which may be given to Terraform; None of what was reviewed, or approved.

    module: the copy that Terraform would work in. Raises Denied, VaultError: here nobody can override a denial, as the
    plan alone runs what it is about.
    """
    if not run.branch or _was_approved(deps, run):
        return None
    facts = module_facts.facts(module)
    policies = guardrails.folder(deps.catalogue.path)
    verdict = guardrails.judge_sources(policies, _subject(deps, run, blueprint), facts)
    if verdict.denials:
        raise Denied(verdict)
    return facts


class Judge:
    """The guardrails for the plan of one run. What destroys is not judged: what was made must be able to go."""

    def __init__(self, deps: Deps, run: Run, blueprint: Blueprint, facts: Facts | None) -> None:
        """facts: of a branch's sources. Raises VaultError."""
        self._deps, self._blueprint, self._facts = deps, blueprint, facts
        self._policies = guardrails.folder(deps.catalogue.path)
        self._question: Question | None = None
        is_asked = run.kind == "apply" and (self._policies.is_dir() or bool(run.branch))
        self._subject = _subject(deps, run, blueprint) if is_asked else None

    def begin(self) -> None:
        """Let the policies be taken in, while Terraform plans."""
        if self._subject is not None:
            self._question = Question(self._policies)

    def judged(self, run: Run, inputs: Inputs, show: Callable[[], Mapping[str, Any]]) -> Run:
        """The run with its verdict, and where there are denials with the approvals that override them.

        show gives `terraform show -json`. Raises Denied, TerraformFailed.
        """
        subject, blueprint = self._subject, self._blueprint
        if subject is None:
            return run
        shown = show()
        if blueprint.cost.per_hour_cents is None:
            per_hour_cents, currency, _ = pricing.priced(self._deps, shown)
            subject = replace(subject, cost_per_hour_cents=per_hour_cents, currency=currency)
        verdict = guardrails.judge_plan(
            self._policies, subject, shown, inputs.secrets, self._facts, self._question
        )
        if not verdict.denials:
            return replace(run, verdict=verdict)
        if not verdict.overridable:
            raise Denied(verdict)
        return overriding(replace(run, verdict=verdict), approvals_needed(blueprint, run.kind)[0])

    def close(self) -> None:
        """Leave nothing running."""
        if self._question is not None:
            self._question.__exit__()


def overriding(run: Run, needed: Mapping[str, int]) -> Run:
    """Both teams together override: at least one person of each, and never the requester. Pure."""
    asked = {**needed, **run.approvals_needed}
    return replace(
        run,
        approvals_needed=asked | {role: max(1, asked.get(role, 0)) for role in TEAMS},
        self_approval=False,
    )


def _was_approved(deps: Deps, run: Run) -> bool:
    """Whether both teams have approved a plan of exactly these sources, which this run only looks at or destroys."""
    begun = runs.last_begun(deps.database, run.lab_id) if run.kind != "apply" else None
    return begun is not None and (begun.branch, begun.commit) == (run.branch, run.commit)


def _subject(deps: Deps, run: Run, blueprint: Blueprint) -> Subject:
    operator = deps.vault.operator(run.requester)
    return Subject(
        kind=run.kind,
        lab=run.lab_name,
        blueprint=blueprint,
        person=run.requester.key,
        roles=operator.roles if operator is not None else (),
        branch=run.branch,
        cost_per_hour_cents=run.cost_per_hour_cents,
        currency=blueprint.cost.currency,
    )
