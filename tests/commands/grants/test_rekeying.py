"""Root keys: every lab that takes them follows the keys of today's operators, as the channel sees it."""

from __future__ import annotations

import pytest

from commands.engines.terraform.events import Diagnostic
from commands.grants import rekeying
from commands.grants.public_keys import read
from commands.people import leaving
from state import labs, rekeys
from tests.commands.test_keys import ONE, TWO
from tests.inn import ADMIN, COLLEAGUE, INFRA, INFRA_TOO, REQUESTER, Inn, Shown

THREE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMBeGZMJfl7I5gYkWR6zIzdr3BJb1JWW0ilRqbaMtSdq"


def a_lab(inn: Inn, name: str = "demo", mode: str = "") -> Shown:
    """An applied lab with the root keys of its owner; both of its resources follow from them."""
    if mode:
        inn.offers("rooted", f"approvals: {{infra: 1}} # trusted_ssh_keys\nrekey: {mode}")
    inn.terraform.refers_to = {
        "terraform_data.a": ("var.trusted_ssh_keys",),
        "terraform_data.b": ("terraform_data.a.output", "terraform_data.a"),
    }
    inn.vault.add(COLLEAGUE, "operator", keys=(TWO,))
    inn.vault.add(REQUESTER, "operator", keys=(ONE,))
    card = inn.says(REQUESTER, f"/lab up rooted {name}").card()
    inn.clicks(INFRA, card, "Approve")
    return inn.card(card)


def keys_given(inn: Inn) -> list[str]:
    """The root keys in the plan that was made last."""
    return list(inn.terraform.given_variables[-1]["trusted_ssh_keys"])


def removes(inn: Inn, mention: str = "<@U2>") -> str:
    inn.sees_out(ADMIN, mention)
    return inn.told(ADMIN)


def test_a_lab_gets_the_keys_of_all_operators(inn: Inn) -> None:
    a_lab(inn)
    assert keys_given(inn) == sorted([ONE, TWO])


def test_somebody_is_seen_out_and_their_root_key_goes_by_itself(inn: Inn) -> None:
    a_lab(inn)
    used_at = inn.lab().last_active_at
    inn.clock.passes(minutes=5)
    told = removes(inn)
    assert "◐ root keys replaced on 0 of 1 lab" in told
    assert keys_given(inn) == [ONE]
    card = inn.newest_card()
    assert card.text.startswith("demo: applied")
    assert inn.replies(card)[-1] == "The root keys of *demo* are those of today's operators."
    assert inn.runs() == ["applied", "applied"]
    assert inn.lab().last_active_at == used_at  # nobody used it
    assert inn.audited("approved") == [(INFRA.key, "approved", "demo")]
    inn.sweeps()
    inn.works()
    assert "✓ root keys replaced on 1 lab · " not in inn.told(ADMIN)
    assert "✓ root keys replaced on 1 of 1 lab" in inn.told(ADMIN)
    assert "All of it is done" in inn.told(ADMIN)


def test_the_card_says_why_there_is_a_plan(inn: Inn) -> None:
    a_lab(inn)
    inn.says(REQUESTER, "/key revoke " + read(ONE).fingerprint)
    card = inn.newest_card()
    assert card.text.startswith("demo: proposed")
    assert "The operators' ssh keys have changed, and the lab's root keys follow them." in card.all


def test_a_new_key_is_proposed_to_people(inn: Inn) -> None:
    a_lab(inn)
    inn.says(COLLEAGUE, f"/key enroll {THREE}")
    assert inn.told(COLLEAGUE).endswith("New root keys are planned for 1 lab: see their cards.")
    card = inn.newest_card()
    assert card.text.startswith("demo: proposed")
    assert "Asked for by <@U2>" in card.all
    inn.clicks(INFRA, card, "Approve")
    assert inn.card(card).text.startswith("demo: applied")
    inn.sweeps()
    assert rekeys.waiting(inn.database) == []


