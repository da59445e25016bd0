"""The few things that are said to Slack, each one call that obeys Slack's pace and ends in one of three ways."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from bot.views.message import Message
from bot.web_client import KeptWebClient
from commands.pictures import Picture

AWAY_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=60)
RESPOND_SECONDS = 5
BESIDE = "graph.png"
_CODE = re.compile(r"\w+")
_PASSING = ("fatal_error", "internal_error", "service_unavailable", "request_timeout")

log = structlog.get_logger()

Answer = Mapping[str, Any]


class Later(Exception):
    """Slack does not take this now. at: when to try again. maybe_sent: it may have arrived all the same."""

    def __init__(self, at: datetime, maybe_sent: bool = False) -> None:
        super().__init__(f"again at {at.isoformat()}")
        self.at = at
        self.maybe_sent = maybe_sent


class NotTaken(Exception):
    """Slack will never take this. code is Slack's own, such as `channel_not_found`."""

    def __init__(self, method: str, code: str) -> None:
        super().__init__(f"{method}: {code}")
        self.code = code


class Slack:
    """Every call raises Later or NotTaken. What was answered with 429 waits, for that method and channel alone.

    Source: https://docs.slack.dev/apis/web-api/rate-limits
    """

    def __init__(self, client: KeptWebClient, now: Callable[[], datetime]) -> None:
        self._client = client
        self._now = now
        self._pauses: dict[tuple[str, str], tuple[datetime, datetime]] = {}  # from when until when
        self._failures: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def post(
        self, channel: str, message: Message, thread_ts: str | None = None, metadata: Answer | None = None
    ) -> Answer:
        """A new message. Its answer has channel and ts."""
        return self._call(
            "chat.postMessage",
            channel,
            lambda: self._client.chat_postMessage(
                channel=channel,
                text=message.text,
                blocks=message.blocks or None,
                thread_ts=thread_ts,
                metadata=dict(metadata) if metadata is not None else None,
                unfurl_links=False,
            ),
        )

    def edit(self, channel: str, ts: str, message: Message) -> None:
        """A message that is there, changed."""
        self._call(
            "chat.update",
            channel,
            lambda: self._client.chat_update(
                channel=channel, ts=ts, text=message.text, blocks=message.blocks
            ),
        )

    def whisper(self, channel: str, user: str, message: Message, thread_ts: str | None = None) -> None:
        """A message that one person sees in a channel."""
        self._call(
            "chat.postEphemeral",
            channel,
            lambda: self._client.chat_postEphemeral(
                channel=channel, user=user, thread_ts=thread_ts, text=message.text, blocks=message.blocks
            ),
        )

    def respond(self, url: str, message: Message, replace: bool) -> None:
        """A message that one person sees, through the address that came with their request.

        replace: in the place of the message that they pressed, which stays what it was: theirs alone, or a direct one.

        Source: https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
        """
        # Said either way: what is answered in no words of its own may take the place of a card that all see.
        kind = (
            {"replace_original": replace}
            if replace
            else {"replace_original": False, "response_type": "ephemeral"}
        )
        body = {**kind, "text": message.text, "blocks": message.blocks}
        try:
            sent = json.dumps(body).encode()
            answer = self._client.send(url, sent, {"Content-Type": "application/json"}, RESPOND_SECONDS)
        except OSError:
            raise Later(self._now(), maybe_sent=True) from None
        if answer.status != 200:
            raise NotTaken("response_url", str(answer.status))

    def upload(
        self,
        channel: str,
        thread_ts: str | None,
        name: str,
        body: str | bytes,
        comment: str = "",
        alt: str = "",
        beside: Picture | None = None,
    ) -> str:
        """A file: text, or a picture with its description in alt. Gives its id. beside: a picture in the same message.

        Without a channel nobody sees it, until it stands in a message as an image.
        """
        uploads: list[dict[str, Any]] = [
            {"filename": name, "title": name, "content": body or " ", "alt_txt": alt or None}
        ]
        if beside is not None:
            drawn = {"filename": BESIDE, "title": BESIDE, "content": beside.png, "alt_txt": beside.alt}
            uploads.append(drawn)
        done = self._call(
            "files.upload",
            channel,
            lambda: self._client.files_upload_v2(
                channel=channel or None,
                thread_ts=thread_ts,
                file_uploads=uploads,
                initial_comment=comment or None,
            ),
        )
        files: list[dict[str, Any]] = done.get("files") or []
        return str(files[0].get("id")) if files else ""

    def open_view(self, trigger_id: str, view: dict[str, Any]) -> str:
        """A modal, for whoever has pressed something within the last three seconds. Gives its id."""
        opened = self._call(
            "views.open", "", lambda: self._client.views_open(trigger_id=trigger_id, view=view)
        )
        return str((opened.get("view") or {}).get("id") or "")

    def update_view(self, view_id: str, view: dict[str, Any], shown_hash: str = "") -> None:
        """A modal that is open, with other contents. shown_hash: it must still be what it was then."""
        self._call(
            "views.update",
            view_id,
            lambda: self._client.views_update(view_id=view_id, view=view, hash=shown_hash or None),
        )

    def link(self, channel: str, ts: str) -> str:
        """The address of a message, for people."""
        found = self._call(
            "chat.getPermalink",
            channel,
            lambda: self._client.chat_getPermalink(channel=channel, message_ts=ts),
        )
        return str(found.get("permalink") or "")

    def publish_home(self, user: str, view: dict[str, Any], shown_hash: str = "") -> str:
        """Somebody's Home tab, and the hash of what it shows now.

        shown_hash: what is there must still be that; else NotTaken with `hash_conflict`.
        """
        published = self._call(
            "views.publish",
            user,
            lambda: self._client.views_publish(user_id=user, view=view, hash=shown_hash or None),
        )
        return str((published.get("view") or {}).get("hash") or "")

    def direct(self, user: str) -> str:
        """The channel of the direct messages with somebody."""
        opened = self._call("conversations.open", user, lambda: self._client.conversations_open(users=[user]))
        return str((opened.get("channel") or {}).get("id") or user)

    def history(self, channel: str, since: datetime) -> list[dict[str, Any]]:
        """The newest messages of a channel since then, metadata included."""
        page = self._call(
            "conversations.history",
            channel,
            lambda: self._client.conversations_history(
                channel=channel, oldest=str(since.timestamp()), include_all_metadata=True, limit=200
            ),
        )
        return list(page.get("messages") or [])

    def replies(self, channel: str, ts: str) -> list[dict[str, Any]]:
        """The messages of a thread, metadata included."""
        page = self._call(
            "conversations.replies",
            channel,
            lambda: self._client.conversations_replies(
                channel=channel, ts=ts, include_all_metadata=True, limit=200
            ),
        )
        return list(page.get("messages") or [])

    def _call(self, method: str, channel: str, send: Callable[[], SlackResponse]) -> Answer:
        key = (method, channel)
        with self._lock:
            pause = self._pauses.get(key)
        if pause is not None and pause[0] <= self._now() < pause[1]:  # a clock that was set back ends it
            raise Later(pause[1])
        try:
            answer = send()
        except SlackApiError as error:
            raise self._told(key, error) from None
        except (OSError, http.client.HTTPException) as error:
            log.warning("Slack is away", method=method, error=type(error).__name__)
            raise Later(self._pause(key, None), maybe_sent=True) from None
        with self._lock:
            self._failures.pop(key, None)
        return answer.data if isinstance(answer.data, dict) else {}

    def _told(self, key: tuple[str, str], error: SlackApiError) -> Exception:
        response = error.response
        status = getattr(response, "status_code", 0)
        if status == 429:
            asked = str(response.headers.get("Retry-After") or response.headers.get("retry-after") or "1")
            return Later(self._pause(key, float(asked) if asked.replace(".", "", 1).isdigit() else 1.0))
        code = str(response.get("error", "unknown")) if hasattr(response, "get") else "unknown"
        # What is no code was not said by Slack, but by something on the way: a proxy's page, a login.
        if status >= 500 or code in _PASSING or not _CODE.fullmatch(code):
            return Later(self._pause(key, None), maybe_sent=True)
        return NotTaken(key[0], code)

    def _pause(self, key: tuple[str, str], asked_seconds: float | None) -> datetime:
        with self._lock:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            growing = min(AWAY_PAUSE * 2 ** min(failures - 1, 6), LONGEST_PAUSE)
            now = self._now()
            at = now + (growing if asked_seconds is None else timedelta(seconds=asked_seconds))
            self._pauses[key] = now, at
            return at
