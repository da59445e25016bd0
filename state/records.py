"""What Innkeeper remembers: a frozen record for each kind of row. Times are aware and UTC, money in cents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from state.lifetime_records import Lifetime as Lifetime
from state.lifetime_records import OfficeHours as OfficeHours
from state.review_records import BranchCommit as BranchCommit
from state.review_records import Finding as Finding
from state.review_records import Verdict as Verdict
from state.transitions import RunState

StepName = Literal["provision", "secure", "deploy", "integrate", "test"]
StepState = Literal["waiting", "running", "done", "failed", "skipped"]
# refresh: look for drift, and accept it; steps: no plan, but steps that are done again
RunKind = Literal["apply", "destroy", "refresh", "steps"]
Decision = Literal["approve", "reject"]
GrantKind = Literal["ssh", "tls", "db", "connect"]  # connect: the secret id of a lab's consumer
ButtonStyle = Literal["default", "primary", "danger"]

STEP_NAMES: tuple[StepName, ...] = ("provision", "secure", "deploy", "integrate", "test")

_AGENTS = "AGENT"  # no workspace of Slack's: their ids begin with T or E
_PERSON = re.compile(r"([TE][A-Z0-9]+)[-:]([UW][A-Z0-9]+)")
_AGENT = re.compile(rf"{_AGENTS}[-:]([a-z][a-z0-9-]{{0,38}}[a-z0-9])")


@dataclass(frozen=True, order=True)
class Person:
    """Somebody in Slack: their own workspace (in a shared channel it is not the app's) and their id in it.

    Or an agent, a machine that is in no Slack: `AGENT` and its name, in small letters, which no id of Slack's has.
    """

    team: str
    user: str

    @property
    def key(self) -> str:
        """`T1-U1` or `AGENT-ci`, as the operator's document is called in Vault."""
        return f"{self.team}-{self.user}"

    @property
    def is_agent(self) -> bool:
        """Whether it is a machine, whoever says so: what is so wrong that it could be one is none of Slack's."""
        return self.team == _AGENTS

    @classmethod
    def agent(cls, name: str) -> Person:
        """The agent of that name: 2 to 40 small letters, digits and hyphens. Raises ValueError."""
        return cls.parse(f"{_AGENTS}-{name}")

    @classmethod
    def parse(cls, text: str) -> Person:
        """Read `T1-U1`, `T1:U1` or `AGENT-ci`. Raises ValueError for anything else."""
        if agent := _AGENT.fullmatch(text):
            return cls(_AGENTS, agent[1])
        match = _PERSON.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not TEAM:USER, such as T0123:U0456")
        return cls(match[1], match[2])


@dataclass(frozen=True)
class Button:
    """A button below a message. action names what a click does, value what it does it to."""

    label: str
    action: str
    value: str
    style: ButtonStyle = "default"
    confirm: str = ""  # a question that Slack asks first


@dataclass(frozen=True)
class Lab:
    """A lab that was asked for. It lives until gone_at; its name is unique while it lives."""

    id: str
    name: str
    blueprint: str
    commit: str  # of the catalogue: a git commit, or the sha256 of the blueprint's folder
    owner: Person
    channel: str
    variables: Mapping[str, Any]  # as last applied (or first asked for); never a sensitive one
    sealed_variables: bytes | None  # JSON of the sensitive ones that came from a form, sealed by Vault
    cost_per_hour_cents: float
    currency: str
    ttl_seconds: int
    created_at: datetime
    last_active_at: datetime
    expires_at: datetime | None = None  # known once it was applied
    applied_at: datetime | None = None  # the first time that something was made
    frozen_because: str | None = None  # no run may start until an operator or a sweep has mended this
    gone_at: datetime | None = None
    lifetime: Lifetime = field(default_factory=Lifetime)  # the blueprint's, as of the last plan that was made
    idle_at: datetime | None = (
        None  # idle from then on, unless it is used; None: nothing is there that could be
    )
    kept_until: datetime | None = None  # somebody asked to keep it: not idle before then
    last_active_by: Person | None = None
    last_active_how: str = ""  # "/key ssh", "a login"
    reminded_at: datetime | None = None  # the last reminder that nobody has answered
    reminders: int = 0  # how many nobody has answered
    look_at: datetime | None = None  # when the sweep has to look at it next; None: never
    destroy_attempts: int = 0  # how often its lifetime has tried to destroy it
    asleep_at: datetime | None = None  # destroyed for the night, to come back from the same approved plan
    drift_checked_at: datetime | None = None
    sealed_active_token: bytes | None = None  # with which its hosts report activity, sealed by Vault
    active_token_sha256: str | None = None
    probed_at: datetime | None = None  # its activity probe was asked, and answered or not
    health_at: datetime | None = None  # when its checks are due again; None: they have not been repeated yet
    branch: str = ""  # that its commit is of, which nobody has reviewed; empty: the reviewed catalogue


@dataclass(frozen=True)
class PlannedChange:
    """A resource that a plan touches. action: create, update, delete, replace, read, import, move, forget.

    Of a refresh: what has changed outside, an output as `output.NAME`.
    """

    address: str
    action: str
    attributes: tuple[str, ...] = ()  # which have changed outside: their names alone


@dataclass(frozen=True)
class Counts:
    """What a plan would do, in resources."""

    add: int = 0
    change: int = 0
    destroy: int = 0


@dataclass(frozen=True)
class Run:
    """One plan of one lab, and what followed from it."""

    id: str
    lab_id: str
    lab_name: str
    kind: RunKind
    state: RunState
    requester: Person
    channel: str
    variables: Mapping[str, Any]
    sealed_variables: bytes | None
    approvals_needed: Mapping[str, int]  # role → people
    self_approval: bool
    created_at: datetime
    # asked, interrupted (a plan for what an interrupted run left), rekey, lifetime (it is destroyed on time),
    # office_hours, drift (a look that nobody asked for)
    cause: str = "asked"
    second_factor: bool = False  # whoever approves it shows a code
    commit: str = ""
    branch: str = ""  # that the commit is of, which nobody has reviewed; empty: the reviewed catalogue
    branch_commit: BranchCommit | None = None  # what is shown of the branch; None: it was shown before
    sources_digest: str | None = None  # sha256 of the module's files, hex
    plan: bytes | None = None  # the saved plan file, sealed by Vault
    plan_sha256: str | None = None
    digest: str | None = None  # what approvals are bound to, hex
    lineage: str | None = None  # of the state that was planned against; None: there was none
    serial: int | None = None
    counts: Counts = field(default_factory=Counts)
    changes: tuple[PlannedChange, ...] = ()
    warnings: tuple[str, ...] = ()
    verdict: Verdict | None = None  # of the guardrails; None: they were not asked
    resources_done: int = 0
    resources_total: int = 0
    outputs: Mapping[str, Any] = field(default_factory=dict)  # sensitive values as "(sensitive)"
    cost_per_hour_cents: float | None = None  # of what there is when it was applied; None: not known
    notice: str = ""  # what whoever approves it has to know beside the plan
    sentence: str = ""  # why it is in this state, in words for a person
    token_sha256: str | None = None  # of the password that this run's Terraform shows to /tfstate
    worker: str | None = None  # HOST:PID of the process that performs it
    heartbeat_at: datetime | None = None
    cancelled_by: Person | None = None  # somebody asked to stop it
    proposed_at: datetime | None = None
    expires_at: datetime | None = None  # of the proposal
    applying_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True)
