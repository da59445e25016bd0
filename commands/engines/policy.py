"""Policies in Rego: what a catalogue's `policy/` folder says of a document. In doubt it is denied.

Each file `NAME.rego` is a policy with a package of its own. Its rules `deny` and `warn` give messages: texts, or
objects {msg, overridable, address, file, line}. A package `lib.…` is a library for the others. `config.yaml` beside
them is `input.config`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from commands.engines.bounded import Bounded, ChildEnded
from state.review_records import Finding as Finding
from state.review_records import Verdict as Verdict

POLICY_SECONDS = 1.0
LOAD_SECONDS = 15.0  # to start, and to take in the document
MOST_MESSAGES = 50  # of one policy; the rest is counted
_LONGEST_MESSAGE = 500
_CHILD = "commands.engines.policy_evaluation"
_CONFIG = "config.yaml"
_LARGEST_BYTES = 256 * 1024
_PACKAGE = re.compile(
    r"^[ \t]*package[ \t]+([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)[ \t]*(?:#[^\n]*)?$", re.MULTILINE
)

# rego-cpp does not escape strings: a quote in a resource's name would end the string that it comes out in, and what
# follows it could be read as part of the answer. So quotes, backslashes and control characters go in as characters of
# Unicode's private area, and come out as themselves again.
_PRIVATE = re.compile("[\ue000-\ue0ff]")
_ESCAPED = re.compile(r'\\(?:(["\\/bfnrt])|u([0-9a-fA-F]{4}))')
_MEANS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True)
class _Policy:
    name: str
    file: str
    package: str
    text: str

    @property
    def request(self) -> dict[str, str]:
        return {"file": self.file, "package": self.package, "text": self.text}

    def broken(self, problem: str, line: int = 1) -> Finding:
        """A denial that nobody can override, as there is no telling what the policy would have said."""
        message = f"The policy {self.file}, line {line}: {problem}."
        return Finding(self.name, message, file=self.file, line=line)


class Question:
    """Every policy below a folder, to be asked about one document.

    A child of ours takes the policies in at once, while the document may still have to be made. Use it as a context
    manager: whatever happens, nothing is left running.
    """

    def __init__(self, folder: Path) -> None:
        """Read the policies. Never raises for what is in them."""
        self._child = Bounded(_CHILD)
        self._is_over = False
        policies, self._denials = _read(folder)
        self._config: dict[str, Any] = {}
        try:
            self._config = _config(folder)
        except ValueError as error:
            message = f"The policies' settings, {_CONFIG}, {error}."
            self._denials.append(Finding("config", message, file=_CONFIG))
        self._libraries = [each for each in policies if each.package.startswith("lib.")]
        self._asked = [each for each in policies if not each.package.startswith("lib.")]
        self._child.ask(_request(self._asked, self._libraries))

    def __enter__(self) -> Question:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._is_over:
            self._is_over = True
            self._child.__exit__()

    def verdict(self, made: Mapping[str, Any]) -> Verdict:
        """What they say of the document, whose `config` is what config.yaml says. To be asked once.

        A policy that does not compile, fails, answers in another shape or takes longer than a second is a denial.
        Never raises for what is in either.
        """
        try:
            document = coded({**made, "config": self._config})
        except (RecursionError, ValueError):
            too_deep = Finding("document", "It cannot be judged: it is nested too deeply.")
            return Verdict((*self._denials, too_deep))
        answers = _answers(self._child, self._asked, self._libraries, document)
        while len(answers) < len(self._asked):
            answers += _ask(self._asked[len(answers) :], self._libraries, document)
        denials, warnings, passed = list(self._denials), list[Finding](), 0
        for policy, answer in zip(self._asked, answers, strict=True):
            denied, warned = _findings(policy, answer)
            denials += denied
            warnings += warned
            passed += not denied and not warned
        return Verdict(tuple(denials), tuple(warnings), passed)


def evaluate(folder: Path, document: Mapping[str, Any]) -> Verdict:
    """What every policy below the folder says of a document."""
    with Question(folder) as question:
        return question.verdict(document)


def count(folder: Path) -> int:
    """How many policies there are, the broken ones included."""
    policies, broken = _read(folder)
    return len([each for each in policies if not each.package.startswith("lib.")]) + len(broken)


def _read(folder: Path) -> tuple[list[_Policy], list[Finding]]:
    policies: list[_Policy] = []
    broken: list[Finding] = []
    for path in sorted(folder.rglob("*.rego")):
        if path.name.endswith("_test.rego"):
            continue
        file = path.relative_to(folder).as_posix()
        policy = _Policy(file.removesuffix(".rego"), file, "", "")
        try:
            content = path.read_bytes()
            text = content.decode()
        except (OSError, ValueError):
            broken.append(policy.broken("it cannot be read as UTF-8"))
            continue
        package = _PACKAGE.search(text)
        if package is None or len(content) > _LARGEST_BYTES:
            broken.append(policy.broken("it has no package, or is too large"))
        elif any(each.package == package[1] for each in policies):
            line = text.count("\n", 0, package.start()) + 1
            broken.append(policy.broken(f"the package {package[1]} is another policy's already", line))
        else:
            policies.append(_Policy(policy.name, file, package[1], text))
    return policies, broken


def _config(folder: Path) -> dict[str, Any]:
    """Raises ValueError with the rest of a sentence."""
    path = folder / _CONFIG
    try:
        content = yaml.safe_load(path.read_bytes()) if path.is_file() else {}
        json.dumps(content, allow_nan=False)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ValueError(f"line {mark.line + 1 if mark else 1}: it is no YAML") from None
    except (OSError, TypeError, ValueError, RecursionError):
        raise ValueError("line 1: it holds what is no plain data") from None
    if not isinstance(content, dict):
        raise ValueError("line 1: it is no mapping")
    return content


def coded(document: Mapping[str, Any]) -> bytes:
    """A document as JSON, without a character in its texts that would have to be escaped."""
    text = _PRIVATE.sub("\ufffd", json.dumps(document, ensure_ascii=False))
    return _ESCAPED.sub(_code, text).encode(errors="replace")


def _code(match: re.Match[str]) -> str:
    code = int(match[2], 16) if match[2] else ord(_MEANS.get(match[1], match[1]))
    return chr(0xE000 + code) if code < 0x100 else "\ufffd"


def plain(text: str) -> str:
    """A message as it is shown: one line, coded characters as themselves."""
    text = _PRIVATE.sub(lambda match: chr(ord(match[0]) - 0xE000), text)
    return re.sub(r"[\x00-\x20\x7f]+", " ", text).strip()[:_LONGEST_MESSAGE]


def _ask(policies: list[_Policy], libraries: list[_Policy], document: bytes) -> list[dict[str, Any]]:
    with Bounded(_CHILD) as child:
        child.ask(_request(policies, libraries))
        return _answers(child, policies, libraries, document)


def _answers(
    child: Bounded, policies: list[_Policy], libraries: list[_Policy], document: bytes
) -> list[dict[str, Any]]:
    """What the child answers for each, in order, up to one that ends or holds up the child: that is its problem."""
    answers: list[dict[str, Any]] = []
    if not policies:
        return answers
    child.ask(document)
    loaded = False
    try:
        broken = child.line(LOAD_SECONDS)["broken_libraries"]
        loaded = True
        for _ in policies:
            answer = child.line(POLICY_SECONDS)
            answers.append(_of_library(broken[0]) if broken else answer)
    except (TimeoutError, ChildEnded) as ended:
        if not loaded and len(policies) > 1:
            # Which of them it is shows when each is asked alone.
            return [answer for each in policies for answer in _ask([each], libraries, document)]
        slow = f"it takes longer than {POLICY_SECONDS:.0f} s"
        answers.append(
            {"problem": slow if isinstance(ended, TimeoutError) else "it makes the evaluation crash"}
        )
    return answers


def _request(policies: list[_Policy], libraries: list[_Policy]) -> bytes:
    named = {"libraries": libraries, "policies": policies}
    return json.dumps({name: [each.request for each in these] for name, these in named.items()}).encode()


def _of_library(broken: Mapping[str, Any]) -> dict[str, Any]:
    return {"problem": f"its library {broken['file']}, line {broken['line']}: {broken['problem']}"}


def _findings(policy: _Policy, answer: Mapping[str, Any]) -> tuple[list[Finding], list[Finding]]:
    head = re.search(r"^(?:deny|warn)\b", policy.text, re.MULTILINE)
    first_line = policy.text.count("\n", 0, head.start()) + 1 if head else 1
    if "problem" in answer:
        return [policy.broken(plain(answer["problem"]), answer.get("line") or first_line)], []
    found: dict[str, list[Finding]] = {"deny": [], "warn": []}
    for rule, said in answer.items():
        try:
            found[rule] = _messages(policy, said["value"])
        except ValueError as error:
            return [policy.broken(f"{rule} {error}", said["line"])], []
    return found["deny"], found["warn"]


def _messages(policy: _Policy, value: Any) -> list[Finding]:
    """Raises ValueError with the rest of a sentence."""
    if not isinstance(value, list):
        raise ValueError("is no set of messages: write it with `contains`")
    found = list(dict.fromkeys(_message(policy, each) for each in value))
    if rest := found[MOST_MESSAGES:]:
        overridable = all(each.overridable for each in rest)
        return [
            *found[:MOST_MESSAGES],
            Finding(policy.name, f"And {len(rest)} more of the same policy.", overridable),
        ]
    return found


_FORMS: dict[str, type] = {"msg": str, "overridable": bool, "address": str, "file": str, "line": int}


def _message(policy: _Policy, value: Any) -> Finding:
    said = {"msg": value} if isinstance(value, str) else value
    if not isinstance(said, dict) or not isinstance(said.get("msg"), str) or not said["msg"].strip():
        raise ValueError("gives what is neither a text nor an object with a msg")
    for name, each in said.items():
        if name not in _FORMS or type(each) is not _FORMS[name]:
            raise ValueError(f"gives an object whose {name[:40]!r} is not as it should be")
    return Finding(
        policy.name,
        plain(said["msg"]),
        said.get("overridable", False),
        plain(said.get("address", "")),
        plain(said.get("file", "")),
        said.get("line", 0),
    )
