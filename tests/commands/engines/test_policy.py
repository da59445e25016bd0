"""Policies are asked, and in doubt it is denied: whatever a policy does, the answer is a verdict."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.engines.policy import Finding, Question, Verdict, count, evaluate

pytestmark = pytest.mark.integration

GOOD = 'package one.good\n\ndeny contains "no" if input.bad\n\nwarn contains "perhaps" if input.odd\n'


def verdict(
    folder: Path, document: dict[str, Any] | None = None, config: str = "", **policies: str
) -> Verdict:
    for name, text in policies.items():
        path = folder / f"{name.replace('__', '/')}.rego"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    if config:
        (folder / "config.yaml").write_text(config)
    return evaluate(folder, document or {})


def broken(found: Verdict) -> Finding:
    """The only denial, which nobody can override."""
    [denial] = found.denials
    assert not denial.overridable
    assert not found.overridable
    return denial


def test_what_policies_say_is_told_with_their_names(tmp_path: Path) -> None:
    other = (
        "package other\n\n"
        "deny contains message if {\n"
        "\tsome name in input.names\n"
        '\tmessage := {"msg": name, "overridable": true, "address": "a.b", "file": "main.tf", "line": 3}\n'
        "}\n"
    )
    found = verdict(tmp_path, {"bad": True, "odd": True, "names": ["x"]}, good=GOOD, other=other)
    assert found.denials == (Finding("good", "no"), Finding("other", "x", True, "a.b", "main.tf", 3))
    assert found.warnings == (Finding("good", "perhaps"),)
    assert found.passed == 0
    assert not found.overridable


def test_a_policy_without_anything_to_say_has_passed(tmp_path: Path) -> None:
    found = verdict(tmp_path, {"odd": True}, good=GOOD, quiet="package q\n\ndeny := []\n")
    assert (found.denials, len(found.warnings), found.passed) == ((), 1, 1)


def test_people_may_override_only_if_they_may_override_all(tmp_path: Path) -> None:
    text = 'package p\n\ndeny contains {"msg": "costly", "overridable": true} if true\n'
    assert verdict(tmp_path, p=text).overridable
    assert not verdict(tmp_path, p=text, q='package q\n\ndeny contains "no" if true\n').overridable
    assert not Verdict().overridable


def test_no_policies_have_nothing_to_say(tmp_path: Path) -> None:
    assert evaluate(tmp_path, {}) == Verdict()
    assert evaluate(tmp_path / "none", {}) == Verdict()
    assert count(tmp_path) == 0


def test_a_question_may_wait_for_its_document(tmp_path: Path) -> None:
    (tmp_path / "good.rego").write_text(GOOD)
    with Question(tmp_path) as question, Question(tmp_path):  # the second is never asked
        (tmp_path / "good.rego").unlink()  # it is taken in already
        assert question.verdict({"bad": True}).denials == (Finding("good", "no"),)


def test_settings_and_libraries(tmp_path: Path) -> None:
    library = "package lib.limits\n\nis_large(number) if number > input.config.most\n"
    policy = (
        "package p\n\nimport data.lib.limits\n\n"
        'deny contains sprintf("%v is large", [input.size]) if limits.is_large(input.size)\n'
    )
    found = verdict(tmp_path, {"size": 4}, "most: 3\n", p=policy, lib__limits=library, p_test="nonsense")
    assert [each.message for each in found.denials] == ["4 is large"]
    assert count(tmp_path) == 1


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("package p\n\n\ndeny contains {", 4, "does not compile"),
        ("package p\n\n\ndeny contains 1 if if\n", 4, "does not compile"),
        (
            'package p\n\ndeny contains "x" if foo(1)\nwarn contains foo(1) if true\n',
            3,
            "Function not found: foo",
        ),
        ("package p\n\ndeny contains x if x := 1 / 0\n", 3, "cannot be evaluated"),
        ('package p\n\ndeny contains to_number("x") if true\n', 3, "cannot be evaluated"),
        ("package p\n\ndeny := 1 if true\n\ndeny := 2 if true\n", 3, "cannot be evaluated"),
        ("package p\n\ndeny contains data.p.deny if true\n", 3, "Recursion"),
        ("package p\n\ndeny := 3\n", 3, "no set of messages"),
        ("package p\n\ndeny := [] if false\n", 3, "no set of messages"),
        ("package p\n\nwarn := {}\n", 3, "no set of messages"),
        ('package p\n\ndeny contains {"msg": 1} if true\n', 3, "neither a text nor an object"),
        ('package p\n\ndeny contains "" if true\n', 3, "neither a text nor an object"),
        ('package p\n\ndeny contains {"msg": "x", "overridable": 1} if true\n', 3, "'overridable'"),
        ('package p\n\ndeny contains {"msg": "x", "line": true} if true\n', 3, "'line'"),
        ('package p\n\ndeny contains {"msg": "x", "overidable": true} if true\n', 3, "'overidable'"),
        ("package p\n\ndenny := []\n", 3, "denny is said only once"),
        (
            "package p\n\nrule := []\n\nother := rule\n\nthird := other\n\nlast := third == last\n",
            1,
            "neither a rule",
        ),
        (
            'package p\n\ndeny contains "x" if {\n\tsome change in input.l\n\tchagne.x\n}\n',
            4,
            "said only once",
        ),
        ("deny := []\n", 1, "no package"),
        ("", 1, "no package"),
    ],
)
def test_a_policy_that_is_wrong_denies_and_says_where(tmp_path: Path, text: str, line: int, why: str) -> None:
    found = verdict(tmp_path, {"l": [{"x": True}]}, p=text, good=GOOD)
    denial = broken(found)
    assert (denial.policy, denial.file, denial.line) == ("p", "p.rego", line)
    assert denial.message.startswith(f"The policy p.rego, line {line}: ")
    assert why in denial.message
    assert found.passed == 1


def test_a_policy_that_runs_for_ever_is_ended_and_the_others_are_asked(tmp_path: Path) -> None:
    text = f'package p\n\ndeny contains "x" if regex.match(`(a+)+$`, "{"a" * 50}b")\n'
    began = time.monotonic()
    found = verdict(tmp_path, {"bad": True}, a=text, good=GOOD, z="package z\n\nwarn := []\n")
    assert time.monotonic() - began < 60
    assert [each.message for each in found.denials] == [
        "The policy a.rego, line 3: it takes longer than 1 s.",
        "no",
    ]
    assert found.passed == 1


def test_a_policy_that_ends_the_process_is_named(tmp_path: Path) -> None:
    # rego-cpp 1.5.2 ends at `with input as data…`.
    text = 'package p\n\ndeny contains "x" if data.one.good.deny with input as data.one\n'
    found = verdict(tmp_path, p=text, good=GOOD, z="package z\n\nwarn := []\n")
    if found.denials:
        assert broken(found).message == "The policy p.rego, line 3: it makes the evaluation crash."
    assert found.passed >= 2


def test_a_library_that_is_wrong_denies(tmp_path: Path) -> None:
    found = verdict(tmp_path, good=GOOD, lib__x="package lib.x\n\nf(a) if {\n")
    assert "its library lib/x.rego, line 3: it does not compile" in broken(found).message


def test_two_policies_of_one_package(tmp_path: Path) -> None:
    found = verdict(tmp_path, a=GOOD, b=GOOD)
    assert (
        broken(found).message
        == "The policy b.rego, line 1: the package one.good is another policy's already."
    )


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "p.rego").write_bytes(b"package p\n\xff")
    assert "UTF-8" in broken(verdict(tmp_path, good=GOOD)).message


@pytest.mark.parametrize("config", ["- a\n", "a: [\n", "a: 2026-01-01\n", "3", "a: &a [*a]\n"])
def test_settings_that_are_wrong_deny(tmp_path: Path, config: str) -> None:
    denial = broken(verdict(tmp_path, config=config, good=GOOD))
    assert (denial.policy, denial.file) == ("config", "config.yaml")


NAMES = 'package p\n\ndeny contains {"msg": input.name, "overridable": false} if true\n'


@pytest.mark.parametrize(
    "name",
    [
        'x", "overridable": true, "z": "',
        'aws_instance.host["a"]',
        "a\\",
        '\\", "overridable": true}], "warn": [{"',
        "${file('x')} %s %d {{ }} `",
        "data.p.deny[_]",
        "}\n\ndeny := []\n",
        "é☃😀",
    ],
)
def test_no_name_can_change_an_answer(tmp_path: Path, name: str) -> None:
    [denial] = verdict(tmp_path, {"name": name}, p=NAMES).denials
    assert denial == Finding("p", " ".join(name.split()))


@settings(max_examples=25)
@given(names=st.lists(st.text(min_size=1), min_size=1, max_size=30))
def test_any_text_comes_out_as_it_went_in(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    folder = tmp_path_factory.mktemp("policies")
    body = "some at in numbers.range(0, count(input.names) - 1)"
    policy = f'package p\n\ndeny := [{{"msg": sprintf("%d<%s>", [at, input.names[at]])}} | {body}]\n'
    found = verdict(folder, {"names": names}, p=policy)
    private = [
        any(0xE000 <= ord(each) <= 0xE0FF or 0xD800 <= ord(each) <= 0xDFFF for each in name) for name in names
    ]
    for at, (name, denial, odd) in enumerate(zip(names, found.denials, private, strict=True)):
        seen = "".join(" " if ord(each) <= 0x20 or each == "\x7f" else each for each in name)
        assert odd or " ".join(denial.message.split(" ")) == _spaced(f"{at}<{seen}>")


def _spaced(text: str) -> str:
    while "  " in text:
        text = text.replace("  ", " ")
    return text.strip()[:500]


def test_a_split_through_a_quote_stays_a_text(tmp_path: Path) -> None:
    policy = 'package p\n\ndeny contains {"msg": split(input.name, "x")[0], "overridable": false} if true\n'
    [denial] = verdict(tmp_path, {"name": 'a\\x", "overridable": true, "address": "'}, p=policy).denials
    assert denial == Finding("p", "a\\")


def test_large_numbers_are_not_cut_off(tmp_path: Path) -> None:
    policy = 'package p\n\ndeny contains "large" if input.number > 1000\n'
    assert len(verdict(tmp_path, {"number": 2**70}, p=policy).denials) == 1
    assert len(verdict(tmp_path, {"number": 2**64 + 1}, p=policy).denials) == 1


def test_many_messages_are_counted(tmp_path: Path) -> None:
    policy = 'package p\n\ndeny := [{"msg": sprintf("%d", [n]), "overridable": n != 70} | some n in input.numbers]\n'
    found = verdict(tmp_path, {"numbers": list(range(120))}, p=policy).denials
    assert len(found) == 51
    assert found[-1] == Finding("p", "And 70 more of the same policy.", overridable=False)


def test_a_document_that_is_nested_without_end_is_denied(tmp_path: Path) -> None:
    document: Any = []
    for _ in range(5000):
        document = [document]
    assert verdict(tmp_path, {"x": document}, good=GOOD).denials
