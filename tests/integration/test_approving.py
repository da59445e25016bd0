"""Approvals that race, requests that come more than once, and plans that are not the one that was approved."""

from __future__ import annotations

import hashlib
import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.house import House, a_laptop, said

pytestmark = pytest.mark.integration


def test_twenty_four_people_press_approve_at_once_and_it_is_applied_once(house: House) -> None:
    crowd = [house.joins(f"infra{number}") for number in range(24)]
    for user in crowd:
        house.trust(user, "infra")
    house.asks(house.riley, "/lab up pair crowded")
    card = house.card("crowded: proposed")
    house.presses(house.sam, card, "Approve", expect="Waiting for *infra*")
    with ThreadPoolExecutor(len(crowd)) as threads:
        deliveries = list(threads.map(lambda user: house.slack.click(user, card, "Approve"), crowd))
    assert all(delivery.is_acked for delivery in deliveries)
    house.card("crowded: applied")

    def answered() -> bool:
        return all(house.private(user) for user in crowd)

    house.wait_for(answered)
    told = [said(message) for user in crowd for message in house.private(user)]
    assert sum("counts for *infra*" in each for each in told) == 1
    assert all("counts for" in each or "waits for nobody" in each or "Enough" in each for each in told)
    assert house.audited("crowded", "applying") == 1
    assert house.audited("crowded", "applied") == 1
    assert house.audited("crowded", "approved") == 2
    assert len(house.cards("crowded")) == 1


def test_a_command_that_is_delivered_five_times_is_one_run(house: House) -> None:
    first = house.slack.command(house.riley, house.channel, "/lab up solo repeated")
    with ThreadPoolExecutor(4) as threads:
        again = list(threads.map(lambda _: house.slack.deliver_again(first), range(4)))
    assert [each.status for each in (first, *again)] == [200] * 5
    card = house.card("repeated: proposed")
    pressed = house.slack.click(house.riley, card, "Approve")
    for _ in range(4):
        house.slack.deliver_again(pressed)
    house.card("repeated: applied")
    house.slack.deliver_again(first)
    house.asks(house.riley, "/lab show repeated", expect="repeated")
    assert [run["state"] for run in house.runs("repeated")] == ["applied"]
    assert house.audited("repeated", "requested") == 1
    assert house.audited("repeated", "approved") == 1
    assert house.audited("repeated", "applying") == 1
    assert len(house.cards("repeated")) == 1


def test_a_sealed_plan_with_one_byte_changed_is_refused(house: House) -> None:
    house.asks(house.riley, "/lab up solo bitten")
    card = house.card("bitten: proposed")
    plan = bytearray(house.runs("bitten")[0]["plan"])
    plan[-40] ^= 1
    with house.database() as database:
        database.execute("UPDATE runs SET plan = ? WHERE lab_name = 'bitten'", (bytes(plan),))
    house.presses(house.riley, card, "Approve", expect="counts for")
    failed = house.card("bitten: failed")
    assert "Nothing was applied. Plan it again." in said(failed)
    assert house.audited("bitten", "applying") == 0
    assert house.rows("SELECT * FROM tfstate WHERE lab_id = ?", house.runs("bitten")[0]["lab_id"]) == []


def test_a_plan_sealed_by_somebody_with_the_bots_own_login_is_still_not_what_was_approved(
    house: House,
) -> None:
    """Whoever holds the database and the transit key can seal another plan: its sha256 gives it away."""
    house.asks(house.riley, "/lab up pair swapped note=harmless")
    card = house.card("swapped: proposed")
    run = house.runs("swapped")[0]
    vault = house.bots_vault()
    plan = vault.unseal(run["plan"], f"plan {run['id']}")
    assert hashlib.sha256(plan).hexdigest() == run["plan_sha256"]
    other = _with_value_changed(plan, b"harmless", b"harmful!")
    with house.database() as database:
        sealed = vault.seal(other, f"plan {run['id']}")
        database.execute("UPDATE runs SET plan = ? WHERE id = ?", (sealed, run["id"]))
    house.approve_all("swapped")
    failed = house.card("swapped: failed")
    assert failed.ts == card.ts
    assert "The plan file is not the one that was approved: its sha256 differs." in said(failed)
    assert house.audited("swapped", "plan_tampered") == 1
    assert house.audited("swapped", "applied") == 0
    assert house.rows("SELECT * FROM tfstate WHERE lab_id = ?", run["lab_id"]) == []


def _with_value_changed(plan: bytes, before: bytes, after: bytes) -> bytes:
    """The same plan, which Terraform would apply without a word, with another value in it."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(plan)) as source, zipfile.ZipFile(changed, "w") as target:
        for entry in source.infolist():
            target.writestr(entry, source.read(entry).replace(before, after))
    assert changed.getvalue() != plan
    return changed.getvalue()


def test_a_plan_of_one_lab_is_not_applied_to_another(house: House, tmp_path: Path) -> None:
    """Its own bytes lead to its own lab; and a run's token opens no other lab's state."""
    gate = tmp_path / "gate"
    gate.mkdir()
    house.asks(house.riley, "/lab up solo mine-own")
    house.card("mine-own: proposed")
    house.asks(house.riley, f"/lab up slow theirs-own gate={gate}")
    house.presses(house.riley, house.card("theirs-own: proposed"), "Approve", expect="counts for")
    house.card("theirs-own: applying")
    house.wait_for(lambda: (gate / "applied").exists())
    password = _password_of_living_apply(house)
    theirs = house.runs("theirs-own")[0]
    laptop = a_laptop(house, tmp_path, "theirs-own", "solo", (f"run-{theirs['id']}", password))
    assert laptop.init()[0] == 0
    run = house.runs("mine-own")[0]
    plan = house.bots_vault().unseal(run["plan"], f"plan {run['id']}")
    (laptop.folder / "tfplan").write_bytes(plan)
    code, told = laptop.run("apply", "-no-color", "-lock=false", "tfplan")
    assert code == 1
    assert "invalid auth" in told, "the plan leads to its own lab, which the other lab's token does not open"
    mine = house.rows("SELECT * FROM tfstate WHERE lab_id = ?", run["lab_id"])
    assert mine == []
    (gate / "go").touch()
    house.card("theirs-own: applied")


def _password_of_living_apply(house: House) -> str:
    """What only the run's Terraform has, from its environment."""
    for process in house.terraforms():
        if "apply" in process.cmdline():
            return process.environ()["TF_HTTP_PASSWORD"]
    raise AssertionError("no Terraform applies")
