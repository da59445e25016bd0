"""`innkeeper policy test` shows what the guardrails say of a plan file, and tells it by its exit status."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.__main__ import cli

pytestmark = pytest.mark.integration

POLICIES = Path(__file__).parents[2] / "labs" / "policy"
OPEN = {
    "address": 'aws_security_group.host["[red]a"]',
    "type": "aws_security_group",
    "mode": "managed",
    "provider_name": "registry.terraform.io/hashicorp/aws",
    "change": {
        "actions": ["create"],
        "before": None,
        "after": {
            "tags_all": {"lab": "x"},
            "ingress": [{"protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_blocks": ["0.0.0.0/0"]}],
        },
    },
}


def run(folder: Path, content: Any, *more: str) -> tuple[int, str]:
    plan = folder / "plan.json"
    plan.write_text(content if isinstance(content, str) else json.dumps(content))
    arguments = ["policy", "test", "--policy", str(POLICIES), str(plan), *more]
    done = CliRunner(env={"COLUMNS": "200"}).invoke(cli, arguments)
    return done.exit_code, re.sub(r"\s+", " ", done.output)


def test_a_plan_that_is_denied(tmp_path: Path) -> None:
    status, shown = run(tmp_path, {"resource_changes": [OPEN]})
    assert status == 1
    assert 'aws_security_group.host["[red]a"] opens ssh to the world: 0.0.0.0/0.' in shown
    assert "denied, overridable │ required_tags" in shown
    assert "passed" in shown


def test_a_plan_that_passes(tmp_path: Path) -> None:
    status, shown = run(tmp_path, {"resource_changes": []})
    assert (status, "denied" in shown) == (0, False)


def test_the_sources_of_a_branch(tmp_path: Path) -> None:
    module = tmp_path / "module"
    module.mkdir()
    (module / "main.tf").write_text('\nlocals {\n  x = file("/etc/passwd")\n}\n')
    status, shown = run(tmp_path, {"resource_changes": []}, "--sources", str(module))
    assert (status, "main.tf:3" in shown) == (1, True)
    text = (
        "name: module\nsummary: Too costly\nterraform: .\ncost: {per_hour: 20, currency: USD}\n"
        "approvals: {infra: 1, security: 1}\n"
    )
    (module / "main.tf").write_text("")
    (module / "blueprint.yaml").write_text(text)
    status, shown = run(tmp_path, {"resource_changes": []}, "--sources", str(module))
    assert (status, "cost_ceiling" in shown) == (1, True)


@pytest.mark.parametrize(
    ("content", "more", "sentence"),
    [
        ("nonsense", (), "is no plan"),
        ("[]", (), "is no plan"),
        ("{}", (), "has no changes in it"),
        ({"resource_changes": [{"address": "x"}]}, (), "is no plan"),
        ({"resource_changes": []}, ("--sources", "/nonexistent"), "--sources is /nonexistent"),
        ({"resource_changes": []}, ("--policy", "/nonexistent"), "--policy is /nonexistent"),
    ],
)
def test_bad_usage_ends_with_a_sentence(
    tmp_path: Path, content: Any, more: tuple[str, ...], sentence: str
) -> None:
    status, shown = run(tmp_path, content, *more)
    assert (status, sentence in shown) == (2, True)


def test_a_plan_that_is_not_there(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["policy", "test", "--policy", str(POLICIES), str(tmp_path / "none.json")])
    assert (done.exit_code, "cannot be read" in done.output) == (2, True)
