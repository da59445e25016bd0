"""Who is trusted, as an admin sees to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from commands.authorise import Standing
from state import audit
from state.records import Person
from tests.inn import ADMIN, COLLEAGUE, INFRA, REQUESTER, SECURITY, STRANGER, TEAM, Inn

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGQw0mFLTBUHPcPmFtD5fjDQ6YBNK9EMsTGPvn7o3JbD"


def test_somebody_is_let_in(inn: Inn) -> None:
    inn.says(ADMIN, "/operator add <@U8> operator,infra")
    assert inn.told(ADMIN) == "<@U8> is a trusted operator now: operator and infra."
    document = inn.vault.operator(STRANGER)
    assert document is not None
    assert (document.roles, document.added_by) == (("operator", "infra"), ADMIN.key)
    assert inn.audited("operator_added") == [(ADMIN.key, "operator_added", STRANGER.key)]
    inn.says(STRANGER, "/lab up web demo")
    assert inn.newest_card().text.startswith("demo: proposed")


def test_another_role_is_added_to_those_there_are(inn: Inn) -> None:
    inn.says(ADMIN, "/operator add <@U1> infra")
    assert inn.told(ADMIN) == "<@U1> is a trusted operator now: operator and infra."
    inn.says(ADMIN, "/operator add <@U1> infra")
    assert inn.told(ADMIN) == "<@U1> holds operator and infra already."


def test_somebody_is_let_in_for_a_while(inn: Inn) -> None:
    inn.says(ADMIN, "/operator add <@U8> operator until=30d")
    assert inn.told(ADMIN).startswith("<@U8> is a trusted operator now: operator, until <!date^")
    document = inn.vault.operator(STRANGER)
    assert document is not None
    assert document.expires_at == (inn.clock() + timedelta(days=30)).replace(microsecond=0)
    inn.says(ADMIN, "/operator add <@U8> infra")
    assert inn.told(ADMIN).startswith("<@U8> is a trusted operator now: operator and infra, until <!date^")
    inn.says(ADMIN, "/operator add <@U8> infra until=never")
    assert inn.told(ADMIN) == "<@U8> is a trusted operator now: operator and infra."
    inn.says(ADMIN, "/operator add <@U8> infra until=soon")
    assert inn.told(ADMIN).startswith("`soon` is not a duration.")
    inn.says(ADMIN, "/operator add <@U7> admin until=1d")
    assert inn.told(ADMIN).startswith("<@U7> is the last admin")


def test_somebody_is_seen_out_and_is_nobody_at_once(inn: Inn) -> None:
    inn.says(ADMIN, "/operator remove <@U1>")
    assert inn.told(ADMIN).startswith("<@U1> is no longer an operator.\nAll of it is done")
    inn.says(REQUESTER, "/lab list")
    assert inn.told(REQUESTER).startswith("You are not a trusted operator yet. Ask <@U7>")
    inn.says(ADMIN, "/operator remove <@U1>")
    assert inn.told(ADMIN) == "<@U1> is no operator. `/operator list`"


def test_the_last_admin_stays(inn: Inn) -> None:
    last = (
        "<@U7> is the last admin, and without one nobody could let anybody in. Add another admin first. "
        "`/operator add @anna admin`"
    )
    inn.says(ADMIN, "/operator remove <@U7>")
    assert inn.told(ADMIN) == last
    inn.says(ADMIN, "/operator add <@U3> admin")
    inn.sees_out(INFRA, "<@U7>")
    assert inn.told(INFRA).startswith("<@U7> is no longer an operator.")
    inn.says(INFRA, "/operator remove <@U3>")
    assert inn.told(INFRA).startswith("<@U3> is the last admin")


def test_two_admins_who_remove_one_another_at_once_leave_one(inn: Inn) -> None:
    inn.vault.add(INFRA, "admin")

    class Slow(type(inn.vault)):  # type: ignore[misc]
        """The other one is removed between our look and our removal."""

        def remove_operator(self, person: Person) -> None:
            self.documents.pop(ADMIN.key, None)
            super().remove_operator(person)

    inn.vault.__class__ = Slow
    inn.sees_out(ADMIN, "<@U3>")
    assert inn.told(ADMIN).startswith("<@U3> is the last admin")
    assert inn.vault.operator(INFRA) is not None


@pytest.mark.parametrize(
    ("standing", "kind"),
    [({"is_bot": True}, "a bot"), ({"is_guest": True}, "a guest"), ({"is_deleted": True}, "deactivated")],
)
def test_bots_guests_and_deactivated_accounts_are_nobody(
    inn: Inn, standing: dict[str, bool], kind: str
) -> None:
    inn.standings[STRANGER] = replace(inn.standings[STRANGER], **standing)  # type: ignore[arg-type]
    inn.says(ADMIN, "/operator add <@U8> operator")
    assert inn.told(ADMIN) == f"<@U8> is {kind} in Slack, so they cannot be an operator."
    inn.vault.add(STRANGER, "operator", "admin")
    inn.says(STRANGER, "/lab list")
    assert "I have not done anything." in inn.told(STRANGER)
    assert inn.audited("refused")[-1][0] == STRANGER.key


def test_who_is_unknown_to_slack_is_named(inn: Inn) -> None:
    inn.unknown = STRANGER
    inn.says(ADMIN, "/operator add <@U8> operator")
    assert inn.told(ADMIN) == "<@U8> is not known to Slack. Pick the person from its list."


def test_somebody_of_another_workspace_is_named_as_their_own(inn: Inn) -> None:
    guest = Person("T9", "U99")
    inn.standings[Person(TEAM, "U99")] = Standing(guest, "vic")
    inn.says(ADMIN, "/operator add <@U99> operator")
    assert inn.vault.operator(guest) is not None
    assert inn.vault.operator(Person(TEAM, "U99")) is None
    inn.sees_out(ADMIN, "<@U99>")
    assert inn.vault.operator(guest) is None


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (
            "add <@U8>",
            "Say who, and which roles: operator, infra, security, admin. `/operator add @anna operator`",
        ),
        ("add <@U8> infr", "There is no role `infr`. Did you mean `infra`?"),
        ("add anna operator", "`anna` is not a person. Mention them with @."),
        ("add @anna operator", "`@anna` reached me as plain text, so I cannot tell who it is."),
        ("remove", "Say whom to remove. `/operator remove @anna`"),
        ("show", "Say whom to show. `/operator show @anna`"),
        ("show <@U8>", "<@U8> is no operator. `/operator list`"),
        ("audit demo web", "Name one person or one lab, or nobody. `/operator audit demo`"),
    ],
)
def test_a_slip_is_answered_with_the_right_form(inn: Inn, typed: str, told: str) -> None:
    before = dict(inn.vault.documents)
    inn.says(ADMIN, f"/operator {typed}")
    assert inn.told(ADMIN).startswith(told)
    assert inn.vault.documents == before


def test_only_admins_change_who_is_trusted(inn: Inn) -> None:
    for person in (REQUESTER, INFRA, SECURITY):
        inn.says(person, "/operator add <@U8> admin")
        assert inn.told(person).startswith("That is for people who hold admin, and you hold ")
    assert inn.vault.operator(STRANGER) is None


def test_everybody_who_is_trusted_is_listed(inn: Inn) -> None:
    inn.says(COLLEAGUE, "/operator list")
    shown = inn.private(COLLEAGUE).all
    assert "*Trusted operators*" in shown
    assert "<@U6> · infra and security" in shown
    for number in range(100, 110):
        inn.vault.add(Person(TEAM, f"U{number}"), "operator")
    inn.says(COLLEAGUE, "/operator list")
    assert "Page 1 of 2" in inn.private(COLLEAGUE).all
    inn.clicks(COLLEAGUE, inn.private(COLLEAGUE), "Next")
    assert "Page 2 of 2" in inn.private(COLLEAGUE).all
    assert inn.private(COLLEAGUE).buttons == ["Previous"]
    assert inn.private(COLLEAGUE).said.edits == 1


def test_one_person_is_shown(inn: Inn) -> None:
    inn.vault.add(INFRA, "infra", keys=(KEY,))
    inn.says(COLLEAGUE, "/operator show <@U3>")
    assert inn.told(COLLEAGUE).startswith("<@U3> · infra\nAdded by <@U0>, ")
    assert inn.told(COLLEAGUE).endswith(
        "No second factor. 1 ssh key enrolled: `SHA256:ksAGVTAzrJ+S4N4VZ3BRG+P0mw5r2sH0ZfkQXTLRazM`"
    )
    assert inn.private(COLLEAGUE).buttons == []
    inn.says(ADMIN, "/operator show <@U3>")
    assert inn.private(ADMIN).buttons == ["Remove"]


def test_a_damaged_document_is_nobody_and_can_be_mended(inn: Inn) -> None:
    document, version = inn.vault.documents[INFRA.key]
    inn.vault.documents[INFRA.key] = ({**document, "slack_user": "U99"}, version)
    inn.says(INFRA, "/lab list")
    assert inn.told(INFRA).startswith("Your operator document in Vault cannot be trusted: ")
    inn.says(ADMIN, "/operator show <@U3>")
    assert "document cannot be trusted" in inn.told(ADMIN)
    inn.says(ADMIN, "/operator add <@U3> infra")
    assert inn.told(ADMIN) == "<@U3> is a trusted operator now: infra."


def test_the_audit_is_shown_to_admins_and_security(inn: Inn) -> None:
    inn.has("demo")
    inn.says(SECURITY, "/operator audit demo")
    shown = inn.private(SECURITY).all
    assert shown.index("*applied*") < shown.index("*approved*") < shown.index("*requested*")
    inn.says(SECURITY, "/operator audit <@U3>")
    assert "*approved*" in inn.private(SECURITY).all
    assert "*requested*" not in inn.private(SECURITY).all
    inn.says(REQUESTER, "/operator audit")
    assert inn.told(REQUESTER).startswith("That is for people who hold admin or security")


def test_what_only_looks_like_a_moment_is_shown_as_it_is(inn: Inn) -> None:
    audit.append(inn.database, inn.clock(), INFRA, "locked", "demo", lock="2026-99-99T99:99:99Z")
    inn.says(SECURITY, "/operator audit")
    assert "2026-99-99T99:99:99Z" in inn.private(SECURITY).all


def test_two_admins_who_change_one_person_at_once(inn: Inn) -> None:
    class Racing(type(inn.vault)):  # type: ignore[misc]
        """Somebody else writes between our look and our write."""

        def write_operator(self, operator: object) -> None:
            self.add(REQUESTER, "security")
            super().write_operator(operator)

    inn.vault.__class__ = Racing
    inn.says(ADMIN, "/operator add <@U1> infra")
    assert inn.told(ADMIN) == (
        "Somebody else changed <@U1>'s document just now. Look at it, then try again. `/operator list`"
    )
    assert inn.vault.operator(REQUESTER).roles == ("security",)  # type: ignore[union-attr]
