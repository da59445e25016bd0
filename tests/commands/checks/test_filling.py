"""${output} in the texts of checks is filled in literally, and what is sensitive is shown to nobody."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.checks.filling import each_of, filled, named
from commands.engines.checks.looking import NotSo

NAMES = st.text(string.ascii_letters + "_", min_size=1, max_size=10)
SCALARS = st.one_of(st.text(), st.integers(), st.floats(allow_nan=False))
PIECES = st.lists(
    st.one_of(NAMES.map(lambda name: ("", name)), st.text().map(lambda text: (text, ""))), max_size=6
)


@given(pieces=PIECES, values=st.dictionaries(NAMES, SCALARS), data=st.data())
def test_each_value_stands_where_it_is_named_and_nothing_else_changes(
    pieces: list[tuple[str, str]], values: dict[str, Any], data: st.DataObject
) -> None:
    pieces = [(text.replace("$", ""), name) for text, name in pieces]
    values |= {name: data.draw(SCALARS) for _, name in pieces if name}
    text = "".join(f"{text}${{{name}}}" if name else text for text, name in pieces)
    clear, shown = filled(text, values)
    assert clear == shown == "".join(str(values[name]) if name else text for text, name in pieces)


@given(value=st.text(), before=st.text(), after=st.text())
def test_a_value_is_never_looked_at_for_more(value: str, before: str, after: str) -> None:
    value = f"${{other}}{value}${{secret}}"
    before, after = before.replace("$", ""), after.replace("$", "")
    clear, _ = filled(f"{before}${{one}}{after}", {"one": value, "other": "o", "secret": "s"})
    assert clear == f"{before}{value}{after}"


@given(secret=st.text(min_size=8, alphabet=string.ascii_letters + string.digits), rest=st.text(max_size=5))
def test_what_is_sensitive_is_filled_in_and_not_shown(secret: str, rest: str) -> None:
    clear, shown = filled("http://${host}/?token=${token}", {"host": "h", "token": secret}, {"token"})
    assert clear == f"http://h/?token={secret}"
    assert shown == "http://h/?token=(sensitive)"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"addres": "x"}, "the lab has no output address; did you mean addres?"),
        ({}, "the lab has no output address"),
        ({"address": {"a": 1}}, "its output address is not a single value"),
        ({"address": None}, "its output address is not a single value"),
    ],
)
def test_what_cannot_be_filled_in_is_named(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(NotSo) as told:
        filled("${address}:80", values)
    assert (told.value.sentence, told.value.is_final) == (sentence, True)


def test_truth_is_written_as_terraform_does() -> None:
    assert filled("${up}", {"up": True}) == ("true", "true")


def test_a_target_that_names_a_list_is_a_check_for_each_of_it() -> None:
    values = {"ports": [1, 2], "host": "h"}
    assert [filled("${host}:${ports}", each)[0] for each in each_of("${host}:${ports}", values)] == [
        "h:1",
        "h:2",
    ]
    assert each_of("${host}:80", values) == [values]
    assert named("${host}:${ports}/${host}") == ("host", "ports")


@pytest.mark.parametrize(
    ("items", "sentence"),
    [([], "its output ports is empty"), ([1] * 101, "its output ports has more than 100 values")],
)
def test_a_list_has_one_value_at_least_and_not_too_many(items: list[int], sentence: str) -> None:
    with pytest.raises(NotSo, match=sentence):
        each_of("${ports}", {"ports": items})


def test_two_lists_are_one_too_many() -> None:
    with pytest.raises(NotSo, match="its outputs a and b are both lists"):
        each_of("${a}${b}", {"a": [1], "b": [2]})
