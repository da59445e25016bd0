"""The second factor: a Slack account alone approves nothing where a blueprint says so."""

from __future__ import annotations

import pytest

from commands.people.factors import drawn
from state import approvals
from tests.inn import ADMIN, BOTH, COLLEAGUE, INFRA, REQUESTER, SECURITY, Inn, Shown


def enrolled(inn: Inn, *people: object) -> None:
    for person in people:
        inn.vault.totp_enroll(person)  # type: ignore[arg-type]


def a_plan(inn: Inn) -> Shown:
    return inn.says(REQUESTER, "/lab up guarded demo").card()


def approves(inn: Inn, person: object, card: Shown, code: str) -> str:
    """Press Approve, type a code, and read the answer."""
    inn.clicks(person, card, "Approve")  # type: ignore[arg-type]
    inn.submits(person, code=code)  # type: ignore[arg-type]
    return inn.told(person)  # type: ignore[arg-type]


def test_it_is_shown_once_to_scan_and_to_type(inn: Inn) -> None:
    inn.says(INFRA, "/key factor")
    view = inn.view()
    address, typed = view.after("Address"), view.after("To type").replace(" ", "")
    assert address.startswith("otpauth://totp/Innkeeper:")
    assert f"secret={typed}" in address
    assert view.after("To scan") == drawn(address).strip("\n")
    assert inn.holds(typed) == []
    assert inn.told(INFRA).startswith("A second factor was enrolled for you just now. If that was not you")
    assert inn.audited("factor_enrolled") == [(INFRA.key, "factor_enrolled", INFRA.key)]


def test_it_is_never_replaced_by_its_persons_account(inn: Inn) -> None:
    enrolled(inn, INFRA)
    code = inn.vault.code_of(INFRA)
    inn.says(INFRA, "/key factor")
    assert inn.told(INFRA).startswith("You have a second factor already, and it stands.")
    assert inn.slack.views == []
    assert inn.vault.totp_check(INFRA, code)


def test_slack_does_not_show_it_so_there_is_none(inn: Inn) -> None:
    inn.slack.refuse("views.update", "not_found")
    inn.says(INFRA, "/key factor")
    assert any("Slack did not show it" in said.text for said in inn.slack.private(INFRA.user))
    assert not inn.vault.totp_has(INFRA)


def test_an_admin_removes_one_that_was_lost_but_not_their_own(inn: Inn) -> None:
    enrolled(inn, INFRA, ADMIN)
    inn.says(COLLEAGUE, "/operator show <@U3>")
    assert inn.private(COLLEAGUE).buttons == []
    inn.says(ADMIN, "/operator show <@U3>")
    assert "A second factor." in inn.told(ADMIN)
    inn.clicks(ADMIN, inn.private(ADMIN), "Remove second factor")
    assert inn.told(ADMIN).startswith("<@U3> has no second factor now.")
    assert inn.told(INFRA).startswith("<@U7> has removed your second factor.")
    assert not inn.vault.totp_has(INFRA)
    inn.asks(inn.presses(ADMIN, "forget_factor", ADMIN.key))
    assert inn.told(ADMIN).startswith("Another admin removes yours")
    inn.asks(inn.presses(COLLEAGUE, "forget_factor", ADMIN.key))
    assert inn.vault.totp_has(ADMIN)


def test_an_approval_shows_a_code(inn: Inn) -> None:
    card = a_plan(inn)
    enrolled(inn, INFRA, SECURITY)
    code = inn.vault.code_of(INFRA)
    assert approves(inn, INFRA, card, f"{code[:3]} {code[3:]}").startswith("Your approval of *demo* counts")
    approves(inn, SECURITY, card, inn.vault.code_of(SECURITY))
    assert inn.card(card).text.startswith("demo: applied")
    assert inn.holds(code) == []


def test_to_press_is_not_to_approve(inn: Inn) -> None:
    card = a_plan(inn)
    enrolled(inn, INFRA)
    inn.clicks(INFRA, card, "Approve")
    assert inn.slack.views[-1]["title"]["text"] == "Second factor"
    assert approvals.of_run(inn.database, inn.run().id, inn.run().digest or "") == []


def test_who_has_none_is_told_how_to_get_one(inn: Inn) -> None:
    card = a_plan(inn)
    inn.clicks(INFRA, card, "Approve")
    assert inn.told(INFRA) == (
        "This plan is approved with a second factor, and you have none yet. Enroll one, then approve. `/key factor`"
    )
    assert inn.slack.views == []


def test_who_may_not_approve_is_asked_for_no_code(inn: Inn) -> None:
    card = a_plan(inn)
    enrolled(inn, REQUESTER, COLLEAGUE)
    inn.clicks(REQUESTER, card, "Approve")
    assert inn.told(REQUESTER).startswith("You asked for this plan")
    inn.clicks(COLLEAGUE, card, "Approve")
    assert inn.told(COLLEAGUE).startswith("This plan needs infra and security people")
    assert inn.slack.views == []


