"""How long a lab of some kind lives, and when it is up: frozen records, as a blueprint says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class OfficeHours:
    """When a lab is up, in its owner's time zone. Outside of it the lab is destroyed, and comes back."""

    days: tuple[int, ...]  # 0 is Monday
    up_minute: int  # of the day
    down_minute: int


@dataclass(frozen=True)
class Lifetime:
    """When a lab is reminded of and destroyed. All in seconds."""

    ttl_seconds: int = 8 * 3600
    max_seconds: int = 3 * 86_400
    idle_seconds: int = 4 * 3600
    remind_every_seconds: int = 3600
    grace_seconds: int = 30 * 60
    auto_destroy: bool | Literal["polite"] = True  # polite: only after a reminder reached the owner
    office_hours: OfficeHours | None = None
