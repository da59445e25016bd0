"""A lab's life as it is drawn for `/lab history`: what the audit tells of it, and when something of it was up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from commands.pictures import Life, Moment, Span
from commands.words import money
from state import audit, usages
from state.database import Database
from state.records import AuditEntry, Lab

MOST_ENTRIES = 400  # the newest; an older life is a list alone

# The audit's action → how a picture calls it, and the kind of its mark.
_MOMENTS = {
    "requested": ("planned", "planned"),
    "approved": ("approved", "approved"),
    "rejected": ("rejected", "failed"),
    "applied": ("applied", "applied"),
    "failed": ("failed", "failed"),
    "interrupted": ("interrupted", "failed"),
    "cancelled": ("cancelled", "failed"),
    "issued": ("used", "used"),
    "reminded": ("reminded", "reminded"),
    "extended": ("extended", "extended"),
    "asleep": ("asleep", "asleep"),
    "unhealthy": ("unhealthy", "failed"),
    "recovered": ("well again", "awake"),
    "destroyed": ("destroyed", "destroyed"),
    "expired": ("expired", "destroyed"),
}


def life(database: Database, labs: Sequence[Lab], now: datetime, zone: tzinfo = UTC) -> Life:
    """What happened to the labs of one name, the newest first as they are given. zone: of who looks at it."""
    name = labs[0].name
    entries = audit.entries(database, subject=name, limit=MOST_ENTRIES)[::-1]
    asked = {each.detail.get("run"): each.detail for each in entries if each.action == "requested"}
    moments = [
        found
        for entry in entries
        if (found := _moment(entry, asked.get(entry.detail.get("run")))) is not None
    ]
    known = {(each.at, each.kind) for each in moments}
    moments += [
        Moment(lab.last_active_at, "used", "used")
        for lab in labs
        if lab.applied_at is not None
        and lab.last_active_at > lab.applied_at
        and (lab.last_active_at, "extended") not in known
        and (lab.last_active_at, "used") not in known
    ]
    spans = [
        Span(
            each.started_at,
            each.ended_at or now,
            f"up, {money(each.per_hour_cents, each.currency)} an hour" if each.per_hour_cents else "up",
            "applied",
        )
        for lab in labs
        for each in usages.of_lab(database, lab.id)
    ]
    return Life(name, tuple(moments), tuple(spans), zone)


def _moment(entry: AuditEntry, asked: Mapping[str, Any] | None) -> Moment | None:
    """None: it is no event of its life. asked: how the run was asked for that it is about."""
    if entry.action not in _MOMENTS:
        return None
    label, kind = _MOMENTS[entry.action]
    if asked is not None and entry.action in ("requested", "applied"):
        if asked.get("kind") not in ("apply", "destroy"):
            return None  # a look for drift, or steps that are done again
        if asked.get("cause") == "office_hours":
            return Moment(entry.at, "awake", "awake") if entry.action == "applied" else None
    return Moment(entry.at, label, kind)
