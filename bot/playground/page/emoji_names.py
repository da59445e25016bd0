"""Slack's names of emoji, as characters. Source: https://github.com/iamcal/emoji-data, which Slack's are."""

from __future__ import annotations

import functools
import re

import emoji

from bot.playground.model import Json

REACTIONS = (  # that the page offers at once
    *(
        "+1",
        "-1",
        "eyes",
        "white_check_mark",
        "x",
        "tada",
        "heart",
        "joy",
        "thinking_face",
        "pray",
        "raised_hands",
    ),
    *(
        "clap",
        "wave",
        "ok_hand",
        "fire",
        "rocket",
        "100",
        "warning",
        "question",
        "hourglass_flowing_sand",
        "bug",
    ),
    *("lock", "key", "wastebasket", "moneybag", "memo", "bulb", "sunny", "coffee", "bell"),
)
_TONES = {str(number): chr(0x1F3FB + number - 2) for number in range(2, 7)}
_OWN = {  # where Slack's name is neither Unicode's nor GitHub's, or means another one
    "simple_smile": "🙂",
    "octagonal_sign": "🛑",
    "eject": "⏏️",
    "keycap_star": "*️⃣",
    "medal": "🎖️",
    "first_place_medal": "🥇",
    "second_place_medal": "🥈",
    "third_place_medal": "🥉",
    "scooter": "🛴",
    "shopping_trolley": "🛒",
    "ladybug": "🐞",
    "beetle": "🪲",
    "drum_with_drumsticks": "🥁",
    "kiwifruit": "🥝",
    "spock-hand": "🖖",
    "the_horns": "🤘",
    "i_love_you_hand_sign": "🤟",
    "hand_with_index_and_middle_fingers_crossed": "🤞",
    "face_palm": "🤦",
    "face_with_cowboy_hat": "🤠",
    "face_with_one_eyebrow_raised": "🤨",
    "grinning_face_with_star_eyes": "🤩",
    "shocked_face_with_exploding_head": "🤯",
    "smiling_face_with_3_hearts": "🥰",
    "mostly_sunny": "🌤️",
    "sun_small_cloud": "🌤️",
    "barely_sunny": "🌥️",
    "sun_behind_cloud": "🌥️",
    "partly_sunny_rain": "🌦️",
    "rain_cloud": "🌧️",
    "snow_cloud": "🌨️",
    "lightning": "🌩️",
    "lightning_cloud": "🌩️",
    "tornado_cloud": "🌪️",
    "knife_fork_plate": "🍽️",
    "juggling": "🤹",
    "wrestlers": "🤼",
    "handball": "🤾",
    "fencer": "🤺",
    "staff_of_aesculapius": "⚕️",
    "satellite": "🛰️",
    "egg": "🥚",
    "umbrella": "☂️",
    "snowman": "☃️",
    "email": "✉️",
    "guardsman": "💂",
    "ok_woman": "🙆",
    "male-police-officer": "👮‍♂️",
    "female-police-officer": "👮‍♀️",
    "male-construction-worker": "👷‍♂️",
    "female-construction-worker": "👷‍♀️",
    "male-guard": "💂‍♂️",
    "female-guard": "💂‍♀️",
    "flag-england": "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "flag-scotland": "🏴󠁧󠁢󠁳󠁣󠁴󠁿",
    "flag-wales": "🏴󠁧󠁢󠁷󠁬󠁳󠁿",
    "large_green_circle": "🟢",
    "large_yellow_circle": "🟡",
    "large_orange_circle": "🟠",
    "large_purple_circle": "🟣",
    "large_brown_circle": "🟤",
}
_REWORDED = (  # Slack's way of naming → Unicode's
    (re.compile(r"^large_(\w+_square)$"), r"\1"),
    (re.compile(r"^male[-_](.+)$"), r"man_\1"),
    (re.compile(r"^female[-_](.+)$"), r"woman_\1"),
    (re.compile(r"^((?:wo)?man(?:-(?:man|woman|boy|girl))+)$"), r"family_\1"),
    (re.compile(r"^((?:wo)?man)-(heart|kiss)-((?:wo)?man)$"), r"couple_with_\2_\1_\3"),
)
_NAME = re.compile(r":([a-z0-9_+'-]+(?:::skin-tone-[2-6])?):")


@functools.cache
def character(name: str) -> str:
    """The emoji of a name, with a skin tone if it names one; empty for an unknown name, as a workspace's own are."""
    name, _, tone = name.partition("::skin-tone-")
    if tone_alone := re.fullmatch(r"skin-tone-([2-6])", name):
        return _TONES[tone_alone[1]]
    known = _OWN.get(name) or _unicode(name)
    if not known and (country := re.fullmatch(r"flag-([a-z])([a-z])", name)):
        known = "".join(chr(0x1F1E6 + ord(letter) - ord("a")) for letter in country.groups())
    return known + _TONES.get(tone, "") if known else ""


def _unicode(name: str) -> str:
    for pattern, reworded in ((re.compile("^"), ""), *_REWORDED):
        other = pattern.sub(reworded, name)
        for known in (other, other.replace("-", "_"), other.replace("_", "-")):
            found = emoji.emojize(f":{known}:", language="alias")
            if found != f":{known}:":
                return found
    return ""


def of_part(part: Json) -> str:
    """What an emoji of a rich text looks like: by its name and skin tone, else by its code points, else its name."""
    name, tone = str(part.get("name")), part.get("skin_tone")
    known = character(f"{name}::skin-tone-{tone}" if tone else name)
    codes = re.fullmatch(r"[0-9a-fA-F]{2,6}(-[0-9a-fA-F]{2,6})*", str(part.get("unicode") or ""))
    if not known and codes and all(int(code, 16) < 0x110000 for code in codes[0].split("-")):
        known = "".join(chr(int(code, 16)) for code in codes[0].split("-"))
    return known or f":{name}:"


def replaced(text: str) -> str:
    """A plain text with the names in it as emoji; unknown ones stay as they are."""
    return _NAME.sub(lambda found: character(found[1]) or found[0], text)
