"""What a Slack workspace is made of. Frozen: an edit makes a new message, readers keep what they saw."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from bot.playground import legacy

Json = dict[str, Any]
Guest = Literal["", "single_channel", "multi_channel"]


@dataclass(frozen=True)
class Team:
    id: str
    name: str
    domain: str


@dataclass(frozen=True)
class User:
    id: str
    team_id: (
        str  # their own workspace: another one than the app's for a person who came through Slack Connect
    )
    name: str  # the handle, what is typed after @
    real_name: str
    title: str = ""  # what they do, as their profile says
    timezone: str = "Europe/Paris"
    is_bot: bool = False
    deleted: bool = False
    guest: Guest = ""
    is_admin: bool = False
    bot_id: str = ""


@dataclass(frozen=True)
class Channel:
    id: str
    name: str  # without #; empty for a direct message
    members: frozenset[str]
    is_im: bool = False
    is_private: bool = False
    is_archived: bool = False
    topic: str = ""
    purpose: str = ""
    is_mpim: bool = False  # direct messages of more than two
    creator: str = ""
    created: int = 0  # seconds since 1970

    @property
    def kind(self) -> str:
        """im, mpim, group or channel: what an event's channel_type says."""
        return "im" if self.is_im else "mpim" if self.is_mpim else "group" if self.is_private else "channel"


@dataclass(frozen=True)
class File:
    id: str
    name: str
    title: str
    user: str
    created: int  # seconds since 1970
    content: bytes = b""
    filetype: str = "text"
    mimetype: str = "text/plain"
    size: int = 0  # bytes, as announced when the upload was asked for
    is_uploaded: bool = False
    is_shared: bool = False
    alt: str = ""  # what a picture shows, for those who cannot see it


@dataclass(frozen=True)
class Revision:
    """A message as it was before an edit."""

    text: str
    blocks: tuple[Json, ...]
    replaced_at: float  # seconds since 1970
    attachments: tuple[Json, ...] = ()


@dataclass(frozen=True)
class Message:
    ts: str
    channel: str
    user: str  # who wrote it; the app's own user for the app
    text: str
    blocks: tuple[Json, ...] = ()
    attachments: tuple[Json, ...] = ()  # the older way to say more than a text
    thread_ts: str = ""  # of the message it answers; empty at the top level
    edited: str = ""  # ts of the latest edit
    metadata: Json | None = None
    ephemeral_to: str = ""  # the one person who sees it; empty for everybody
    files: tuple[File, ...] = ()
    reactions: tuple[tuple[str, str], ...] = ()  # (name, user)
    revisions: tuple[Revision, ...] = ()  # oldest first
    bot_id: str = ""
    by_slack: bool = False  # Slack itself speaking, for instance that a command timed out
    reply_broadcast: bool = False
    username: str = ""  # what the app calls itself in this message alone
    icon_emoji: str = ""
    function_run: str = ""  # the step of a workflow that it was posted for
    subtype: str = ""  # channel_join, channel_topic, …: what Slack tells by itself of what somebody did

    @property
    def all_blocks(self) -> tuple[Json, ...]:
        """Its blocks, and those in its attachments, what these had before there were blocks included."""
        inner = [block for each in self.attachments for block in each.get("blocks") or ()]
        return (*self.blocks, *inner, *legacy.rows(self.attachments))

    def changed(self, now: float, edited: str, **values: Any) -> Message:
        """This message after an edit; what it said before is its newest revision."""
        before = Revision(self.text, self.blocks, now, self.attachments)
        return replace(self, revisions=(*self.revisions, before), edited=edited, **values)


@dataclass(frozen=True)
class Scheduled:
    """A message of the app that waits for its time. Its ts is another once it is posted."""

    id: str
    post_at: int  # seconds since 1970
    created: int
    message: Message


@dataclass(frozen=True)
class FunctionRun:
    """A step of a workflow that the app was asked to do."""

    id: str
    callback_id: str
    inputs: Json
    token: str  # what the app calls with for this step
    state: Literal["running", "completed", "failed"] = "running"
    outputs: Json = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class View:
    """A modal or a Home tab that one person sees."""

    id: str
    user: str
    type: str  # modal or home
    callback_id: str
    title: str
    blocks: tuple[Json, ...]
    private_metadata: str = ""
    external_id: str = ""
    submit: str = ""
    close: str = ""
    notify_on_close: bool = False
    clear_on_close: bool = False
    root_view_id: str = ""
    previous_view_id: str = ""
    hash: str = ""
    function_run: str = ""  # the step of a workflow that it was opened for
    errors: tuple[tuple[str, str], ...] = ()  # (block_id, sentence), as shown under the fields

    @property
    def all_blocks(self) -> tuple[Json, ...]:
        return self.blocks


@dataclass(frozen=True)
class Trigger:
    user: str
    expires_at: float
    is_used: bool = False
    view_id: str = ""  # the modal it was born in: what views.push puts its view upon
    channel: str = ""  # the conversation it was born in


@dataclass(frozen=True)
class ResponseUrl:
    channel: str
    user: str
    expires_at: float
    uses_left: int = 5
    message_ts: str = ""  # the message whose button was pressed: what replace_original replaces
    thread_ts: str = ""
    is_legacy: bool = (
        False  # of an attachment's button: an answer replaces the message unless it says otherwise
    )


@dataclass(frozen=True)
class Call:
    """One request that the app made to the workspace."""

    method: str  # chat.postMessage, …; or response_url, or upload
    arguments: Json  # as sent, without the token
    answer: Json
    status: int  # of HTTP; 0 when the connection was dropped instead
    at: float
    seconds: float


@dataclass(frozen=True)
class Delivery:
    """One request that the workspace made to the app, and what came back."""

    kind: Literal["command", "interaction", "event"]
    payload: Json = field(repr=False)
    status: int = 0  # of HTTP; 200 for an ack over Socket Mode; 0 when nothing came in time
    body: str = ""  # of the ack
    sent_at: float = 0.0  # seconds since 1970
    ack_seconds: float = 0.0
    error: str = ""  # operation_timeout, dispatch_failed, or empty
    attempts: int = 1  # events are sent again when they are not acked
    answer: Json = field(default_factory=dict, repr=False)  # body, where it is a JSON object
    request_body: bytes = field(default=b"", repr=False)  # as sent over HTTP

    @property
    def is_acked(self) -> bool:
        return not self.error


@dataclass(frozen=True)
class App:
    """The one app that is installed in the workspace, and what it and Slack prove themselves with."""

    id: str
    bot_id: str
    user_id: str
    name: str
    bot_token: str
    app_token: str
    signing_secret: str
    verification_token: str
    scopes: frozenset[str] | None = None  # of its token, as its manifest names them; None: all


@dataclass(frozen=True)
class SlashCommand:
    """A command of the app as its manifest names it."""

    word: str  # with its slash
    usage_hint: str = ""
    description: str = ""


@dataclass(frozen=True)
class Shortcut:
    """A shortcut of the app as its manifest names it: for the whole workspace, or for one message."""

    name: str
    callback_id: str
    is_for_message: bool = False
    description: str = ""


class SlackError(Exception):
    """A request that Slack refuses. code: Slack's own word for it; messages and more: what it tells beside."""

    def __init__(self, code: str, *messages: str, **more: str) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages
        self.more = more
