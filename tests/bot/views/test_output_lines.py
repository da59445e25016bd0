"""What a lab has answered, in one line: what is short and asked for first, the rest as a number."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.views.output_lines import output_line
from tests.bot.views.reading import check_mrkdwn, hostile


def test_what_consumers_find_comes_first_in_the_blueprints_order() -> None:
    outputs = {"address": "203.0.113.7", "app": True, "password": "(sensitive)", "port": 443}
    assert output_line(outputs, ("port", "address", "password"), "demo") == (
        "port `443` · address `203.0.113.7` · password `(sensitive)` · app `true`"
    )


def test_lists_maps_and_long_values_are_counted() -> None:
    outputs: dict[str, Any] = {
        "address": "203.0.113.7",
        "hosts": {"web-0": "ssh://root@203.0.113.7"},
        "known_hosts": ["203.0.113.7 ssh-ed25519 AAAA"],
        "motd": "x" * 61,
        "nothing": None,
    }
    assert output_line(outputs, ("hosts",), "demo") == (
        "address `203.0.113.7` and 4 more: `/lab output demo`"
    )
    assert output_line({"hosts": ["a"]}, (), "demo") == "1 output: `/lab output demo`"
    assert output_line({"hosts": ["a"], "urls": []}, (), "demo") == "2 outputs: `/lab output demo`"
    assert output_line({}, ("address",), "demo") == ""


def test_where_there_are_many_the_first_six_are_shown() -> None:
    outputs = {f"port_{number}": number for number in range(9)}
    shown = output_line(outputs, ("port_8",), "demo")
    assert shown.startswith("port_8 `8` · port_0 `0` · ")
    assert shown.endswith(" · port_4 `4` and 3 more: `/lab output demo`")


@given(st.dictionaries(hostile, st.one_of(hostile, st.integers(), st.lists(hostile)), max_size=9), hostile)
def test_whatever_a_lab_answers_is_no_markup(outputs: dict[str, Any], name: str) -> None:
    check_mrkdwn(output_line(outputs, tuple(outputs)[:2], name))
