"""What stands in the bare text of Terraform's language, whatever a parser makes of it. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# Source: Terraform language, "Functions", "Filesystem Functions". templatestring() is the odd one: it runs
# whatever text it is given as a template, and that text may be put together where nobody sees it.
READING = (
    "file",
    "filebase64",
    "filebase64sha256",
    "filebase64sha512",
    "fileexists",
    "filemd5",
    "fileset",
    "filesha1",
    "filesha256",
    "filesha512",
    "templatefile",
    "templatestring",
)

_COMMENT = r"/\*(?:[^*]|\*(?!/))*\*/"
_CALL = re.compile(rf"(?<![\w.-])({'|'.join(READING)})(?:\s|{_COMMENT}|(?:#|//)[^\n]*\n)*\((?!\s*\))")
_BLOCKS = (
    "action|backend|check|cloud|connection|data|encryption|ephemeral|import|list|module|provider|provider_meta|provisioner|"
    "removed|required_providers|resource|state_store|terraform"
)
_HEADER = re.compile(
    rf"(?:^|\*/|[{{}}])[ \t]*({_BLOCKS})(?![\w-])(?:[ \t]|{_COMMENT}|\"[^\"\n]*\"|[\w-])*\{{", re.MULTILINE
)
_HEREDOC = re.compile(r"<<-?[ \t]*([^\s\"]+)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\xa0\u2028\u2029\ufeff]|\r(?!\n)")
_DIRECTIVE = re.compile(
    r"(?:(?:if\s+(?P<condition>.*))|(?:for\s+\w+(?:\s*,\s*\w+)?\s+in\s+(?P<items>.*))|else|endif|endfor)",
    re.DOTALL,
)


class Problem(Exception):
    """Why a file cannot be relied on: a line (0: no line in particular), and the rest of `main.tf: …`."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.line = line
        self.sentence = sentence


def ambiguous(text: str) -> list[Problem]:
    """What one reader may take for the end of something, and the other one not."""
    problems = []
    if found := _CONTROL.search(text.replace("\r\n", "\n")):
        problems.append(Problem(line_of(text, found.start()), "it has a control character or an odd space"))
    markers = {match[1] for match in _HEREDOC.finditer(text)}
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() in markers and not re.fullmatch(r"[ \t]*[A-Za-z][\w.-]*\r?", line):
            problems.append(Problem(number, "a line may or may not be the end of a heredoc"))
    return problems


def hidden_blocks(text: str, read: Mapping[str, int]) -> list[Problem]:
    """Blocks that the text has more of than were read: in a comment, a heredoc, or where only one reader sees them."""
    return _more_often(text, _HEADER.finditer(text), read, "a {} block stands in a text or a comment", 1)


def hidden_calls(text: str, read: Mapping[str, int], first_line: int = 1) -> list[Problem]:
    """The same for the functions that read files."""
    inner = Counter[str]()
    for name, times in read.items():
        inner[name.rpartition("::")[2]] += times
    return _more_often(text, _CALL.finditer(text), inner, "{}() stands in a text or a comment", first_line)


def _more_often(
    text: str, matches: Iterator[re.Match[str]], read: Mapping[str, int], sentence: str, first_line: int
) -> list[Problem]:
    seen = Counter[str]()
    problems: dict[str, Problem] = {}
    for match in matches:
        seen[match[1]] += 1
        if seen[match[1]] > read.get(match[1], 0):
            line = first_line - 1 + line_of(text, match.start(1))
            problems.setdefault(match[1], Problem(line, sentence.format(match[1])))
    return list(problems.values())


def line_of(text: str, at: int) -> int:
    """The number of the line (from 1) that a position is in."""
    return text.count("\n", 0, at) + 1


@dataclass(frozen=True)
class Expression:
    """What a template is filled in with. line counts from 1; loops: there is a `for` in it, or it belongs to one."""

    line: int
    text: str
    loops: bool


def expressions(text: str) -> Iterator[Expression]:
    """The expressions of a template, between `${` or `%{` and the brace that closes it. Raises Problem."""
    at = 0
    while (at := _next(text, at)) >= 0:
        end = _end(text, at + 2)
        inner = text[at + 2 : end].removeprefix("~").removesuffix("~").strip()
        line = line_of(text, at)
        loops = re.search(r"\bfor\b", inner) is not None
        if text[at] == "%":
            directive = _DIRECTIVE.fullmatch(inner)
            if directive is None:
                raise Problem(line, "a template in it does not parse")
            inner = directive["condition"] or directive["items"] or ""
        if inner:
            yield Expression(line, inner, loops)
        at = end + 1


def _next(text: str, at: int) -> int:
    """Where the next `${` or `%{` is that is not escaped; -1: nowhere."""
    while (match := re.compile(r"(\$+|%+)\{").search(text, at)) is not None:
        signs = match.end() - match.start() - 1
        if signs == 1:
            return match.start()
        if signs > 2:
            raise Problem(line_of(text, match.start()), "a template in it may be read in two ways")
        at = match.end()
    return -1


def _end(text: str, at: int) -> int:
    """Where the brace is that closes what began before at. Quotes within may hold braces of their own."""
    depth = 1
    began = at
    while at < len(text):
        if text[at] == '"':
            at = _end_of_quoted(text, at + 1)
            continue
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return at
        at += 1
    raise Problem(line_of(text, began), "a template in it has no end")


def _end_of_quoted(text: str, at: int) -> int:
    while at < len(text):
        if text[at] == '"':
            return at + 1
        if text.startswith(("$${", "%%{"), at):
            at += 3
        elif text.startswith(("${", "%{"), at):
            at = _end(text, at + 2) + 1
        else:
            at += 2 if text[at] == "\\" else 1
    raise Problem(line_of(text, at), "a template in it has no end")
