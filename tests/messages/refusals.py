"""Everything that is refused, read from the source: what nobody has thought of a scene for stands here all the same."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.messages import markdown

ROOT = Path(__file__).parents[2]
TITLE = "All refusals"
INTRODUCTION = """What is refused, with the right form where there is one, as the source has it: `‹lab›` stands for
what is said there. Each is told to its person alone, and nothing was done; what ends a step stands on its card."""
RAISED = ("Refused", "NotTrusted", "NotNow", "GitFailed", "StepFailed")
# Sentences that are made elsewhere and only handed on, and where those stand.
HANDED_ON = {
    "bot/requests.py:to_request": "what was refused before it was recorded, by the same functions",
    "commands/table.py:handle": "what Vault and Slack say of themselves, in the scenes of the chapter before",
    "commands/blueprints/git_catalogue.py:__init__": "what git says",
    "commands/blueprints/proposals.py:head_of": "a GitFailed, which is in this list",
    "commands/blueprints/proposals.py:checked_out_at": "a GitFailed, which is in this list",
    "commands/blueprints/proposals.py:blueprint_at": "a GitFailed, which is in this list",
    "commands/blueprints/proposals.py:held_back_at": "a GitFailed, which is in this list",
}
_FEW = 3  # ways in which a part of it may go that are all shown
_MOST = 8  # ways in which one sentence may go
_SHOWN = {
    "at": "‹time›",
    "until": "‹time›",
    "duration": "‹duration›",
    "money": "‹amount›",
    "listed": "‹list›",
    "role_words": "‹roles›",
    "roles_words": "‹roles›",
    "_roles_words": "‹roles›",
    "plural": "‹number›",
    "_ask": "Ask ‹admin›",
    "len": "‹number›",
}
_OF_TEXTS = ("replace", "partition", "rstrip", "strip", "get")
_AS_THEY_ARE = ("str", "data", "safe_mrkdwn", "repr", "sorted", "max", "min", "cut", "plain", "printable")


@dataclass(frozen=True)
class Refusal:
    """One place where something is refused. sentence: empty where it is made elsewhere."""

    place: str  # commands/labs.py:up
    subject: str
    sentence: str
    example: str


@dataclass(frozen=True)
class Source:
    """A module, and what in it has a name."""

    path: Path
    tree: ast.Module
    names: dict[str, list[ast.expr]] = field(default_factory=dict)  # constants
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    modules: dict[str, Path] = field(default_factory=dict)  # imported name → the file that it is, or is from


def refusals() -> list[Refusal]:
    """In the order of the source, each sentence once."""
    found: dict[str, Refusal] = {}
    for path in _paths():
        source = _source(path)
        subject = (ast.get_docstring(source.tree) or "").splitlines()[:1]
        for function in [each for each in ast.walk(source.tree) if isinstance(each, ast.FunctionDef)]:
            for call in _raised_in(function):
                place = f"{path.relative_to(ROOT)}:{function.name}"
                for caller in _callers(function, path) or [None]:
                    for sentence, example in _told(call, Scope(source, function, caller)):
                        refusal = Refusal(place, "".join(subject).strip(), sentence, example)
                        found.setdefault(sentence or place, refusal)
    shown = {each.place for each in found.values() if each.sentence}
    return [each for each in found.values() if each.sentence or each.place not in shown]


def section() -> list[str]:
    """The page's last chapter."""
    lines = [f"## {TITLE}", "", INTRODUCTION]
    told = [each for each in refusals() if each.sentence]
    for subject, group in itertools.groupby(told, key=lambda each: each.subject):
        lines += ["", f"**{subject.rstrip('.')}**", ""]
        for each in group:
            example = f" `{each.example}`" if each.example else ""
            lines.append(f"- {markdown.words(each.sentence.replace(chr(10), ' '))}{example}")
    return lines


