"""The page on guardrails is held to the policies, to their input, and to what its example says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from commands.engines.module_sources.module_facts import SHAPE
from commands.engines.module_sources.module_reading import MOST_BYTES_OF_A_FILE
from commands.engines.policy import _FORMS, POLICY_SECONDS, evaluate
from commands.guardrails import document, plan_document
from tests.commands.test_guardrails import change, subject
from tests.test_docs import ROOT, page, rows

POLICIES = ROOT / "labs" / "policy"


def table(text: str, head: str) -> dict[str, list[str]]:
    """The table whose first heading is that: first cell without backticks → the others."""
    section = text.partition(f"\n| {head} |")[2].partition("\n\n")[0]
    assert section, head
    return {cells[0].strip("`"): cells[1:] for cells in rows(f"| {head} |{section}") if cells[0] != head}


def test_every_policy_is_told_of_in_its_order() -> None:
    told = table(page("GUARDRAILS.md"), "policy")
    assert sorted(told) == sorted(path.stem for path in POLICIES.glob("*.rego"))
    for name, (_, whom) in told.items():
        text = (POLICIES / f"{name}.rego").read_text()
        branch_only = text.count("if {") + text.count(" |\n") > 0 and "input.branch.is_branch" in text
        assert whom in ("branches", "all")
        assert branch_only or whom == "all"


def test_every_setting_is_told_of() -> None:
    assert list(table(page("GUARDRAILS.md"), "in `config.yaml`")) == list(
        yaml.safe_load((POLICIES / "config.yaml").read_text())
    )


def test_the_input_is_what_policies_see() -> None:
    text = page("GUARDRAILS.md")
    seen = document("plan", subject(), None, plan_document({"resource_changes": [change()]}))
    assert set(table(text, "`input.`")) == {*seen, "config"}
    assert list(table(text, "`input.plan.`")) == list(seen["plan"])


def test_every_fact_is_told_of_with_what_it_has() -> None:
    told = table(page("GUARDRAILS.md"), "`input.sources.`")
    assert list(told) == ["files", *SHAPE]
    for name, keys in SHAPE.items():
        assert re.findall(r"`(\w+)`", told[name][0]) == list(keys), name


def test_the_forms_of_a_message_and_the_limits_are_told() -> None:
    text = page("GUARDRAILS.md")
    for name in _FORMS:
        assert f"`{name}`" in text
    assert f"longer than {POLICY_SECONDS:.0f} s" in text
    assert f"larger than {MOST_BYTES_OF_A_FILE // 1024} KB" in text


@pytest.mark.integration
def test_the_example_does_what_it_says(tmp_path: Path) -> None:
    [example] = re.findall(r"^```rego\n(.*?)^```", page("GUARDRAILS.md"), re.DOTALL | re.MULTILINE)
    (tmp_path / "small_machines.rego").write_text(example)
    for size, messages in (("m5.metal", ["aws_instance.host is a whole machine."]), ("t3.micro", [])):
        plan = plan_document({"resource_changes": [change(instance_type=size)]})
        verdict = evaluate(tmp_path, document("plan", subject(), None, plan))
        assert [each.message for each in verdict.denials] == messages
        assert verdict.overridable == bool(messages)