@pytest.mark.parametrize(
    ("mode", "state"), [("auto", "applied"), ("removals", "proposed"), ("ask", "proposed")]
)
def test_the_blueprint_says_whether_a_new_key_needs_approval(inn: Inn, mode: str, state: str) -> None:
    a_lab(inn, mode=mode)
    inn.says(COLLEAGUE, f"/key enroll {THREE}")
    assert inn.newest_card().text.startswith(f"demo: {state}")


@pytest.mark.parametrize(
    ("mode", "state"), [("auto", "applied"), ("removals", "applied"), ("ask", "proposed")]
)
def test_and_whether_a_removal_does(inn: Inn, mode: str, state: str) -> None:
    a_lab(inn, mode=mode)
    removes(inn)
    assert inn.newest_card().text.startswith(f"demo: {state}")


def test_a_plan_that_touches_something_else_is_proposed(inn: Inn) -> None:
    a_lab(inn)
    inn.terraform.refers_to.pop("terraform_data.b")
    removes(inn)
    assert inn.newest_card().text.startswith("demo: proposed")
    inn.sweeps()
    inn.clicks(ADMIN, inn.private(ADMIN), "Look again")
    assert "◐ root keys replaced on 0 of 1 lab · demo waits for approvals" in inn.told(ADMIN)


def test_so_is_one_from_another_version_of_the_blueprint(inn: Inn) -> None:
    a_lab(inn)
    with (inn.folder / "labs" / "rooted" / "main.tf").open("a") as module:
        module.write("# another version\n")
    removes(inn)
    assert inn.newest_card().text.startswith("demo: proposed")


def test_other_labs_are_left_alone(inn: Inn) -> None:
    a_lab(inn)
    inn.has("other", "open")
    asked = inn.says(REQUESTER, "/lab up rooted third").card()
    inn.clicks(INFRA, asked, "Reject")
    inn.submits(INFRA, reason="no")
    removes(inn)
    assert (inn.runs("other"), inn.runs("third")) == (["applied"], ["rejected"])


def test_who_has_no_key_changes_nothing(inn: Inn) -> None:
    a_lab(inn)
    inn.says(ADMIN, "/operator add <@U8> operator")
    assert inn.runs() == ["applied"]


def test_two_who_see_to_the_same_leaving_replace_the_keys_once(inn: Inn) -> None:
    """The command and the sweep may walk at the same time."""
    a_lab(inn)
    begun = leaving.walk(inn.deps, leaving.begin(inn.deps, COLLEAGUE, ADMIN, "removed"), inn.clock())
    run = inn.run()
    rekeying.want(inn.deps, COLLEAGUE, "removed", ADMIN, begun.id, begun.id)
    (wish,) = rekeys.of_leaving(inn.database, begun.id)
    assert (wish.run_id, wish.done_at) == (run.id, None)
    inn.works()
    rekeying.sweep(inn.deps, inn.clock())
    (wish,) = rekeys.of_leaving(inn.database, begun.id)
    assert wish.sentence == "replaced"
    assert inn.runs() == ["applied", "applied"]


def test_a_plan_from_before_would_bring_the_key_back_so_it_is_stale(inn: Inn) -> None:
    a_lab(inn)
    card = inn.says(REQUESTER, "/lab plan demo").card()
    inn.says(REQUESTER, "/lab up rooted fresh")
    fresh = inn.newest_card()
    assert (inn.card(card).text[:4], fresh.text[:15]) == ("demo", "fresh: proposed")
    removes(inn)
    assert inn.card(fresh).text.startswith("fresh: stale")
    assert "An operator was seen out since this was planned" in inn.card(fresh).all
    inn.clicks(INFRA, inn.card(fresh), "Re-plan")
    assert keys_given(inn) == [ONE]


