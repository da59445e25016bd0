from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bot.views import message
from bot.views.message import data, safe_mrkdwn, shorten, span
from commands import words
from commands.request import Button
from state.records import Person
from tests.bot.views.reading import check, check_mrkdwn, hostile


def test_our_sentences_keep_people_channels_and_dates() -> None:
    said = (
        f"Ask {words.mention(Person('T1', 'U1'))} in <#C1> at {words.at(datetime(2026, 11, 24, tzinfo=UTC))}."
    )
    assert safe_mrkdwn(said) == said
    assert safe_mrkdwn("*bold* and `code`") == "*bold* and `code`"


def test_everything_else_is_escaped() -> None:
    assert safe_mrkdwn("<!channel> & <https://x|y> <@lower>") == (
        "&lt;!channel&gt; &amp; &lt;https://x|y&gt; &lt;@lower&gt;"
    )
    assert safe_mrkdwn("<!date^1^{time}|<!here>>") == "&lt;!date^1^{time}|&lt;!here&gt;&gt;"
    assert data("<@U1> *x*") == "@U1 ∗x∗"
    assert span("a`b <!here>") == "`a'b !here`"


def test_a_cut_leaves_entities_mentions_and_code_whole() -> None:
    assert shorten("&amp;" * 10, 20) == "&amp;&amp;&amp;…"
    assert shorten("<@U123456789> and <@U123456789>", 25) == "<@U123456789> and…"
    assert shorten("`" + "x" * 50 + "`", 20) == "`" + "x" * 14 + "…`"
    assert shorten("```\n" + "x" * 50 + "\n```", 20).endswith("…\n```")


def test_a_repeated_action_gets_a_number_that_comes_off_again() -> None:
    buttons = [Button("Extend 4h", "extend", "demo 4h"), Button("Extend 8h", "extend", "demo 8h")]
    element_ids = [each["action_id"] for each in message.actions(buttons, "row").to_dict()["elements"]]
    assert element_ids == ["extend", "extend:2"]
    assert [message.action_of(each) for each in element_ids] == ["extend", "extend"]


def test_the_longest_text_gives_way_when_all_is_too_much() -> None:
    long = message.message("many", [message.section("x" * 3000) for _ in range(6)])
    check(long)
    assert len(long.blocks) == 6


@given(hostile, st.integers(min_value=10, max_value=3000))
def test_no_text_gets_past_its_limit_or_its_escapes(text: str, limit: int) -> None:
    for shown in (safe_mrkdwn(text, limit), data(text, limit), span(text, limit)):
        assert len(shown) <= limit
        assert "\u202e" not in shown
        check_mrkdwn(shown.replace("`", ""))
    assert "<@" not in data(text, limit) + span(text, limit)


@given(st.lists(hostile, min_size=1, max_size=60))
def test_any_sections_make_a_message(texts: list[str]) -> None:
    check(message.message(safe_mrkdwn(texts[0]), [message.section(safe_mrkdwn(text)) for text in texts]))
