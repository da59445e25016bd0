"""What policies are shown of a lab: the plan without secrets, and who asks for what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from commands.blueprints.records import Blueprint, Cost
from commands.engines.module_sources.module_facts import empty
from commands.guardrails import NO_POLICIES, Subject, document, judge_plan, judge_sources, plan_document

BLUEPRINT = Blueprint("web", "A server", Path("/labs/web"), Path("/labs/web"), cost=Cost(9, "USD"))


def change(address: str = "aws_instance.host", **more: Any) -> dict[str, Any]:
    """A resource that a plan makes; more is what becomes of it, or Terraform's own keys."""
    own = {
        key: more.pop(key) for key in list(more) if key in ("after_unknown", "after_sensitive", "importing")
    }
    kind, _, name = address.rpartition(".")
    return {
        "address": address,
        "type": kind,
        "name": name,
        "mode": "managed",
        "provider_name": "registry.terraform.io/hashicorp/aws",
        "change": {"actions": ["create"], "before": None, "after": more, **own},
    }


def subject(branch: str = "") -> Subject:
    return Subject("apply", "demo", BLUEPRINT, "T1-U1", ("operator",), branch)


def test_secrets_and_what_is_not_known_are_told_as_such() -> None:
    made = change(
        password="hunter2hunter2",
        copied="it is hunter2hunter2",
        token="known-secret",
        none=None,
        nested={"none": None, "x": 1},
        after_sensitive={"password": True},
        after_unknown={"id": True},
    )
    plan = plan_document({"resource_changes": [made]}, ["known-secret"])
    assert plan["resource_changes"][0]["change"]["after"] == {
        "password": "(sensitive)",
        "copied": "it is (sensitive)",
        "token": "(sensitive)",
        "nested": {"x": 1},
        "id": "(known after apply)",
    }
    assert "hunter2" not in str(plan)


def test_changes_keep_terraforms_shape_and_can_be_looked_up() -> None:
    read = change("aws_ami.ubuntu") | {"mode": "data", "address": "data.aws_ami.ubuntu"}
    gone = change("aws_vpc.old")
    gone["change"] |= {"actions": ["delete"], "before": {"id": "vpc-1"}, "after": None}
    shown = {
        "resource_changes": [change(), read, change("aws_vpc.lab", importing={"id": "x"}), gone],
        "output_changes": {"address": {"actions": ["create"], "after": "203.0.113.7"}},
    }
    plan = plan_document(shown)
    assert plan["by_type"] == {"aws_instance": [0], "aws_vpc": [2, 3]}
    assert plan["importing"] == [2]
    assert plan["providers"] == ["hashicorp/aws"]
    assert plan["output_changes"] == {"address": {"actions": ["create"]}}
    assert plan["resource_changes"][3]["change"] == {"actions": ["delete"], "before": {"id": "vpc-1"}}


def test_where_things_stand() -> None:
    changes = [
        change("digitalocean_droplet.a", region="fra1"),
        change("digitalocean_droplet.b", region="fra1"),
        change("digitalocean_droplet.c", after_unknown={"region": True}),
    ]
    assert plan_document({"resource_changes": changes})["regions"] == [
        {"region": "fra1", "address": "digitalocean_droplet.a"},
        {"region": "(known after apply)", "address": "digitalocean_droplet.c"},
    ]


def provider(region: Any, **more: Any) -> dict[str, Any]:
    source = "registry.terraform.io/hashicorp/aws"
    expressions = {} if region is None else {"region": region}
    return {"name": "aws", "full_name": source, "expressions": expressions, **more}


@pytest.mark.parametrize(
    ("configured", "told"),
    [
        (provider(None), []),
        (provider({"constant_value": "eu-west-1"}), [{"provider": "aws", "region": "eu-west-1"}]),
        (provider({"references": ["var.region"]}), [{"provider": "aws", "region": "eu-central-1"}]),
        (provider({"references": ["var.region"]}, module_address="module.m"), [{"provider": "aws"}]),
        (provider({"references": ["var.region", "var.other"]}), [{"provider": "aws"}]),
        (provider({"references": ["local.region"]}), [{"provider": "aws"}]),
        (provider({}), [{"provider": "aws"}]),
    ],
)
def test_the_region_of_a_provider_where_it_is_written_out(
    configured: dict[str, Any], told: list[Any]
) -> None:
    shown = {
        "configuration": {"provider_config": {"aws": configured}},
        "variables": {"region": {"value": "eu-central-1"}},
    }
    assert plan_document(shown)["provider_regions"] == told


def test_a_region_that_is_put_together_is_not_taken_for_the_variable_in_it() -> None:
    shown = {
        "configuration": {"provider_config": {"aws": provider({"references": ["var.region"]})}},
        "variables": {"region": {"value": "eu-central-1"}},
    }
    facts: Any = empty() | {"provider_blocks": [{"name": "aws", "arguments": ["region"], "region": "?"}]}
    assert plan_document(shown, (), facts)["provider_regions"] == [{"provider": "aws"}]


def test_a_document_says_who_asks_for_what() -> None:
    told = document("plan", subject("feature"), None, None)
    assert told["branch"] == {"is_branch": True, "ref": "feature"}
    assert told["person"] == {"id": "T1-U1", "roles": ["operator"]}
    assert told["cost"] == {"per_hour_cents": 9, "currency": "USD"}
    assert told["blueprint"]["approvals"]["needed"] == {"infra": 1, "security": 1}
    assert told["blueprint"]["lifetime"]["max_seconds"] == 3 * 86_400
    assert told["sources"] == empty()


@pytest.mark.parametrize(
    ("blueprint", "priced", "told"),
    [
        (Cost(9, "EUR"), {}, {"per_hour_cents": 9, "currency": "EUR"}),
        (
            Cost(9, "EUR"),
            {"cost_per_hour_cents": 0, "currency": "USD"},
            {"per_hour_cents": 0, "currency": "USD"},
        ),
        (Cost(None), {}, {"currency": "USD"}),
    ],
)
def test_what_a_plan_was_priced_at_counts(
    blueprint: Cost, priced: dict[str, Any], told: dict[str, Any]
) -> None:
    asked = replace(subject(), blueprint=replace(BLUEPRINT, cost=blueprint), **priced)
    assert document("plan", asked, None, None)["cost"] == told


@pytest.mark.integration
def test_without_policies_the_catalogue_is_trusted_and_a_branch_is_not(tmp_path: Path) -> None:
    facts: Any = empty()
    assert judge_plan(tmp_path, subject(), {}).denials == ()
    for verdict in (
        judge_sources(tmp_path, subject("feature"), facts),
        judge_plan(tmp_path, subject("feature"), {}, (), facts),
    ):
        [denial] = verdict.denials
        assert denial.message == NO_POLICIES
        assert not denial.overridable


@pytest.mark.integration
def test_a_branch_is_not_judged_without_its_sources(tmp_path: Path) -> None:
    (tmp_path / "p.rego").write_text("package p\n\ndeny := []\n")
    assert judge_plan(tmp_path, subject("feature"), {}).denials
    assert judge_plan(tmp_path, subject(), {}).passed == 1
