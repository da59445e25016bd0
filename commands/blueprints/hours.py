"""`office_hours` of a blueprint.yaml, at its top or in `lifetime`. Each mistake knows its line."""

from __future__ import annotations

import re

import yaml

from commands import words
from commands.blueprints import yaml_nodes
from commands.blueprints.yaml_nodes import Wrong
from commands.lifetime.office_hours import DAYS
from commands.lifetime.wall_clock import DAY_MINUTES, minute_of
from state.records import OfficeHours

KEYS = ("days", "up", "down")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})", re.ASCII)


def read(node: yaml.Node) -> OfficeHours:
    """`{days: mon-fri, up: "08:00", down: "19:00"}`. Raises Wrong."""
    for key in (key for key, _ in node.value) if isinstance(node, yaml.MappingNode) else ():
        if key.value in DAYS:  # in braces a comma ends a value
            raise Wrong(key, "Write days with commas in quotes, or as a list: `days: [mon, wed, fri]`.")
    fields = yaml_nodes.mapping(node, "office_hours", KEYS)
    for key in KEYS:
        if key not in fields:
            raise Wrong(node, f"`office_hours` has a `{key}`, and this one has none.")
    days = _days(fields["days"])
    up_minute, down_minute = _minute(fields["up"], "up"), _minute(fields["down"], "down")
    if up_minute >= down_minute:
        raise Wrong(fields["down"], "`down` is later on the same day than `up`.")
    if len(days) == len(DAYS) and down_minute - up_minute == DAY_MINUTES:
        raise Wrong(fields["down"], "All day on every day is no office hours: leave them out.")
    return OfficeHours(days, up_minute, down_minute)


def _days(node: yaml.Node) -> tuple[int, ...]:
    """`mon-fri`, `mon,wed,fri` or `[mon, tue]`, as numbers in the order of the week."""
    items = node.value if isinstance(node, yaml.SequenceNode) else [node]
    found: set[int] = set()
    for item in items:
        for part in yaml_nodes.text(item, "days").lower().split(","):
            first, dash, last = part.strip().partition("-")
            begin = _day(item, first)
            end = _day(item, last) if dash else begin
            found |= {(begin + number) % 7 for number in range((end - begin) % 7 + 1)}
    if not found:
        raise Wrong(node, "`days` is one day at least, such as `mon-fri`.")
    return tuple(sorted(found))


def _day(node: yaml.Node, name: str) -> int:
    name = name.strip()
    if name not in DAYS:
        meant = words.nearest(name[:3], DAYS)
        hint = f"Did you mean `{meant}`?" if meant else f"Days are {words.listed(DAYS)}."
        raise Wrong(node, f"{words.code(name)} is not a day. {hint}")
    return DAYS.index(name)


def _minute(node: yaml.Node, of: str) -> int:
    match = _CLOCK.fullmatch(yaml_nodes.text(node, of))
    minute = minute_of(match[1], match[2]) if match else None
    if minute is None:
        raise Wrong(node, f'`{of}` is a time of the day, such as "08:00".')
    return minute
