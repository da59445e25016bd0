"""Guardrails: what the catalogue's policies say of a branch's sources before Terraform sees them, and of every plan.

The policies are those of the reviewed catalogue, never those of the branch that they judge. docs/GUARDRAILS.md tells
how to write one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from commands.blueprints.records import Blueprint
from commands.engines import policy
from commands.engines.module_sources import module_facts
from commands.engines.module_sources.module_facts import Facts
from commands.engines.policy import Finding, Question, Verdict
from commands.engines.terraform.diff import resources_without_secrets

FOLDER = "policy"  # in the catalogue
NO_POLICIES = "The catalogue has no policies, and without them nothing of a branch is planned."

Stage = Literal["sources", "plan"]
_OFFICIAL = ("registry.terraform.io/", "registry.opentofu.org/")
_NAME_PARTS = 2  # of `var.region`


@dataclass(frozen=True)
class Subject:
    """What is judged: who asks for what.

    branch: the git ref that nobody has reviewed; "" for the catalogue's own. cost_per_hour_cents: what the plan was
    priced at; None: what the blueprint says, if it does.
    """

    kind: str  # apply or destroy
    lab: str
    blueprint: Blueprint
    person: str  # TEAM-USER
    roles: tuple[str, ...] = ()
    branch: str = ""
    cost_per_hour_cents: float | None = None
    currency: str = ""


def folder(catalogue: Path) -> Path:
    """Where a catalogue keeps its policies."""
    return catalogue / FOLDER


def judge_sources(policies: Path, subject: Subject, facts: Facts) -> Verdict:
    """What the policies say of a branch's sources, before Terraform sees them. facts: module_facts.facts() of these."""
    return _judge(policies, "sources", subject, facts, lambda: None)


def judge_plan(
    policies: Path,
    subject: Subject,
    shown: Mapping[str, Any],
    secrets: Iterable[str] = (),
    facts: Facts | None = None,
    question: Question | None = None,
) -> Verdict:
    """What the policies say of a plan. shown: `terraform show -json`; facts: of the sources, required of a branch's.

    question: of these policies, where it was begun before.
    """
    return _judge(policies, "plan", subject, facts, lambda: plan_document(shown, secrets, facts), question)


def _judge(
    policies: Path,
    stage: Stage,
    subject: Subject,
    facts: Facts | None,
    plan: Callable[[], dict[str, Any] | None],
    question: Question | None = None,
) -> Verdict:
    if subject.branch and (facts is None or policy.count(policies) == 0):
        return Verdict(denials=(Finding(FOLDER, NO_POLICIES),))
    with question or Question(policies) as asked:
        return asked.verdict(document(stage, subject, facts, plan()))


def document(
    stage: Stage, subject: Subject, facts: Facts | None, plan: dict[str, Any] | None
) -> dict[str, Any]:
    """What policies see as `input`, without `config`."""
    blueprint = subject.blueprint
    return {
        "stage": stage,
        "kind": subject.kind,
        "lab": subject.lab,
        "branch": {"is_branch": bool(subject.branch), "ref": subject.branch},
        "person": {"id": subject.person, "roles": list(subject.roles)},
        "blueprint": {
            "name": blueprint.name,
            "approvals": {
                "needed": dict(blueprint.approvals.needed),
                "self_approval": blueprint.approvals.self_approval,
            },
            "lifetime": asdict(blueprint.lifetime),
            "second_factor": blueprint.second_factor,
        },
        "cost": _cost(subject),
        "sources": facts if facts is not None else module_facts.empty(),
        "plan": plan,
    }


def _cost(subject: Subject) -> dict[str, Any]:
    """Without per_hour_cents where nobody knows."""
    told = subject.blueprint.cost
    cents = told.per_hour_cents if subject.cost_per_hour_cents is None else subject.cost_per_hour_cents
    currency = subject.currency or told.currency
    return {"currency": currency} if cents is None else {"per_hour_cents": cents, "currency": currency}


