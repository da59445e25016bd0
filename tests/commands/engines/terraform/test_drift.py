"""What has changed outside, as Terraform 1.11.4 and the AWS provider 5.100 told it (aws_drift.json, recorded)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from commands.engines.terraform.diff import attribute_diff
from commands.engines.terraform.drift import as_changes, drift
from state.records import PlannedChange

RECORDED = json.loads(Path(__file__).with_name("aws_drift.json").read_text())


def updated(before: Any, after: Any) -> dict[str, Any]:
    """A plan that tells one resource with one attribute that is another one."""
    change = {"actions": ["update"], "before": {"a": before, "same": 1}, "after": {"a": after, "same": 1}}
    return {"resource_drift": [{"address": "b.c", "change": change}]}


def test_a_recorded_plan_is_told_by_address_and_attribute() -> None:
    assert drift(RECORDED) == (
        PlannedChange("aws_sqs_queue.q[0]", "update", ("visibility_timeout_seconds",)),
        PlannedChange("aws_sqs_queue.q[1]", "delete"),
        PlannedChange("aws_ssm_parameter.p", "update", ("value", "version")),
        PlannedChange("output.w", "update"),
    )


def test_its_values_are_told_and_masked() -> None:
    text = attribute_diff(as_changes(RECORDED))
    assert "~ aws_sqs_queue.q[0]\n    tags: {}\n    visibility_timeout_seconds: 30 -> 77\n" in text
    assert "- aws_sqs_queue.q[1]\n" in text
    assert "    value: (sensitive) -> another sensitive value\n    version: 1 -> 2" in text
    assert text.endswith("~ output w: 30 -> 77")
    assert "hush" not in text


@pytest.mark.parametrize(
    ("before", "after"), [(None, {}), ("", None), ([], None), ({"x": None}, {}), ([{"y": ""}], [{}])]
)
def test_what_a_provider_reads_in_another_way_has_not_changed(before: Any, after: Any) -> None:
    assert drift(updated(before, after)) == ()
    assert attribute_diff(as_changes(updated(before, after))) == ""


@pytest.mark.parametrize(("before", "after"), [(None, 0), ("", False), ({}, {"x": 1}), ([1], []), (1, 2)])
def test_what_is_another_thing_has_changed(before: Any, after: Any) -> None:
    assert drift(updated(before, after)) == (PlannedChange("b.c", "update", ("a",)),)


def test_terraform_may_end_with_2_and_tell_nothing() -> None:
    same = {"actions": ["no-op"], "before": 77, "after": 77, "after_unknown": False}
    assert drift({"applyable": True, "output_changes": {"w": same}}) == ()


def test_an_output_that_nobody_can_know_yet_has_not_changed() -> None:
    unknown = {"actions": ["update"], "before": 1, "after": None, "after_unknown": True}
    assert drift({"output_changes": {"w": unknown}}) == ()


def test_a_secret_of_a_resource_that_did_not_change_is_hidden_too() -> None:
    kept = {"values": {"password": "hush-hush"}, "sensitive_values": {"password": True}}
    module = {"child_modules": [{"resources": [kept]}]}
    state = {"values": {"root_module": module, "outputs": {"o": {"value": "psst-psst", "sensitive": True}}}}
    shown = {**updated("of hush-hush", "of psst-psst"), "prior_state": state}
    told = attribute_diff(as_changes(shown))
    assert told == '~ b.c\n    a: "of (sensitive)" -> another sensitive value'
