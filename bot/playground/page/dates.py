"""Times as a reader sees them: in their own zone, and relative to now.

Source: https://docs.slack.dev/messaging/formatting-message-text#date-formatting
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_TOKEN = re.compile(r"\{(\w+)\}")
_UNITS = ((31_536_000, "year"), (2_592_000, "month"), (86_400, "day"), (3_600, "hour"), (60, "minute"))


def zone_of_machine(environment: Mapping[str, str], clock: Path = Path("/etc/localtime")) -> str:
    """The IANA's name of the zone that this machine's clock shows; UTC where nothing tells."""
    for name in (environment.get("TZ", "").removeprefix(":"), str(clock.resolve()).partition("zoneinfo/")[2]):
        try:
            if name:
                return ZoneInfo(name).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return "UTC"


def moment(seconds: float, timezone: str) -> datetime | None:
    """A time (seconds since 1970) in a zone of the IANA's, UTC where that is unknown. None beyond the calendar."""
    try:
        zone: ZoneInfo | None = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = None
    try:
        return datetime.fromtimestamp(seconds, UTC).astimezone(zone or UTC)
    except (OverflowError, ValueError, OSError):
        return None


def formatted(seconds: float, shape: str, timezone: str, now: float, fallback: str = "") -> str:
    """What stands for <!date^seconds^shape|fallback>; a token that Slack does not know stays as it is."""
    when, today = moment(seconds, timezone), moment(now, timezone)
    if when is None or today is None:
        return fallback
    forms: dict[str, Callable[[], str]] = {
        "date_num": lambda: f"{when:%Y-%m-%d}",
        "date_slash": lambda: f"{when:%d/%m/%Y}",
        "date": lambda: f"{when.day} {when:%B %Y}",
        "date_short": lambda: f"{when.day} {when:%b %Y}",
        "date_long": lambda: f"{when:%A} {when.day} {when:%B %Y}",
        "date_long_full": lambda: f"{when.day} {when:%B %Y}",
        "day_divider_pretty": lambda: near(when.date(), today.date()) or _divider(when, today),
        "time": lambda: f"{when:%H:%M}",
        "time_secs": lambda: f"{when:%H:%M:%S}",
        "ago": lambda: relative(seconds - now),
    }
    for name in ("date", "date_short", "date_long"):
        plain = forms[name]
        forms[f"{name}_pretty"] = lambda plain=plain: near(when.date(), today.date()) or plain()  # type: ignore[misc]
    return _TOKEN.sub(lambda token: forms[token[1]]() if token[1] in forms else token[0], shape)


def _divider(when: datetime, today: datetime) -> str:
    return f"{when:%A} {when.day} {when:%B}{'' if when.year == today.year else f' {when.year}'}"


def near(day: date, today: date) -> str:
    """today, yesterday or tomorrow; empty for all other days."""
    names = {today: "today", today - timedelta(1): "yesterday", today + timedelta(1): "tomorrow"}
    return names.get(day, "")


def relative(seconds: float) -> str:
    """A distance from now, negative when it is past: `5 minutes ago`, `in 2 hours`, `just now`."""
    for size, unit in _UNITS:
        if abs(seconds) >= size:
            count = int(abs(seconds) // size)
            words = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"in {words}" if seconds > 0 else f"{words} ago"
    return "just now"


def at(text: str, timezone: str) -> int | None:
    """What stands in a browser's field for a date and a time (2026-11-24T10:00), as seconds since 1970."""
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = ZoneInfo("UTC")
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())
    except (ValueError, OverflowError):
        return None
