"""A lab's state from a laptop, with the ordinary terraform and a Vault token; and a state that could not be written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.integration.house import House, a_laptop
from tests.waiting import until

pytestmark = pytest.mark.integration


def a_vault_token(house: House, user: str) -> str:
    """A Vault token of a person's, as their entity has it: it reads their own operator document."""
    client, key = house.vault_client, f"{house.slack.team}-{user}"
    policy = f'path "innkeeper/data/operators/{key}" {{\n  capabilities = ["read"]\n}}\n'
    client.sys.create_or_update_policy(f"own-{user}", policy)
    return str(client.auth.token.create(policies=[f"own-{user}"], ttl="1h")["auth"]["client_token"])


def test_an_operator_carries_on_with_the_ordinary_terraform(house: House, tmp_path: Path) -> None:
    house.has("solo", "carried")
    token = a_vault_token(house, house.riley)
    laptop = a_laptop(house, tmp_path, "carried", "solo", (f"{house.slack.team}-{house.riley}", token))
    assert laptop.init()[0] == 0
    assert laptop.run("plan", "-detailed-exitcode", "-var", "number=1")[0] == 0, "it is what the lab is"
    code, told = laptop.run("apply", "-auto-approve", "-no-color", "-var", "number=2")
    assert (code, "1 changed" in told) == (0, True), told
    house.asks(house.riley, "/lab plan carried number=3")
    house.card("carried: proposed", number=2)
    assert laptop.run("apply", "-auto-approve", "-var", "number=4")[0] == 0
    house.card("carried: stale", number=2)
    written = house.rows("SELECT actor, action FROM audit WHERE action = 'state_written'")
    assert {row["actor"] for row in written} == {f"{house.slack.team}-{house.riley}"}


def test_a_lock_from_a_laptop_is_told_and_released_by_hand(house: House, tmp_path: Path) -> None:
    house.has("solo", "locked")
    house.rests()  # so that the laptop's lock is the only one
    user = (f"{house.slack.team}-{house.riley}", a_vault_token(house, house.riley))
    laptop = a_laptop(house, tmp_path, "locked", "solo", user)
    assert laptop.init()[0] == 0
    info = {"ID": "a-forgotten-lock", "Operation": "OperationTypeApply", "Who": "riley@laptop"}
    assert requests.request("LOCK", laptop.address, json=info, auth=user, timeout=30).status_code == 200
    code, told = laptop.run("force-unlock", "-force", "a-forgotten-lock")
    assert code == 1, told
    assert [lock["lock_id"] for lock in house.locks()] == ["a-forgotten-lock"]
    shown = house.asks(house.riley, "/lab show locked", expect="Its state is locked")
    assert f"<@{house.riley}>" in shown
    told = house.asks(house.riley, "/lab unlock locked", expect="is unlocked")
    assert f"The lock was <@{house.riley}>'s" in told
    assert house.locks() == []
    house.asks(house.riley, "/lab unlock locked", expect="is not locked")
    assert laptop.run("plan", "-var", "number=1")[0] == 0


def test_no_stranger_and_no_guess_opens_a_state_or_makes_it_look_empty(house: House, tmp_path: Path) -> None:
    house.has("solo", "private")
    run = house.runs("private")[0]
    eve = f"{house.slack.team}-{house.eve}"
    riley = f"{house.slack.team}-{house.riley}"
    strangers = {
        "nothing": None,
        "a stranger's token": (eve, a_vault_token(house, house.eve)),
        "a stranger's token as riley": (riley, a_vault_token(house, house.eve)),
        "a guess": (riley, "hvs.guess"),
        "a run that has ended": (f"run-{run['id']}", "guess"),
        "security, who only reviews": (
            f"{house.slack.team}-{house.sam}",
            a_vault_token(house, house.sam),
        ),
    }
    for who, user in strangers.items():
        for method in ("GET", "POST", "LOCK", "UNLOCK", "DELETE"):
            answer = requests.request(
                method, f"{house.address}/tfstate/private", json={"ID": "x"}, auth=user, timeout=30
            )
            assert answer.status_code in (401, 403), (who, method, answer.status_code)
            assert answer.text.strip(), "never an empty answer"
    mine = (riley, a_vault_token(house, house.riley))
    nowhere = requests.get(f"{house.address}/tfstate/no-such-lab", auth=mine, timeout=30)
    assert nowhere.status_code == 404
    laptop = a_laptop(house, tmp_path, "private", "solo", (eve, a_vault_token(house, house.eve)))
    code, told = laptop.init()
    code_of_plan, told_of_plan = laptop.run("plan", "-lock=false", "-var", "number=1")
    assert "to add" not in told + told_of_plan
    assert code or code_of_plan
    house.front.become("sealed")
    for method in ("GET", "LOCK"):
        answer = requests.request(method, laptop.address, json={"ID": "x"}, auth=mine, timeout=30)
        assert answer.status_code == 503
        assert "Vault is sealed" in answer.text