def plan_document(
    shown: Mapping[str, Any], secrets: Iterable[str] = (), facts: Facts | None = None
) -> dict[str, Any]:
    """What policies see as `input.plan`: Terraform's own shape where it has one, without secrets and without nulls.

    Source: Terraform, "JSON Output Format", plan representation.
    """
    changes = [_change(*each) for each in resources_without_secrets(shown, secrets)]
    by_type: dict[str, list[int]] = {}
    for at, change in enumerate(changes):
        if change["mode"] == "managed":
            by_type.setdefault(change["type"], []).append(at)
    configured = (shown.get("configuration") or {}).get("provider_config") or {}
    providers = {change["provider_name"] for change in changes}
    providers |= {_short(each.get("full_name", "")) for each in configured.values()}
    outputs = (shown.get("output_changes") or {}).items()
    return {
        "resource_changes": changes,
        "by_type": by_type,
        "output_changes": {name: {"actions": change["actions"]} for name, change in outputs},
        "providers": sorted(providers),
        "regions": _stands(changes),
        "tags_all": _tagged(changes),
        "importing": [at for at, change in enumerate(changes) if "importing" in change["change"]],
        "provider_regions": list(_regions(shown, configured.values(), facts)),
    }


def _change(resource: Mapping[str, Any], before: Any, after: Any) -> dict[str, Any]:
    change = {
        "actions": resource["change"]["actions"],
        "before": before,
        "after": after,
        "importing": bool(resource["change"].get("importing")) or None,
    }
    found: dict[str, Any] = _without_nulls(
        {
            "address": resource["address"],
            "type": resource["type"],
            "mode": resource.get("mode", "managed"),
            "module_address": resource.get("module_address"),
            "provider_name": _short(resource.get("provider_name", "")),
            "change": change,
        }
    )
    return found


def _stands(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where resources say that they stand: each region once, with the first that stands there."""
    found: dict[str, dict[str, Any]] = {}
    for change in changes:
        after = change["change"].get("after")
        region = after.get("region") if isinstance(after, dict) and change["mode"] == "managed" else None
        if isinstance(region, str):
            found.setdefault(region, {"region": region, "address": change["address"]})
    return list(found.values())


def _tagged(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mostly everything has the same tags: each set of them once, with the places that have it."""
    found: dict[str, dict[str, Any]] = {}
    for at, change in enumerate(changes):
        after = change["change"].get("after")
        tags = after.get("tags_all") if isinstance(after, dict) and change["mode"] == "managed" else None
        if tags is not None:
            same = found.setdefault(json.dumps(tags, sort_keys=True), {"tags_all": tags, "at": []})
            same["at"].append(at)
    return list(found.values())


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def _short(source: str) -> str:
    """`hashicorp/aws` for what comes from the official registries; others keep their host."""
    return next(
        (source.removeprefix(each) for each in _OFFICIAL if source.lower().startswith(each)), source
    ).lower()


def _regions(
    shown: Mapping[str, Any], configured: Iterable[Mapping[str, Any]], facts: Facts | None
) -> Iterator[dict[str, Any]]:
    """The region of each provider that is given one. Without `region` where it is not written out.

    The plan tells which variable a region follows from, not how: `lower(var.x)` looks like `var.x`. The facts of the
    sources, where there are any, tell that.
    """
    odd = {each["name"] for each in (facts["provider_blocks"] if facts else ()) if each["region"] == "?"}
    for provider in configured:
        expression = (provider.get("expressions") or {}).get("region")
        if expression is None:
            continue
        region = expression.get("constant_value")
        match expression.get("references") or []:
            case [str(reference)] if reference.count(".") == _NAME_PARTS - 1 and reference.startswith("var."):
                variable = (shown.get("variables") or {}).get(reference.removeprefix("var.")) or {}
                region = None if provider.get("module_address") else variable.get("value")
        known = isinstance(region, str) and provider.get("name") not in odd
        yield {"provider": provider.get("name", ""), **({"region": region} if known else {})}
