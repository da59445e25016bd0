"""The form of `/lab up` fits Slack, whatever stands in a blueprint, and says again what a person has chosen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.views.modals import modal
from commands.blueprints.records import Approvals, Blueprint, Cost, Lifetime, Variable
from commands.forms import up_form
from commands.request import Request
from state.records import Person
from tests.bot.views.reading import check_view, hostile


@dataclass(frozen=True)
class Offering:
    """A catalogue, and what the form needs of everything else."""

    offered: dict[str, Blueprint]

    @property
    def catalogue(self) -> Offering:
        return self

    def blueprints(self) -> dict[str, Blueprint]:
        return self.offered


names = st.from_regex(r"[a-z][a-z0-9_]{0,30}", fullmatch=True)
variables = st.builds(
    Variable,
    name=names,
    type=st.sampled_from(["string", "number", "boolean", "list"]),
    default=st.one_of(
        st.none(), hostile, st.booleans(), st.integers(), st.lists(hostile, max_size=3).map(tuple)
    ),
    choices=st.lists(hostile, max_size=4, unique=True).map(tuple),
    help=hostile,
    sensitive=st.booleans(),
    vault=st.sampled_from([None, "innkeeper/licences#web"]),
)


@given(
    hostile,
    st.lists(variables, max_size=6, unique_by=lambda each: each.name),
    st.one_of(st.none(), st.floats(0, 1e6)),
    st.integers(60, 86_400 * 30),
)
def test_any_blueprint_is_a_form_that_slack_takes(
    summary: str, asked: list[Variable], cents: float | None, ttl_seconds: int
) -> None:
    blueprint = Blueprint(
        name="web",
        summary=summary,
        folder=Path(),
        module=Path(),
        variables={each.name: each for each in asked},
        cost=Cost(cents),
        lifetime=Lifetime(ttl_seconds=ttl_seconds, max_seconds=ttl_seconds * 2),
        approvals=Approvals({"infra": 1}),
    )
    deps: Any = Offering({"web": blueprint, "api": blueprint})
    request = Request("1", Person("T1", "U1"), "", ("ask_for_lab", "form"))
    form = up_form.form(request, deps, {"blueprint": "web"}, "1732.0001")
    check_view(modal(form, "{}"))
    assert form.value == "web 1732.0001"
    shown = [field.name for field in form.fields]
    assert shown == [
        "blueprint",
        "name",
        *(f"web/{each.name}" for each in asked if each.vault is None),
        "web/ttl=",
        "channel",
    ]
    assert all(
        field.sensitive == blueprint.variables[field.name[4:]].sensitive for field in form.fields[2:-2]
    )
    assert not [field for field in form.fields if field.sensitive and field.default]


def test_what_was_left_empty_is_left_to_its_default() -> None:
    size = Variable("size", default="small", choices=("small", "large"))
    word = Variable("word", sensitive=True)
    web = Blueprint("web", "A web", Path(), Path(), {"size": size, "word": word})
    given_ = {"blueprint": "web", "name": " demo ", "web/size": "", "web/ttl=": "4h", "web/word": "canary"}
    assert up_form.words_of(web, given_) == ("lab", "up", "web", "demo", "ttl=4h")
    chosen = {**given_, "name": "", "web/size": "large"}
    assert up_form.words_of(web, chosen) == ("lab", "up", "web", "size=large", "ttl=4h")