class Step:
    """One of the five steps, in one run."""

    run_id: str
    name: StepName
    state: StepState
    started_at: datetime | None = None
    ended_at: datetime | None = None
    sentence: str = ""


@dataclass(frozen=True)
class Approval:
    """One person's word on one digest."""

    id: str
    run_id: str
    digest: str
    person: Person
    role: str
    decision: Decision
    reason: str
    decided_at: datetime
    void_at: datetime | None = None


@dataclass(frozen=True)
class Grant:
    """A credential that somebody holds: never the credential itself, only what finds it and what revokes it.

    Its life: the row → a token of that person's, whose accessor is recorded → the credential, issued with that
    token → serial and request id recorded → handed over. From revoked_at on it must not work: the list of revoked
    certificates follows that column. ended_at: Vault has confirmed it, or it expired and was tidied away.
    """

    id: str
    kind: GrantKind
    person: Person
    lab_id: str
    name: str  # ssh: the enrolled key's SHA256 fingerprint; tls: a host name; db: Vault's role
    issued_at: datetime
    expires_at: datetime
    serial: str | None = None  # of a certificate, as Vault tells it; None until it is known
    accessor: str | None = None  # of the person's token for this grant
    vault_request_id: str = ""  # as in Vault's own audit log; empty until the credential was issued
    sealed_reveal: bytes | None = None  # the wrapping token, sealed by Vault, until it was opened
    reveal_until: datetime | None = None
    opened_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_because: str = ""
    ended_at: datetime | None = None


