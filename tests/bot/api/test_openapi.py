"""The OpenAPI description is held to the API: schemathesis asks whatever it allows, and whatever it does not."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from bot.api.openapi import description
from bot.api.routes import routes
from state.transitions import RunState
from tests.bot.api.serving_api import AGENTS, Served


def data_rejection(context: Any, response: Any, case: Any) -> bool | None:
    """schemathesis does not count 413 among the ways to reject."""
    return None if response.status_code == 413 else negative_data_rejection(context, response, case)


CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    data_rejection,
    unsupported_method,
]


def operations() -> list[tuple[str, str]]:
    return [(path, method) for path, methods in description()["paths"].items() for method in methods]


@pytest.mark.integration
@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
@pytest.mark.parametrize(("path", "method"), operations())
def test_whatever_is_asked_is_answered_as_described(
    served: Served, path: str, method: str, mode: schemathesis.GenerationMode
) -> None:
    schema = schemathesis.openapi.from_dict(description())
    operation = schema[path][method.upper()]
    run_id = served.asks("/lab up web demo").json()["run"]["id"]

    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    @hypothesis.settings(max_examples=40, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
    def ask(case: Any) -> None:
        served.inn.clock.passes(seconds=1)  # or it would ask too often
        case.call_and_validate(
            base_url=served.base_url, headers={"X-Vault-Token": AGENTS}, checks=CHECKS, timeout=80
        )

    ask()
    assert served.run(run_id).status_code == 200


def test_good_answers_are_as_described(served: Served) -> None:
    """Those that chance seldom finds."""
    schema = schemathesis.openapi.from_dict(description())
    asked = schema["/api/commands"]["POST"]
    for text in ("/lab up web demo", "/lab list", "/lab catalog", "/lab show demo", "/lab upp"):
        asked.validate_response(served.asks(text))
    run_id = served.asks("/lab up web two").json()["run"]["id"]
    served.inn.works()
    served.inn.approved(served.inn.newest_card())
    schema["/api/runs/{run}"]["GET"].validate_response(served.run(run_id))
    assert served.run(run_id).json()["state"] == "applied"


def test_the_description_is_served_to_everybody(served: Served) -> None:
    answer = requests.get(f"{served.base_url}/api/openapi.json", timeout=30)
    assert answer.json() == description()
    assert answer.json()["openapi"].startswith("3.1")


def test_it_describes_every_address_and_state(served: Served) -> None:
    served_paths = {route.path for route in routes(served.inn.deps, served.inn.intake, None)}  # type: ignore[arg-type]
    assert served_paths - {"/api/openapi.json"} == set(description()["paths"])
    (known,) = [
        each["schema"]["enum"]
        for each in description()["paths"]["/api/runs/{run}"]["get"]["parameters"]
        if each["name"] == "known"
    ]
    assert known == [state.value for state in RunState]