@dataclass(frozen=True)
class Scope:
    """Where an expression stands."""

    source: Source
    function: ast.FunctionDef | None
    call: tuple[ast.Call, Scope] | None = None  # by which the function was called

    def named(self, name: str) -> list[tuple[ast.expr, Scope]]:
        """What a name may stand for."""
        inside = [
            each.value
            for each in ast.walk(self.function or ast.Module([], []))
            if isinstance(each, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == name for target in each.targets)
        ]
        if inside:
            return [(each, self) for each in inside]
        if self.function is not None and self.call is not None:
            names = [each.arg for each in self.function.args.args]
            if name in names:
                call, there = self.call
                by_name = [each.value for each in call.keywords if each.arg == name]
                place = names.index(name)
                return [(each, there) for each in (by_name or call.args[place : place + 1])]
        if name in self.source.names:
            return [(each, Scope(self.source, None)) for each in self.source.names[name]]
        if name in self.source.modules and self.source.modules[name].exists():
            return Scope(_source(self.source.modules[name]), None).named(name)
        return []

    def returned(self, name: str) -> list[tuple[ast.expr, Scope]]:
        """What a function of ours may give."""
        function = self.source.functions.get(name)
        if function is not None:
            scope = Scope(self.source, function)
            given = [each.value for each in ast.walk(function) if isinstance(each, ast.Return)]
            return [(each, scope) for each in given if each is not None]
        path = self.source.modules.get(name)
        return Scope(_source(path), None).returned(name) if path is not None and path.exists() else []


@cache
def _source(path: Path) -> Source:
    source = Source(path, ast.parse(path.read_text()))
    for node in source.tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    source.names.setdefault(target.id, []).append(node.value)
        elif isinstance(node, ast.FunctionDef):
            source.functions[node.name] = node
        elif (
            isinstance(node, ast.ImportFrom)
            and node.module
            and node.module.split(".")[0] in ("commands", "bot")
        ):
            home = ROOT / node.module.replace(".", "/")
            for each in node.names:
                file = home / f"{each.name}.py"
                source.modules[each.asname or each.name] = file if file.exists() else home.with_suffix(".py")
    return source


@cache
def _calls() -> dict[str, list[tuple[ast.Call, Scope]]]:
    """Function → where it is called."""
    found: dict[str, list[tuple[ast.Call, Scope]]] = {}
    for path in _paths():
        source = _source(path)
        for function in source.functions.values():
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and (name := _called(node)):
                    found.setdefault(name, []).append((node, Scope(source, function)))
    return found


def _callers(function: ast.FunctionDef, path: Path) -> list[tuple[ast.Call, Scope]]:
    """Where a module's function is called, in it or in one that imports it."""
    return [
        (call, scope)
        for call, scope in _calls().get(function.name, [])
        if path == scope.source.path or path in scope.source.modules.values()
    ]


def _paths() -> list[Path]:
    return sorted([*ROOT.glob("commands/**/*.py"), *ROOT.glob("bot/**/*.py")])


def _raised_in(function: ast.FunctionDef) -> Iterator[ast.Call]:
    """The refusals that are made in a function, but not in one inside of it."""
    inner = {
        id(node)
        for each in ast.walk(function)
        if isinstance(each, ast.FunctionDef) and each is not function
        for node in ast.walk(each)
    }
    for node in ast.walk(function):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in RAISED
            and id(node) not in inner
        ):
            yield node


def _told(call: ast.Call, scope: Scope) -> Iterator[tuple[str, str]]:
    given = dict(zip(("sentence", "example"), call.args, strict=False)) | {
        str(each.arg): each.value for each in call.keywords
    }
    sentences = list(dict.fromkeys(_texts(given["sentence"], scope)))
    examples = list(dict.fromkeys(_texts(given["example"], scope))) if "example" in given else [""]
    for sentence in sentences or [""]:
        whole = [each for each in examples if not each.endswith(" ")]
        yield sentence.strip(), (whole or [""])[0]


