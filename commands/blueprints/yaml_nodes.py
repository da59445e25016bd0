"""YAML with line numbers: a document's nodes, and what may stand in one. Each mistake knows its line."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from commands import grammar, words
from commands.request import Refused

SIZE_LIMIT = 64 * 1024
DEPTH_LIMIT = 12
_TOO_DEEP = "exceeded maximum nesting depth"  # of PyYAML 6.0.4's parser, which looks ahead of what it tells

# libyaml, which PyYAML's wheels have in them, is seven times as fast; the other one is the same without it.
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Wrong(Exception):
    """What stands at this node cannot stay: its line (from 1; None is the whole document), and why."""

    def __init__(self, node: yaml.Node | yaml.Event | None, sentence: str) -> None:
        super().__init__(sentence)
        mark = node.start_mark if node is not None else None
        self.line = mark.line + 1 if mark is not None else 1
        self.sentence = sentence


def document(path: Path, of: str = "a blueprint") -> yaml.Node:
    """The one document of a file, which is of that kind. Raises Wrong, yaml.YAMLError, UnicodeDecodeError, OSError.

    Aliases and deep nesting are refused before anything is built of them: a few lines can fill a machine.
    """
    with path.open("rb") as file:
        content = file.read(SIZE_LIMIT + 1)
    if len(content) > SIZE_LIMIT:
        raise Wrong(None, f"The file is larger than {SIZE_LIMIT // 1024} KB.")
    text = content.decode()
    depth = 0
    try:
        for event in yaml.parse(text, _Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent):
                raise Wrong(event, f"Nothing in {of} is an alias (*name). Write it out.")
            if depth > DEPTH_LIMIT:
                raise Wrong(event, f"Nothing in {of} is nested this deep. Write it out.")
    except yaml.MarkedYAMLError as error:
        if error.problem != _TOO_DEEP:
            raise
        raise Wrong(
            yaml.Event(error.problem_mark), f"Nothing in {of} is nested this deep. Write it out."
        ) from None
    node = yaml.compose(text, _Loader)
    if node is None:
        raise Wrong(None, f"The file is empty. It should hold {of}.")
    return node


@contextmanager
def mistakes(broken: Callable[[int, str], Exception]) -> Iterator[None]:
    """Whatever is wrong with the file that is read within is raised as broken(line, sentence)."""
    try:
        yield
    except Wrong as wrong:
        raise broken(wrong.line, wrong.sentence) from wrong
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        sentence = f"This is not YAML: {error.problem or error.context}."
        raise broken(mark.line + 1 if mark else 1, sentence) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise broken(1, "This is not YAML in UTF-8 without control characters.") from error
    except OSError as error:
        raise broken(1, f"I cannot read this file: {error.strerror}.") from error


def mapping(node: yaml.Node, of: str, known: Collection[str] | None = None) -> dict[str, yaml.Node]:
    """Key → value of a mapping whose keys are words, each once, and among known where that is given."""
    if not isinstance(node, yaml.MappingNode):
        raise Wrong(
            node, f"`{of}` has keys and values below it, such as `{next(iter(known or ['name']))}: …`."
        )
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
        if known is not None and name not in known:
            meant = words.nearest(name, known)
            hint = f"Did you mean `{meant}`?" if meant else f"It has {words.listed(sorted(known))}."
            raise Wrong(key, f"{words.code(name)} is not a key of {of}. {hint}")
        if not name or name in found:
            raise Wrong(
                key, f"{words.code(name)} stands twice in {of}." if name else f"A key of {of} is no word."
            )
        found[name] = value
    return found


def items(node: yaml.Node, of: str) -> list[yaml.Node]:
    """The nodes of a list."""
    if not isinstance(node, yaml.SequenceNode):
        raise Wrong(node, f"`{of}` is a list, such as [one, two].")
    return list(node.value)


def scalar(node: yaml.Node, of: str) -> Any:
    """A string, whole number, number or boolean."""
    value = None
    if isinstance(node, yaml.ScalarNode):
        try:
            value = SafeConstructor().construct_object(node)
        except (yaml.YAMLError, ValueError):
            value = None
    finite = not isinstance(value, float) or math.isfinite(value)
    if not isinstance(value, str | int | float | bool) or not finite:
        raise Wrong(node, f"`{of}` is a text, a number, true or false.")
    return value


def text(
    node: yaml.Node, of: str, limit: int = 300, pattern: re.Pattern[str] | None = None, form: str = ""
) -> str:
    """One line of at most limit characters, as it was written; form says what pattern asks for."""
    value = scalar(node, of)
    text = node.value.strip() if isinstance(value, bool | int | float) else value.strip()
    if not text or len(text) > limit or any(map(words.hidden, text)):
        raise Wrong(node, f"`{of}` is one line of 1 to {limit} characters.")
    if pattern is not None and not pattern.fullmatch(text):
        raise Wrong(node, f"`{of}` is written {form}, not {words.code(text)}.")
    return str(text)


def whole(node: yaml.Node, of: str, lowest: int, highest: int) -> int:
    """A whole number within bounds."""
    value = scalar(node, of)
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise Wrong(node, f"`{of}` is a whole number from {lowest} to {highest}.")
    return value


def flag(node: yaml.Node, of: str) -> bool:
    """true or false."""
    value = scalar(node, of)
    if not isinstance(value, bool):
        raise Wrong(node, f"`{of}` is true or false.")
    return value


def seconds(node: yaml.Node, of: str) -> int:
    """A duration such as 30m, in seconds."""
    try:
        return grammar.duration(text(node, of))
    except Refused as refused:
        raise Wrong(node, f"`{of}`: {refused.sentence}") from refused
