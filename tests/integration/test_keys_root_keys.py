"""The keys that a lab's machines trust from their first moment are those of today's operators."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.house import House, said
from tests.integration.keyholder import Keyholder
from tests.integration.test_keys_leaving import is_done, removes
from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def rooted(new_house: Callable[[], House]) -> Iterator[House]:
    """A house with a lab that trusts the operators' keys, and one that changes with each plan besides."""
    house = new_house()
    house.start()
    house.has("rooted", "roots")
    house.has("restless", "clocks")
    yield house
    house.close()


def root_keys(house: House) -> list[str]:
    """What the lab `roots` trusts, as its last apply says."""
    applied = [run for run in house.runs("roots") if run["state"] == "applied"]
    return list(json.loads(applied[-1]["outputs"])["root_keys"])


def approvals(house: House, run_id: str) -> int:
    return len(house.rows("SELECT id FROM approvals WHERE run_id = ? AND decision = 'approve'", run_id))


def test_a_new_key_is_proposed_and_one_that_leaves_goes_by_itself(rooted: House, tmp_path: Path) -> None:
    assert root_keys(rooted) == []
    wes = Keyholder(rooted, tmp_path, "wes", "operator")
    said_then = wes.asks(
        f"/key enroll {wes.laptop.public_key}", expect="New root keys are planned for 2 labs"
    )
    assert "see their cards" in said_then
    cards = {lab: rooted.card(f"{lab}: proposed", number=2) for lab in ("roots", "clocks")}
    assert f"<@{wes.user}>" in said(cards["roots"])
    assert root_keys(rooted) == []
    for lab, card in cards.items():
        rooted.presses(rooted.riley, card, "Approve", expect="counts for *operator*")
        rooted.card(f"{lab}: applied", number=2)
    assert root_keys(rooted) == [wes.laptop.public_key]

    report = removes(rooted, wes.user, expect="is no longer an operator.")
    assert "◐ root keys replaced on 0 of 2 labs" in report
    rooted.card("roots: applied", number=3)
    assert root_keys(rooted) == []
    assert approvals(rooted, rooted.runs("roots")[-1]["id"]) == 0
    assert rooted.audited("roots", "applied") == 3

    # The other plan would replace something else too, so people look at it.
    waiting = rooted.card("clocks: proposed", number=3)
    assert rooted.runs("clocks")[-1]["state"] == "proposed"
    told = rooted.answers[rooted.ada]
    done = "SELECT id FROM rekeys WHERE because = 'removed' AND done_at IS NOT NULL"
    assert until(lambda: rooted.rows(done))  # the next sweep sees that it was applied
    looked = rooted.presses(rooted.ada, told, "Look again", expect="root keys replaced on 1 of 2 labs")
    assert "clocks waits for approvals" in looked
    rooted.presses(rooted.riley, waiting, "Approve", expect="counts for *operator*")
    rooted.card("clocks: applied", number=3)
    assert "✓ root keys replaced on 2 of 2 labs" in is_done(rooted, wes.user)
