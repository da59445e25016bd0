"""What a plan changes, shown without a secret."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.engines.terraform.diff import Check, attribute_diff, checks, scrub

CANARY = 'ca"na\\ry <&> ${x} %{y}\n-----END KEY-----'


def resource(address: str, *actions: str, **change: Any) -> dict[str, Any]:
    return {"address": address, "change": {"actions": list(actions), **change}}


def shown(*resources: dict[str, Any], **outputs: Any) -> dict[str, Any]:
    return {"resource_changes": list(resources), "output_changes": outputs}


def test_every_kind_of_change_has_its_sign() -> None:
    kinds = {
        "a.new": ("create",),
        "b.gone": ("delete",),
        "c.other": ("update",),
        "d.again": ("delete", "create"),
        "e.again": ("create", "delete"),
        "f.same": ("no-op",),
        "g.forgotten": ("forget",),
    }
    text = attribute_diff(shown(*(resource(address, *actions) for address, actions in kinds.items())))
    assert text.split("\n\n") == [
        "+ a.new",
        "- b.gone",
        "~ c.other",
        "-/+ d.again",
        "+/- e.again",
        ". g.forgotten",
    ]


def test_a_moved_resource_is_told_though_nothing_changes() -> None:
    moved = {**resource("a.b", "no-op"), "previous_address": "a.old"}
    assert attribute_diff(shown(moved)) == "  a.b  (was a.old)"


def test_attributes_are_compared_and_only_changes_are_shown() -> None:
    change = resource(
        "aws_vpc.a",
        "delete",
        "create",
        before={"cidr": "10.0.0.0/16", "name": "old", "same": 1, "tags": {"a": "b"}},
        after={"cidr": "10.1.0.0/16", "same": 1, "tags": {"a": "c"}},
        after_unknown={"id": True},
        replace_paths=[["cidr"]],
    )
    assert attribute_diff(shown(change)).splitlines() == [
        "-/+ aws_vpc.a",
        '    cidr: "10.0.0.0/16" -> "10.1.0.0/16"  # forces replacement',
        "    id: (known after apply)",
        '    name: "old" -> gone',
        '    tags: {"a": "b"} -> {"a": "c"}',
    ]


def test_what_is_not_known_yet_stands_where_it_belongs() -> None:
    change = resource(
        "a.b",
        "create",
        after={"list": ["x"], "map": {"k": 1}},
        after_unknown={"list": [False, True], "map": {"m": True}},
    )
    assert attribute_diff(shown(change)).splitlines()[1:] == [
        '    list: ["x", (known after apply)]',
        '    map: {"k": 1, "m": (known after apply)}',
    ]


def test_sensitive_values_are_hidden_wherever_they_are() -> None:
    change = resource(
        "a.b",
        "update",
        before={
            "input": {"user": "x", "keys": ["k", "old-secret"]},
            "copied": "was old-secret",
            "all": "whole-secret",
        },
        after={
            "input": {"user": "x", "keys": ["k", "new-secret"]},
            "copied": "is new-secret",
            "all": "whole-secret",
        },
        before_sensitive={"input": {"keys": [False, True]}, "all": True},
        after_sensitive={"input": {"keys": [False, True]}, "all": True},
    )
    output = {"actions": ["update"], "before": "old-secret", "after": "new-secret", "after_sensitive": True}
    text = attribute_diff(shown(change, leaked=output))
    assert "secret" not in text
    assert text.splitlines() == [
        "~ a.b",
        '    copied: "was (sensitive)" -> "is (sensitive)"',
        '    input: {"keys": ["k", (sensitive)], "user": "x"} -> another sensitive value',
        "",
        '~ output leaked: "(sensitive)" -> (sensitive)'.replace('"(sensitive)"', "(sensitive)"),
    ]


def test_a_secret_is_not_half_hidden_by_the_end_of_a_long_value() -> None:
    change = resource("a.b", "create", after={"text": "x" * 190 + "the-long-secret-value" + "y" * 100})
    text = attribute_diff(shown(change), secrets=["the-long-secret-value"])
    assert "the-long" not in text
    assert text.endswith("characters)")


def test_what_the_checks_of_a_plan_say() -> None:
    said = {
        "checks": [
            {
                "address": {"to_display": "check.health"},
                "status": "fail",
                "instances": [{"problems": [{"message": "too short"}]}],
            },
            {"address": {"to_display": "output.a"}, "status": "pass"},
        ]
    }
    assert checks(said) == (Check("check.health", "fail", ("too short",)), Check("output.a", "pass"))
    assert checks({}) == ()


@pytest.mark.parametrize(
    "written",
    [
        CANARY,
        json.dumps(CANARY),
        json.dumps(CANARY).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
        json.dumps(CANARY).replace("${", "$${").replace("%{", "%%{"),
        quote(CANARY, safe=""),
        base64.b64encode(CANARY.encode()).decode(),
        CANARY.replace("\n", "\n    "),
    ],
)
def test_a_secret_is_found_however_it_is_written(written: str) -> None:
    clean = scrub(f"before {written} after", [CANARY])
    assert clean.startswith("before ")
    assert clean.endswith(" after")
    assert "ry" not in clean
    assert "END" not in clean


def test_a_longer_secret_is_not_spoilt_by_a_shorter_one() -> None:
    assert scrub("token=abcd-efgh", ["abcd", "abcd-efgh"]) == "token=(sensitive)"


def test_what_is_too_short_to_be_a_secret_stays() -> None:
    assert scrub("1 of 10 is on", ["1", "on", ""]) == "1 of 10 is on"


@given(st.text(min_size=4), st.text(), st.text())
def test_no_secret_survives(secret: str, before: str, after: str) -> None:
    clean = scrub(before + secret + after, [secret])
    if len(secret.strip()) >= 4 and "(sensitive)" not in before + after:
        assert secret not in clean.replace("(sensitive)", "\0")
