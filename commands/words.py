"""How things are said: durations, money, times, lists, mentions. Pure phrases, with nothing looked up."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from state.records import Person

MINUTE, HOUR, DAY = 60, 3600, 86_400

_DURATION = re.compile(r"(?:(\d{1,12})d)?(?:(\d{1,12})h)?(?:(\d{1,12})m)?(?:(\d{1,12})s)?", re.ASCII)
_TOKEN = re.compile(r"<([@#!][^<>]*)>")
_MARKED_TIME = re.compile(r"<!date\^[^<>|]*\|([^<>]*)>")
_BOLD = re.compile(r"(?<![\w*])\*([^\s*](?:[^*\n]*[^\s*])?)\*(?![\w*])")
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}
_ELLIPSIS = "…"


def seconds(text: str) -> int:
    """Read `45s 30m 4h 2d` (or `1h30m`) as seconds. Raises ValueError for anything else, zero included."""
    match = _DURATION.fullmatch(text.strip().lower())
    parts = [int(part or 0) for part in match.groups()] if match else [0]
    if match is None or not any(parts):
        raise ValueError(f"{text!r} is not a duration such as 45s, 30m, 4h or 2d")
    days, hours, minutes, rest = parts
    return days * DAY + hours * HOUR + minutes * MINUTE + rest


def short(total_seconds: int) -> str:
    """Write seconds the way that people type them, in one unit: `90m`, `4h`, `2d`. seconds() reads it."""
    for size, letter in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if total_seconds and total_seconds % size == 0:
            return f"{total_seconds // size}{letter}"
    return f"{total_seconds}s"


def duration(total_seconds: float) -> str:
    """Say how long: `42 s`, `1 min 12 s`, `8 h 12 min`, `6 days`. Two units at most, rounded down."""
    if 0 < total_seconds < 1:
        return "under 1 s"
    whole = max(0, int(total_seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return _two(whole // MINUTE, "min", whole % MINUTE, "s")
    if whole < 2 * DAY:
        return _two(whole // HOUR, "h", whole % HOUR // MINUTE, "min")
    return _two(whole // DAY, "days", whole % DAY // HOUR, "h")


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"


def plural(number: int, one: str, many: str = "") -> str:
    """`1 resource`, `2 resources`; many where an s is not enough."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def money(cents: float, currency: str = "USD") -> str:
    """`$0.02`, `€3.10`, `12.00 CHF`. Less than a cent keeps its first digit: `$0.006`."""
    amount = cents / 100
    figure = f"{amount:,.2f}" if amount == 0 or amount >= 0.01 else f"{amount:.1g}"
    if "e" in figure:  # so little that it would take an exponent to write it
        figure = "0.00"
    symbol = _SYMBOLS.get(currency)
    return f"{symbol}{figure}" if symbol else f"{figure} {currency}"


def sums(totals: Mapping[str, float]) -> str:
    """Currency → cents as a sum of much: `$61`, `$0.40 and €3.10`. From ten on without the cents."""
    large = {currency: round(cents, -2) if cents >= 1000 else cents for currency, cents in totals.items()}
    said = [
        money(cents, currency).replace(".00", "") if cents >= 1000 else money(cents, currency)
        for currency, cents in sorted(large.items(), key=lambda each: -each[1])
        if cents > 0
    ]
    return listed(said) or money(0, next(iter(totals), "USD"))


def nearest(word: str, options: Iterable[str]) -> str | None:
    """Which of the options was probably meant, or None: a slip of the fingers, or just its beginning."""
    by_lower = {option.lower(): option for option in options}
    typed = word.lower()[:100]
    if not typed:
        return None
    beginning = [lower for lower in by_lower if lower.startswith(typed)]
    found = beginning if len(beginning) == 1 else difflib.get_close_matches(typed, by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def mention(person: Person) -> str:
    """`<@U1>`, which Slack shows as the person's name (and which pings them in a new message); `agent ci`."""
    return f"agent {person.user}" if person.is_agent else f"<@{person.user}>"


def at(moment: datetime) -> str:
    """A moment in the reader's own zone, with UTC for those who cannot render it. moment must be aware."""
    utc = moment.astimezone(UTC)
    return f"<!date^{int(utc.timestamp())}^{{date_short_pretty}} {{time}}|{utc:%Y-%m-%d %H:%M} UTC>"


def ago(moment: datetime, now: datetime) -> str:
    """`12 min ago`, or `just now`."""
    passed_seconds = (now - moment).total_seconds()
    return f"{duration(passed_seconds)} ago" if passed_seconds >= 1 else "just now"


def listed(items: Sequence[str], joint: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {joint} {items[-1]}"


def roles(needed: Mapping[str, int], given: Collection[str] = ()) -> str:
    """Role → people, as who is waited for: `*infra* (2 people) and *security*`. given: roles of those who approved."""
    return listed([f"*{role}*{_people(count, role in given)}" for role, count in sorted(needed.items())])


def _people(count: int, more: bool) -> str:
    if more:
        return f" ({count} more)"
    return "" if count == 1 else f" ({count} people)"


def cut(text: str, limit: int = 40) -> str:
    """At most limit characters, the last an ellipsis where something is missing."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + _ELLIPSIS


def printable(text: str) -> str:
    """The text without what misleads a screen: control, bidirectional and invisible characters."""
    if text.isprintable():  # mostly, and a hundred times as fast
        return text
    kept = (" " if character in "\n\r\t" else character for character in text)
    return "".join(character for character in kept if not hidden(character))


def hidden(character: str) -> bool:
    """Whether it has no shape: controls, direction marks, lone surrogates. Emoji joiners are let be."""
    return character != "\u200d" and unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def plain(text: str) -> str:
    """Somebody's words, none of them a mention any more: `<@U1>` and `<!channel>` lose their brackets."""
    while (without := _TOKEN.sub(r"\1", text)) != text:
        text = without
    return text


def unmarked(text: str) -> str:
    """The same for who does not read Slack's markup: times in UTC, `@U1`, words without stars."""
    text = _MARKED_TIME.sub(r"\1", text)
    text = _TOKEN.sub(lambda match: match[1].rpartition("|")[2] if "|" in match[1] else match[1], text)
    return _BOLD.sub(r"\1", text)


def code(word: str, limit: int = 40) -> str:
    """Somebody's word, shown back to them as `code`: printable, in one line, cut, without mentions."""
    shown = cut(plain(printable(word)).replace("`", "'").strip(), limit)
    return f"`{shown}`" if shown else "` `"
