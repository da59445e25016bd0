"""What somebody changes behind the bot's back is found by itself, accepted as it is, or planned back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from state.rows import to_text
from tests.integration.house import House, said
from tests.waiting import until

pytestmark = pytest.mark.integration


def test_what_changes_outside_is_found_and_accepted(house: House, tmp_path: Path) -> None:
    house.has("watched", "watched", f"place={tmp_path}")
    house.asks(house.riley, "/lab drift watched")
    assert "Nothing changed outside." in said(house.card("watched: no_changes", number=2))

    (tmp_path / "note").write_text("from-outside")
    let_it_be_looked_at(house, "watched")
    card = house.card("watched: drifted — 1 output has changed outside", number=3)
    assert "`~ output.note`" in said(card)
    assert f"Found by looking · <@{house.riley}>'s lab" in said(card)
    house.reply(card, '~ output note: "" -> "from-outside"')
    before = house.rows("SELECT variables, expires_at FROM labs WHERE name = 'watched'")

    house.presses(house.sam, card, "Accept", expect="That is for people who hold operator or infra")
    house.presses(house.riley, card, "Accept", expect="Nothing of the lab is changed.")
    accepted = house.card("watched: applied — accepted what changed outside", number=3)
    assert f"Accepted by <@{house.riley}>" in said(accepted)
    assert house.rows("SELECT variables, expires_at FROM labs WHERE name = 'watched'") == before
    house.asks(house.riley, "/lab output watched", expect="from-outside")
    house.asks(house.riley, "/lab drift watched")
    house.card("watched: no_changes", number=4)
    assert until(house.is_tidy)


def test_a_look_that_finds_nothing_is_told_to_nobody_and_a_plan_comes_first(
    house: House, tmp_path: Path
) -> None:
    house.has("watched", "calm", f"place={tmp_path}")
    let_it_be_looked_at(house, "calm")
    assert until(lambda: [run["state"] for run in house.runs("calm")] == ["applied", "no_changes"])
    house.asks(house.riley, "/lab show calm", expect="there were none.")
    assert len(house.cards("calm")) == 1

    (tmp_path / "note").write_text("a-note")
    let_it_be_looked_at(house, "calm")
    card = house.card("calm: drifted", number=2)
    house.presses(house.riley, card, "Re-plan")
    house.presses(house.riley, house.card("calm: proposed", number=3), "Approve", expect="counts for")
    house.card("calm: applied", number=3)
    house.wait_for(lambda: house.cards("calm")[1].text.startswith("calm: superseded"))


def let_it_be_looked_at(house: House, lab: str) -> None:
    """As if nobody had looked for a day: the next sweep does."""
    past = to_text(datetime.now(UTC) - timedelta(days=2))
    with house.database() as database:
        database.execute("UPDATE runs SET created_at = ? WHERE cause = 'drift'", (past,))
        database.execute("UPDATE labs SET drift_checked_at = ? WHERE name = ?", (past, lab))
