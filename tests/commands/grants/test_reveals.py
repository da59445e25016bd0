"""Secrets that are shown once, as the one person sees them who may."""

from __future__ import annotations

import re

from bot.windows import Windows
from state import grants
from state.records import Grant
from tests.commands.test_credentials import a_lab, newest
from tests.fakes.clock import Pause
from tests.inn import ADMIN, COLLEAGUE, INFRA, REQUESTER, Inn, Shown


def issued(inn: Inn) -> Grant:
    a_lab(inn)
    inn.says(REQUESTER, "/key db demo")
    return newest(inn)


def test_a_secret_is_shown_in_a_window_and_nowhere_else(inn: Inn) -> None:
    grant = issued(inn)
    assert inn.told(REQUESTER) == (
        "*readonly* credentials for *demo*'s database, for 1 h. "
        "It opens once, for you alone, within 10 minutes."
    )
    assert inn.private(REQUESTER).buttons == ["Reveal once", "Unwrap it myself", "Revoke"]
    view = inn.opens(REQUESTER, "Reveal once")
    password = view.after("Password")
    assert view.after("User") == inn.vault.grants[grant.accessor or ""].database_user
    assert view.all.startswith("For *demo*, until <!date^")
    assert inn.holds(password) == []
    assert newest(inn).opened_at == inn.clock()
    assert newest(inn).sealed_reveal is None
    assert inn.audited("revealed") == [(REQUESTER.key, "revealed", "demo")]


def test_a_second_look_is_refused_and_says_when_the_first_one_was(inn: Inn) -> None:
    issued(inn)
    shown = inn.private(REQUESTER)
    password = inn.opens(REQUESTER, "Reveal once").after("Password")
    opened_at = inn.clock()
    inn.clock.passes(minutes=2)
    for label in ("Reveal once", "Unwrap it myself"):
        inn.clicks(REQUESTER, shown, label)
        assert inn.told(REQUESTER).startswith(f"Opened <!date^{int(opened_at.timestamp())}^")
        assert inn.told(REQUESTER).endswith("by you. If that was not you:")
        assert inn.private(REQUESTER).buttons == ["This was not me"]
    assert inn.holds(password) == []


def test_the_question_is_answered_once_and_keeps_no_button_that_does_nothing(inn: Inn) -> None:
    issued(inn)
    told = len(inn.slack.private(REQUESTER.user))
    inn.opens(REQUESTER, "Unwrap it myself")
    assert "Reveal once" in inn.private(REQUESTER).buttons  # it tells whether somebody else was first
    inn.opens(REQUESTER, "Reveal once")
    assert len(inn.slack.private(REQUESTER.user)) == told
    assert inn.told(REQUESTER).startswith("`/key db demo`: Opened <!date^")
    assert inn.private(REQUESTER).buttons == ["This was not me"]
    inn.says(REQUESTER, "/key db demo")
    inn.clicks(REQUESTER, inn.private(REQUESTER), "Revoke")
    assert inn.told(REQUESTER) == "Revoked database user on *demo*."
    assert inn.private(REQUESTER).buttons == []


def test_a_refusal_leaves_the_question(inn: Inn) -> None:
    issued(inn)
    inn.vault.state = "sealed"
    inn.clicks(REQUESTER, inn.private(REQUESTER), "Revoke")
    asked, refused = inn.slack.private(REQUESTER.user)[-2:]
    assert refused.text.startswith("Vault is sealed")
    assert "Reveal once" in Shown(asked).buttons


def test_whoever_it_was_not_ends_it_and_calls_the_admins(inn: Inn) -> None:
    grant = issued(inn)
    shown = inn.private(REQUESTER)
    inn.opens(REQUESTER, "Reveal once")
    inn.clicks(REQUESTER, shown, "Reveal once")
    inn.clicks(REQUESTER, inn.private(REQUESTER), "This was not me")
    assert inn.told(REQUESTER).startswith("It is revoked, and the admins have been called.")
    assert inn.vault.grants[grant.accessor or ""].revoked
    assert inn.told(ADMIN).startswith("<@U1> says that somebody else opened their db credentials for *demo*")
    inn.works()
    assert len(inn.slack.private(ADMIN.user)) == 1
    assert inn.audited("not_me") == [(REQUESTER.key, "not_me", "demo")]


def test_only_its_person_can_press(inn: Inn) -> None:
    grant = issued(inn)
    for person in (COLLEAGUE, INFRA, ADMIN):
        for action in ("reveal", "reveal_token", "not_me"):
            inn.asks(inn.presses(person, action, grant.id))
            assert inn.told(person).startswith("That was issued to somebody else, and only they can open it.")
    assert inn.slack.views == []
    assert newest(inn).opened_at is None
    assert inn.opens(REQUESTER, "Reveal once").after("Password")


def test_it_is_unwrapped_by_hand_and_the_button_tells_so(inn: Inn) -> None:
    issued(inn)
    shown = inn.private(REQUESTER)
    view = inn.opens(REQUESTER, "Unwrap it myself")
    command = view.after("Command")
    token = command.removeprefix("vault unwrap ")
    assert re.fullmatch(r"\S+", token)
    assert inn.holds(token) == []
    assert inn.vault.unwrap(token)["password"]
    inn.clicks(REQUESTER, shown, "Reveal once")
    view = inn.view()
    assert view.all.startswith("It was opened before, outside of Slack, some time after <!date^")
    button = view.buttons["This was not me"]
    inn.asks(inn.presses(REQUESTER, button["action_id"], button["value"]))
    assert inn.told(REQUESTER).startswith("It is revoked, and the admins have been called.")


