"""Vault sealed, silent, away, or tired of the bot: refused with a sentence, nothing done, and well again afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.bot_process import PATIENCE_SECONDS
from tests.integration.house import House, said
from tests.waiting import until

pytestmark = pytest.mark.integration

SENTENCES = {
    "sealed": "Vault is sealed, so I cannot check who you are. I have not done anything.",
    "silent": "Vault took too long to answer, so I cannot check who you are. I have not done anything.",
    "away": "Vault is away, so I cannot check who you are. I have not done anything.",
}


@pytest.mark.parametrize("mode", SENTENCES)
def test_without_vault_nothing_is_done_and_it_is_said(house: House, mode: str) -> None:
    lab = f"without-{mode}"
    house.asks(house.riley, f"/lab up pair {lab}")
    card = house.card(f"{lab}: proposed")
    house.front.become(mode)
    for command in (f"/lab up pair {lab}-too", "/lab list", f"/lab down {lab}", "/operator list"):
        house.asks(house.ada if "operator" in command else house.riley, command, expect=SENTENCES[mode])
    house.presses(house.ines, card, "Approve", expect=SENTENCES[mode])
    assert "/lab up" in house.asks(house.riley, "/lab help", expect="What /lab does"), "help needs no Vault"
    assert house.rows("SELECT * FROM labs WHERE name = ?", f"{lab}-too") == []
    assert house.runs(lab)[0]["state"] == "proposed"
    assert house.audited(lab, "approved") == 0
    refused = house.rows("SELECT detail FROM audit WHERE action = 'refused' AND subject = ?", f"{lab}-too")
    assert refused == [] or "Vault" in refused[0]["detail"]
    readiness = house.get("/readyz")
    assert readiness.status_code == 503
    assert readiness.json()["vault"] == ("sealed" if mode == "sealed" else "away")
    assert house.get("/healthz").text == "alive\n"
    house.front.become("open")
    house.approve_all(lab)
    house.card(f"{lab}: applied")


def test_a_plan_that_is_approved_waits_for_vault_and_is_applied_then(house: House, tmp_path: Path) -> None:
    """Vault goes away between the last approval and the apply."""
    house.asks(house.riley, f"/lab up slow patient gate={tmp_path}")
    card = house.card("patient: proposed")
    (tmp_path / "go").touch()
    house.slack.delay("users.info", 0)
    with house.database() as database:
        # As it is when the bot was stopped right after the approval.
        house.kill()
        database.execute(
            "UPDATE runs SET approvals_needed = '{}', state = 'approved' WHERE lab_name = 'patient'"
        )
    house.front.become("sealed")
    house.process = house.spawn("serve")
    house.wait_for(lambda: "Vault is sealed" in said(house.cards("patient")[-1]), 2 * PATIENCE_SECONDS)
    assert house.runs("patient")[0]["state"] == "approved"
    house.front.become("open")
    assert house.card("patient: applied").ts == card.ts
    assert (tmp_path / "applied").read_text() == "started\n"


def test_a_form_is_not_taken_while_vault_is_sealed_and_can_be_sent_again(house: House) -> None:
    house.asks(house.riley, "/lab up leaky unsealed")
    form = house.form(house.riley)
    house.front.become("sealed")
    delivery = house.slack.submit(house.riley, form, {"word": "a-word-for-later"})
    assert "Vault is sealed" in str(delivery.answer["errors"])
    house.front.become("open")
    house.slack.submit(house.riley, house.slack.views_of(house.riley)[-1], {"word": "a-word-for-later"})
    house.wait_for(lambda: house.cards("unsealed"))


def test_a_revoked_token_is_followed_by_a_new_login(house: House) -> None:
    logins = house.log.count("vault login")
    accessors = house.vault_client.list("auth/token/accessors")["data"]["keys"]
    revoked = 0
    for accessor in accessors:
        token = house.vault_client.auth.token.lookup_accessor(accessor)["data"]
        if "innkeeper-bot" in token["policies"]:
            house.vault_client.auth.token.revoke_accessor(accessor)
            revoked += 1
    assert revoked
    house.asks(house.riley, "/lab list", expect="lab")
    assert house.log.count("vault login") > logins
    until(lambda: house.get("/readyz").status_code == 200)
