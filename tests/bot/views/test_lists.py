from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.views.lists import answer, fault, refusal
from bot.views.message import action_of
from commands.request import Button, Listing, Outcome, Row
from tests.bot.views.reading import hostile, seen


def test_an_answer_is_its_text() -> None:
    told = seen(answer(Outcome("*demo* is unlocked. It was <@U1>'s.")))
    assert told.sections == ["*demo* is unlocked. It was <@U1>'s."]
    assert told.text == "*demo* is unlocked. It was <@U1>'s."
    assert seen(answer(Outcome())).text == "Done."


def test_a_list_has_rows_pages_and_buttons() -> None:
    rows = (Row("demo", "sandbox · applied", Button("Show", "show", "demo")), Row("web-7", "web · proposed"))
    told = seen(answer(Outcome(listing=Listing("2 labs", rows, 2, 5, "/lab list all"))))
    assert told.sections == ["*2 labs*", "*demo*\nsandbox · applied", "*web-7*\nweb · proposed"]
    assert told.contexts == ["Page 2 of 5"]
    assert told.text == "2 labs: demo and web-7"
    assert told.buttons["Show"]["value"] == "demo"
    assert told.buttons["Previous"]["value"] == "/lab list all page=1"
    assert told.buttons["Next"]["value"] == "/lab list all page=3"
    assert {action_of(told.buttons[label]["action_id"]) for label in ("Previous", "Next")} == {"page"}


def test_the_first_page_has_none_before_it_and_a_single_page_no_buttons() -> None:
    assert list(seen(answer(Outcome(listing=Listing("x", (), 1, 2, "/lab list")))).buttons) == ["Next"]
    assert list(seen(answer(Outcome(listing=Listing("x", (), 2, 2, "/lab list")))).buttons) == ["Previous"]
    assert seen(answer(Outcome(listing=Listing("x", ())))).buttons == {}


def test_an_empty_list_says_so() -> None:
    told = seen(
        answer(Outcome(listing=Listing("Labs", (), empty="You have no lab. `/lab catalog` shows them.")))
    )
    assert told.sections == ["*Labs*", "You have no lab. `/lab catalog` shows them."]
    assert told.text == "Labs: You have no lab. `/lab catalog` shows them."


def test_a_long_list_says_how_much_it_leaves_out() -> None:
    rows = tuple(Row(f"lab-{number}", "sandbox") for number in range(500))
    told = seen(answer(Outcome(listing=Listing("Labs", rows))))
    assert told.contexts == ["and 460 more"]


def test_long_rows_are_shortened_so_that_each_is_shown() -> None:
    rows = tuple(Row(f"kind-{number}", "Gigabytes of it. " * 70) for number in range(10))
    told = seen(answer(Outcome(listing=Listing("Blueprints", rows))))
    assert [section.partition("\n")[0] for section in told.sections[1:]] == [f"*{row.title}*" for row in rows]
    assert told.contexts == []


def test_one_long_row_among_short_ones_is_whole() -> None:
    rows = (*(Row("port", "443") for _ in range(29)), Row("known_hosts", "k" * 400))
    told = seen(answer(Outcome(listing=Listing("Outputs of demo", rows))))
    assert "k" * 400 in told.all


def test_a_long_log_is_cut_between_lines_and_its_block_goes_on() -> None:
    log = "\n".join(f"line {number} <x>" for number in range(300))
    told = seen(answer(Outcome(f"The last lines:\n```\n{log}\n```")))
    assert len(told.sections) > 1
    assert all(section.count("```") == 2 for section in told.sections)
    assert "line 299 &lt;x&gt;" in told.sections[-1]


def test_a_refusal_shows_the_right_form() -> None:
    told = seen(refusal("There is no blueprint `wbe`. Did you mean `web`?", "/lab up web demo"))
    assert told.sections == ["There is no blueprint `wbe`. Did you mean `web`?\n`/lab up web demo`"]
    assert told.text == "There is no blueprint `wbe`. Did you mean `web`? `/lab up web demo`"
    assert seen(refusal("You are not a trusted operator yet.")).sections == [
        "You are not a trusted operator yet."
    ]


def test_a_fault_has_a_number_and_says_what_follows() -> None:
    assert seen(fault("3FQ7", doing="reading the catalogue")).text == (
        "Something broke on my side while reading the catalogue (incident 3FQ7). Your request is kept and I will "
        "try again in a minute; the admins can find it in the log by that number."
    )
    assert "Ask again later;" in seen(fault("3FQ7", again=False)).text


short = st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=200)
buttons = st.builds(
    Button,
    label=hostile,
    action=st.sampled_from(["show", "extend"]),
    value=short,
    style=st.sampled_from(["default", "primary", "danger"]),
    confirm=hostile,
)
rows = st.builds(Row, title=hostile, text=hostile, button=st.none() | buttons)
listings = st.builds(
    Listing,
    title=hostile,
    rows=st.one_of(st.lists(rows, max_size=9).map(tuple), rows.map(lambda row: (row,) * 100)),
    page=st.integers(min_value=1, max_value=9),
    pages=st.integers(min_value=1, max_value=9),
    again=st.just("/lab list all"),
    empty=hostile,
)


@given(hostile, st.none() | listings, st.lists(buttons, max_size=4).map(tuple), hostile)
def test_any_answer_fits_slack(
    text: str, listing: Listing | None, below: tuple[Button, ...], more: str
) -> None:
    assert seen(answer(Outcome(text, listing, below))).text
    assert seen(refusal(text, more)).text
    assert seen(fault(more, doing=text)).text
