"""Seeing somebody out: what ends, what is reported, and what is tried again until it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from time import perf_counter

import pytest

from bot import requests
from commands.people import leaving
from state import grants, leavings
from state.records import Grant, Person
from tests.commands.test_credentials import a_lab
from tests.commands.test_keys import ONE
from tests.fakes.slack import Killed
from tests.inn import ADMIN, COLLEAGUE, INFRA, REQUESTER, SECURITY, Inn


def removes(inn: Inn, mention: str = "<@U1>") -> str:
    inn.sees_out(ADMIN, mention)
    return inn.told(ADMIN)


def with_everything(inn: Inn) -> None:
    """Somebody with a key, a certificate, a database user, a second factor and an approval."""
    a_lab(inn)
    inn.vault.add(REQUESTER, "operator", "infra", keys=(ONE,))
    inn.says(REQUESTER, "/key ssh demo")
    inn.says(REQUESTER, "/key db demo")
    inn.vault.totp_enroll(REQUESTER)
    inn.says(COLLEAGUE, "/lab up web other")
    inn.clicks(REQUESTER, inn.newest_card(), "Approve")


def test_what_would_end_is_told_before_anything_does(inn: Inn) -> None:
    with_everything(inn)
    inn.says(ADMIN, "/operator remove <@U1>")
    assert inn.told(ADMIN) == (
        "Removing <@U1> ends the roles operator and infra, 1 enrolled ssh key, 2 credentials that they hold now "
        "and 1 approval of what is not applied yet. The labs get root keys without theirs.\n"
        "Their labs stay, and infra people may run them: demo.\nNothing has happened yet."
    )
    button = inn.private(ADMIN).seen.buttons["Remove"]
    assert button["style"] == "danger"
    assert button["confirm"]["text"]["text"] == "See them out now? What they hold ends at once."
    assert inn.vault.operator(REQUESTER) is not None
    assert len(grants.living(inn.database, inn.clock())) == 2


def test_everything_ends_with_one_report(inn: Inn) -> None:
    with_everything(inn)
    lines = removes(inn).splitlines()
    assert lines[:-1] == [
        "<@U1> is no longer an operator.",
        "✓ 1 certificate revoked, list published",
        "✓ 1 database user and its sessions ended",
        "✓ 1 approval withdrawn (other)",
        "Their labs stay, and infra people may run them: demo.",
    ]
    assert lines[-1].startswith("All of it is done, <!date^")
    assert inn.private(ADMIN).buttons == []
    assert inn.vault.operator(REQUESTER) is None
    assert grants.living(inn.database, inn.clock()) == []
    assert len(grants.revoked(inn.database, inn.clock())) == 1
    assert all(each.revoked for each in inn.vault.grants.values())
    assert not inn.vault.totp_has(REQUESTER)
    assert "Waiting for *infra* and *security*" in inn.newest_card().all
    assert inn.audited("operator_removing", "operator_removed") == [
        (ADMIN.key, "operator_removing", REQUESTER.key),
        (ADMIN.key, "operator_removed", REQUESTER.key),
    ]
    inn.is_tidy()


def test_a_run_that_their_word_was_enough_for_waits_again(inn: Inn) -> None:
    inn.says(COLLEAGUE, "/lab up web other")
    card = inn.newest_card()
    inn.clicks(INFRA, card, "Approve")
    inn.vault.failing["I cannot open what I keep encrypted"] = "slow"  # so that it stays approved
    inn.asks(inn.click(SECURITY, card, "Approve"))
    assert inn.run("other").state == "approved"
    removes(inn, "<@U5>")
    assert inn.run("other").state == "proposed"
    assert "Waiting for *security*" in inn.card(card).all


def test_what_fails_is_tried_again_shown_and_told_when_it_is_done(inn: Inn) -> None:
    with_everything(inn)
    inn.vault.failing = {"I cannot revoke it": "slow", "I cannot remove a second factor": "slow"}
    told = removes(inn)
    assert "✓ 1 certificate revoked, list published" in told
    assert "◐ 0 of 1 database user and its sessions ended · Vault has not confirmed the rest yet" in told
    assert "◐ their second factor: Vault has not taken that yet" in told
    assert told.endswith("I go on with what is open, and tell you when it is done.")
    assert grants.living(inn.database, inn.clock()) == []  # for us it has ended all the same
    inn.sweeps()
    inn.vault.failing = {"I cannot remove a second factor": "slow"}
    inn.sweeps()
    inn.clicks(ADMIN, inn.private(ADMIN), "Look again")
    shown = inn.private(ADMIN)
    assert "✓ 1 database user and its sessions ended" in shown.text
    assert "◐ their second factor" in shown.text
    assert shown.said.edits == 2  # the question, the report, and now
    inn.vault.failing = {}
    inn.sweeps()
    inn.works()
    assert inn.told(ADMIN).startswith("<@U1> is no longer an operator.")
    assert "All of it is done" in inn.told(ADMIN)
    inn.sweeps()
    inn.works()
    assert len([said for said in inn.slack.private(ADMIN.user) if said.channel == "D7"]) == 1


def test_the_document_stays_for_a_while_and_nothing_of_theirs_works(inn: Inn) -> None:
    with_everything(inn)
    inn.vault.failing["I cannot remove an operator"] = "slow"
    told = removes(inn)
    assert "◐ their document: Vault has not taken that yet" in told
    assert grants.living(inn.database, inn.clock()) == []
    inn.says(REQUESTER, "/key ssh demo")
    assert inn.told(REQUESTER) == "You are not a trusted operator any more."
    inn.says(ADMIN, "/operator add <@U1> operator")
    assert inn.told(ADMIN).startswith("<@U1> is being seen out right now.")
    inn.vault.failing.clear()
    inn.sweeps()
    assert inn.vault.operator(REQUESTER) is None
    inn.works()
    assert "All of it is done" in inn.told(ADMIN)


def test_who_comes_back_keeps_what_they_get_then(inn: Inn) -> None:
    """A part that is tried again ends what was there before, and nothing that came since."""
    with_everything(inn)
    inn.vault.failing["I cannot revoke it"] = "slow"
    removes(inn)
    inn.clock.passes(minutes=5)
    inn.says(ADMIN, "/operator add <@U1> operator")
    inn.vault.add(REQUESTER, "operator", keys=(ONE,))
    inn.says(REQUESTER, "/key ssh demo")
    inn.sweeps()
    inn.vault.failing.clear()
    inn.sweeps()
    assert inn.vault.operator(REQUESTER) is not None
    assert len(grants.living(inn.database, inn.clock())) == 1


def test_a_double_click_is_one_leaving(inn: Inn) -> None:
    with_everything(inn)
    inn.says(ADMIN, "/operator remove <@U1>")
    shown = inn.private(ADMIN)
    first, second = inn.click(ADMIN, shown, "Remove"), inn.click(ADMIN, shown, "Remove")
    inn.asks(first)
    inn.asks(second)
    assert inn.told(ADMIN) == "<@U1> is no operator. `/operator list`"
    assert len(inn.audited("operator_removing")) == 1


def test_only_admins_see_somebody_out(inn: Inn) -> None:
    for person in (REQUESTER, INFRA, SECURITY):
        inn.asks(inn.presses(person, "remove_operator", COLLEAGUE.key))
        assert inn.told(person).startswith("That is for people who hold admin")
    inn.asks(inn.presses(ADMIN, "remove_operator", ADMIN.key))
    assert inn.told(ADMIN).startswith("<@U7> is the last admin")
    assert leavings.under_way(inn.database) == []


def test_the_bot_dies_in_between_and_the_rest_is_done(inn: Inn) -> None:
    with_everything(inn)
    truly = inn.vault.totp_forget

    def dies(person: object) -> None:
        raise Killed

    inn.vault.totp_forget = dies  # type: ignore[method-assign, assignment]
    inn.says(ADMIN, "/operator remove <@U1>")
    entry = inn.click(ADMIN, inn.private(ADMIN), "Remove")
    inn.intake.take(entry)
    with pytest.raises(Killed):
        inn.intake.work(entry, inn.clock())
    inn.vault.totp_forget = truly  # type: ignore[method-assign]
    inn.kills()
    inn.works()
    assert "All of it is done" in inn.told(ADMIN)
    assert not inn.vault.totp_has(REQUESTER)
    assert len(inn.audited("operator_removed")) == 1


# Walked by two at once


def interrupt(inn: Inn, part: str, act: Callable[[], object], after: bool) -> None:
    """Have act done once, just before or after Vault is asked to end a part."""
    truly: Callable[[Person], None] = getattr(inn.vault, part)

    def interrupted(person: Person) -> None:
        setattr(inn.vault, part, truly)
        if after:
            truly(person)
        act()
        if not after:
            truly(person)

    setattr(inn.vault, part, interrupted)


PARTS = pytest.mark.parametrize("part", ["remove_operator", "totp_forget"])
MOMENTS = pytest.mark.parametrize("after", [False, True], ids=["before", "after"])


@PARTS
@MOMENTS
def test_a_command_and_the_sweep_see_somebody_out_at_once(inn: Inn, part: str, after: bool) -> None:
    with_everything(inn)
    interrupt(inn, part, lambda: leaving.sweep(inn.deps, inn.clock()), after)
    assert "All of it is done" in removes(inn)
    assert inn.vault.operator(REQUESTER) is None
    assert inn.audited("operator_removing", "operator_removed", "revoked_all") == [
        (ADMIN.key, "operator_removing", REQUESTER.key),
        (ADMIN.key, "operator_removed", REQUESTER.key),
        ("innkeeper", "revoked_all", REQUESTER.key),
    ]
    assert len(inn.audited("approval_void")) == 1
    inn.is_tidy()


@PARTS
@MOMENTS
def test_whoever_goes_on_after_a_death_records_the_removal_once(inn: Inn, part: str, after: bool) -> None:
    with_everything(inn)

    def dies() -> None:
        raise Killed

    interrupt(inn, part, dies, after)
    inn.says(ADMIN, "/operator remove <@U1>")
    entry = inn.click(ADMIN, inn.private(ADMIN), "Remove")
    inn.intake.take(entry)
    with pytest.raises(Killed):
        inn.intake.work(entry, inn.clock())
    interrupt(inn, "remove_operator", lambda: leaving.sweep(inn.deps, inn.clock()), after)
    inn.kills()
    inn.sweeps()
    inn.works()
    assert "All of it is done" in inn.told(ADMIN)
    assert inn.audited("operator_removed") == [(ADMIN.key, "operator_removed", REQUESTER.key)]


def test_the_sweep_takes_nobody_out_who_came_back_meanwhile(inn: Inn) -> None:
    """What the sweep has read of a leaving may be old when its turn comes."""
    with_everything(inn)
    inn.vault.failing["I cannot remove an operator"] = "slow"
    removes(inn)
    (old,) = leavings.under_way(inn.database)
    inn.vault.failing.clear()
    inn.sweeps()
    inn.vault.add(REQUESTER, "operator")
    leaving.walk(inn.deps, old, inn.clock())
    assert inn.vault.operator(REQUESTER) is not None
    assert len(inn.audited("operator_removed")) == 1


def test_the_last_admin_stays_whoever_looks_while_they_are_brought_back(inn: Inn) -> None:
    inn.vault.add(INFRA, "admin")

    def both_go() -> None:
        inn.vault.documents.pop(ADMIN.key, None)  # by somebody else, at the same moment
        leaving.sweep(inn.deps, inn.clock())

    interrupt(inn, "remove_operator", both_go, after=True)
    inn.sees_out(ADMIN, "<@U3>")
    assert inn.told(ADMIN).startswith("<@U3> is the last admin")
    assert inn.vault.operator(INFRA) is not None
    assert leavings.under_way(inn.database) == []
    assert inn.audited("operator_removed") == []


# By itself


def deactivation(inn: Inn, is_true: bool = True) -> None:
    inn.standings[REQUESTER] = replace(inn.standings[REQUESTER], is_deleted=is_true)
    event = {"type": "user_change", "user": {"id": "U1", "team_id": "T1", "deleted": True}}
    assert requests.is_departure(event)
    body = {"event": event, "event_id": "Ev9", "team_id": "T1"}
    inn.asks(requests.from_departure(body, inn.clock()))


def test_slack_says_that_somebody_was_deactivated(inn: Inn) -> None:
    with_everything(inn)
    deactivation(inn)
    assert inn.vault.operator(REQUESTER) is None
    assert grants.living(inn.database, inn.clock()) == []
    assert inn.told(ADMIN).startswith("<@U1> was deactivated in Slack, and is no longer an operator.")
    assert "All of it is done" in inn.told(ADMIN)
    assert inn.audited("operator_removed") == [("innkeeper", "operator_removed", REQUESTER.key)]
    inn.is_tidy()


def test_that_is_not_so_and_nothing_happens(inn: Inn) -> None:
    with_everything(inn)
    deactivation(inn, is_true=False)
    assert inn.vault.operator(REQUESTER) is not None
    assert len(grants.living(inn.database, inn.clock())) == 2


def test_somebody_who_was_nobody_is_deactivated(inn: Inn) -> None:
    inn.vault.remove_operator(REQUESTER)
    deactivation(inn)
    assert inn.slack.private(ADMIN.user) == []
    assert leavings.latest_of(inn.database, REQUESTER) is None


def test_vault_is_away_when_somebody_is_deactivated(inn: Inn) -> None:
    with_everything(inn)
    inn.vault.state = "sealed"
    deactivation(inn)
    assert grants.living(inn.database, inn.clock()) == []
    inn.sweeps()
    inn.vault.state = "ready"
    inn.sweeps()
    inn.works()
    assert inn.vault.operator(REQUESTER) is None
    assert "All of it is done" in inn.told(ADMIN)


def test_a_deactivation_that_nobody_told_us_of_is_found(inn: Inn) -> None:
    with_everything(inn)
    inn.standings[REQUESTER] = replace(inn.standings[REQUESTER], is_deleted=True)
    assert leaving.look_for_leavers(inn.deps, inn.clock()) == "found 1 deactivated operator"
    assert inn.vault.operator(REQUESTER) is None
    inn.slack_tells_who_is_who = False
    assert leaving.look_for_leavers(inn.deps, inn.clock()) == "found 0 deactivated operators"


def test_somebodys_time_is_over(inn: Inn) -> None:
    with_everything(inn)
    inn.says(ADMIN, "/operator add <@U1> operator until=30d")
    inn.clock.passes(days=29)
    inn.sweeps()
    assert inn.vault.operator(REQUESTER) is not None
    inn.clock.passes(days=1)
    inn.says(REQUESTER, "/lab list")
    assert inn.told(REQUESTER).startswith("Your ")  # from that second on, not from the next sweep
    inn.sweeps()
    inn.works()
    assert inn.vault.operator(REQUESTER) is None
    assert inn.told(ADMIN).startswith("<@U1>'s time as an operator is over.")
    assert inn.audited("operator_removed") == [("innkeeper", "operator_removed", REQUESTER.key)]


def test_two_hundred_grants_end_in_a_moment(inn: Inn) -> None:
    a_lab(inn)
    now = inn.clock()
    for number in range(200):
        token = inn.vault.grant_token(REQUESTER, f"grant{number}", 3600)
        until = now + timedelta(hours=1)
        grants.add(
            inn.database,
            Grant(
                f"grant{number}",
                "db",
                REQUESTER,
                inn.lab().id,
                "readonly",
                now,
                until,
                accessor=token.accessor,
            ),
        )
    began_at = perf_counter()
    told = removes(inn)
    assert perf_counter() - began_at < 20
    assert "✓ 200 database users and their sessions ended" in told
    assert all(each.revoked for each in inn.vault.grants.values())
