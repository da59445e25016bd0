"""What pictures show: records that commands fill and bot/pictures draws. Times are aware."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo


@dataclass(frozen=True)
class Picture:
    """A picture (PNG), and what it shows for those who cannot see it."""

    png: bytes
    alt: str


def undrawn(shown: object) -> Picture | None:
    """No picture: where nothing draws."""
    return None


@dataclass(frozen=True)
class Node:
    """A resource. action: create, update, replace, delete, import, move, forget, read; any other is unchanged."""

    address: str
    action: str


@dataclass(frozen=True)
class Plan:
    """edges: (address, the address of what it needs). Those to addresses that are no nodes are let be."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Moment:
    """Something that happened. kind: made, planned, approved, applied, used, reminded, extended, asleep, awake,
    failed, destroyed, or any other. Without a label it is a mark alone."""

    at: datetime
    label: str
    kind: str


@dataclass(frozen=True)
class Span:
    """Something that lasted. kind as for a Moment."""

    begun: datetime
    ended: datetime
    label: str
    kind: str


@dataclass(frozen=True)
class Life:
    """What is known of a lab's life, in any order. zone: by whose clock it is drawn."""

    title: str
    moments: tuple[Moment, ...]
    spans: tuple[Span, ...] = ()
    zone: tzinfo = UTC