def test_a_form_that_nobody_opened_needs_a_code_all_the_same(inn: Inn) -> None:
    a_plan(inn)
    run = inn.run()
    inn.asks(inn.presses(INFRA, "approve_with_code", f"{run.id}:{run.digest}"))
    assert inn.told(INFRA).startswith("Type the six digits that your authenticator shows.")
    assert inn.run().state == "proposed"


def test_a_code_is_good_once(inn: Inn) -> None:
    enrolled(inn, BOTH)
    first, other = a_plan(inn), inn.says(REQUESTER, "/lab up guarded other").card()
    code = inn.vault.code_of(BOTH)
    assert approves(inn, BOTH, first, code).startswith("Your approval of *demo* counts")
    assert approves(inn, BOTH, other, code) == (
        "That code is not right, or was used before. You have 4 tries left. Press `Approve` again."
    )


@pytest.mark.parametrize("typed", ["12345", "1234567", "abcdef", "١٢٣٤٥٦", ""])
def test_what_is_no_code_is_no_try(inn: Inn, typed: str) -> None:
    card = a_plan(inn)
    enrolled(inn, INFRA)
    for _ in range(6):
        assert approves(inn, INFRA, card, typed).startswith(
            ("The code is six digits.", "Type the six digits")
        )


def wrong(inn: Inn, person: object) -> str:
    code = inn.vault.code_of(person)  # type: ignore[arg-type]
    return f"{(int(code) + 500_000) % 1_000_000:06}"


def test_five_wrong_codes_lock_for_ten_minutes_and_call_the_admins(inn: Inn) -> None:
    card = a_plan(inn)
    enrolled(inn, INFRA)
    for left in ("4 tries", "3 tries", "2 tries", "1 try"):
        assert f"You have {left} left." in approves(inn, INFRA, card, wrong(inn, INFRA))
    told = approves(inn, INFRA, card, wrong(inn, INFRA))
    assert told == "5 codes were wrong, so your approvals are locked for 10 min. The admins have been told."
    assert inn.told(ADMIN).startswith("<@U3> gave 5 wrong codes for their second factor")
    inn.clock.passes(minutes=9)
    inn.clicks(INFRA, card, "Approve")
    assert inn.told(INFRA).startswith("5 codes were wrong, so your approvals are locked for 1 min.")
    assert len(inn.slack.private(ADMIN.user)) == 1
    inn.clock.passes(minutes=1)
    assert approves(inn, INFRA, card, inn.vault.code_of(INFRA)).startswith("Your approval of *demo* counts")
    assert [entry[1] for entry in inn.audited("factor_wrong", "factor_locked")] == [
        *["factor_wrong"] * 5,
        "factor_locked",
    ]


def test_a_form_that_was_open_before_the_lock_opens_nothing(inn: Inn) -> None:
    card = a_plan(inn)
    enrolled(inn, INFRA)
    inn.clicks(INFRA, card, "Approve")
    early = inn.slack.views.pop()
    for _ in range(5):
        approves(inn, INFRA, card, wrong(inn, INFRA))
    inn.slack.views.append(early)
    inn.submits(INFRA, code=inn.vault.code_of(INFRA))
    assert inn.told(INFRA).startswith("5 codes were wrong")
    assert inn.run().state == "proposed"


def test_a_right_code_forgives_the_wrong_ones(inn: Inn) -> None:
    card = a_plan(inn)
    enrolled(inn, INFRA)
    for _ in range(4):
        approves(inn, INFRA, card, wrong(inn, INFRA))
    approves(inn, INFRA, card, inn.vault.code_of(INFRA))
    other = inn.says(REQUESTER, "/lab up guarded other").card()
    assert "You have 4 tries left." in approves(inn, INFRA, other, wrong(inn, INFRA))


def test_vault_does_not_answer_and_that_is_no_wrong_try(inn: Inn) -> None:
    card = a_plan(inn)
    enrolled(inn, INFRA)
    inn.vault.failing["I cannot check that code"] = "slow"
    for _ in range(6):
        told = approves(inn, INFRA, card, inn.vault.code_of(INFRA))
        assert told.startswith("Vault took too long to answer, so I cannot check that code.")
    inn.vault.failing.clear()
    assert approves(inn, INFRA, card, inn.vault.code_of(INFRA)).startswith("Your approval of *demo* counts")


def test_the_qr_code_is_small_enough_for_a_window(inn: Inn) -> None:
    lines = drawn("otpauth://totp/Innkeeper:T0123456789-U0123456789?secret=" + "A" * 32).splitlines()
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 50
    assert set("".join(lines)) <= set(" ▀▄█")
