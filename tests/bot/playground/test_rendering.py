"""The page's HTML: every block is known, and no text, name or address of anybody's becomes markup."""

from __future__ import annotations

import inspect
import string
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import slack_sdk.models.blocks.block_elements as sdk_elements
import slack_sdk.models.blocks.blocks as sdk_blocks
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from bot.playground.checks import check_blocks
from bot.playground.model import Channel, File, Message, SlashCommand, User
from bot.playground.mrkdwn import parts_of, text_of
from bot.playground.page.dates import at, formatted, relative, zone_of_machine
from bot.playground.page.emoji_names import character, replaced
from bot.playground.page.hints import forms, hints
from bot.playground.page.render import Reader, environment, safe_url
from bot.playground.page.seen import Replies, message_html
from tests.bot.playground import block_kit

PICTURE = File("F1", "cat.png", "cat", "U1", 0, b"\x89PNG", "png", "image/png", is_uploaded=True)
READER = Reader(
    me="U1",
    timezone="Europe/Paris",
    now=1_795_510_800.0,
    people={"U1": User("U1", "T1", "riley", "Riley"), "U2": User("U2", "T1", "ines", "<b>Ines</b>")},
    channels={"C1": Channel("C1", "lab", frozenset({"U1"}))},
    files={"F1": PICTURE},
    base_url="http://127.0.0.1:3999",
)
NOTHING = Replies(0, (), 0.0)
TAGS = {
    *(
        "article",
        "div",
        "span",
        "time",
        "strong",
        "em",
        "s",
        "code",
        "pre",
        "blockquote",
        "ul",
        "ol",
        "li",
        "a",
        "img",
    ),
    *(
        "button",
        "small",
        "h1",
        "h2",
        "h3",
        "hr",
        "p",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "figure",
        "figcaption",
    ),
    *(
        "details",
        "summary",
        "select",
        "option",
        "optgroup",
        "fieldset",
        "legend",
        "label",
        "input",
        "template",
        "form",
    ),
    *("svg", "path", "rect", "br", "del", "textarea", "u", "mark"),
}


