"""What passed between the workspace and the app, with its latency, for the page's inspector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.playground.model import Call, Delivery, Json
from bot.playground.people import People
from bot.playground.shapes import message_json

SHOWN = 60  # latest calls and deliveries


def traffic(people: People, calls: Callable[[], list[Call]], user: str, ts: str = "") -> Json:
    """The latest traffic in both directions, newest first; with a ts, that message and what concerns it."""
    workspace = people.workspace
    with workspace.lock:
        message = workspace.messages.get(ts)
        if ts and (message is None or message.ephemeral_to not in ("", user)):
            raise LookupError("This message is gone.")
        asked = [call for call in calls() if not ts or _concerns(call.arguments, call.answer, ts)][-SHOWN:]
        sent = [each for each in people.deliveries if not ts or _concerns(each.payload, {}, ts)][-SHOWN:]
    entries = [*map(_call_json, asked), *map(_delivery_json, sent)]
    entries.sort(key=lambda entry: float(entry["at"]), reverse=True)
    revisions = [
        {"text": each.text, "blocks": list(each.blocks), "replaced_at": each.replaced_at}
        for each in (message.revisions if message else ())
    ]
    shown = message_json(workspace, message, with_metadata=True) if message else None
    return {"message": shown, "revisions": revisions, "traffic": entries[:SHOWN]}


def _concerns(asked: Json, answer: Json, ts: str) -> bool:
    near: list[Any] = [asked, answer, asked.get("container") or {}, asked.get("event") or {}]
    names = ("ts", "message_ts", "timestamp", "thread_ts")
    return any(each.get(name) == ts for each in near if isinstance(each, dict) for name in names)


def _call_json(call: Call) -> Json:
    return {
        "key": f"{call.at} {call.method}",
        "at": call.at,
        "direction": "from the app",
        "what": call.method,
        "ms": round(call.seconds * 1000, 1),
        "error": str(call.answer.get("error", "")) or ("" if call.status == 200 else f"HTTP {call.status}"),
        "detail": {"arguments": call.arguments, "answer": call.answer, "status": call.status},
    }


def _delivery_json(delivery: Delivery) -> Json:
    inner = delivery.payload.get("event") or {}
    name = inner.get("type") or delivery.payload.get("command") or delivery.payload.get("type")
    return {
        "key": f"{delivery.sent_at} {name}",
        "at": delivery.sent_at,
        "direction": "to the app",
        "what": f"{delivery.kind} {name}",
        "ms": round(delivery.ack_seconds * 1000, 1),
        "error": delivery.error,
        "detail": {
            "payload": delivery.payload,
            "ack": delivery.answer or delivery.body,
            "status": delivery.status,
        },
    }
