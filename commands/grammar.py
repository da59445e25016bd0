"""From what a person typed to words and values. Every mistake is Refused, with the right form beside it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from commands import words
from commands.request import Refused
from state.records import Person

SURFACES = ("lab", "key", "operator")
ROLES = ("operator", "infra", "security", "admin")
LAB_NAME = re.compile(r"[a-z][a-z0-9-]{1,38}[a-z0-9]")
TEXT_LIMIT = 2000
LONGEST_SECONDS = 365 * words.DAY

_DOUBLE, _SINGLE = frozenset('"“”„‟'), frozenset("'‘’‚‛")
_MARKUP = re.compile(r"<([^<>\n]*)>")
_MENTION = re.compile(r"<@([UW][A-Z0-9]{1,20})(?:\|[^<>]*)?>")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def parse(text: str, surface: str) -> tuple[str, ...]:
    """Split what Slack delivered into words: ("lab", "up", "web", "size=large", "title=two words").

    surface is the slash command (`/lab`), or `@` for a mention or a whole command: there the text may begin
    with the bot's own mention and with lab, key or operator, and means lab where it does not. Slack's escapes
    and links are undone, so that a value is what the person typed; a mention stays a word, `<@U123>`. Quotes,
    the curly ones too, open at the start of a word or of a value and close before a space. Raises Refused.
    """
    name = surface.removeprefix("/")
    example = f"/{name if name in SURFACES else 'lab'} help"
    if (length := len(_unescape(text))) > TEXT_LIMIT:
        sentence = f"That has {length:,} characters, and I read up to {TEXT_LIMIT:,}. Say it shorter."
        raise Refused(sentence, example)
    found = _split(text, example)
    if name not in SURFACES:
        if found and _MENTION.fullmatch(found[0]):
            found = found[1:]
        named = bool(found) and found[0].removeprefix("/") in SURFACES
        name, found = (found[0].removeprefix("/"), found[1:]) if named else ("lab", found)
    elif found and found[0] == f"/{name}":
        found = found[1:]
    return (name, *found)


def _split(text: str, example: str) -> list[str]:
    found: list[str] = []
    word, begun = "", False
    quote: frozenset[str] = frozenset()
    for position, piece in enumerate(pieces := _pieces(text, example)):
        following = pieces[position + 1] if position + 1 < len(pieces) else " "
        if quote:
            if piece in quote and following == " ":
                quote = frozenset()
            else:
                word += piece
        elif piece == " ":
            if begun:
                found.append(word)
            word, begun = "", False
            continue
        elif piece in _DOUBLE | _SINGLE and (not word or word.endswith("=")):
            quote = _DOUBLE if piece in _DOUBLE else _SINGLE
        else:
            word += piece
        begun = True
    if quote:
        # Without the value: it may be a secret, and what was refused is remembered.
        where = words.code(word.partition("=")[0]) if "=" in word else "the last word"
        raise Refused(f"The quote in {where} has no end.", "/lab up sandbox demo title='two words'")
    return [*found, word] if begun else found


def _pieces(text: str, example: str) -> list[str]:
    """Characters, each white one as a plain space; what Slack marked up is one piece, without quotes."""
    pieces: list[str] = []
    end = 0
    for match in _MARKUP.finditer(text):
        pieces += _characters(text[end : match.start()], example)
        shown = _unescape(_unmarked(match[1]))
        _characters(shown, example)
        if shown:
            pieces.append(shown)
        end = match.end()
    return pieces + _characters(text[end:], example)


def _characters(text: str, example: str) -> list[str]:
    characters: list[str] = []
    for character in _unescape(text):
        if character in "\n\r\t" or unicodedata.category(character) == "Zs":
            characters.append(" ")
        elif words.hidden(character):
            raise Refused(
                f"There is an invisible character (U+{ord(character):04X}) in that. Type it again without.",
                example,
            )
        else:
            characters.append(character)
    return characters


def _unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _unmarked(inside: str) -> str:
    """What a person typed for Slack to make <inside> of it."""
    target, _, label = inside.partition("|")
    if target.startswith("@"):
        return f"<{target}>"
    if target.startswith(("#", "!")):
        return f"<{target}>" if target.startswith("#") else "@" + (label or target[1:]).removeprefix("@")
    # Slack makes links of bare names and addresses by itself; an https link was typed as one.
    if label and target.rstrip("/") in (f"http://{label}".rstrip("/"), f"mailto:{label}", f"tel:{label}"):
        return label
    return target


def person_of(word: str, team: str) -> Person | None:
    """Who `<@U1>`, `<@U1|name>` (somebody of that team), `T1-U1` or `agent:ci` is; None where the word is no person."""
    if match := _MENTION.fullmatch(word):
        return Person(team, match[1])
    try:
        return Person.agent(word[6:]) if word.startswith("agent:") else Person.parse(word)
    except ValueError:
        return None


def person(word: str, own_team: str, example: str = "/operator add @person infra") -> Person:
    """The person whom the word mentions. Raises Refused for a name that Slack did not make a mention of."""
    found = person_of(word, own_team)
    if found is not None:
        return found
    if word.startswith("@"):
        raise Refused(
            f"{words.code(word)} reached me as plain text, so I cannot tell who it is. "
            "Type @ and pick the person from Slack's list.",
            example,
        )
    raise Refused(f"{words.code(word)} is not a person. Mention them with @.", example)


def lab_name(word: str, command: str = "/lab up sandbox") -> str:
    """The word, if a lab can be called that. Raises Refused with the nearest name that would do."""
    if LAB_NAME.fullmatch(word):
        return word
    likeness = unicodedata.normalize("NFKD", word[:200]).encode("ascii", "ignore").decode().lower()
    likeness = re.sub(r"[^a-z0-9]+", "-", likeness).lstrip("-0123456789")[:40].rstrip("-")
    suggestion = likeness if LAB_NAME.fullmatch(likeness) else "demo"
    length = f" (this one has {len(word):,})" if len(word) > 40 else ""
    raise Refused(
        f"A lab cannot be called {words.code(word)}. A name has 3 to 40 lower-case letters, digits and "
        f"hyphens{length}, begins with a letter and does not end with a hyphen.",
        f"{command} {suggestion}",
    )


def assignments(
    given: Iterable[str], example: str = "/lab up sandbox demo size=large ttl=8h"
) -> tuple[dict[str, str], int | None, tuple[str, ...]]:
    """Split words into VAR=VALUE pairs, the seconds of `ttl=8h` (None: not given) and the words without `=`.

    Raises Refused for a variable named twice, or for a name that no variable can have.
    """
    values: dict[str, str] = {}
    rest: list[str] = []
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or _MENTION.fullmatch(word):
            rest.append(word)
        elif not _VARIABLE.fullmatch(name):
            shown = words.code(name) if name else "Nothing"
            raise Refused(f"{shown} before the = is not a variable's name. Write VAR=VALUE.", example)
        elif name in values:
            raise Refused(f"{words.code(name)} is given twice. Say it once.", example)
        else:
            values[name] = value
    ttl = values.pop("ttl", None)
    return values, None if ttl is None else duration(ttl, example), tuple(rest)


def duration(word: str, example: str = "4h") -> int:
    """Seconds of `45s 30m 4h 2d`. Raises Refused for no time, for ever, for time past, for over a year."""
    try:
        found = words.seconds(word)
    except ValueError:
        raise Refused(
            f"{words.code(word)} is not a duration. Durations are written 45s, 30m, 4h or 2d.", example
        ) from None
    if found > LONGEST_SECONDS:
        raise Refused(
            f"{words.code(word)} is more than a year. Ask for {LONGEST_SECONDS // words.DAY}d or less.",
            example,
        )
    return found


def roles(word: str, example: str = "/operator add @person operator,infra") -> tuple[str, ...]:
    """The roles of `infra,security`, each once, as ordered. Raises Refused with the nearest right one."""
    found: list[str] = []
    for name in filter(None, word.split(",")):
        if name not in ROLES:
            meant = words.nearest(name, ROLES)
            raise Refused(
                f"There is no role {words.code(name)}. "
                + (f"Did you mean `{meant}`?" if meant else f"The roles are {words.listed(ROLES)}."),
                example,
            )
        if name not in found:
            found.append(name)
    if not found:
        raise Refused(f"Say which role: {words.listed(ROLES, 'or')}.", example)
    return tuple(found)
