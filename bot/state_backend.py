"""Terraform's `http` backend at /tfstate/LAB: GET, POST, LOCK, UNLOCK, and DELETE, which is refused.

Source: Terraform, "Backend Type: http", and what the tests see it do: only 404 means that there is no state,
a 4xx is not tried again and a 5xx is, and of a held lock it prints the ID.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.bodies import TooLong, read_at_most
from bot.state_access import AskSlack, Caller, Denied, caller_of, lab_of
from commands.engines.vault.protocol import SealBroken, Vault, VaultUnavailable
from state import audit, tfstate
from state.database import Database
from state.records import Lab, StateLock
from state.transitions import RunState

MAX_STATE_BYTES = 32 * 1024 * 1024
MAX_LOCK_BYTES = 64 * 1024


@dataclass(frozen=True)
class _Call:
    """One request of Terraform's, its caller known and its body read."""

    caller: Caller
    lab: Lab
    body: bytes
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class _Deps:
    database: Database
    vault: Vault
    now: Callable[[], datetime]


def routes(
    database: Database,
    vault: Vault,
    standing: AskSlack,
    now: Callable[[], datetime],
    max_state_bytes: int = MAX_STATE_BYTES,
) -> list[Route]:
    """The one route of the backend. It waits for Vault and the database in threads, not on the event loop."""
    deps = _Deps(database, vault, now)

    async def endpoint(request: Request) -> Response:
        act = _ACTIONS["GET" if request.method == "HEAD" else request.method]
        try:
            caller = await run_in_threadpool(
                caller_of, database, vault, standing, request.headers.get("authorization", "")
            )
            lab = await run_in_threadpool(lab_of, database, caller, request.path_params["lab"])
            limit = max_state_bytes if request.method == "POST" else MAX_LOCK_BYTES
            body = await read_at_most(request, limit)
            call = _Call(caller, lab, body, request.query_params, request.headers)
            return await run_in_threadpool(act, deps, call)
        except TooLong:
            return _sentence(413, f"That is over {limit // 1024} KiB, more than is taken here.")
        except Denied as denied:
            if denied.person is not None:
                await run_in_threadpool(_note_refusal, deps, denied, request.path_params["lab"])
            return _denial(denied)
        except tfstate.NotState as wrong:
            return _sentence(400, wrong.sentence)
        except tfstate.Conflict as conflict:
            return _sentence(409, conflict.sentence)
        except VaultUnavailable as unavailable:
            return _sentence(503, unavailable.sentence)
        except SealBroken as broken:
            return _sentence(500, broken.sentence)

    return [Route("/tfstate/{lab}", endpoint, methods=list(_ACTIONS), name="tfstate")]


def _get(deps: _Deps, call: _Call) -> Response:
    current = tfstate.current(deps.database, call.lab.id)
    if current is None:
        return _sentence(404, f"The lab {call.lab.name} has no state yet.")
    body = tfstate.clear(current, deps.vault)
    _note(deps, call, "state_read", serial=current.serial)
    md5 = base64.b64encode(bytes.fromhex(current.md5)).decode()
    return Response(body, media_type="application/json", headers={"Content-MD5": md5})


def _post(deps: _Deps, call: _Call) -> Response:
    run = call.caller.run
    if run is not None and run.state is not RunState.APPLYING:
        raise Denied(403, f"Run {run.id} only plans, and a plan writes no state.")
    _check_md5(call.headers.get("content-md5", ""), call.body)
    now = deps.now()
    new = tfstate.sealed(call.lab.id, call.body, deps.vault, call.caller.holder, now)
    with deps.database.transaction():
        tfstate.put(deps.database, new, call.query.get("ID"))
        _note(deps, call, "state_written", serial=new.serial, md5=new.md5, resources=new.resources)
    return Response(status_code=200)


def _check_md5(header: str, body: bytes) -> None:
    try:
        said = base64.b64decode(header, validate=True)
    except binascii.Error:
        said = b""
    if not said:
        raise Denied(400, "Send Content-MD5 with a state, so that one cut short on its way is not kept.")
    if said != hashlib.md5(body, usedforsecurity=False).digest():
        raise Denied(
            400, "The state does not match its Content-MD5: it was damaged on its way. Send it again."
        )


def _lock(deps: _Deps, call: _Call) -> Response:
    info = _lock_info(call.body)
    wanted = StateLock(call.lab.id, str(info["ID"]), call.caller.holder, info, deps.now())
    if call.lab.frozen_because is not None:
        # Of the lock in its way Terraform prints the ID and nothing else: that is where the reason goes.
        said = f"{call.lab.name} is frozen: {call.lab.frozen_because}"
        return JSONResponse({"ID": said, "Who": "innkeeper", "Operation": "frozen", "Info": said}, 423)
    with deps.database.transaction():
        held = tfstate.lock(deps.database, wanted)
        if held is None:
            _note(deps, call, "state_locked", lock=wanted.lock_id)
    if held is not None:
        return JSONResponse(tfstate.lock_info(held), 423)
    return JSONResponse(tfstate.lock_info(wanted))


def _unlock(deps: _Deps, call: _Call) -> Response:
    by_hand = f"Unlock it with /lab unlock {call.lab.name}, which says whose lock it was."
    if not call.body:
        raise Denied(403, f"An UNLOCK names the lock it means, and force-unlock does not. {by_hand}")
    lock_id = str(_lock_info(call.body, by_hand)["ID"])
    with deps.database.transaction():
        if tfstate.unlock(deps.database, call.lab.id, lock_id, call.caller.holder):
            _note(deps, call, "state_unlocked", lock=lock_id)
            return Response(status_code=200)
        held = tfstate.lock_of(deps.database, call.lab.id)
    if held is None:
        return Response(status_code=200)  # Terraform repeats an UNLOCK whose answer got lost
    raise Denied(409, f"That is not the lock: {held.holder} holds it. {by_hand}")


def _delete(deps: _Deps, call: _Call) -> Response:
    raise Denied(403, f"State is not deleted here. /lab down {call.lab.name} destroys the lab itself.")


_ACTIONS: dict[str, Callable[[_Deps, _Call], Response]] = {
    "GET": _get,
    "POST": _post,
    "DELETE": _delete,
    "LOCK": _lock,
    "UNLOCK": _unlock,
}


def _lock_info(body: bytes, remedy: str = "Terraform sends it with LOCK.") -> dict[str, Any]:
    """Terraform's lock info. Raises Denied (403) unless it names a lock."""
    try:
        info = json.loads(body)
    except (ValueError, RecursionError):
        info = None
    if not isinstance(info, dict) or not isinstance(info.get("ID"), str) or not 0 < len(info["ID"]) <= 200:
        raise Denied(403, f"That names no lock. {remedy}")
    return info


def _note(deps: _Deps, call: _Call, action: str, **detail: Any) -> None:
    """Audit what a person does here. A run's own doings are in the audit as its apply."""
    if call.caller.person is not None:
        audit.append(deps.database, deps.now(), call.caller.person, action, call.lab.name, **detail)


def _note_refusal(deps: _Deps, denied: Denied, lab_name: str) -> None:
    if denied.person is not None:
        audit.append(deps.database, deps.now(), denied.person, "refused", lab_name, reason=denied.sentence)


def _denial(denied: Denied) -> Response:
    answer = _sentence(denied.status, denied.sentence)
    if denied.status == 401:
        answer.headers["WWW-Authenticate"] = 'Basic realm="innkeeper", charset="UTF-8"'
    return answer


def _sentence(status: int, sentence: str) -> Response:
    return PlainTextResponse(sentence + "\n", status)