class Found(HTMLParser):
    """The tags and attributes of an HTML text, as a browser would see them, and its words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words += data


def html_of(*blocks: Any, text: str = "x", **more: Any) -> str:
    numbered = [{"block_id": f"b{place}", **block} for place, block in enumerate(blocks)]
    return message_html(READER, Message("1.000001", "C1", "U2", text, tuple(numbered), **more), NOTHING)


def expect_harmless(html: str) -> Found:
    found = Found(html)
    assert set(found.tags) <= TAGS
    for name, value in found.attributes:
        assert not name.startswith("on")
        assert name not in ("style", "srcdoc", "formaction")
        if name in ("href", "data-url"):
            assert value.startswith(("http://", "https://", "mailto:", "/files/", "/static/"))
        if name == "src":
            assert value == "/files/F1"
    return found


def known_to_the_sdk(*modules: Any) -> dict[str, Any]:
    """The models of slack-sdk that have a type, by it."""
    classes = [each for module in modules for _, each in inspect.getmembers(module, inspect.isclass)]
    return {each.type: each for each in classes if isinstance(getattr(each, "type", None), str)}


def fields_of(model: Any) -> set[str]:
    """What a model is made of, without what all have."""
    return set(inspect.signature(model).parameters) - {"type", "subtype", "block_id", "action_id", "others"}


def parts_in(shape: Any) -> Iterator[Any]:
    """Everything in a block that has a type, the block itself too."""
    if isinstance(shape, dict):
        if isinstance(shape.get("type"), str):
            yield shape
        for inner in shape.values():
            yield from parts_in(inner)
    elif isinstance(shape, list):
        for inner in shape:
            yield from parts_in(inner)


def texts_in(part: Any) -> Iterator[str]:
    """What a person reads of a part, without its marks."""
    kind, text = part["type"], part.get("text")
    if kind == "mrkdwn":
        yield from (inner["text"] for each in parts_of(text) for inner in each["elements"] if "text" in inner)
    elif isinstance(text, str) and kind != "markdown":
        yield replaced(text)
    for name in ("alt_text", "author_name", "provider_name", "external_id", "title", "value"):
        if isinstance(part.get(name), str) and kind in (
            "image",
            "video",
            "file",
            "task_card",
            "plan",
            "color",
        ):
            yield part[name]


CATALOGUE = [*block_kit.message_blocks("F1"), *block_kit.form_blocks(), *block_kit.full_blocks()]


def test_the_catalogue_has_all_that_slack_sdk_knows() -> None:
    """Every type, and every field of it."""
    shown: dict[str, set[str]] = {}
    for part in parts_in(CATALOGUE):
        shown.setdefault(part["type"], set()).update(part)
    known = known_to_the_sdk(sdk_blocks, sdk_elements, sdk_elements.RichTextElementParts)
    assert len(known) >= 65
    assert set(known) - set(shown) == set()
    missing = {kind: fields_of(model) - shown[kind] for kind, model in known.items()}
    assert {kind: fields for kind, fields in missing.items() if fields} == {}


@pytest.mark.parametrize("block", CATALOGUE, ids=lambda each: each["type"])
def test_every_block_is_one_of_slacks_and_is_shown(block: dict[str, Any]) -> None:
    parsed = Block.parse(block)
    assert parsed is not None
    assert parsed.to_dict() == block
    kind = "modal" if block.get("element", {}).get("type") == "file_input" else "message"
    check_blocks([block], 50, kind)
    html = html_of(block)
    found = expect_harmless(html)
    assert "does not know" not in html
    readable = " ".join([found.words, *(value for _, value in found.attributes)])
    texts = [text for part in parts_in(block) for text in texts_in(part)]
    assert [text for text in texts if " ".join(text.split()) not in " ".join(readable.split())] == []


def test_what_is_unknown_is_shown_as_such() -> None:
    found = expect_harmless(html_of({"type": "hologram", "text": "<b>"}))
    assert "This page does not know the block hologram." in found.words
    assert (
        "This page does not know the element lever."
        in expect_harmless(
            html_of({"type": "actions", "elements": [{"type": "lever", "action_id": "a"}]})
        ).words
    )


HOSTILE = st.text(st.sampled_from(string.printable + "é✓\u202e"), max_size=40) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "<javascript:alert(1)|x>",
        '<https://example.test/" onclick="x|y>',
        "<!date^1^{date}^javascript:alert(1)|x>",
        "*_~`<b>`~_*",
        "&lt;img src=x&gt;",
        "</template><script>",
        "<@U2|<i>>",
    ]
)


@given(HOSTILE, HOSTILE)
@settings(max_examples=2 * settings().max_examples)
def test_no_text_becomes_markup(text: str, more: str) -> None:
    both = f"{text}{more}"
    plain = block_kit.plain(both or "x")
    button = {
        "type": "button",
        "action_id": text,
        "text": plain,
        "url": both,
        "value": more,
        "confirm": block_kit.CONFIRM,
    }
    html = html_of(
        {"type": "section", "text": block_kit.mrkdwn(both), "accessory": button, "block_id": more},
        {"type": "header", "text": plain},
        {"type": "markdown", "text": both},
        {"type": "image", "alt_text": both, "image_url": both, "title": plain},
        {
            "type": "input",
            "label": plain,
            "element": {"type": "plain_text_input", "action_id": both, "initial_value": both},
        },
        {
            "type": "actions",
            "elements": [
                {"type": "static_select", "action_id": "s", "options": [block_kit.option(both or "x")]}
            ],
        },
        block_kit.rich(block_kit.words(block_kit.say(both), {"type": "link", "url": both, "text": text})),
        {"type": both, "x": both},
        files=(File("F2", both, both, "U1", 0, both.encode(), "text", "text/plain"),),
        reactions=((text or "x", "U2"),),
    )
    expect_harmless(html)
    expect_harmless(html_of(text=both or "x"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "url", "value"]), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["text", "elements", "fields", "accessory", "element", "options", "rows", "title", "label"]
)


@given(st.sampled_from(sorted(known_to_the_sdk(sdk_blocks))), st.dictionaries(NAMES, JSON, max_size=4))
@settings(max_examples=2 * settings().max_examples)
def test_a_malformed_block_hides_no_other_message(kind: str, more: dict[str, Any]) -> None:
    expect_harmless(html_of({"type": kind, **more}))


@given(st.text(max_size=200))
def test_mrkdwn_loses_no_letters(text: str) -> None:
    """What has no marks in it comes out as it went in."""
    plain = "".join(letter for letter in text if letter.isalnum() or letter == " ").strip()
    said = "".join(part["text"] for each in parts_of(plain) for part in each["elements"])
    assert said == plain


def test_mrkdwn_is_read_as_slack_reads_it() -> None:
    first, code, last = parts_of("*bold _both_* <@U1> `a*b*`\n```x <https://e.test|e>\n```\n> said")
    assert first["elements"] == [
        {"type": "text", "text": "bold ", "style": {"bold": True}},
        {"type": "text", "text": "both", "style": {"bold": True, "italic": True}},
        {"type": "text", "text": " "},
        {"type": "user", "user_id": "U1", "label": ""},
        {"type": "text", "text": " "},
        {"type": "text", "text": "a*b*", "style": {"code": True}},
    ]
    assert code == {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "x e"}]}
    assert last["type"] == "rich_text_quote"
    (line,) = parts_of("see https://e.test/ and <https://e.test|e>", is_verbatim=True)
    assert [each["type"] for each in line["elements"]] == ["text", "link"]
    before, all_quoted = parts_of("said:\n&gt;&gt;&gt; one\n\ntwo *loud*")
    assert before["type"] == "rich_text_section"
    assert [each["text"] for each in all_quoted["elements"]] == ["one\n\ntwo ", "loud"]
    (line,) = parts_of("<!here> <!something|else>")
    assert [each["type"] for each in line["elements"]] == ["broadcast", "text", "text"]
    (line,) = parts_of("see https://e.test/a_b_c. a_b_c 2*3*4")
    assert [each["type"] for each in line["elements"]] == ["text", "link", "text"]


def test_a_rich_text_is_gone_on_with_as_one_would_type_it() -> None:
    typed = text_of(block_kit.RICH_TEXT)
    for words in (
        "*bold*",
        "_italic_",
        "`code`",
        "https://example.test/",
        ":tada:",
        "1. third",
        "```$ terraform",
    ):
        assert words in typed
    assert typed.endswith("> said before")
    first, *_ = parts_of(typed)
    assert first["elements"][0] == {"type": "text", "text": "bold", "style": {"bold": True}}
    found = Found(
        html_of(
            {"type": "input", "label": block_kit.plain("x"), "element": block_kit.element("rich_text_input")}
        )
    )
    assert "begun" in found.words


@given(st.text(max_size=30))
def test_only_three_kinds_of_address_are_followed(text: str) -> None:
    assert safe_url(text) == "" or text.strip().lower().startswith(("http:", "https:", "mailto:"))
    for wrong in (
        "javascript:",
        "JavaScript:",
        "data:text/html,",
        "vbscript:",
        " java\nscript:",
        "file:///",
        "//",
    ):
        assert safe_url(wrong + text) in ("",)


def test_times_are_the_readers() -> None:
    now = 1_795_510_800.0  # 2026-11-24 10:00 in Paris
    assert formatted(now, "{date_short_pretty} at {time}", "Europe/Paris", now) == "today at 10:00"
    assert formatted(now + 86_400, "{date_pretty}, {time}", "Asia/Tokyo", now) == "tomorrow, 18:00"
    assert formatted(now - 90, "{ago}", "UTC", now) == "1 minute ago"
    assert formatted(now, "{date_num} {nonsense}", "No/Where", now) == "2026-11-24 {nonsense}"
    assert formatted(now, "{date_long_full}", "UTC", now) == "24 November 2026"
    assert formatted(now - 400 * 86_400, "{day_divider_pretty}", "UTC", now) == "Monday 20 October 2025"
    assert formatted(1e20, "{date}", "UTC", now, "then") == "then"
    assert relative(7200) == "in 2 hours"
    assert at("2026-12-01T09:30", "Europe/Paris") == 1_796_113_800
    assert at("soon", "Europe/Paris") is None


def test_a_machine_tells_its_zone(tmp_path: Path) -> None:
    (tmp_path / "zoneinfo" / "Asia").mkdir(parents=True)
    (tmp_path / "zoneinfo" / "Asia" / "Tokyo").touch()
    (tmp_path / "localtime").symlink_to(tmp_path / "zoneinfo" / "Asia" / "Tokyo")
    for told, clock, zone in [
        ({}, "localtime", "Asia/Tokyo"),
        ({"TZ": ":America/Lima"}, "localtime", "America/Lima"),
        ({"TZ": "nonsense"}, "localtime", "Asia/Tokyo"),
        ({"TZ": "/etc/localtime"}, "nowhere", "UTC"),
    ]:
        assert zone_of_machine(told, tmp_path / clock) == zone


def test_attachments_are_shown_beside_a_bar_of_their_colour() -> None:
    attachments = (
        {
            "color": "36a64f",
            "title": "A title",
            "title_link": "javascript:alert(1)",
            "text": "*loud*",
            "fields": [{"title": "State", "value": "planned", "short": True}],
            "footer": "<b>foot",
            "ts": 1_795_510_800,
        },
        {"color": "url(x)", "blocks": [{"type": "header", "block_id": "h", "text": block_kit.plain("Head")}]},
        {"fallback": "fall back"},
        {"fields": 3},
    )
    found = expect_harmless(html_of(text="before", attachments=attachments[:3]))
    for words in (
        "before",
        "A title",
        "loud",
        "State",
        "planned",
        "<b>foot today at 10:00",
        "Head",
        "fall back",
    ):
        assert words in found.words
    assert ("fill", "#36a64f") in found.attributes
    assert not any("url(" in value for _, value in found.attributes)
    assert "malformed" in expect_harmless(html_of(attachments=attachments)).words


def test_some_buttons_are_for_some_people() -> None:
    button = {"type": "button", "action_id": "a", "text": block_kit.plain("Mine"), "value": "x"}
    for user, is_seen in (("U1", True), ("U2", False)):
        block = {"type": "actions", "elements": [button | {"visible_to_user_ids": [user]}]}
        assert ("Mine" in Found(html_of(block)).words) is is_seen


def test_a_long_menu_can_be_searched() -> None:
    for count, has_search in ((10, False), (11, True)):
        options = [block_kit.option(f"o{number}") for number in range(count)]
        menu = {"type": "multi_static_select", "action_id": "m", "options": options}
        found = Found(html_of({"type": "actions", "elements": [menu]}))
        assert (("data-filter", "") in found.attributes) is has_search


def test_a_relative_time_keeps_its_other_words_as_it_goes_on() -> None:
    when = "<!date^1795510740^{ago}, at {time}^https://e.test|then>"
    found = Found(html_of(text=when))
    assert "1 minute ago, at 09:59" in found.words
    assert ("data-format", "{ago}, at 09:59") in found.attributes


def test_emoji_have_slacks_names() -> None:
    assert character("white_check_mark") == "✅"
    assert character("large_green_circle") == "🟢"
    assert character("thumbsup::skin-tone-3") == "👍🏼"
    assert character("flag-fr") == "🇫🇷"
    assert character("man-woman-girl-boy") == "👨\u200d👩\u200d👧\u200d👦"
    assert character("female-technologist") == "👩\u200d💻"
    assert [character(name) for name in ("octagonal_sign", "large_purple_square", "flag-wales")] == [
        "🛑",
        "🟪",
        "🏴󠁧󠁢󠁷󠁬󠁳󠁿",
    ]
    assert character("our_own") == ""
    assert replaced(":tada: :our_own: 10:30:00") == "🎉 :our_own: 10:30:00"


LAB = SlashCommand("/lab", "catalog | up sandbox demo | list [mine|all] | extend NAME 4h", "Labs")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("/", ["/lab "]),
        ("/lab ", ["/lab catalog ", "/lab up ", "/lab list ", "/lab extend "]),
        ("/lab u", ["/lab up "]),
        ("/lab up ", ["/lab up sandbox ", "/lab up sandbox demo"]),
        ("/lab down", ["/lab down demo"]),
        ("/lab list ", ["/lab list "]),
        ("hello @in", ["hello @ines "]),
        ("#l", ["#lab "]),
        ("hello", []),
    ],
)
def test_what_may_come_next(typed: str, offered: list[str]) -> None:
    earlier = ["/lab down demo", "/lab up sandbox demo"]
    found = hints(typed, [LAB], earlier, READER.people.values(), READER.channels.values())
    assert [hint.text for hint in found][: len(offered)] == offered


@given(st.text(max_size=30), st.text(max_size=40))
def test_hints_go_on_from_what_was_typed(typed: str, usage_hint: str) -> None:
    for hint in hints(f"/lab {typed}", [SlashCommand("/lab", usage_hint)]):
        assert hint.text.startswith(f"/lab {typed}".rstrip())
    assert all(all(form) for form in forms(usage_hint))


def test_templates_escape() -> None:
    assert environment().autoescape is True
    assert environment().from_string("{{ x }}").render(x="<b>") == "&lt;b&gt;"