def _texts(node: ast.expr, scope: Scope, depth: int = 0) -> list[str]:
    """The texts that an expression may be; none where that is not to be seen here."""
    if depth > 6:
        return []
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.JoinedStr):
        parts = [_part(each, scope, depth) for each in node.values]
        whole = ["".join(each) for each in itertools.islice(itertools.product(*parts), _MOST)]
        return [each for each in whole if "``" not in each.replace("```", "")] or whole
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        both = [_texts(each, scope, depth) for each in (node.left, node.right)]
        return ["".join(each) for each in itertools.islice(itertools.product(*both), _MOST)]
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body, scope, depth), *_texts(node.orelse, scope, depth)]
    if isinstance(node, ast.BoolOp):
        return [text for each in node.values for text in _texts(each, scope, depth)]
    if said := _said(node):
        return [said]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "strip":
        return [text.strip() for text in _texts(node.func.value, scope, depth)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        tables = [each for each, _ in _meant(node.func.value, scope) if isinstance(each, ast.Dict)]
        values = [value for each in tables for value in each.values] + node.args[1:]
        return [text for value in values for text in _texts(value, scope, depth)]
    return [text for each, there in _meant(node, scope) for text in _texts(each, there, depth + 1)]


def _said(node: ast.expr) -> str:
    """What a function of commands/words.py would put there, by the name of what it is given."""
    called = _called(node)
    if called in _SHOWN:
        return _SHOWN[called]
    if called in ("code", "mention", "span") and isinstance(node, ast.Call):
        return f"@{_name(node.args[0])}" if called == "mention" else f"`{_name(node.args[0])}`"
    return ""


def _meant(node: ast.expr, scope: Scope) -> list[tuple[ast.expr, Scope]]:
    """What stands where a name or a function of ours is used."""
    if isinstance(node, ast.Name):
        return scope.named(node.id)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return scope.returned(node.func.id)
    if isinstance(node, (ast.Attribute, ast.Call)):
        attribute = node.func if isinstance(node, ast.Call) else node
        if isinstance(attribute, ast.Attribute) and isinstance(attribute.value, ast.Name):
            path = scope.source.modules.get(attribute.value.id)
            if path is not None and path.exists():
                there = Scope(_source(path), None)
                return (
                    there.returned(attribute.attr)
                    if isinstance(node, ast.Call)
                    else there.named(attribute.attr)
                )
    return []


def _part(node: ast.expr, scope: Scope, depth: int) -> list[str]:
    """A part of an f-string: its texts where it is one, else the name of what stands there."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    assert isinstance(node, ast.FormattedValue)
    value = node.value
    if said := _said(value):
        return [said]
    if isinstance(value, (ast.Name, ast.Call, ast.IfExp)) and node.format_spec is None:
        texts = list(dict.fromkeys(_texts(value, scope, depth + 1)))
        if texts and len(texts) <= _FEW:
            return texts
    return [_name(value)]


def _called(node: ast.expr) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return (
        node.func.id
        if isinstance(node.func, ast.Name)
        else node.func.attr
        if isinstance(node.func, ast.Attribute)
        else ""
    )


def _name(node: ast.expr) -> str:
    """`lab.name` is ‹lab›, `run.state.value` ‹state›, `len(known)` ‹number›."""
    if isinstance(node, ast.Attribute):
        if node.attr in ("name", "value", "user", "key", "person") and isinstance(
            node.value, (ast.Name, ast.Attribute)
        ):
            return _name(node.value)
        return f"‹{node.attr.replace('_', ' ').strip()}›"
    if isinstance(node, ast.Name):
        return f"‹{node.id.lower().replace('_', ' ').strip()}›"
    if isinstance(node, ast.Call) and node.args and (_called(node) in _AS_THEY_ARE or not _called(node)):
        return _name(node.args[0])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _OF_TEXTS:
        return _name(node.func.value)
    if isinstance(node, ast.Call) and _called(node):
        return f"‹{_called(node).replace('_', ' ').strip()}›"
    if isinstance(node, ast.Subscript):
        return _name(node.value)
    if isinstance(node, ast.JoinedStr):
        parts = [each.value if isinstance(each, ast.FormattedValue) else each for each in node.values]
        return "".join(str(each.value) if isinstance(each, ast.Constant) else _name(each) for each in parts)
    if isinstance(node, ast.BinOp):
        return "‹number›"
    return "‹…›"
