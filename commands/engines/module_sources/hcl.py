"""Terraform's language, as far as what a module would do can be read from it: blocks, and the functions it calls.

python-hcl2 and Terraform do not read every file alike, and a stranger's file may be made to be read in two ways. So
what is read here is compared with the bare text: a block or a function that stands in the text and was not read is a
Problem, and so is whatever could end a comment, a string or a heredoc in one reading and not in the other.

Source: HCL Native Syntax Specification.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import hcl2
from hcl2.rules.abstract import LarkElement
from hcl2.rules.base import AttributeRule, BlockRule
from hcl2.rules.containers import ObjectElemRule, ObjectRule
from hcl2.rules.expressions import ExprTermRule
from hcl2.rules.functions import FunctionCallRule
from hcl2.rules.indexing import GetAttrExprTermRule
from hcl2.rules.literal_rules import IdentifierRule
from hcl2.rules.strings import HeredocTemplateRule, InterpolationRule, StringRule
from hcl2.rules.tokens import StringToken
from hcl2.walk import walk

from commands.engines.module_sources import hcl_text
from commands.engines.module_sources.hcl_text import Problem

__all__ = ["Block", "Call", "Opaque", "Place", "Problem", "Read", "read", "read_template"]


@dataclass(frozen=True)
class Opaque:
    """A value that is not a literal, as it would be written."""

    text: str = ""


@dataclass(frozen=True)
class Place:
    """A path that is written out: what it begins with (`module`, `root`, `cwd`, a template's variable, or nothing)."""

    base: str
    rest: str


@dataclass(frozen=True)
class Call:
    """A function that is called. places: what each argument is, None where that is not a path that is written out.

    bindings: the variables that templatefile() is given, if each has a name that is written out and none comes twice.
    """

    function: str
    line: int
    text: str
    places: tuple[Place | None, ...] = ()
    bindings: Mapping[str, Place | None] | None = None


@dataclass(frozen=True)
class Block:
    """A block. attributes: literals as Python's (str, dict, list, …), whatever else as Opaque."""

    type: str
    labels: tuple[str, ...]
    line: int
    attributes: Mapping[str, Any] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()

    def inner(self) -> Iterator[Block]:
        """Every block within, at any depth."""
        for block in self.blocks:
            yield block
            yield from block.inner()


@dataclass
class Read:
    """What one file says. problems: why it cannot be relied on. loops: names in a template may stand for anything."""

    blocks: list[Block] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    loops: bool = False


def read(text: str) -> Read:
    """Read a `.tf` file."""
    found = Read(problems=hcl_text.ambiguous(text))
    try:
        tree = hcl2.parses(text)
        found.blocks = [_block(child, found) for child in tree.body.children if isinstance(child, BlockRule)]
        found.calls = list(_calls(tree, 0))
    except Problem as problem:
        found.problems.append(problem)
    except RecursionError:
        found.problems.append(Problem(0, "it is nested too deeply"))
    except Exception as error:  # a parser's many ways to say no
        found.problems.append(Problem(getattr(error, "line", 0) or 0, "it does not parse"))
    types = Counter(block.type for outer in found.blocks for block in (outer, *outer.inner()))
    found.problems += hcl_text.hidden_blocks(text, types)
    found.problems += hcl_text.hidden_calls(text, Counter(call.function for call in found.calls))
    return found


def read_template(text: str, first_line: int = 1) -> Read:
    """Read what templatefile() is given: only calls, and no blocks."""
    found = Read()
    try:
        for each in hcl_text.expressions(text):
            # In brackets an expression may go on over several lines.
            found.calls += _calls(hcl2.parses(f"_ = ({each.text})"), first_line + each.line - 2)
            found.loops |= each.loops
    except Problem as problem:
        found.problems.append(Problem(first_line + problem.line - 1, problem.sentence))
    except Exception:  # as above
        found.problems.append(Problem(first_line, "a template in it does not parse"))
    found.problems += hcl_text.hidden_calls(text, Counter(call.function for call in found.calls), first_line)
    return found


_QUOTED = ("STRING_CHARS", "ESCAPED_INTERPOLATION", "ESCAPED_DIRECTIVE", "TEMPLATE_STRING")


def _block(rule: BlockRule, found: Read) -> Block:
    kind, *labels = (_label(label) for label in rule.labels)
    attributes: dict[str, Any] = {}
    blocks = []
    for child in rule.body.children:
        if isinstance(child, AttributeRule):
            name = _word(child.identifier)
            if name in attributes:
                found.problems.append(Problem(_line(child), f"{name} comes twice in one block"))
            attributes[name] = _value(child.expression)
        elif isinstance(child, BlockRule):
            blocks.append(_block(child, found))
    return Block(kind, tuple(labels), _line(rule), attributes, tuple(blocks))


def _label(rule: LarkElement) -> str:
    if isinstance(rule, IdentifierRule):
        return _word(rule)
    text = _literal(rule)
    if text is None:
        raise Problem(_line(rule), "a block has a label that is not plain text")
    return text


def _word(rule: LarkElement) -> str:
    return str(rule.serialize())


def _line(rule: LarkElement) -> int:
    return int(getattr(getattr(rule, "_meta", None), "line", 0) or 0)


def _unwrapped(rule: LarkElement) -> LarkElement:
    while isinstance(rule, ExprTermRule) and not rule.parentheses:
        rule = rule.expression
    return rule


def _parts(rule: StringRule) -> list[LarkElement]:
    return [part.content for part in rule.string_parts]


def _literal(rule: LarkElement) -> str | None:
    """A quoted text without escapes and without anything to be filled in."""
    rule = _unwrapped(rule)
    if not isinstance(rule, StringRule):
        return None
    parts = _parts(rule)
    if not all(isinstance(part, StringToken) and part.lark_name() == "STRING_CHARS" for part in parts):
        return None
    text = "".join(str(part) for part in parts)
    return None if re.search(r"[\\\n\r]", text) else text


def _value(rule: LarkElement) -> Any:
    rule = _unwrapped(rule)
    text = _literal(rule)
    if text is not None:
        return text
    if isinstance(rule, ObjectRule):
        pairs = [(_key(each), _value(each.expression)) for each in rule.elements]
        names = [key for key, _ in pairs if key is not None]
        return dict(pairs) if len(set(names)) == len(pairs) else Opaque("{…}")
    try:
        said = rule.serialize()
    except Exception:  # what cannot be written out again is not relied on either
        return Opaque()
    return said if isinstance(said, bool | int | float) else Opaque(str(said)[:200])


def _key(element: ObjectElemRule) -> str | None:
    """The name that an object's element has, if it is written out."""
    key = _unwrapped(element.key)
    children = cast(list[LarkElement], getattr(key, "children", []))
    inner = _unwrapped(children[0]) if len(children) == 1 else key
    return _word(inner) if isinstance(inner, IdentifierRule) else _literal(inner)


def _calls(tree: LarkElement, lines_before: int) -> Iterator[Call]:
    for rule in walk(tree):
        if isinstance(rule, FunctionCallRule):
            yield _call(rule, lines_before)
        elif isinstance(rule, HeredocTemplateRule):
            # python-hcl2 leaves the text of a heredoc as it is.
            within = read_template(str(rule.heredoc), lines_before + _line(rule))
            if within.problems:
                raise within.problems[0]
            yield from within.calls
        elif isinstance(rule, StringToken) and "\n" in str(rule) and rule.lark_name() in _QUOTED:
            raise Problem(lines_before + 1, "a quoted text goes on over several lines")  # Terraform's cannot


def _call(rule: FunctionCallRule, lines_before: int) -> Call:
    arguments = rule.arguments.arguments if rule.arguments else []
    spread = rule.arguments is not None and rule.arguments.has_ellipsis
    places = tuple(None if spread else _place(each) for each in arguments)
    bindings = None
    given = _unwrapped(arguments[1]) if len(arguments) == 2 and not spread else None
    if isinstance(given, ObjectRule):
        keys = [_key(each) for each in given.elements]
        if None not in keys and len(set(keys)) == len(keys):
            bindings = {str(_key(each)): _place(each.expression) for each in given.elements}
    elif len(arguments) == 1:
        bindings = {}
    name = "::".join(_word(each) for each in rule.identifiers)
    try:
        text = str(rule.serialize()).removeprefix("${").removesuffix("}")
    except Exception:  # as above
        text = f"{name}(…)"
    return Call(name, lines_before + _line(rule), text[:200], places, bindings)


def _place(rule: LarkElement) -> Place | None:
    rule = _unwrapped(rule)
    if not isinstance(rule, StringRule):
        base = _base(rule)
        return None if base is None else Place(base, "")
    base, rest = "", ""
    for at, part in enumerate(_parts(rule)):
        if isinstance(part, InterpolationRule) and at == 0:
            named = _base(_unwrapped(part.expression))
            if named is None:
                return None
            base = named
        elif isinstance(part, StringToken) and part.lark_name() == "STRING_CHARS":
            rest += str(part)
        else:
            return None
    return Place(base, rest)


def _base(rule: LarkElement) -> str | None:
    """`module` for path.module, and so on; the name of a variable of a template; None for whatever else."""
    if isinstance(rule, IdentifierRule):
        return _word(rule)
    said = str(rule.serialize()) if isinstance(rule, GetAttrExprTermRule) else ""
    match = re.fullmatch(r"(?:\$\{)?path\.(module|root|cwd)\}?", said)
    return f"path.{match[1]}" if match else None
