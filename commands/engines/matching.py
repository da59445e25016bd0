"""Match what strangers wrote with a regular expression, in a child that is ended when that takes too long.

An expression such as (a+)+$ can keep a processor busy for ever, and this process with it.
"""

from __future__ import annotations

import json
import re

from commands.engines import bounded

LIMIT_SECONDS = 2.0


def is_found(pattern: str, text: str, seconds: float = LIMIT_SECONDS) -> bool | None:
    """Whether the expression is found in the text. None: it took too long."""
    with bounded.Bounded(__name__) as child:
        child.ask(json.dumps([pattern, text]).encode())
        try:
            return bool(child.line(min(seconds, LIMIT_SECONDS)))
        except (TimeoutError, bounded.ChildEnded):
            return None


def main() -> None:
    """In the child."""
    bounded.limit(int(LIMIT_SECONDS) + 1)
    pattern, text = json.loads(bounded.request())
    print(json.dumps(re.search(pattern, text) is not None), flush=True)
