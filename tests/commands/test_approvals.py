"""Who may approve, for what it counts, and which plan it is."""

from __future__ import annotations

import pytest

from bot.requests import WrongFields
from commands.approvals import still_needed
from commands.authorise import Standing
from state import approvals, runs
from state.records import Person
from tests.inn import (
    ADMIN,
    BOTH,
    COLLEAGUE,
    INFRA,
    INFRA_TOO,
    REQUESTER,
    SECURITY,
    STRANGER,
    TEAM,
    Inn,
    Shown,
)
from tests.state.examples import all_at_once


@pytest.fixture
def card(inn: Inn) -> Shown:
    """A plan of `demo` that waits for infra and security."""
    return inn.says(REQUESTER, "/lab up web demo").card()


def test_the_requester_cannot_approve_alone(inn: Inn, card: Shown) -> None:
    inn.clicks(REQUESTER, card, "Approve")
    assert inn.told(REQUESTER) == "You asked for this plan, so infra and security people approve it."
    assert inn.runs() == ["proposed"]


def test_one_after_the_other(inn: Inn, card: Shown) -> None:
    inn.clicks(INFRA, card, "Approve")
    assert inn.told(INFRA) == "Your approval of *demo* counts for *infra*. Waiting for *security*."
    assert "Approved by <@U3> for *infra*" in inn.card(card).all
    assert "Waiting for *security*." in inn.card(card).all
    inn.clicks(SECURITY, card, "Approve")
    assert inn.told(SECURITY) == "Your approval of *demo* counts for *security*. It is applied now."
    assert inn.card(card).text.startswith("demo: applied")
    digest = inn.run().digest
    entries = inn.database.rows("SELECT actor, detail FROM audit WHERE action = 'approved'")
    assert [each["actor"] for each in entries] == [INFRA.key, SECURITY.key]
    assert all(str(digest) in each["detail"] for each in entries)


def test_one_person_counts_once(inn: Inn, card: Shown) -> None:
    inn.clicks(BOTH, card, "Approve")
    inn.clicks(BOTH, card, "Approve")
    assert inn.told(BOTH) == "Your approval of *demo* counts already. Waiting for *security*."
    assert inn.runs() == ["proposed"]


def test_two_of_one_role_are_two_people(inn: Inn) -> None:
    card = inn.says(REQUESTER, "/lab up wide demo").card()
    assert "Waiting for *infra* (2 people)." in card.all
    inn.clicks(INFRA, card, "Approve")
    assert inn.told(INFRA) == "Your approval of *demo* counts for *infra*. Waiting for *infra* (1 more)."
    inn.clicks(INFRA, card, "Approve")
    assert inn.runs() == ["proposed"]
    inn.clicks(INFRA_TOO, card, "Approve")
    assert inn.card(card).text.startswith("demo: applied")


def test_enough_people_of_a_role(inn: Inn, card: Shown) -> None:
    inn.clicks(INFRA, card, "Approve")
    inn.clicks(INFRA_TOO, card, "Approve")
    assert inn.told(INFRA_TOO) == "Enough infra people have approved already. Waiting for *security*."


def test_who_holds_two_roles_moves_over_for_who_holds_one(inn: Inn, card: Shown) -> None:
    inn.clicks(BOTH, card, "Approve")
    assert inn.told(BOTH) == "Your approval of *demo* counts for *infra*. Waiting for *security*."
    inn.clicks(INFRA, card, "Approve")
    assert inn.told(INFRA) == "Your approval of *demo* counts for *infra*. It is applied now."
    given = approvals.history(inn.database, inn.run().id)
    assert {(each.person, each.role) for each in given} == {(BOTH, "security"), (INFRA, "infra")}


def test_people_move_over_in_a_row(inn: Inn) -> None:
    card = inn.says(REQUESTER, "/lab up three demo").card()
    inn.vault.add(ADMIN, "admin", "infra")
    inn.vault.add(SECURITY, "infra", "security")
    inn.clicks(ADMIN, card, "Approve")
    inn.clicks(SECURITY, card, "Approve")
    assert inn.told(SECURITY) == "Your approval of *demo* counts for *infra*. Waiting for *security*."
    inn.vault.add(INFRA, "admin")
    inn.clicks(INFRA, card, "Approve")
    assert inn.told(INFRA) == "Your approval of *demo* counts for *admin*. It is applied now."


@pytest.mark.parametrize(
    ("person", "told"),
    [
        (COLLEAGUE, "This plan needs infra and security people, and you hold operator."),
        (ADMIN, "This plan needs infra and security people, and you hold admin."),
        (
            STRANGER,
            "You are not a trusted operator yet. Ask <@U7> to run `/operator add @you operator`. "
            "I have not done anything.",
        ),
    ],
)
def test_who_holds_no_such_role_does_not_count(inn: Inn, card: Shown, person: Person, told: str) -> None:
    inn.clicks(person, card, "Approve")
    assert inn.told(person) == told
    assert inn.runs() == ["proposed"]
    assert inn.audited("refused", "approved")[0][:2] == (person.key, "refused")


