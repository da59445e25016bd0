from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from commands import grammar
from commands.request import Refused
from state.records import Person
from tests.commands.refusals import refused


def test_a_command_is_split_into_words() -> None:
    text = "up web demo size=large title='two words' ttl=8h"
    assert grammar.parse(text, "/lab") == (
        "lab",
        "up",
        "web",
        "demo",
        "size=large",
        "title=two words",
        "ttl=8h",
    )
    assert grammar.parse("", "/operator") == ("operator",)


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("title=“two words”", "title=two words"),
        ("title=‘two words’", "title=two words"),
        ("title='don’t do it'", "title=don’t do it"),
        ("title=don't", "title=don't"),
        ("'two words'", "two words"),
        ("title=''", "title="),
        ('path="C:\\new"', "path=C:\\new"),
        ("a\u00a0", "a"),
        ("x=&lt;b&gt; ", "x=<b>"),
        ("x=&amp;lt;", "x=&lt;"),
        ("url=<https://example.com/a?b=c|https://example.com/a?b=c>", "url=https://example.com/a?b=c"),
        ("url=<https://example.com>", "url=https://example.com"),
        ("domain=<http://lab.test|lab.test>", "domain=lab.test"),
        ("to=<mailto:a@b.test|a@b.test>", "to=a@b.test"),
        ("<@U123|anna>", "<@U123>"),
        ("<@U123>", "<@U123>"),
        ("in=<#C123|general>", "in=<#C123>"),
        ("say=<!channel>", "say=@channel"),
        ("say=<!subteam^S1|@infra>", "say=@infra"),
        ("who=🙂👩‍💻", "who=🙂👩‍💻"),
        ('x=${file("/etc/passwd")}', 'x=${file("/etc/passwd")}'),
    ],
)
def test_a_word_is_what_the_person_typed(typed: str, word: str) -> None:
    assert grammar.parse(typed, "/lab") == ("lab", word)


def test_a_mention_says_the_same_as_a_command() -> None:
    assert grammar.parse("<@UBOT> up web", "@") == ("lab", "up", "web")
    assert grammar.parse("<@UBOT> /operator list", "@") == ("operator", "list")
    assert grammar.parse("<@UBOT> key list", "@") == ("key", "list")
    assert grammar.parse("<@UBOT>", "@") == ("lab",)
    assert grammar.parse("/lab list all page=2", "@") == ("lab", "list", "all", "page=2")
    assert grammar.parse("/lab list", "/lab") == ("lab", "list")


@pytest.mark.parametrize(
    "character", ["\u202e", "\u2066", "\u200f", "\u200b", "\x00", "\x1b", "\x7f", "\ufeff", "\ud800"]
)
def test_invisible_characters_are_refused_by_their_number(character: str) -> None:
    told = refused(grammar.parse, f"up web de{character}mo", "/lab")
    assert f"U+{ord(character):04X}" in told.sentence
    assert character not in told.sentence
    assert told.example == "/lab help"


def test_a_hidden_character_inside_a_mention_is_refused_too() -> None:
    assert "U+202E" in refused(grammar.parse, "x=<https://a\u202eb>", "/lab").sentence


def test_five_thousand_characters_are_too_many() -> None:
    told = refused(grammar.parse, "x" * 5000, "/lab")
    assert told.sentence == "That has 5,000 characters, and I read up to 2,000. Say it shorter."
    assert grammar.parse("&amp;" * 2000, "/lab") == ("lab", "&" * 2000)


def test_an_open_quote_is_told_without_its_value() -> None:
    told = refused(grammar.parse, "up web password='hunter2", "/lab")
    assert told.sentence == "The quote in `password` has no end."
    assert "hunter2" not in told.sentence + told.example


@given(st.text(max_size=200), st.sampled_from(["/lab", "/key", "@"]))
@example("''", "/lab")
@example("<", "/lab")
@example("=“", "@")
def test_any_text_is_words_or_a_refusal(text: str, surface: str) -> None:
    try:
        found = grammar.parse(text, surface)
    except Refused as told:
        found = (told.sentence, told.example)
    assert found
    assert all(unicodedata.category(character) not in {"Cc", "Cs"} for word in found for character in word)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=60))