def test_a_lab_that_is_busy_gets_its_keys_when_it_is_not(inn: Inn) -> None:
    a_lab(inn)
    inn.terraform.resources = ("terraform_data.a", "terraform_data.b", "terraform_data.c")
    card = inn.says(REQUESTER, "/lab plan demo").card()
    inn.terraform.holding = True
    inn.clicks(INFRA, card, "Approve")
    assert "demo is busy" in removes(inn)
    inn.sweeps()
    inn.terraform.holding = False
    inn.terraform.finish(inn.terraform.work(inn.run().id))
    inn.works()
    assert inn.runs() == ["applied", "applied"]
    inn.terraform.refers_to["terraform_data.c"] = ("terraform_data.b",)
    inn.sweeps()
    inn.works()
    assert inn.runs() == ["applied", "applied", "applied"]
    assert keys_given(inn) == [ONE]
    inn.sweeps()
    inn.works()
    assert "All of it is done" in inn.told(ADMIN)


def test_somebodys_own_plan_does_it_too(inn: Inn) -> None:
    a_lab(inn)
    inn.says(COLLEAGUE, f"/key enroll {THREE}")
    inn.clock.passes(1)
    mine = inn.says(REQUESTER, "/lab plan demo").card()
    assert inn.runs() == ["applied", "superseded", "proposed"]
    inn.clicks(INFRA, mine, "Approve")
    inn.sweeps()
    inn.works()
    assert rekeys.waiting(inn.database) == []
    assert inn.runs() == ["applied", "superseded", "applied"]


def test_what_expires_or_fails_is_proposed_again_and_what_is_rejected_is_not(inn: Inn) -> None:
    a_lab(inn)
    inn.says(REQUESTER, "/key revoke " + read(ONE).fingerprint)
    inn.clock.passes(hours=24)
    inn.sweeps()
    inn.works()
    assert inn.runs()[-2:] == ["expired", "proposed"]
    inn.clicks(INFRA, inn.newest_card(), "Reject")
    inn.submits(INFRA, reason="not now")
    inn.clock.passes(hours=2)
    inn.sweeps()
    assert inn.runs()[-1] == "rejected"
    assert rekeys.waiting(inn.database) == []


def test_a_plan_that_fails_is_not_made_again_each_minute(inn: Inn) -> None:
    a_lab(inn)
    inn.terraform.plan_failure = Diagnostic("error", "no such zone", "")
    removes(inn)
    assert inn.runs()[-1] == "failed"
    for _ in range(4):
        inn.clock.passes(minutes=1)
        inn.sweeps()
        inn.works()
    assert inn.runs() == ["applied", "failed"]
    inn.terraform.plan_failure = None
    inn.clock.passes(minutes=1)
    inn.sweeps()
    inn.works()
    assert inn.runs() == ["applied", "failed", "applied"]


def test_whoever_asked_is_gone_and_an_admin_stands_in(inn: Inn) -> None:
    a_lab(inn)
    inn.terraform.refers_to = {}
    inn.vault.add(INFRA_TOO, "admin")
    removes(inn)
    inn.vault.remove_operator(ADMIN)
    inn.clock.passes(hours=25)
    inn.sweeps()
    inn.works()
    assert inn.run().requester == INFRA_TOO


def test_a_lab_that_goes_needs_no_keys(inn: Inn) -> None:
    a_lab(inn)
    inn.terraform.refers_to = {}
    removes(inn)
    labs.leave(inn.database, inn.lab().id, inn.clock())
    assert rekeying.sweep(inn.deps, inn.clock()) == "started 0 runs for new root keys, 0 wait"


def test_a_lab_whose_blueprint_is_gone_is_not_forgotten(inn: Inn) -> None:
    a_lab(inn)
    (inn.folder / "labs" / "rooted" / "blueprint.yaml").unlink()
    told = removes(inn)
    assert "◐ root keys replaced on 0 of 1 lab · demo: There is no blueprint `rooted`." in told
