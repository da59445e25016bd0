from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.views.modals import SEALED, modal, submitted
from commands.request import Field, Form
from tests.bot.views.reading import check_view, hostile

REJECT = Form(
    action="reject_with_reason",
    value="run1:7f3a",
    title="Reject the plan",
    submit="Reject",
    introduction="The plan of *demo* will not be applied.",
    fields=(Field("reason", "Reason", "What should be different?", multiline=True),),
)


def test_a_form_asks_for_a_reason() -> None:
    view = modal(REJECT, '{"value": "run1:7f3a"}')
    check_view(view)
    assert (view["callback_id"], view["private_metadata"]) == ("reject_with_reason", '{"value": "run1:7f3a"}')
    assert (view["title"]["text"], view["submit"]["text"]) == ("Reject the plan", "Reject")
    introduction, reason = view["blocks"]
    assert introduction["text"]["text"] == "The plan of *demo* will not be applied."
    assert (reason["block_id"], reason["element"]["action_id"]) == ("reason", "value")
    assert reason["element"]["multiline"] is True


def test_choices_are_picked_and_others_are_typed() -> None:
    fields = (
        Field("size", "Size", choices=("small", "large"), default="large"),
        Field("many", "Many", choices=tuple(str(number) for number in range(101)), default="7"),
        Field("token", "Token", sensitive=True, optional=True),
    )
    view = modal(Form("up", "", "A title that is longer than Slack takes", "Plan", fields), "")
    check_view(view)
    size, many, token = view["blocks"]
    assert [option["value"] for option in size["element"]["options"]] == ["small", "large"]
    assert size["element"]["initial_option"]["value"] == "large"
    assert many["element"]["initial_value"] == "7"
    assert (token["block_id"], token["optional"]) == (f"{SEALED}token", True)
    assert view["title"]["text"] == "A title that is longer…"


def test_what_comes_back_is_read_by_field() -> None:
    view: dict[str, Any] = {
        "state": {
            "values": {
                "reason": {"value": {"type": "plain_text_input", "value": "ssh is open"}},
                "size": {"value": {"type": "static_select", "selected_option": {"value": "large"}}},
                "none": {"value": {"type": "static_select", "selected_option": None}},
                "empty": {"value": {"type": "plain_text_input", "value": None}},
            }
        }
    }
    assert submitted(view) == {"reason": "ssh is open", "size": "large", "none": "", "empty": ""}


def test_too_much_metadata_is_our_fault() -> None:
    with pytest.raises(ValueError, match="private_metadata has 3001 characters"):
        modal(REJECT, "x" * 3001)


fields = st.builds(
    Field,
    name=st.uuids().map(str),
    label=hostile,
    hint=hostile,
    choices=st.one_of(st.lists(hostile, max_size=5).map(tuple), st.just(tuple(map(str, range(100))))),
    default=hostile,
    multiline=st.booleans(),
    optional=st.booleans(),
    sensitive=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(hostile, hostile, hostile, st.lists(fields, max_size=5).map(tuple))
def test_any_form_fits_slack(title: str, submit: str, introduction: str, asked: tuple[Field, ...]) -> None:
    view = modal(Form("act", "x", title, submit, asked, introduction), "{}")
    check_view(view)
