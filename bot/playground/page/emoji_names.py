"""Slack's names of emoji, as characters."""

from __future__ import annotations

import functools
import re

import emoji

_TONES = {str(number): chr(0x1F3FB + number - 2) for number in range(2, 7)}
_OWN = {  # where Slack's name is neither Unicode's nor GitHub's
    "large_green_circle": "🟢",
    "large_yellow_circle": "🟡",
    "large_orange_circle": "🟠",
    "large_purple_circle": "🟣",
    "large_brown_circle": "🟤",
    "large_green_square": "🟩",
    "large_yellow_square": "🟨",
    "large_red_square": "🟥",
    "large_blue_square": "🟦",
    "simple_smile": "🙂",
}
_NAME = re.compile(r":([a-z0-9_+'-]+(?:::skin-tone-[2-6])?):")


@functools.cache
def character(name: str) -> str:
    """The emoji of a name, with a skin tone if it names one; empty for an unknown name, as a workspace's own are."""
    name, _, tone = name.partition("::skin-tone-")
    country = re.fullmatch(r"flag-([a-z])([a-z])", name)
    if country:
        return "".join(chr(0x1F1E6 + ord(letter) - ord("a")) for letter in country.groups())
    for known in (name, name.replace("-", "_"), name.replace("_", "-")):
        found = _OWN.get(known) or emoji.emojize(f":{known}:", language="alias")
        if found != f":{known}:":
            return found + _TONES.get(tone, "")
    return ""


def replaced(text: str) -> str:
    """A plain text with the names in it as emoji; unknown ones stay as they are."""
    return _NAME.sub(lambda found: character(found[1]) or found[0], text)
