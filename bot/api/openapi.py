"""The OpenAPI description of the API, made from the models that it reads and writes.

Source: https://spec.openapis.org/oas/v3.1.0, whose schemas are those that pydantic makes.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from bot.api.models import KEY_LIMIT, LONGEST_WAIT_SECONDS, Answer, Command, Problem, RunShown
from state.transitions import RunState

_PROBLEMS = {
    400: "It was refused: a sentence, and an example of the right form.",
    401: "No Vault token, one that has ended, or one that is nobody's.",
    403: "It is not yours to ask for, or not here.",
    404: "There is no such run.",
    409: "A request with this Idempotency-Key is being worked on.",
    413: "The body is too long.",
    422: "The body or the query is not as described, or the Idempotency-Key came with another request.",
    429: "More requests in a minute than are taken: Retry-After says when.",
    500: "Something broke on our side. The number is in the log.",
    503: "Vault or Slack cannot say now who you are. Nothing was done.",
}


@cache
def description() -> dict[str, Any]:
    """The whole document."""
    _, schemas = models_json_schema(
        [(model, "serialization" if model is not Command else "validation") for model in _MODELS],
        ref_template="#/components/schemas/{model}",
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Innkeeper",
            "version": version("innkeeper"),
            "description": "Labs for machines and command lines: what a command does in Slack, it does here.",
        },
        "security": [{"token": []}, {"bearer": []}],
        "paths": {
            "/api/commands": {"post": _commands()},
            "/api/runs/{run}": {"get": _run()},
        },
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Vault-Token"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


_MODELS: tuple[type[BaseModel], ...] = (Command, Answer, Problem, RunShown)


def _commands() -> dict[str, Any]:
    return {
        "operationId": "command",
        "summary": "Ask for something, as in Slack.",
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The same key from the same operator is the same request, however often it comes.",
                "schema": {"type": "string", "maxLength": KEY_LIMIT},
            }
        ],
        "requestBody": {"required": True, "content": _json(Command)},
        "responses": {
            "200": {"description": "Done, or said.", "content": _json(Answer)},
            "202": {"description": "Its run is under way.", "content": _json(Answer)},
            **_problems(400, 401, 403, 409, 413, 422, 429, 500, 503),
        },
    }


def _run() -> dict[str, Any]:
    states = [state.value for state in RunState]
    return {
        "operationId": "run",
        "summary": "How a run is, at once or when it rests: when it waits for approvals, or has ended.",
        "parameters": [
            {"name": "run", "in": "path", "required": True, "schema": {"type": "string"}},
            {
                "name": "wait",
                "in": "query",
                "description": "Seconds to wait for that.",
                "schema": {"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT_SECONDS},
            },
            {
                "name": "known",
                "in": "query",
                "description": "The state that is known already: it is waited for another one.",
                "schema": {"type": "string", "enum": states},
            },
        ],
        "responses": {
            "200": {"description": "The run.", "content": _json(RunShown)},
            **_problems(401, 403, 404, 422, 429, 503),
        },
    }


def _problems(*statuses: int) -> dict[str, Any]:
    return {str(each): {"description": _PROBLEMS[each], "content": _json(Problem)} for each in statuses}


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}
