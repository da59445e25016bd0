from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.views.modals import SEALED, modal, shown, submitted, waiting
from commands.request import Button, Field, Form, Revealed, Secret
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
        Field("many", "Many", choices=tuple(str(number) for number in range(501)), default="7"),
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
    some = {"type": "checkboxes", "selected_options": [{"value": "infra"}, {"value": "admin"}]}
    who = {"type": "users_select", "selected_user": "U8"}
    where = {"type": "conversations_select", "selected_conversation": "C7"}
    values = {"roles": {"value": some}, "who": {"value": who}, "channel": {"value": where}}
    assert submitted({"state": {"values": values}}) == {"roles": "infra,admin", "who": "U8", "channel": "C7"}


def test_more_choices_than_a_list_holds_are_in_groups() -> None:
    choices = tuple(f"c{number}" for number in range(250))
    one = Field("one", "One", choices=choices, default="c249")
    some = Field("some", "Some", choices=choices, default="c1,c100", kind="some")
    view = modal(Form("up", "", "Up", "Plan", (one, some)), "")
    check_view(view)
    for element in (block["element"] for block in view["blocks"]):
        groups = element["option_groups"]
        assert [group["label"]["text"] for group in groups] == ["c0 to c99", "c100 to c199", "c200 to c249"]
    assert view["blocks"][0]["element"]["initial_option"]["value"] == "c249"
    chosen = view["blocks"][1]["element"]["initial_options"]
    assert [option["value"] for option in chosen] == ["c1", "c100"]


def test_people_channels_and_several_choices_are_picked() -> None:
    choices = ("small", "large")
    fields = (
        Field("who", "Who", kind="person"),
        Field("channel", "Channel", kind="channel"),
        Field(
            "some", "Some", choices=choices, labels=("Small one", "Large one"), default="large", kind="some"
        ),
        Field("many", "Many", choices=tuple(str(number) for number in range(11)), kind="some"),
        Field("size", "Size", choices=choices, live=True),
    )
    view = modal(Form("up", "", "Up", "Plan", fields, summary="It costs *nothing*."), "")
    check_view(view)
    who, channel, some, many, size, summary = view["blocks"]
    kinds = [each["element"]["type"] for each in (who, channel, some, many)]
    assert kinds == ["users_select", "conversations_select", "checkboxes", "multi_static_select"]
    assert channel["element"]["default_to_current_conversation"] is True
    assert some["element"]["options"][0]["text"]["text"] == "Small one"
    assert [option["value"] for option in some["element"]["initial_options"]] == ["large"]
    assert (size["dispatch_action"], "dispatch_action" in some) == (True, False)
    assert summary["text"]["text"] == "It costs *nothing*."


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
    kind=st.sampled_from(["text", "some", "person", "channel"]),
    live=st.booleans(),
)


@given(hostile, hostile, hostile, st.lists(fields, max_size=5).map(tuple))
def test_any_form_fits_slack(title: str, submit: str, introduction: str, asked: tuple[Field, ...]) -> None:
    view = modal(Form("act", "x", title, submit, asked, introduction, introduction), "{}")
    check_view(view)


KEY = "-----BEGIN EC PRIVATE KEY-----\n" + "\n".join(["A+/=" * 16] * 60) + "\n-----END EC PRIVATE KEY-----"


def test_what_is_shown_once_is_there_to_be_copied() -> None:
    revealed = Revealed(
        "For *demo*, until tonight.",
        (Secret("User", "v-demo"), Secret("Password", "a<b>&*_`c`~d")),
        "`/key revoke x` ends it.",
        (Button("This was not me", "not_me", "grant1", "danger", "Revoke it now?"),),
    )
    view = shown("Shown once", revealed, '{"channel": "C1"}')
    check_view(view)
    assert "submit" not in view
    texts = [block["text"]["text"] for block in view["blocks"] if block["type"] == "section"]
    assert texts == [
        "For *demo*, until tonight.",
        "*User*",
        "```\nv-demo\n```",
        "*Password*",
        "```\na&lt;b&gt;&amp;*_`c`~d\n```",
        "`/key revoke x` ends it.",
    ]
    assert view["blocks"][-1]["elements"][0]["action_id"] == "not_me"


def test_a_long_key_is_cut_between_lines_and_not_a_character_is_lost() -> None:
    view = shown("Shown once", Revealed("Keep it.", (Secret("Private key", KEY),)), "{}")
    check_view(view)
    parts = [block["text"]["text"] for block in view["blocks"][2:]]
    assert len(parts) > 1
    assert all(part.startswith("```\n") and part.endswith("\n```") for part in parts)
    assert "\n".join(part.removeprefix("```\n").removesuffix("\n```") for part in parts) == KEY


def test_a_secret_is_in_no_repr() -> None:
    assert "hunter2" not in repr(Revealed("Keep it.", (Secret("Password", "hunter2"),)))


def test_a_window_says_that_something_comes() -> None:
    check_view(waiting("Shown once", "{}"))
