"""What goes into the API and what comes out of it. The OpenAPI description is made from these."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from commands.approvals import still_needed
from commands.grammar import TEXT_LIMIT
from commands.request import Listing, Outcome
from commands.words import unmarked
from state.records import Approval, Run, Step
from state.transitions import ENDED

KEY_LIMIT = 200  # characters of an Idempotency-Key
LONGEST_WAIT_SECONDS = 60


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Command(_Model):
    """What somebody would type in Slack, and the channel where its card is shown."""

    text: str = Field(min_length=1, max_length=TEXT_LIMIT, examples=["/lab up sandbox demo size=large"])
    channel: str = Field(pattern=r"^[CG][A-Z0-9]{1,20}$", examples=["C0123"], description="Its id in Slack.")


class ListedRow(_Model):
    title: str
    text: str


class Listed(_Model):
    """A page of a list. `/lab list page=2` asks for the next one."""

    title: str
    rows: list[ListedRow]
    page: int
    pages: int


class TextFile(_Model):
    name: str
    body: str


class Change(_Model):
    """A resource that a plan touches."""

    address: str
    action: str


class StepDone(_Model):
    """One of the five steps. state: waiting, running, done, failed, skipped."""

    name: str
    state: str
    sentence: str
    started_at: datetime | None
    ended_at: datetime | None


class Word(_Model):
    """One person's word on the plan."""

    person: str
    role: str
    decision: str
    reason: str
    decided_at: datetime


class RunShown(_Model):
    """One plan of a lab, and what followed. No secret is in it: sensitive values are `(sensitive)`."""

    id: str
    lab: str
    kind: str = Field(description="apply, destroy, refresh or steps")
    state: str = Field(description="As in the table of docs/DESIGN.md.")
    is_ended: bool
    sentence: str = Field(description="Why it is in this state, in words.")
    requester: str
    channel: str
    variables: dict[str, Any]
    commit: str
    add: int = Field(description="How many resources the plan adds.")
    change: int
    destroy: int
    changes: list[Change]
    warnings: list[str]
    resources_done: int
    resources_total: int
    steps: list[StepDone]
    words: list[Word]
    waiting_for: dict[str, int] = Field(description="Role → people whose approval is missing.")
    outputs: dict[str, Any]
    cost_per_hour_cents: float | None
    created_at: datetime
    proposed_at: datetime | None
    expires_at: datetime | None = Field(description="Until when the proposal waits.")
    applying_at: datetime | None
    ended_at: datetime | None


class Answer(_Model):
    """What a command said, as text, and the run that it began."""

    text: str
    listing: Listed | None = None
    file: TextFile | None = None
    run: RunShown | None = None


class Problem(_Model):
    """Why nothing was done, and an example of the right form."""

    error: str
    example: str = ""


def answer_of(outcome: Outcome, run: RunShown | None) -> Answer:
    """An outcome without its buttons: people press those, in Slack."""
    file = outcome.attachment
    return Answer(
        text=unmarked(outcome.text),
        listing=_listed(outcome.listing),
        file=TextFile(name=file.name, body=file.body) if file is not None else None,
        run=run,
    )


def run_shown(run: Run, steps: list[Step], given: list[Approval]) -> RunShown:
    """A run as it is now."""
    waits = run.state == "proposed"
    return RunShown(
        id=run.id,
        lab=run.lab_name,
        kind=run.kind,
        state=run.state.value,
        is_ended=run.state in ENDED,
        sentence=unmarked(run.sentence),
        requester=run.requester.key,
        channel=run.channel,
        variables=dict(run.variables),
        commit=run.commit,
        add=run.counts.add,
        change=run.counts.change,
        destroy=run.counts.destroy,
        changes=[Change(address=each.address, action=each.action) for each in run.changes],
        warnings=[unmarked(each) for each in run.warnings],
        resources_done=run.resources_done,
        resources_total=run.resources_total,
        steps=[
            StepDone(
                name=each.name,
                state=each.state,
                sentence=unmarked(each.sentence),
                started_at=each.started_at,
                ended_at=each.ended_at,
            )
            for each in steps
        ],
        words=[
            Word(
                person=each.person.key,
                role=each.role,
                decision=each.decision,
                reason=each.reason,
                decided_at=each.decided_at,
            )
            for each in given
        ],
        waiting_for=still_needed(run, given) if waits else {},
        outputs=dict(run.outputs),
        cost_per_hour_cents=run.cost_per_hour_cents,
        created_at=run.created_at,
        proposed_at=run.proposed_at,
        expires_at=run.expires_at,
        applying_at=run.applying_at,
        ended_at=run.ended_at,
    )


def _listed(listing: Listing | None) -> Listed | None:
    if listing is None:
        return None
    rows = [ListedRow(title=unmarked(row.title), text=unmarked(row.text)) for row in listing.rows]
    return Listed(title=unmarked(listing.title), rows=rows, page=listing.page, pages=listing.pages)
