from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from commands.steps.step import Done, Work
from tests.inn import COLLEAGUE, INFRA, REQUESTER, Inn

SITE = """
        approvals: {operator: 1, self: true}
        secure: {ssh: {user: root}}
        deploy: {playbook: main.tf}"""


class Recorder:
    """The step deploy, which says with which options it was done."""

    def __init__(self) -> None:
        self.options: list[Mapping[str, Any]] = []

    def perform(self, work: Work) -> Done:
        self.options.append(dict(work.options))
        return Done("3 changed")


@pytest.fixture
def step(inn: Inn) -> Recorder:
    step = Recorder()
    inn.steps["deploy"] = step
    inn.offers("site", SITE)
    inn.has("demo", "site")
    return step


@pytest.mark.parametrize(
    ("typed", "options"),
    [
        ("/lab deploy demo", {"tags": [], "check": False}),
        ("/lab deploy demo check=yes", {"tags": [], "check": True}),
        ("/lab deploy demo config app:web check=no", {"tags": ["config", "app:web"], "check": False}),
    ],
)
def test_it_is_deployed_again(inn: Inn, step: Recorder, typed: str, options: dict[str, Any]) -> None:
    assert step.options == [{}]  # with the lab
    card = inn.says(REQUESTER, typed).card()
    assert card.text.startswith("demo: applied")
    assert "✓ deploy 3 changed" in card.all
    assert step.options[1:] == [options]
    assert inn.run().kind == "steps"


def test_it_counts_as_use_and_is_for_the_owner_and_infra_people(inn: Inn, step: Recorder) -> None:
    inn.says(COLLEAGUE, "/lab deploy demo")
    assert "is <@U1>'s lab" in inn.told(COLLEAGUE)
    inn.clock.passes(hours=1)
    inn.says(INFRA, "/lab deploy demo")
    assert len(step.options) == 2
    assert (inn.lab().last_active_by, inn.lab().last_active_how) == (INFRA, "/lab deploy")


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("/lab deploy", "Say which lab to deploy to"),
        ("/lab deploy demo size=large", "Say which lab to deploy to"),
        ("/lab deploy demo check=maybe", "`check` is yes or no"),
        ("/lab deploy demo --limit", "`--limit` is no tag."),
        ("/lab deploy demo a,b", "`a,b` is no tag."),
        ("/lab deploy dmeo", "Did you mean `demo`?"),
    ],
)
def test_what_it_cannot_be_asked(inn: Inn, step: Recorder, typed: str, sentence: str) -> None:
    inn.says(REQUESTER, typed)
    assert sentence in inn.told(REQUESTER)
    assert len(step.options) == 1


def test_a_lab_without_a_playbook_has_nothing_to_deploy(inn: Inn) -> None:
    inn.has("demo", "open")
    inn.says(REQUESTER, "/lab deploy demo")
    assert "and not for deploy" in inn.told(REQUESTER)
