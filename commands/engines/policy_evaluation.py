"""What policy.evaluate() runs in a process of its own: Rego, through regopy (Microsoft's rego-cpp).

It is given the policies, which it takes in, and then the input document. It says one line when all is loaded, and one
for each policy: what `deny` and `warn` are, or what is wrong with the policy.

What rego-cpp does, found by running version 1.5.2: a variable that nothing gives a value makes its rule false without a
word, where OPA refuses to compile; strings come out as they went in, so a quote in one breaks the JSON (policy.py codes
them); `net.*`, `http.send` and `print` are missing; some mistakes end the process.
"""

from __future__ import annotations

import gc
import json
import re
from collections import Counter
from typing import Any

import regopy
from regopy import rego_shared

from commands.engines import bounded

_CPU_SECONDS = 60
_KEYWORDS = {
    *("as", "contains", "data", "default", "deny", "else", "every", "false", "if", "import", "in", "input"),
    *("not", "null", "package", "rego", "some", "true", "warn", "with", "_"),
}
_TEXTS = re.compile(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`|#[^\n]*')
_PATH = re.compile(r"(?<![\w.])([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)*)")
_ERROR = re.compile(r"\(error \d+:.*?\|(\d+)\|\d+\s+\(errormsg \d+:([^\n]*?)\)\s")
_MESSAGE = re.compile(r"\(errormsg \d+:([^\n]*?)\)\s")


def main() -> None:
    """Take in the policies, and say what each answers of the document, which may come much later."""
    bounded.limit(_CPU_SECONDS)  # of memory rego-cpp's allocator reserves more than there is
    gc.disable()  # it lives for one request, most of which is one large document
    request = json.loads(bounded.request())
    rego = regopy.Interpreter()
    rego.log_level = regopy.LogLevel.NONE
    rego.strict_built_in_errors = True
    problems: dict[str, dict[str, Any]] = {}
    for each in (*request["libraries"], *request["policies"]):
        try:
            rego.add_module(each["file"], each["text"])
        except Exception as error:
            problems[each["file"]] = _not_compiled(str(error), each["text"])
    whole = [each for each in request["policies"] if each["file"] not in problems]
    bundle = _compiled(rego, [_entry(each) for each in whole])
    for each in whole:
        if misspelt := _said_once(rego, each["text"]):
            problems[each["file"]] = misspelt
    _set_input(rego, json.loads(bounded.request(), parse_int=_number))
    print(json.dumps({"broken_libraries": _of(request["libraries"], problems)}), flush=True)
    for each in request["policies"]:
        print(json.dumps(problems.get(each["file"]) or _answer(rego, bundle, each)), flush=True)


def _compiled(rego: Any, entries: list[str]) -> Any:
    """All at once: each query() would compile all of them again. None where one of them does not let it."""
    try:
        return rego.build(None, entries)
    except Exception:
        return None


def _set_input(rego: Any, document: Any) -> None:
    """As rego.set_input() does it, which takes half as long again for a large plan."""
    to = rego_shared.rego_new_input()
    library = rego_shared.rego
    text, item = library.regoInputString, library.regoInputObjectItem

    def add(value: Any) -> None:
        if isinstance(value, str):
            text(to, value.encode())
        elif isinstance(value, dict):
            for name, each in value.items():
                text(to, name.encode())
                add(each)
                item(to)
            library.regoInputObject(to, len(value))
        elif isinstance(value, list):
            for each in value:
                add(each)
            library.regoInputArray(to, len(value))
        elif value is None:
            library.regoInputNull(to)
        elif isinstance(value, bool):
            library.regoInputBoolean(to, value)
        elif isinstance(value, int):
            library.regoInputInt(to, value)
        else:
            library.regoInputFloat(to, value)

    add(document)
    rego_shared.rego_set_input(rego._impl, to)  # it is not freed: that takes long, and this process ends soon


def _number(digits: str) -> int | float:
    number = int(digits) if len(digits) < 20 else float(digits)
    return (
        number if -(2**63) <= number < 2**63 else float(number)
    )  # regopy takes 64 bits, and drops the others


def _of(libraries: list[dict[str, str]], problems: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**problems[each["file"]], "file": each["file"]} for each in libraries if each["file"] in problems
    ]


def _entry(policy: dict[str, str]) -> str:
    return policy["package"].replace(".", "/")


def _answer(rego: Any, bundle: Any, policy: dict[str, str]) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    values = _values(rego, bundle, _entry(policy))
    for rule in ("deny", "warn"):
        head = re.search(rf"^(?:default[ \t]+)?{rule}\b", policy["text"], re.MULTILINE)
        if head is None:
            continue
        line = policy["text"].count("\n", 0, head.start()) + 1
        try:
            value = values.get(rule) if values else _value(rego, f"data.{policy['package']}.{rule}")
        except ValueError as error:
            why = str(error)
            return {"problem": f"{rule} cannot be evaluated{why}", "line": _line(policy["text"], why, line)}
        answer[rule] = {"value": value, "line": line}
    return answer or {"problem": "it has neither a rule deny nor a rule warn", "line": 1}


def _values(rego: Any, bundle: Any, entry: str) -> dict[str, Any] | None:
    """All that a package gives, each rule evaluated once; None where that fails, and rule by rule may tell why."""
    try:
        [value] = rego.query_bundle_entrypoint(bundle, entry)[0].expressions
    except Exception:
        return None
    return value if isinstance(value, dict) else None


def _value(rego: Any, query: str) -> Any:
    """What a query gives, None where it is undefined. Raises ValueError with `: why`, or with nothing."""
    # Not rego.query(): it expects JSON of whatever comes out, and hides what went wrong.
    output = rego_shared.rego_query(rego._impl, query)
    text = rego_shared.rego_output_string(output)
    if text == "undefined":
        return None
    try:
        [value] = json.loads(text)["expressions"]
    except (ValueError, KeyError, TypeError):
        match = _MESSAGE.search(text)
        raise ValueError(f": {match[1]}" if match else "") from None
    return value


def _line(text: str, why: str, line: int) -> int:
    """The line of what is named at the end of `Function not found: foo`, or else line."""
    name = why.rpartition(": ")[2].rpartition(".")[2]
    found = re.search(rf"\b{re.escape(name)}\b", text) if name else None
    return text.count("\n", 0, found.start()) + 1 if found else line


def _not_compiled(error: str, text: str) -> dict[str, Any]:
    match = _ERROR.search(error)
    if match is None:
        return {"problem": "it does not compile", "line": 1}
    return {"problem": f"it does not compile: {match[2]}", "line": text[: int(match[1])].count("\n") + 1}


def _said_once(rego: Any, text: str) -> dict[str, Any] | None:
    """A name that is said only once is misspelt, or has no value: rego-cpp would let the rule be false in silence."""
    bare = _TEXTS.sub(lambda match: '""' + "\n" * match[0].count("\n"), text)
    bare = re.sub(r"^[ \t]*(?:package|import)\b[^\n]*", "", bare, flags=re.MULTILINE)
    times = Counter(match[1] for match in _PATH.finditer(bare))
    imported = re.findall(r"^[ \t]*import\b[^\n#]*?([A-Za-z_]\w*)[ \t]*(?:#|$)", text, re.MULTILINE)
    for match in _PATH.finditer(bare):
        name = match[1]
        known = name in _KEYWORDS or name in imported or rego.is_builtin(name) or rego.is_builtin(match[0])
        if times[name] == 1 and not known:
            line = bare.count("\n", 0, match.start()) + 1
            return {"problem": f"{name} is said only once: it has no value, or nobody needs it", "line": line}
    return None
