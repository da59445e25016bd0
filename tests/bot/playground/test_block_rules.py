"""What Slack refuses of blocks and views is refused here, in its words and with its place."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.playground.checks import MESSAGE_BLOCKS, POST_TEXT, check_blocks, check_message, check_view
from bot.playground.model import SlackError
from tests.bot.playground.block_kit import ELEMENTS, mrkdwn, option, plain, rich, words
from tests.bot.playground.test_rendering import JSON

Json = dict[str, Any]


def section(**more: Any) -> Json:
    return {"type": "section", "text": mrkdwn("x"), **more}


def use(kind: str, **more: Any) -> Json:
    return {"type": kind, "action_id": "a", **more}


def button(**more: Any) -> Json:
    return use("button", text=plain("Go"), **more)


def actions(*elements: Any) -> Json:
    return {"type": "actions", "elements": list(elements)}


def asks(kind: str, **more: Any) -> Json:
    return {"type": "input", "label": plain("L"), "element": use(kind, **more)}


def menu(kind: str = "static_select", **more: Any) -> Json:
    return actions(use(kind, **{"options": [option("A")], **more}))


def picture(**more: Any) -> Json:
    return {"type": "image", "alt_text": "x", "image_url": "https://e.test/x.png", **more}


def table(*cells: Json, rows: int = 1) -> Json:
    return {"type": "table", "rows": [list(cells)] * rows}


CELL = {"type": "raw_text", "text": "x"}
CONFIRM = {"title": plain("T"), "text": mrkdwn("x"), "confirm": plain("Y"), "deny": plain("N")}
MANY = [option(f"o{number}") for number in range(11)]
REFUSED: list[tuple[str, Json, str]] = [
    ("text", section(text={"type": "html", "text": "x"}), "/blocks/0/text"),
    ("emoji of mrkdwn", section(text=mrkdwn("x") | {"emoji": True}), "additional property: emoji"),
    ("no type", section(text={"text": "x"}), "missing required field: type"),
    ("unknown field", section(colour="red"), "additional property: colour [json-pointer:/blocks/0/colour]"),
    ("field of an element", actions(button(colour="red")), "/blocks/0/elements/0/colour"),
    ("place of an element", actions(use("plain_text_input")), "type: plain_text_input"),
    ("accessory", section(accessory=use("datetimepicker")), "/blocks/0/accessory/type"),
    ("unknown element", actions(use("slider")), "unsupported type: slider"),
    ("context", {"type": "context", "elements": [button()]}, "unsupported type: button"),
    ("no list", {"type": "actions", "elements": {"type": "button"}}, "must be an array"),
    ("no element", actions("button"), "must be an object"),
    ("button's url", actions(button(url="nowhere")), "must be a valid url"),
    ("button's text", actions(use("button", text=mrkdwn("x"))), "plain_text object"),
    ("confirm", actions(button(confirm="sure?")), "/blocks/0/elements/0/confirm"),
    ("confirm's title", actions(button(confirm=CONFIRM | {"title": plain("x" * 101)})), "1 to 100"),
    ("confirm's kind", actions(button(confirm=CONFIRM | {"deny": mrkdwn("x")})), "/confirm/deny"),
    ("placeholder", menu(placeholder=mrkdwn("x")), "/blocks/0/elements/0/placeholder"),
    ("option's text", menu(options=[option("x" * 76)]), "less than 76"),
    ("option's kind", menu(options=[{"text": mrkdwn("x"), "value": "v"}]), "plain_text object"),
    ("option's value", menu(options=[option("x") | {"value": "v" * 151}]), "less than 151"),
    ("no value", menu(options=[{"text": plain("x")}]), "field: value"),
    ("option's description", menu(options=[option("x", description=plain("d" * 76))]), "less than 76"),
    ("option's url", menu(options=[option("x", url="https://e.test")]), "additional property: url"),
    ("same values", menu(options=[option("A"), option("A")]), "values of their own"),
    ("group", menu(options=None, option_groups=[{"label": "x", "options": [option("A")]}]), "/label"),
    ("initial option", menu(initial_option=option("B")), "one of the options"),
    ("initial options", menu("multi_static_select", initial_options=[option("B")]), "one of the options"),
    ("most", menu("multi_static_select", max_selected_items=0), "from 1 to"),
    ("checkboxes", menu("checkboxes", options=MANY), "no more than 10"),
    ("radio buttons", menu("radio_buttons", options=MANY), "no more than 10"),
    ("date and time", actions(use("datetimepicker", initial_date_time=123)), "10 digits"),
    ("filter", actions(use("conversations_select", filter={})), "/filter"),
    ("workflow", actions(use("workflow_button", text=plain("x"))), "field: workflow"),
    (
        "icon",
        {"type": "context_actions", "elements": [use("icon_button", icon="x", text=plain("x"))]},
        "/icon",
    ),
    ("label", asks("plain_text_input") | {"label": mrkdwn("L")}, "/blocks/0/label"),
    ("file in a message", asks("file_input"), "unsupported type: file_input"),
    ("too long", asks("plain_text_input", max_length=3001), "from 1 to 3000"),
    ("lengths", asks("plain_text_input", max_length=3, min_length=5), "min_length"),
    ("number", asks("number_input"), "is_decimal_allowed"),
    ("dispatch", asks("url_text_input", dispatch_action_config={"trigger_actions_on": ["x"]}), "enum value"),
    ("no picture", {"type": "image", "alt_text": "x"}, "must define either"),
    ("both pictures", picture(slack_file={"id": "F1"}), "must define either"),
    ("no words", picture(alt_text=""), "/blocks/0/alt_text"),
    ("words missing", {"type": "image", "image_url": "https://e.test/x.png"}, "alt_text"),
    ("rich part", rich({"type": "rich_text_song", "elements": []}), "type: rich_text_song"),
    ("rich word", rich(words({"type": "sparkle"})), "type: sparkle"),
    ("rich nothing", rich(words({"type": "text", "text": ""})), "more than 0"),
    ("rows", table(CELL, rows=101), "1 to 100"),
    ("cells", table(*[CELL] * 21), "no more than 20"),
    ("cell", table(CELL | {"text": ""}), "more than 0"),
    ("kind of cell", table(section()), "unsupported type: section"),
    (
        "within",
        {"type": "container", "title": plain("x"), "child_blocks": [section(colour="red")]},
        "/blocks/0/child_blocks/0/colour",
    ),
    (
        "film",
        {
            "type": "video",
            "title": plain("x"),
            "alt_text": "x",
            "video_url": "http://e.test",
            "thumbnail_url": "https://e.test",
        },
        "https url",
    ),
]


@pytest.mark.parametrize(("block", "said"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED])
def test_what_slack_refuses_is_refused(block: Json, said: str) -> None:
    with pytest.raises(SlackError) as refused:
        check_blocks([block], MESSAGE_BLOCKS)
    assert refused.value.code == "invalid_blocks"
    assert any(said in line for line in refused.value.messages), refused.value.messages
    assert all("[json-pointer:/blocks" in line and "__init__" not in line for line in refused.value.messages)


def test_one_table_is_enough() -> None:
    check_message("x", [table(CELL)], POST_TEXT)
    with pytest.raises(SlackError, match="invalid_attachments"):
        check_message("x", [table(CELL), table(CELL)], POST_TEXT)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"colour": "red"}, "additional property: colour"),
        ({"external_id": "x" * 256}, "external_id"),
        ({"blocks": [table(CELL)]}, "unsupported type: table"),
        ({"blocks": [asks("url_text_input", focus_on_load=True)] * 2}, "only one element"),
        ({"blocks": [asks("url_text_input")], "submit": None}, "needs `submit`"),
        ({"blocks": ["x"]}, "field: type"),
    ],
)
def test_what_slack_refuses_of_a_view_is_refused(changes: Json, said: str) -> None:
    view = {"type": "modal", "title": plain("T"), "submit": plain("S"), "blocks": [asks("file_input")]}
    check_view(view)
    with pytest.raises(SlackError) as refused:
        check_view(view | changes)
    assert any(said in line for line in refused.value.messages), refused.value.messages


FIELDS = st.sampled_from(
    ["text", "options", "option_groups", "confirm", "initial_option", "placeholder", "max_length", "filter"]
)


@given(st.sampled_from(sorted(ELEMENTS)), st.dictionaries(FIELDS, JSON, max_size=4), JSON)
@settings(max_examples=2 * settings().max_examples)
def test_whatever_an_app_sends_is_refused_and_breaks_nothing(kind: str, more: Json, other: Any) -> None:
    element = use(kind, **more)
    shapes: list[Any] = [actions(element), section(accessory=element), asks(kind, **more), other]
    shapes += [{"type": name, "elements": other, "rows": other, "child_blocks": other} for name in BLOCKS]
    for shape in shapes:
        with suppress(SlackError):
            check_message("x", [shape], POST_TEXT)
        with suppress(SlackError):
            check_view({"type": "modal", "title": other, "submit": other, "blocks": [shape]})


BLOCKS = ("table", "container", "carousel", "card", "rich_text", "plan", "context", "video")
