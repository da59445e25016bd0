"""One example or more of every block and element that slack-sdk's models know."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text, "emoji": True}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def option(name: str, **more: Any) -> Json:
    return {"text": plain(name), "value": name.lower(), **more}


def rich(*elements: Json) -> Json:
    return {"type": "rich_text", "elements": list(elements)}


def words(*elements: Json) -> Json:
    return {"type": "rich_text_section", "elements": list(elements)}


def say(text: str, **style: bool) -> Json:
    return {"type": "text", "text": text, **({"style": style} if style else {})}


CONFIRM = {
    "title": plain("Really?"),
    "text": mrkdwn("This *cannot* be undone."),
    "confirm": plain("Do it"),
    "deny": plain("Keep it"),
    "style": "danger",
}
SIZES = [option("Small"), option("Medium"), option("Large")]
GROUPS = [
    {"label": plain("Near"), "options": [option("Paris")]},
    {"label": plain("Far"), "options": [option("Lima")]},
]
TASK = {
    "type": "task_card",
    "task_id": "t1",
    "title": "Plan",
    "status": "in_progress",
    "details": rich(words(say("2 to add"))),
    "output": rich(words(say("planned"))),
    "sources": [{"type": "url", "url": "https://example.test/plan", "text": "The plan"}],
}
CARD = {
    "type": "card",
    "title": mrkdwn("*demo*"),
    "subtitle": mrkdwn("sandbox"),
    "body": mrkdwn("Two hosts"),
    "icon": {"type": "image", "image_url": "https://example.test/i.png", "alt_text": "a host"},
    "hero_image": {"type": "image", "image_url": "https://example.test/h.png", "alt_text": "many hosts"},
    "actions": [{"type": "button", "action_id": "open", "text": plain("Open")}],
}

MARKDOWN = "## Title\n\n- one\n- **two** [link](https://example.test)\n\n| a | b |\n|---|---|\n| 1 | 2 |"

# By element type. Those of INPUT_ONLY stand in forms alone.
ELEMENTS: dict[str, Json] = {
    "button": {"text": plain("Approve"), "style": "primary", "value": "v", "confirm": CONFIRM},
    "workflow_button": {
        "text": plain("Run"),
        "workflow": {
            "trigger": {"url": "https://slack.com/shortcuts/Ft1/x", "customizable_input_parameters": []}
        },
    },
    "overflow": {
        "options": [option("Edit"), option("Delete", description=plain("for good"))],
        "confirm": CONFIRM,
    },
    "static_select": {"placeholder": plain("Size"), "options": SIZES, "initial_option": SIZES[1]},
    "multi_static_select": {"placeholder": plain("Towns"), "option_groups": GROUPS, "max_selected_items": 1},
    "users_select": {"placeholder": plain("Who")},
    "multi_users_select": {"placeholder": plain("Who all")},
    "channels_select": {"placeholder": plain("Where")},
    "multi_channels_select": {"placeholder": plain("Where all")},
    "conversations_select": {"placeholder": plain("Which"), "filter": {"include": ["public", "im"]}},
    "multi_conversations_select": {"placeholder": plain("Which all")},
    "external_select": {"placeholder": plain("Host"), "min_query_length": 0},
    "multi_external_select": {
        "placeholder": plain("Hosts"),
        "min_query_length": 1,
        "initial_options": SIZES[:1],
    },
    "checkboxes": {"options": [option("One"), option("Two", description=mrkdwn("the *second*"))]},
    "radio_buttons": {"options": SIZES, "initial_option": SIZES[0]},
    "datepicker": {"initial_date": "2026-11-24"},
    "timepicker": {"initial_time": "10:30"},
    "datetimepicker": {"initial_date_time": 1_795_510_800},
    "plain_text_input": {"multiline": True, "placeholder": plain("Why"), "max_length": 200},
    "email_text_input": {"placeholder": plain("you@example.test")},
    "url_text_input": {"placeholder": plain("https://")},
    "number_input": {"is_decimal_allowed": False, "min_value": "1", "max_value": "9", "initial_value": "3"},
    "rich_text_input": {"initial_value": rich(words(say("begun")))},
    "file_input": {"filetypes": ["txt", "png"], "max_files": 2},
    "feedback_buttons": {
        "positive_button": {"text": plain("Good"), "value": "good"},
        "negative_button": {"text": plain("Bad"), "value": "bad"},
    },
    "icon_button": {"icon": "trash", "text": plain("Delete"), "value": "d"},
}
INPUT_ONLY = (
    "plain_text_input",
    "email_text_input",
    "url_text_input",
    "number_input",
    "rich_text_input",
    "file_input",
)
CONTEXT_ONLY = ("feedback_buttons", "icon_button")
NO_ACCESSORY = (*INPUT_ONLY, *CONTEXT_ONLY, "datetimepicker")
PRESSED = ("button", "workflow_button", "overflow", *CONTEXT_ONLY)


# What else an element may have, so that each of its fields stands somewhere in the catalogue.
MORE: dict[str, Json] = {
    "button": {
        "url": "https://example.test/run",
        "accessibility_label": "Approve run 7",
        "visible_to_user_ids": ["U1"],
        "agent_prompt": "Tell me about run 7.",
        "agent_prompt_display": "About run 7",
    },
    "workflow_button": {"style": "danger", "accessibility_label": "Run it"},
    "static_select": {"options": None, "option_groups": GROUPS, "initial_option": GROUPS[0]["options"][0]},
    "multi_static_select": {"option_groups": None, "options": SIZES, "initial_options": SIZES[1:2]},
    "users_select": {"initial_user": "U1"},
    "multi_users_select": {"initial_users": ["U1"], "max_selected_items": 2},
    "channels_select": {"initial_channel": "C1", "response_url_enabled": True},
    "multi_channels_select": {"initial_channels": ["C1"], "max_selected_items": 2},
    "conversations_select": {
        "initial_conversation": "C1",
        "default_to_current_conversation": True,
        "response_url_enabled": True,
    },
    "multi_conversations_select": {
        "initial_conversations": ["C1"],
        "default_to_current_conversation": True,
        "max_selected_items": 2,
        "filter": {
            "include": ["public"],
            "exclude_bot_users": True,
            "exclude_external_shared_channels": True,
        },
    },
    "external_select": {"initial_option": SIZES[2]},
    "multi_external_select": {"max_selected_items": 3},
    "checkboxes": {"initial_options": [option("One")]},
    "timepicker": {"timezone": "Europe/Paris"},
    "plain_text_input": {"min_length": 2, "initial_value": "begun"},
    "email_text_input": {"initial_value": "riley@example.test"},
    "url_text_input": {"initial_value": "https://example.test/begun"},
    "rich_text_input": {"min_lines": 2, "max_lines": 9},
    "icon_button": {
        "accessibility_label": "Delete the note",
        "visible_to_user_ids": ["U1"],
        "confirm": CONFIRM,
    },
}
DISPATCHED = ("plain_text_input", "email_text_input", "url_text_input", "number_input", "rich_text_input")


def full(kind: str) -> Json:
    """An element with every field that it may have."""
    shape = element(kind)
    if kind in DISPATCHED:
        shape["dispatch_action_config"] = {"trigger_actions_on": ["on_character_entered"]}
        shape["placeholder"] = plain("Something")
    elif kind not in (*PRESSED, "file_input"):
        shape["confirm"] = CONFIRM
    if kind not in (*PRESSED, "file_input"):
        shape["focus_on_load"] = True
    if kind in ("datepicker", "timepicker"):
        shape["placeholder"] = plain("Something")
    return {name: value for name, value in (shape | MORE.get(kind, {})).items() if value is not None}


def element(kind: str) -> Json:
    return {"type": kind, "action_id": f"use-{kind}", **ELEMENTS[kind]}


def picture(file_id: str = "") -> Json:
    source = {"slack_file": {"id": file_id}} if file_id else {"image_url": "https://example.test/cat.png"}
    return {"type": "image", "alt_text": "a cat", **source}


RICH_TEXT = rich(
    words(
        say("bold", bold=True),
        say(" italic", italic=True),
        say(" struck", strike=True),
        say(" code", code=True),
        say(" all", bold=True, italic=True, strike=True),
        {"type": "link", "url": "https://example.test/?a=1&b=2", "text": "a link"},
        {"type": "emoji", "name": "tada"},
        {"type": "user", "user_id": "U00000001"},
        {"type": "channel", "channel_id": "C00000001"},
        {"type": "usergroup", "usergroup_id": "S1"},
        {"type": "team", "team_id": "T00000001"},
        {"type": "broadcast", "range": "here"},
        {"type": "date", "timestamp": 1_795_510_800, "format": "{date_long} at {time}", "fallback": "then"},
        {"type": "color", "value": "#0b6b4f"},
    ),
    {
        "type": "rich_text_list",
        "style": "ordered",
        "indent": 0,
        "offset": 2,
        "border": 0,
        "elements": [words(say("third")), words(say("fourth"))],
    },
    {"type": "rich_text_list", "style": "bullet", "indent": 1, "elements": [words(say("inside"))]},
    {"type": "rich_text_preformatted", "elements": [say("$ terraform plan")], "border": 0},
    {"type": "rich_text_quote", "elements": [say("said before")]},
)


def message_blocks(file_id: str = "") -> list[Json]:
    """Everything that a message may carry."""
    both = [
        {"type": "section", "text": mrkdwn(f"A {kind}:"), "accessory": element(kind)}
        for kind in ELEMENTS
        if kind not in NO_ACCESSORY
    ]
    return [
        {"type": "header", "text": plain("Everything :tada:")},
        {
            "type": "section",
            "text": mrkdwn("*bold* _italic_ ~struck~ `code` <https://example.test|a link> :eyes:"),
        },
        {
            "type": "section",
            "fields": [mrkdwn("*State*\nproposed"), plain("plain"), mrkdwn("> quoted\n```pre```")],
        },
        *both,
        {"type": "section", "text": plain("With a picture"), "accessory": picture(file_id)},
        {"type": "divider"},
        {"type": "image", "title": plain("A picture"), "alt_text": "a cat", **picture(file_id)},
        {"type": "image", "alt_text": "a dog", "image_url": "https://elsewhere.test/dog.png"},
        {"type": "context", "elements": [picture(file_id), mrkdwn("by <@U00000001>"), plain("today")]},
        {
            "type": "actions",
            "elements": [
                element(kind) for kind in ("button", "static_select", "datepicker", "datetimepicker")
            ],
        },
        {"type": "context_actions", "elements": [element("feedback_buttons"), element("icon_button")]},
        RICH_TEXT,
        *special_blocks(),
    ]


def special_blocks() -> list[Json]:
    """The blocks of which one example is enough."""
    return [
        {"type": "markdown", "text": MARKDOWN},
        {
            "type": "table",
            "column_settings": [{"align": "left"}, {"align": "right", "is_wrapped": True}],
            "rows": [
                [{"type": "raw_text", "text": "Resource"}, {"type": "raw_text", "text": "Count"}],
                [rich(words(say("droplet", bold=True))), {"type": "raw_number", "value": 2, "text": "2"}],
            ],
        },
        {"type": "alert", "level": "warning", "text": mrkdwn("ssh is *open*")},
        CARD,
        {"type": "carousel", "elements": [CARD, CARD]},
        {
            "type": "container",
            "title": plain("More"),
            "subtitle": mrkdwn("of it"),
            "is_collapsible": True,
            "icon": picture(),
            "child_blocks": [{"type": "section", "text": mrkdwn("inside"), "accessory": element("button")}],
        },
        TASK,
        {
            "type": "plan",
            "title": "All tasks",
            "tasks": [TASK, TASK | {"task_id": "t2", "status": "complete"}],
        },
        {
            "type": "auth_provider",
            "value": "git",
            "name": plain("Git"),
            "is_connected": True,
            "description": plain("Where branches are"),
            "connected_identity": plain("riley"),
            "connected_context": plain("since Monday"),
            "accessory": element("overflow"),
        },
        {
            "type": "video",
            "title": plain("How it works"),
            "title_url": "https://example.test/v",
            "video_url": "https://example.test/embed/v",
            "thumbnail_url": "https://example.test/v.png",
            "alt_text": "a film",
            "author_name": "Ada",
            "description": plain("In a minute"),
        },
        {"type": "file", "external_id": "ABCD", "source": "remote"},
        {
            "type": "call",
            "call_id": "R1",
            "call": {"v1": {"name": "Stand-up", "join_url": "https://example.test/c"}},
        },
    ]


def full_blocks() -> list[Json]:
    """Elements and blocks with every field that they may have."""
    pressed = [full(kind) for kind in ELEMENTS if kind in PRESSED and kind not in CONTEXT_ONLY]
    return [
        {"type": "actions", "elements": pressed},
        {"type": "context_actions", "elements": [full(kind) for kind in CONTEXT_ONLY]},
        *(
            {
                "type": "input",
                "label": plain(f"The {kind}"),
                "hint": plain("as you like"),
                "optional": True,
                "dispatch_action": True,
                "element": full(kind),
            }
            for kind in ELEMENTS
            if kind not in PRESSED
        ),
        {
            "type": "section",
            "text": mrkdwn("all of *it* at https://example.test/") | {"verbatim": True},
            "expand": True,
        },
        {
            "type": "container",
            "rich_text_title": rich(words(say("Rich title", bold=True))),
            "width": "wide",
            "has_header_divider": True,
            "default_collapsed": False,
            "child_blocks": [{"type": "divider"}],
        },
        {
            "type": "auth_provider",
            "value": "git",
            "name": plain("Git"),
            "is_connected": False,
            "auth_url": "https://example.test/connect",
            "disconnect_url": "https://example.test/disconnect",
            "icon_url": "https://example.test/git.png",
            "fallback": [{"type": "divider"}],
        },
        {
            "type": "video",
            "title": plain("How it works"),
            "video_url": "https://example.test/embed/v",
            "thumbnail_url": "https://example.test/v.png",
            "alt_text": "a film",
            "provider_name": "Films",
            "provider_icon_url": "https://example.test/f.png",
        },
        {
            "type": "call",
            "call_id": "R1",
            "api_decoration_available": False,
            "call": {"v1": {"name": "Stand-up", "join_url": "https://example.test/c"}},
        },
        rich(
            words(
                {"type": "emoji", "name": "thumbsup", "skin_tone": 3},
                {"type": "emoji", "name": "unheard_of", "unicode": "1f389"},
                {
                    "type": "date",
                    "timestamp": 1_795_510_800,
                    "format": "{date_num}",
                    "url": "https://e.test/",
                },
                say("under", underline=True),
                *(
                    {**part, "style": {"bold": True}}
                    for part in RICH_TEXT["elements"][0]["elements"]
                    if part["type"] not in ("text", "date")
                ),
                {"type": "date", "timestamp": 0, "format": "{date_num}", "style": {"italic": True}},
            )
        ),
    ]


def form_blocks() -> list[Json]:
    """Every element that a form may ask for."""
    return [
        {
            "type": "input",
            "block_id": f"in-{kind}",
            "label": plain(f"A {kind}"),
            "hint": plain("as you like"),
            "optional": True,
            "element": element(kind),
        }
        for kind in ELEMENTS
        if kind not in PRESSED
    ]