def test_a_role_that_was_taken_away_a_moment_ago_does_not_count(inn: Inn, card: Shown) -> None:
    inn.vault.add(INFRA, "operator")
    inn.clicks(INFRA, card, "Approve")
    assert inn.told(INFRA) == "This plan needs infra and security people, and you hold operator."


def test_somebody_of_another_workspace_is_somebody_else(inn: Inn, card: Shown) -> None:
    twin = Person("T9", INFRA.user)
    inn.clicks(twin, card, "Approve")
    assert inn.told(twin).startswith("You are not a trusted operator yet.")
    assert inn.runs() == ["proposed"]


def test_self_approval_where_the_blueprint_allows_it(inn: Inn) -> None:
    card = inn.says(INFRA_TOO, "/lab up solo demo").card()
    inn.clicks(INFRA_TOO, card, "Approve")
    assert inn.told(INFRA_TOO) == "Your approval of *demo* counts for *infra*. It is applied now."


def test_who_left_between_two_approvals_does_not_count(inn: Inn, card: Shown) -> None:
    inn.clicks(INFRA, card, "Approve")
    inn.vault.remove_operator(INFRA)
    inn.clicks(SECURITY, card, "Approve")
    assert inn.told(SECURITY) == "Your approval of *demo* counts for *security*. Waiting for *infra*."
    assert "Approved by <@U3>" not in inn.card(card).all
    assert inn.audited("approval_void") == [("innkeeper", "approval_void", "demo")]
    inn.clicks(INFRA_TOO, card, "Approve")
    assert inn.card(card).text.startswith("demo: applied")


def test_who_left_between_approving_and_applying_does_not_count(inn: Inn, card: Shown) -> None:
    inn.clicks(INFRA, card, "Approve")
    inn.intake.work(inn.click(SECURITY, card, "Approve"), inn.clock())
    assert inn.runs() == ["approved"]
    inn.vault.add(INFRA, "operator")
    inn.works()
    assert inn.runs() == ["proposed"]
    assert inn.terraform.applied == []
    assert "Waiting for *infra*." in inn.card(card).all
    inn.vault.add(INFRA, "infra")
    inn.clicks(INFRA, card, "Approve")
    assert inn.card(card).text.startswith("demo: applied")


def test_whose_slack_account_ended_since_does_not_count(inn: Inn, card: Shown) -> None:
    inn.clicks(INFRA, card, "Approve")
    inn.standings[INFRA] = Standing(INFRA, "ines", is_deleted=True)
    inn.clicks(SECURITY, card, "Approve")
    assert inn.told(SECURITY) == "Your approval of *demo* counts for *security*. Waiting for *infra*."
    assert inn.runs() == ["proposed"]
    assert inn.audited("approval_void") == [("innkeeper", "approval_void", "demo")]


def test_an_approval_is_for_what_was_shown(inn: Inn, card: Shown) -> None:
    run = inn.run()
    for value in (f"{run.id}:{'0' * 64}", f"{run.id}:", run.id):
        inn.asks(inn.presses(INFRA, "approve", value))
        assert inn.told(INFRA) == (
            "This is not the plan that waits for approval. Look at the newest card of the lab."
        )
    inn.asks(inn.presses(INFRA, "approve", f"nope:{run.digest}"))
    assert inn.told(INFRA) == "I do not know that plan. Ask for a new one. `/lab list all`"
    assert inn.audited("approved") == []


def test_a_plan_that_was_applied_waits_for_nobody(inn: Inn, card: Shown) -> None:
    inn.approved(card)
    inn.clicks(INFRA_TOO, card, "Approve")
    assert inn.told(INFRA_TOO) == "This plan is applied, so it waits for nobody."
    inn.clicks(INFRA_TOO, card, "Reject")
    assert inn.told(INFRA_TOO) == "This plan is applied, so it waits for nobody."
    assert len(inn.terraform.applied) == 1


def test_a_plan_expires(inn: Inn, card: Shown) -> None:
    inn.clock.passes(hours=24)
    inn.clicks(INFRA, card, "Approve")
    assert inn.told(INFRA) == "This plan has expired. Press `Re-plan` on its card."
    assert inn.card(card).text.startswith("demo: expired")
    inn.clicks(REQUESTER, inn.card(card), "Re-plan")
    assert inn.newest_card().text.startswith("demo: proposed")
    assert inn.runs() == ["expired", "proposed"]


def test_a_plan_expires_by_itself(inn: Inn, card: Shown) -> None:
    inn.clock.passes(hours=23, minutes=59)
    assert inn.sweeps()[0] == "expired 0 proposals, found 0 stale"
    inn.clock.passes(minutes=2)
    assert inn.sweeps()[0] == "expired 1 proposals, found 0 stale"
    inn.works()
    assert inn.card(card).text.startswith("demo: expired")
    assert inn.card(card).buttons == ["Re-plan"]


