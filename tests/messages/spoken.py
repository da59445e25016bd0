"""Which lines of the views are run while something goes on."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

VIEWS = Path(__file__).parents[2] / "bot" / "views"


def lines_of(path: Path) -> set[int]:
    """The lines of a file that stand in its functions."""
    module = compile(path.read_text(), str(path), "exec")
    return {line for code in _functions(module) for line in _lines(code)}


@contextmanager
def traced(places: dict[str, set[int]]) -> Iterator[None]:
    """places: file → its lines that were run, which are added."""

    def call(frame: FrameType, event: str, argument: Any) -> Any:
        return line if frame.f_code.co_filename in places else None

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        places[frame.f_code.co_filename].add(frame.f_lineno)
        return line

    before = sys.gettrace()
    sys.settrace(call)
    threading.settrace(call)
    try:
        yield
    finally:
        sys.settrace(before)
        threading.settrace(None)  # type: ignore[arg-type]


def _functions(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            is_class = not each.co_flags & 2  # CO_NEWLOCALS: a function has it, a class body has not
            if not is_class:
                yield each
            yield from _functions(each)


def _lines(code: CodeType) -> set[int]:
    """Without the line of `def`, which runs when the module is imported."""
    found = {line for _, _, line in code.co_lines() if line is not None}
    return found if code.co_name.startswith("<") else found - {code.co_firstlineno}
