"""Which state of a run may follow which. The one table; everything that moves a run asks it."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """Where a run is. The first five are alive; the rest are ends."""

    QUEUED = "queued"
    PLANNING = "planning"
    PROPOSED = "proposed"
    APPROVED = "approved"
    APPLYING = "applying"

    APPLIED = "applied"
    NO_CHANGES = "no_changes"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    STALE = "stale"
    INTERRUPTED = "interrupted"


_S = RunState

TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    _S.QUEUED: frozenset({_S.PLANNING, _S.CANCELLED, _S.SUPERSEDED}),
    # Back to queued: the bot stopped while planning, and a plan changes nothing.
    _S.PLANNING: frozenset(
        {_S.QUEUED, _S.PROPOSED, _S.NO_CHANGES, _S.FAILED, _S.CANCELLED, _S.SUPERSEDED, _S.STALE}
    ),
    _S.PROPOSED: frozenset({_S.APPROVED, _S.REJECTED, _S.EXPIRED, _S.SUPERSEDED, _S.STALE, _S.CANCELLED}),
    # Back to proposed: an approval became void before the apply began.
    _S.APPROVED: frozenset({_S.APPLYING, _S.PROPOSED, _S.STALE, _S.CANCELLED, _S.FAILED, _S.EXPIRED}),
    _S.APPLYING: frozenset({_S.APPLIED, _S.FAILED, _S.CANCELLED, _S.STALE, _S.INTERRUPTED}),
    **{
        end: frozenset()
        for end in (
            _S.APPLIED,
            _S.NO_CHANGES,
            _S.FAILED,
            _S.CANCELLED,
            _S.REJECTED,
            _S.EXPIRED,
            _S.SUPERSEDED,
            _S.STALE,
            _S.INTERRUPTED,
        )
    },
}

ALIVE = frozenset(state for state, following in TRANSITIONS.items() if following)
ENDED = frozenset(TRANSITIONS) - ALIVE


class IllegalTransition(Exception):
    """Somebody tried to move a run along an edge that the table does not have: a fault of ours."""


def check(before: RunState, after: RunState) -> None:
    """Raise IllegalTransition unless after may follow before."""
    if after not in TRANSITIONS[before]:
        raise IllegalTransition(f"a run that is {before} cannot become {after}")