def test_whatever_slack_escapes_comes_back(value: str) -> None:
    sent = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    quote = "'" if not set(value) & set("'‘’‚‛") else '"'
    if not set(value) & set("'‘’‚‛") or not set(value) & set('"“”„‟'):
        assert grammar.parse(f"up x={quote}{sent} {sent}{quote}", "/lab") == (
            "lab",
            "up",
            f"x={value} {value}",
        )


@pytest.mark.parametrize("word", ["demo", "web-7", "a1b", "a" * 40])
def test_good_names_stay(word: str) -> None:
    assert grammar.lab_name(word) == word


@pytest.mark.parametrize(
    ("word", "example"),
    [
        ("../../etc", "/lab up sandbox etc"),
        ("Demo", "/lab up sandbox demo"),
        ("My Lab!", "/lab up sandbox my-lab"),
        ("7web", "/lab up sandbox web"),
        ("web-", "/lab up sandbox web"),
        ("🙂", "/lab up sandbox demo"),
        ("ab", "/lab up sandbox demo"),
        ("", "/lab up sandbox demo"),
        ("a" * 41, "/lab up sandbox " + "a" * 40),
        ("démo", "/lab up sandbox demo"),
        ("demo\n", "/lab up sandbox demo"),
    ],
)
def test_a_bad_name_gets_the_nearest_good_one(word: str, example: str) -> None:
    told = refused(grammar.lab_name, word)
    assert "3 to 40 lower-case letters, digits and hyphens" in told.sentence
    assert told.example == example


def test_a_long_wrong_name_is_cut_where_it_is_shown() -> None:
    told = refused(grammar.lab_name, "x" * 1500)
    assert "x" * 41 not in told.sentence
    assert "1,500" in told.sentence


@given(st.text(max_size=80))
def test_what_is_suggested_for_a_name_is_a_name(word: str) -> None:
    try:
        name = grammar.lab_name(word)
    except Refused as told:
        name = told.example.split()[-1]
    assert grammar.LAB_NAME.fullmatch(name)


def test_assignments_are_told_from_words() -> None:
    found = grammar.assignments(["web", "demo", "size=large", "note=a=b", "empty=", "ttl=8h"])
    assert found == ({"size": "large", "note": "a=b", "empty": ""}, 28_800, ("web", "demo"))
    assert grammar.assignments([]) == ({}, None, ())


def test_wrong_assignments_are_told_without_their_values() -> None:
    assert (
        refused(grammar.assignments, ["size=a", "size=b"]).sentence == "`size` is given twice. Say it once."
    )
    told = refused(grammar.assignments, ["9lives=secret"])
    assert told.sentence == "`9lives` before the = is not a variable's name. Write VAR=VALUE."
    assert refused(grammar.assignments, ["=x"]).example == "/lab up sandbox demo size=large ttl=8h"


@pytest.mark.parametrize("word", ["forever", "-1h", "0", "0h", "", "4", "99999d", "9" * 300 + "h", "<@U1>"])
def test_what_is_no_lifetime_gets_an_example(word: str) -> None:
    told = refused(grammar.duration, word)
    assert told.example == "4h"
    assert "9" * 41 not in told.sentence


def test_roles_are_those_there_are() -> None:
    assert grammar.roles("operator,infra,operator") == ("operator", "infra")
    assert (
        refused(grammar.roles, "infra,secuirty").sentence
        == "There is no role `secuirty`. Did you mean `security`?"
    )
    assert "operator, infra, security and admin" in refused(grammar.roles, "boss").sentence
    assert refused(grammar.roles, ",").sentence == "Say which role: operator, infra, security or admin."


def test_a_person_is_a_mention() -> None:
    anna = Person("T1", "U123")
    for word in ("<@U123>", "<@U123|anna>", "T1-U123", "T1:U123"):
        assert grammar.person(word, "T1") == anna
    assert grammar.person_of("<@W1>", "T9") == Person("T9", "W1")
    assert grammar.person_of("anna", "T1") is None
    assert "pick the person from Slack's list" in refused(grammar.person, "@anna", "T1").sentence
    assert "Mention them with @" in refused(grammar.person, "<@lower>", "T1").sentence