def test_after_ten_minutes_nobody_opens_it_and_it_ends(inn: Inn) -> None:
    grant = issued(inn)
    shown = inn.private(REQUESTER)
    inn.clock.passes(minutes=10)
    inn.clicks(REQUESTER, shown, "Reveal once")
    assert inn.told(REQUESTER) == (
        "It has waited for more than ten minutes, so nobody can open it any more. `/key db demo`"
    )
    inn.sweeps()
    assert newest(inn).revoked_because == "nobody opened it"
    assert inn.vault.grants[grant.accessor or ""].revoked


def test_what_was_revoked_is_not_shown(inn: Inn) -> None:
    issued(inn)
    shown = inn.private(REQUESTER)
    inn.clicks(REQUESTER, shown, "Revoke")
    assert inn.told(REQUESTER) == "Revoked database user on *demo*."
    inn.clicks(REQUESTER, shown, "Reveal once")
    assert inn.told(REQUESTER).startswith("It was revoked <!date^")
    assert inn.slack.views == []


def test_vault_is_away_when_it_should_be_opened(inn: Inn) -> None:
    issued(inn)
    shown = inn.private(REQUESTER)
    inn.vault.failing["I cannot open it"] = "away"
    inn.clicks(REQUESTER, shown, "Reveal once")
    assert inn.view().all.startswith("Vault is away, so I cannot open it.")
    inn.vault.failing.clear()
    inn.clicks(REQUESTER, shown, "Reveal once")
    assert inn.view().after("Password")


def test_slack_opens_no_window_so_nothing_is_opened(inn: Inn) -> None:
    issued(inn)
    shown = inn.private(REQUESTER)
    inn.slack.refuse("views.open", "expired_trigger_id")
    inn.clicks(REQUESTER, shown, "Reveal once")
    assert inn.told(REQUESTER).startswith("Slack did not open the window in time.")
    assert newest(inn).opened_at is None
    inn.clicks(REQUESTER, shown, "Reveal once")
    assert inn.view().after("Password")


def test_slack_does_not_show_what_was_opened_so_it_ends(inn: Inn) -> None:
    grant = issued(inn)
    inn.slack.refuse("views.update", "not_found")
    inn.clicks(REQUESTER, inn.private(REQUESTER), "Reveal once")
    assert inn.told(REQUESTER).startswith("Slack did not show it, so nobody has seen it, and it has ended.")
    assert inn.vault.grants[grant.accessor or ""].revoked


def test_a_window_that_slack_takes_later_is_tried_again(inn: Inn) -> None:
    issued(inn)
    inn.notifier.windows = Windows(inn.slack, inn.clock, inn.notifier.answer, Pause(inn.clock))  # type: ignore[arg-type]
    inn.slack.lose_answer("views.update")
    inn.clicks(REQUESTER, inn.private(REQUESTER), "Reveal once")
    assert inn.view().after("Password")


def test_a_double_click_opens_it_once(inn: Inn) -> None:
    issued(inn)
    shown = inn.private(REQUESTER)
    first, second = inn.click(REQUESTER, shown, "Reveal once"), inn.click(REQUESTER, shown, "Reveal once")
    inn.asks(first)
    inn.asks(second)
    assert len(inn.slack.views) == 1
    assert inn.told(REQUESTER).endswith("If that was not you:")


def test_a_key_and_a_certificate_that_vault_made(inn: Inn) -> None:
    a_lab(inn)
    inn.says(REQUESTER, "/key tls demo")
    inn.clicks(REQUESTER, inn.private(REQUESTER), "With a new key")
    assert inn.told(REQUESTER).startswith("A key and a certificate for `demo.lab.test` on *demo*")
    view = inn.opens(REQUESTER, "Reveal once")
    key = view.after("Private key")
    assert key.startswith("-----BEGIN EC PRIVATE KEY-----\n")
    assert view.after("Certificate").startswith("-----BEGIN CERTIFICATE-----\n")
    assert newest(inn).serial is not None
    assert inn.holds(key.splitlines()[1]) == []
    inn.says(REQUESTER, "/key revoke all")
    assert newest(inn).serial in inn.vault.tls_revoked


def test_the_admins_cannot_be_found_and_that_is_told(inn: Inn) -> None:
    grant = issued(inn)
    inn.opens(REQUESTER, "Reveal once")
    inn.vault.failing["I cannot read who the operators are"] = "slow"
    inn.asks(inn.presses(REQUESTER, "not_me", grant.id))
    assert inn.told(REQUESTER).startswith("It is revoked. Vault does not tell me now who the admins are")
    assert grants.living(inn.database, inn.clock()) == []


def test_no_token_is_kept_anywhere(inn: Inn) -> None:
    """Neither the one that issues, which only its accessor is kept of, nor the wrapping's."""
    grant = issued(inn)
    inn.says(REQUESTER, "/key ssh demo")
    for each in inn.vault.grants.values():
        assert inn.holds(each.token) == []
    assert inn.holds(grant.accessor or "") != []
    sealed = newest_of_kind(inn, "db").sealed_reveal or b""
    assert inn.holds(inn.vault.unseal(sealed, f"reveal {grant.id}").decode()) == []


def newest_of_kind(inn: Inn, kind: str) -> Grant:
    return next(each for each in grants.of_lab(inn.database, inn.lab().id) if each.kind == kind)