@pytest.mark.parametrize("is_first_apply", [False, True])
def test_a_state_that_could_not_be_written_freezes_its_lab_until_it_is_taken_in(
    house: House, tmp_path: Path, is_first_apply: bool
) -> None:
    """At the end of an apply the state is refused, and Vault is sealed: it is in errored.tfstate and nowhere else."""
    lab = "errored-first" if is_first_apply else "errored"
    (before_gate := tmp_path / "before").mkdir()
    (before_gate / "go").touch()
    if is_first_apply:
        house.asks(house.riley, f"/lab up slow {lab} gate={tmp_path}")
    else:
        house.has("slow", lab, f"gate={before_gate}")
        house.asks(house.riley, f"/lab plan {lab} gate={tmp_path}")
    number = 1 if is_first_apply else 2
    card = house.card(f"{lab}: proposed", number=number)
    house.presses(house.riley, card, "Approve", expect="counts for")
    until(lambda: (tmp_path / "applied").exists())
    lab_id = house.runs(lab)[0]["lab_id"]
    before = states_of(house, lab_id)
    house.front.become("sealed")
    with house.database() as database:
        database.execute("UPDATE runs SET token_sha256 = 'x' WHERE id = ?", (house.runs(lab)[-1]["id"],))
    (tmp_path / "go").touch()
    house.card(f"{lab}: failed", number=number)
    kept = list((house.data / "errored" / lab_id).iterdir())
    assert [oct(path.stat().st_mode & 0o777) for path in kept] == [oct(0o600)]
    left = json.loads(kept[0].read_text())
    assert "its state could not be written" in frozen_because(house, lab_id)
    assert states_of(house, lab_id) == before
    house.front.become("open")
    until(lambda: not frozen_because(house, lab_id))
    until(lambda: list((house.data / "errored" / lab_id).iterdir()) == [])
    taken = states_of(house, lab_id)[0]
    assert taken["resources"] == 2
    if is_first_apply:
        assert (left["serial"], left["lineage"], taken["serial"]) == (0, "", 1)
    else:
        assert (taken["serial"], taken["lineage"]) == (left["serial"], before[0]["lineage"])
    assert house.audited(lab, "frozen") == house.audited(lab, "state_taken_in") == 1
    house.reply(card, "has been taken in with its lineage and serial")
    house.asks(house.riley, f"/lab plan {lab} gate={tmp_path}")
    house.card(f"{lab}: no_changes", number=number + 1)
    assert until(house.is_tidy)


def states_of(house: House, lab_id: str) -> list[dict[str, Any]]:
    sql = "SELECT serial, lineage, resources FROM tfstate WHERE lab_id = ? ORDER BY serial DESC"
    return house.rows(sql, lab_id)


def frozen_because(house: House, lab_id: str) -> str:
    return str(house.rows("SELECT frozen_because FROM labs WHERE id = ?", lab_id)[0]["frozen_because"] or "")


def test_a_frozen_lab_is_left_alone(house: House) -> None:
    house.has("solo", "frozen")
    with house.database() as database:
        database.execute("UPDATE labs SET frozen_because = 'a test says so.' WHERE name = 'frozen'")
    house.asks(house.riley, "/lab plan frozen number=2", expect="*frozen* is frozen: a test says so.")
    house.asks(house.riley, "/lab down frozen", expect="*frozen* is frozen: a test says so.")
    assert len(house.runs("frozen")) == 1