@dataclass(frozen=True)
class Card:
    """The message that shows a run."""

    id: str
    run_id: str
    channel: str
    ts: str | None = None  # None: not known to be posted
    posting_at: datetime | None = None  # set before it is first sent, so that a crash between can be mended
    updated_at: datetime | None = None
    rendered_digest: str | None = None
    dirty: bool = True
    revision: int = 0  # grows with every change, so that one during a rendering is not taken for shown


@dataclass(frozen=True)
class OutboxMessage:
    """A message that must be sent once.

    It goes to the thread of run_id's card, to the thread of the message thread_of, or to channel; with a person and
    no channel it is a direct message. Where that place is closed to us it goes directly to fallback, and where that
    is closed too, to the admins. With a file_name, body is the file's text and text its comment. A picture (PNG) is
    shown below the text, or beside the file.
    """

    id: str
    channel: str
    text: str
    due_at: datetime
    run_id: str | None = None
    person: Person | None = None
    file_name: str | None = None
    body: str = ""
    buttons: tuple[Button, ...] = ()
    fallback: Person | None = None
    thread_of: str | None = None  # another message's id, which is sent first
    picture: bytes | None = None
    picture_alt: str = ""
    thread_ts: str | None = (
        None  # of a message that people wrote in the channel; with a run_id it links to its card
    )
    sending_at: datetime | None = None
    sent_at: datetime | None = None
    attempts: int = 0
    sent_channel: str | None = None  # where it arrived
    ts: str | None = None


@dataclass(frozen=True)
class InboxEntry:
    """A request from Slack, recorded before it is acknowledged. kind: command, click, submission, mention."""

    id: str  # Slack's own, so that a delivery twice is one row
    kind: str
    payload: Mapping[str, Any]  # without secrets
    received_at: datetime
    done_at: datetime | None = None
    answer: str = ""
    attempts: int = 0
    taken_by: str | None = None  # HOST:PID:STARTED of the process that has it in hand


@dataclass(frozen=True)
class StateVersion:
    """One version of a lab's Terraform state. body is sealed by Vault."""

    lab_id: str
    serial: int
    lineage: str
    body: bytes
    md5: str  # of the clear body, hex
    resources: int
    written_by: str  # "run:ID" or a person's key
    written_at: datetime


@dataclass(frozen=True)
class StateLock:
    """Who holds a lab's Terraform state. info is Terraform's own lock info, a JSON object."""

    lab_id: str
    lock_id: str
    holder: str  # "run:ID" or a person's key
    info: Mapping[str, Any]
    locked_at: datetime


@dataclass(frozen=True)
class AuditEntry:
    """What happened: never a value, only names and digests. hash chains each entry to the one before."""

    sequence: int
    at: datetime
    actor: str  # a person's key, or "innkeeper"
    action: str  # requested, refused, approved, rejected, applied, …
    subject: str  # a lab's name or a person's key
    detail: Mapping[str, Any]
    previous_hash: str
    hash: str