def test_a_plan_whose_state_has_moved_is_stale(inn: Inn) -> None:
    inn.has("demo")
    card = inn.says(REQUESTER, "/lab plan demo size=large").card()
    inn.somebody_applies_by_hand()
    inn.clicks(INFRA, card, "Approve")
    assert inn.told(INFRA) == "*demo* has changed since this was planned. Press `Re-plan` on its card."
    assert inn.card(card).text.startswith("demo: stale")
    inn.clicks(REQUESTER, inn.card(card), "Re-plan")
    assert "`size=large`" in inn.newest_card().all
    inn.approved(inn.newest_card())
    assert inn.newest_card().text.startswith("demo: applied")


def test_a_state_that_moves_after_the_approvals(inn: Inn) -> None:
    inn.has("demo")
    card = inn.says(REQUESTER, "/lab plan demo size=large").card()
    inn.clicks(INFRA, card, "Approve")
    inn.intake.work(inn.click(SECURITY, card, "Approve"), inn.clock())
    inn.somebody_applies_by_hand()
    inn.works()
    assert inn.card(card).text.startswith("demo: stale")
    assert len(inn.terraform.applied) == 1


def test_a_sweep_finds_what_is_stale(inn: Inn) -> None:
    inn.has("demo")
    inn.says(REQUESTER, "/lab plan demo size=large")
    inn.somebody_applies_by_hand()
    assert inn.sweeps()[0] == "expired 0 proposals, found 1 stale"


def test_reject_asks_for_the_reason_and_shows_it(inn: Inn, card: Shown) -> None:
    inn.clicks(SECURITY, card, "Reject")
    inn.submits(SECURITY, reason="ssh is open\nto the world")
    assert inn.told(SECURITY) == "Rejected. *demo* stays as it is."
    assert inn.card(card).text.startswith("demo: rejected")
    assert "Rejected by <@U5> for *security*" in inn.card(card).all
    assert "ssh is open to the world" in inn.card(card).all
    assert inn.card(card).buttons == ["Re-plan"]
    assert inn.audited("rejected") == [(SECURITY.key, "rejected", "demo")]
    assert "ssh is open" not in str(inn.database.rows("SELECT detail FROM audit"))


def test_who_has_approved_may_think_again(inn: Inn, card: Shown) -> None:
    inn.clicks(SECURITY, card, "Approve")
    inn.clicks(SECURITY, card, "Reject")
    inn.submits(SECURITY, reason="I looked again")
    assert inn.told(SECURITY) == "Rejected. *demo* stays as it is."
    assert inn.card(card).text.startswith("demo: rejected")
    assert "Approved by <@U5>" not in inn.card(card).all


def test_the_requester_may_reject_their_own(inn: Inn, card: Shown) -> None:
    inn.clicks(REQUESTER, card, "Reject")
    inn.submits(REQUESTER, reason="a typing slip")
    assert "Rejected by <@U1> for *requester*" in inn.card(card).all


def test_others_may_not_reject(inn: Inn, card: Shown) -> None:
    inn.clicks(COLLEAGUE, card, "Reject")
    assert inn.told(COLLEAGUE) == "This plan is for infra and security people to judge."
    assert inn.slack.views == []


def test_a_rejection_needs_a_reason(inn: Inn, card: Shown) -> None:
    inn.clicks(SECURITY, card, "Reject")
    with pytest.raises(WrongFields) as wrong:
        inn.submits(SECURITY, reason=" \n ")
    assert wrong.value.errors == {"reason": "Say why, so that the requester knows what to change."}
    assert inn.runs() == ["proposed"]


def test_a_rejection_that_comes_after_the_apply_began(inn: Inn, card: Shown) -> None:
    inn.clicks(INFRA_TOO, card, "Reject")
    inn.approved(card)
    inn.submits(INFRA_TOO, reason="too late")
    assert inn.told(INFRA_TOO) == "This plan is applied, so it waits for nobody."


def test_twenty_four_people_at_once_are_one_apply(inn: Inn, card: Shown) -> None:
    crowd = [Person(TEAM, f"U{number}") for number in range(100, 124)]
    for place, person in enumerate(crowd):
        inn.vault.add(person, "infra" if place % 2 else "security")
    clicks = [inn.click(person, card, "Approve") for person in crowd]
    said = all_at_once(24, lambda index: inn.intake.work(clicks[index], inn.clock()))
    assert said.count("done") == 2
    inn.works()
    assert inn.runs() == ["applied"]
    assert len(inn.terraform.applied) == 1
    assert len(inn.audited("approved")) == 2


def test_what_is_missing(inn: Inn, card: Shown) -> None:
    run = inn.run()
    assert still_needed(run, []) == {"infra": 1, "security": 1}
    inn.clicks(INFRA, card, "Approve")
    given = approvals.of_run(inn.database, run.id, run.digest or "")
    assert still_needed(run, given) == {"security": 1}
    assert runs.get(inn.database, run.id) == inn.run()
