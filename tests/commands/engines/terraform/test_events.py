"""What Terraform's lines are read as. The lines are Terraform's own, shortened."""

from __future__ import annotations

from typing import Any

import pytest

from commands.engines.terraform import events as events
from commands.engines.terraform.events import Counts, Diagnostic, TerraformFailed
from state.records import PlannedChange


def planned(address: str, action: str, **more: Any) -> dict[str, Any]:
    return {"type": "planned_change", "change": {"resource": {"addr": address}, "action": action, **more}}


def hook(kind: str, address: str, action: str = "create") -> dict[str, Any]:
    return {"type": kind, "hook": {"resource": {"addr": address}, "action": action}}


def text(line: str) -> dict[str, Any]:
    return {"type": "text", "@message": line}


def said(severity: str, summary: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "diagnostic",
        "diagnostic": {"severity": severity, "summary": summary, "detail": "", **more},
    }


BROKEN = said(
    "error",
    "Unsupported argument",
    detail='An argument named "inptu" is not expected here.\nDid you mean "input"?',
    address="terraform_data.a",
    range={"filename": "main.tf", "start": {"line": 3, "column": 3}},
    snippet={"code": '  inptu = "x"', "start_line": 3},
)


def test_planned_changes_are_sorted_as_people_count() -> None:
    lines = [
        planned("droplet.web[10]", "create"),
        planned("droplet.web[9]", "delete"),
        planned("dns.a", "read"),
    ]
    assert events.planned_changes(lines) == (
        PlannedChange("dns.a", "read"),
        PlannedChange("droplet.web[9]", "delete"),
        PlannedChange("droplet.web[10]", "create"),
    )


@pytest.mark.parametrize(
    ("line", "action"),
    [
        (planned("a.b", "noop", previous_resource={"addr": "a.old"}), "move"),
        (planned("a.b", "move", previous_resource={"addr": "a.old"}), "move"),
        (planned("a.b", "noop", importing={"id": "x"}), "import"),
        (planned("a.b", "import", importing={"id": "x"}), "import"),
        (planned("a.b", "update", importing={"id": "x"}), "import"),
        (planned("a.b", "remove"), "forget"),
        (planned("a.b", "replace"), "replace"),
    ],
)
def test_what_a_plan_does_to_a_resource(line: dict[str, Any], action: str) -> None:
    assert events.planned_changes([line]) == (PlannedChange("a.b", action),)


def test_the_last_sums_count() -> None:
    first = {"type": "change_summary", "changes": {"add": 2, "change": 1, "remove": 3, "operation": "plan"}}
    last = {"type": "change_summary", "changes": {"add": 1, "change": 0, "remove": 0, "operation": "apply"}}
    assert events.counts([]) == Counts()
    assert events.counts([first]) == Counts(2, 1, 3)
    assert events.counts([first, last]) == Counts(1, 0, 0)


def test_an_error_is_one_paragraph_with_file_and_line() -> None:
    assert events.failed([BROKEN]).sentence() == (
        "Unsupported argument (main.tf:3, terraform_data.a): "
        'An argument named "inptu" is not expected here. Did you mean "input"?'
    )


def test_the_first_error_speaks_and_the_others_are_counted() -> None:
    failed = events.failed(
        [said("warning", "Old"), BROKEN, said("error", "Also bad"), said("error", "And this")]
    )
    assert failed.sentence().endswith('Did you mean "input"? (and 2 more)')
    assert [each.severity for each in failed.diagnostics] == ["error", "error", "error", "warning"]


def test_lines_that_are_not_json_are_the_error_when_there_is_no_other() -> None:
    lines = [text("Error: Terraform crashed"), text(""), text("panic: nil map")]
    assert events.failed(lines).sentence() == "Terraform crashed: panic: nil map"
    assert [each.summary for each in events.diagnostics([*lines, BROKEN])] == ["Unsupported argument"]


def test_an_error_without_a_word_is_said_so() -> None:
    assert TerraformFailed(()).sentence() == "Terraform ended with an error and said nothing."
    assert Diagnostic("error", "Execution halted.").sentence() == "Execution halted."


def test_each_warning_is_told_once() -> None:
    failing = said("warning", "Check block assertion failed", detail="too short")
    assert events.warnings([failing, failing, BROKEN]) == ("Check block assertion failed: too short",)


@pytest.mark.parametrize(
    ("summary", "is_stale"),
    [
        ("Saved plan is stale", True),
        ("Saved plan does not match the given state", True),
        ("Error acquiring the state lock", False),
    ],
)
def test_which_errors_mean_that_the_state_has_moved(summary: str, is_stale: bool) -> None:
    assert events.is_stale([said("error", summary)]) is is_stale


def test_sensitive_outputs_are_never_given() -> None:
    outputs = {
        "port": {"sensitive": False, "type": "number", "value": 443},
        "password": {"sensitive": True, "type": "string", "value": "s3cret"},
        "later": {"sensitive": False, "action": "create"},
    }
    lines = [{"type": "outputs", "outputs": outputs}]
    assert events.outputs(lines) == {"port": 443, "password": "(sensitive)"}
    assert events.sensitive_outputs(lines) == ("s3cret",)


def test_how_far_an_apply_is() -> None:
    lines = [
        hook("apply_start", "data.x", "read"),
        hook("apply_complete", "data.x", "read"),
        hook("apply_start", "a.old", "delete"),
        hook("apply_start", "a.b"),
        hook("apply_progress", "a.b"),
        hook("apply_complete", "a.old", "delete"),
    ]
    doing = events.doing(lines, Counts(add=2, destroy=1))
    assert (doing.done, doing.total, doing.address) == (1, 3, "a.b")
    doing = events.doing([*lines, hook("apply_errored", "a.b")], Counts(add=2, destroy=1))
    assert (doing.done, doing.address, doing.failed) == (1, "", ("a.b",))


def test_more_done_than_was_planned_is_not_more_than_everything() -> None:
    lines = [hook("apply_complete", "a.b"), hook("apply_complete", "a.c")]
    assert events.doing(lines, Counts(add=1)).total == 2


def test_a_log_reads_as_in_a_terminal() -> None:
    progress = {
        "type": "provision_progress",
        "hook": {"resource": {"addr": "a.b"}, "provisioner": "local-exec", "output": "hello"},
    }
    assert events.readable([{"@message": "a.b: Creating..."}, progress, BROKEN, text("over")]) == (
        "a.b: Creating...\n"
        "a.b (local-exec): hello\n"
        "Error: Unsupported argument\n"
        '  on main.tf line 3: inptu = "x"\n'
        '  An argument named "inptu" is not expected here.\nDid you mean "input"?\n'
        "over"
    )
