"""Commands that come through the API: recorded and handled as those from Slack, and answered at once.

Whoever asks keeps the connection until the answer comes. So what a process that died had in hand is not finished by
itself, as a request of Slack's is: it is asked again, with the same Idempotency-Key, which makes the same run.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from typing import Any

import structlog

from bot import requests
from bot.api import models
from bot.api.access import Denied
from bot.intake import Intake
from bot.liveness import is_lost
from commands.deps import Deps
from commands.request import NotNow, NotTrusted, Outcome, Refused, id_from
from commands.table import handle
from commands.words import unmarked
from state import approvals, audit, inbox, runs, steps
from state.records import InboxEntry, Person
from state.rows import to_json

IN_SLACK = "That asks for what is secret, and secrets never travel here: ask for it in Slack."

log = structlog.get_logger()


@dataclass(frozen=True)
class Said:
    """An HTTP status, and what goes with it."""

    status: int
    body: models.Answer | models.Problem


def run(deps: Deps, intake: Intake, person: Person, command: models.Command, key: str) -> Said:
    """Do what somebody asks, once for each key of theirs; without a key each time.

    Raises Denied (409, 422, 503) where that key has another meaning or is being worked on, or nobody can be checked.
    """
    entry_id = f"api-{id_from(f'{person.key} {key or secrets.token_hex(16)}', 20)}"
    entry = requests.from_api(
        person, command.text, command.channel, entry_id, deps.now(), intake.blueprint_of
    )
    entry = replace(entry, taken_by=intake.name, attempts=1)
    if inbox.record(deps.database, entry):
        return _handled(deps, entry)
    before = inbox.get(deps.database, entry.id)
    if before is None:  # it was let go this very moment
        raise Denied(409, "That request is being worked on. Ask again in a moment.", 1)
    if before.payload != json.loads(to_json(entry.payload)):
        raise Denied(422, "That Idempotency-Key came with another request before. Give each its own.")
    return _again(deps, intake, before)


def shown(deps: Deps, run_id: str) -> models.RunShown | None:
    """The run with this id, as it is now."""
    found = runs.get(deps.database, run_id)
    if found is None:
        return None
    given = approvals.of_run(deps.database, found.id, found.digest or "")
    return models.run_shown(found, steps.of_run(deps.database, found.id), given)


def _again(deps: Deps, intake: Intake, before: InboxEntry) -> Said:
    """A request that came before: what was said then, with its run as it is now."""
    kept = _kept(before.answer)
    if kept is not None:
        run_now = shown(deps, id_from(before.id))
        return _said(models.Answer(text=kept["text"], listing=kept["listing"], run=run_now))
    if before.done_at is None:
        if not is_lost(before.taken_by, before.received_at, deps.now()):
            raise Denied(409, "That request is being worked on. Ask again in a moment.", 1)
        taken = inbox.take(deps.database, before, intake.name)
        if taken is None:
            raise Denied(409, "That request is being worked on. Ask again in a moment.", 1)
    return _handled(deps, before)  # it was refused then, or its process died: nothing of it is done twice


def _handled(deps: Deps, entry: InboxEntry) -> Said:
    with structlog.contextvars.bound_contextvars(request=entry.id):
        try:
            outcome = handle(_read(deps, entry), deps)
        except NotNow as unavailable:
            inbox.discard(deps.database, entry.id)
            raise Denied(503, unmarked(unavailable.sentence), 5) from None
        except Refused as refused:
            return _refused(deps, entry, refused)
        except Exception:
            return _fault(deps, entry)
        return _answered(deps, entry, outcome)


def _read(deps: Deps, entry: InboxEntry) -> Any:
    try:
        return requests.to_request(entry)
    except Refused as refused:
        who = f"{entry.payload['team']}-{entry.payload['user']}"
        audit.append(deps.database, deps.now(), who, "refused", who, asked="", why=refused.sentence[:300])
        raise


def _answered(deps: Deps, entry: InboxEntry, outcome: Outcome) -> Said:
    if outcome.form is not None or outcome.reveal is not None:
        return _refused(deps, entry, NotTrusted(IN_SLACK))
    answer = models.answer_of(outcome, shown(deps, id_from(entry.id)))
    kept = answer.model_dump_json(include={"text", "listing"})
    inbox.finish(deps.database, entry.id, deps.now(), kept)
    log.info("handled", words=entry.payload["words"][:3], answer=answer.text[:80])
    return _said(answer)


def _said(answer: models.Answer) -> Said:
    is_under_way = answer.run is not None and not answer.run.is_ended
    return Said(202 if is_under_way else 200, answer)


def _refused(deps: Deps, entry: InboxEntry, refused: Refused) -> Said:
    inbox.finish(deps.database, entry.id, deps.now(), f"refused: {refused.sentence}"[:200])
    status = 403 if isinstance(refused, NotTrusted) else 400
    problem = models.Problem(error=unmarked(refused.sentence), example=refused.example)
    return Said(status, problem)


def _fault(deps: Deps, entry: InboxEntry) -> Said:
    incident = secrets.token_hex(2).upper()
    log.exception("fault", incident=incident, kind=entry.kind, words=entry.payload.get("words", [])[:2])
    inbox.discard(deps.database, entry.id)
    said = (
        f"Something broke on my side (incident {incident}). Ask again, with the same Idempotency-Key; "
        "the admins can find it in the log by that number."
    )
    return Said(500, models.Problem(error=said))


def _kept(answer: str) -> dict[str, Any] | None:
    return json.loads(answer) if answer.startswith("{") else None
