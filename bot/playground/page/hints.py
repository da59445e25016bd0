"""What may be typed next: commands, their words as the app's manifest hints at them, people and channels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.playground.model import Channel, SlashCommand, User

MOST = 8
_PLACEHOLDER = re.compile(r"[\[\]<>{}|…=]|^[A-Z][A-Z_-]+$|\.\.\.")


@dataclass(frozen=True)
class Hint:
    """text: all that stands in the box when it is taken. shown and about: how it is offered."""

    text: str
    shown: str
    about: str = ""


def hints(
    typed: str,
    commands: Sequence[SlashCommand],
    earlier: Iterable[str] = (),
    people: Iterable[User] = (),
    channels: Iterable[Channel] = (),
) -> list[Hint]:
    """At most MOST. earlier: what was typed here before, the newest first."""
    found = dict.fromkeys(_fitting(typed, commands, earlier, people, channels))
    taken: dict[str, Hint] = {}
    for hint in found:
        if hint.text.rstrip() != typed.rstrip() or hint.about:
            taken.setdefault(hint.text, hint)
    return list(taken.values())[:MOST]


def _fitting(
    typed: str,
    commands: Sequence[SlashCommand],
    earlier: Iterable[str],
    people: Iterable[User],
    channels: Iterable[Channel],
) -> Iterator[Hint]:
    mention = re.search(r"(?:^|\s)([@#])([\w.-]*)$", typed)
    if mention:
        begun, sign, word = typed[: mention.start(1)], mention[1], mention[2].lower()
        if sign == "@":
            for user in people:
                if user.name.lower().startswith(word) or user.real_name.lower().startswith(word):
                    yield Hint(f"{begun}@{user.name} ", f"@{user.name}", user.real_name)
        else:
            for channel in channels:
                if channel.name and channel.name.lower().startswith(word):
                    yield Hint(f"{begun}#{channel.name} ", f"#{channel.name}", channel.topic)
        return
    if not typed.startswith("/"):
        return
    word, space, rest = typed.partition(" ")
    if not space:
        for command in commands:
            if command.word.startswith(word):
                yield Hint(
                    f"{command.word} ", f"{command.word} {command.usage_hint}".strip(), command.description
                )
        return
    for command in commands:
        if command.word == word:
            yield from _next_words(word, rest, command.usage_hint, earlier)


def _next_words(word: str, rest: str, usage_hint: str, earlier: Iterable[str]) -> Iterator[Hint]:
    """Each form of the command that begins as what was typed does, one word further; then what was typed before."""
    *done, begun = rest.split(" ")
    for form in forms(usage_hint):
        if len(form) <= len(done) or (done and not _fits(form[0], done[0])):
            continue  # words after the first are examples, and anything may stand there
        following = form[len(done)]
        if _PLACEHOLDER.search(following):
            if not begun:
                yield Hint(f"{word} {rest}", following, f"{word} {' '.join(form)}")
        elif following.startswith(begun):
            text = " ".join([word, *done, following])
            yield Hint(f"{text} ", text, f"{word} {' '.join(form)}" if len(form) > len(done) + 1 else "")
    for line in earlier:
        if line.startswith(f"{word} {rest}"):
            yield Hint(line, line, "typed before")


def forms(usage_hint: str) -> list[list[str]]:
    """`up NAME | list [mine|all] | help` as words: a | within brackets separates no forms."""
    parts, depth, part = [], 0, ""
    for letter in usage_hint:
        depth += (letter in "[<({") - (letter in "])}>")
        if letter == "|" and depth <= 0:
            parts.append(part)
            part = ""
        else:
            part += letter
    return [words for each in [*parts, part] if (words := each.split())]


def _fits(word: str, typed: str) -> bool:
    return word == typed or bool(_PLACEHOLDER.search(word))
