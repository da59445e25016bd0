"""Enrolling ssh keys, and taking back what was issued, as people see it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.requests import WrongFields
from commands.grants import public_keys
from state import grants
from tests.inn import ADMIN, COLLEAGUE, INFRA, REQUESTER, STRANGER, Inn

ONE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGQw0mFLTBUHPcPmFtD5fjDQ6YBNK9EMsTGPvn7o3JbD"
TWO = (
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBCIsSJ3J1fu04JFAfU2PaLzUaXIUPP3KP45K"
    "cIeMaZOxdUyhOcBDVVBC8ut4wL2/wFLYYlApjwWAMqN4ZO9si8g="
)
FINGERPRINT = public_keys.read(ONE).fingerprint
CANARY = "cANaRYcANaRYcANaRYcANaRY"
PRIVATE = (
    f"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU{CANARY}\n"
    "-----END OPENSSH PRIVATE KEY-----"
)


def lines_of(inn: Inn, person: object = REQUESTER) -> tuple[str, ...]:
    operator = inn.vault.operator(person)  # type: ignore[arg-type]
    assert operator is not None
    return operator.ssh_public_keys


def test_a_key_is_enrolled_and_shown_by_its_fingerprint(inn: Inn) -> None:
    inn.says(REQUESTER, f"/key enroll {ONE} anna@laptop")
    assert inn.told(REQUESTER) == (
        f"Your key `{FINGERPRINT}` is enrolled. `/key ssh LAB` gives you a certificate for it."
    )
    assert lines_of(inn) == (ONE,)
    assert inn.audited("key_enrolled") == [(REQUESTER.key, "key_enrolled", REQUESTER.key)]
    inn.says(REQUESTER, "/key list")
    assert f"*ssh-ed25519 key*\n`{FINGERPRINT}`" in inn.private(REQUESTER).all
    assert inn.holds("anna@laptop") == []


def test_a_form_does_the_same(inn: Inn) -> None:
    inn.says(REQUESTER, "/key enroll")
    inn.submits(REQUESTER, key=f"{TWO} anna@laptop\n")
    assert inn.told(REQUESTER).startswith("Your key `SHA256:")
    assert lines_of(inn) == (TWO,)
    inn.says(REQUESTER, "/key enroll")
    with pytest.raises(WrongFields) as wrong:
        inn.submits(REQUESTER, key=f"{ONE}\n{ONE}")
    assert wrong.value.errors == {"key": "Give one public key, in one line."}


def test_somebody_who_is_no_operator_enrolls_nothing(inn: Inn) -> None:
    inn.says(STRANGER, f"/key enroll {ONE}")
    assert inn.told(STRANGER).startswith("You are not a trusted operator yet.")


def test_a_key_belongs_to_one_person(inn: Inn) -> None:
    inn.says(REQUESTER, f"/key enroll {ONE}")
    inn.says(REQUESTER, f"/key enroll {ONE} another comment")
    assert inn.told(REQUESTER).startswith(f"Your key `{FINGERPRINT}` is enrolled already.")
    inn.says(COLLEAGUE, f"/key enroll {ONE}")
    assert inn.told(COLLEAGUE).startswith(f"The key `{FINGERPRINT}` is enrolled for somebody else")
    assert lines_of(inn, COLLEAGUE) == ()


def test_a_person_has_a_few_keys(inn: Inn) -> None:
    inn.vault.add(REQUESTER, "operator", keys=tuple(f"ssh-ed25519 {'A' * number}" for number in range(4, 14)))
    inn.says(REQUESTER, f"/key enroll {ONE}")
    assert inn.told(REQUESTER).startswith("You have 10 keys.")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (ONE[:-3], "That key is not whole: something is missing"),
        (ONE.replace(" ", "\n"), "Your key `SHA256:"),  # Slack breaks lines as it likes
        (f"{ONE} {TWO}", "Give one public key at a time."),
        (f"restrict,pty {ONE}", "Leave out what stands before the key"),
        (f'command="/bin/sh",from="*.example" {ONE}', "Leave out what stands before the key"),
        (f"“{ONE} anna@laptop”", "Your key `SHA256:"),
        ("ssh-dss AAAAB3NzaC1kc3MAAACBAP", "DSA keys are too weak"),
        ("correct-horse-battery-staple", "That is not an ssh public key."),
        ("ssh-ed25519 " + "A" * 100_000, "That has 100,012 characters, and no public key has so many."),
    ],
)
def test_what_is_no_key_is_told_and_not_kept(inn: Inn, typed: str, told: str) -> None:
    inn.says(REQUESTER, f"/key enroll {typed}")
    assert inn.told(REQUESTER).startswith(told)
    assert inn.holds("battery-staple") == []
    assert inn.holds("A" * 2000) == []


@pytest.mark.parametrize(
    "typed",
    [
        f"/key enroll {PRIVATE}",
        f"/key enroll {PRIVATE.splitlines()[1]}",
        f"/key ssh {PRIVATE}",
        f"/lab up web demo title={PRIVATE}",
        f"/lab show '{PRIVATE}",
    ],
)
def test_a_private_key_is_refused_loudly_and_kept_nowhere(inn: Inn, typed: str) -> None:
    inn.says(REQUESTER, typed)
    assert inn.told(REQUESTER).startswith(
        "*That is a private key, and it must now be considered lost.* Slack has seen it. I have not kept it"
    )
    assert inn.holds(CANARY) == []
    assert inn.audited() == [(REQUESTER.key, "refused", REQUESTER.key)]


def test_neither_is_one_in_a_form_or_a_mention(inn: Inn) -> None:
    inn.says(REQUESTER, "/key enroll")
    inn.submits(REQUESTER, key=PRIVATE)
    assert "must now be considered lost" in inn.told(REQUESTER)
    inn.mentions(REQUESTER, f"key enroll {PRIVATE}")
    assert "must now be considered lost" in inn.told(REQUESTER)
    inn.says(STRANGER, f"/key enroll {PRIVATE}")
    assert "must now be considered lost" in inn.told(STRANGER)
    card = inn.says(REQUESTER, "/lab up web demo").card()
    inn.clicks(INFRA, card, "Reject")
    inn.submits(INFRA, reason=PRIVATE)
    assert "must now be considered lost" in inn.told(INFRA)
    assert inn.card(card).text.startswith("demo: proposed")
    assert inn.holds(CANARY) == []


def test_somebody_else_writes_the_document_at_the_same_moment(inn: Inn) -> None:
    class Racing(type(inn.vault)):  # type: ignore[misc]
        def write_operator(self, operator: object) -> None:
            self.add(REQUESTER, "operator", "infra")
            super().write_operator(operator)

    inn.vault.__class__ = Racing
    inn.says(REQUESTER, f"/key enroll {ONE}")
    assert inn.told(REQUESTER).startswith("Your document was changed at the same moment. Try again.")
    assert lines_of(inn) == ()


def held(inn: Inn) -> list[str]:
    return [f"{each.person.user} {each.kind}" for each in grants.living(inn.database, inn.clock())]


def with_keys(inn: Inn) -> None:
    """Two people with a certificate each on the lab demo."""
    inn.has("demo", "locked")
    inn.says(REQUESTER, f"/key enroll {ONE}")
    inn.vault.add(INFRA, "infra", keys=(TWO,))
    inn.says(REQUESTER, "/key ssh demo")
    inn.says(INFRA, "/key ssh demo")


def test_what_one_holds_is_listed_with_a_button_that_ends_it(inn: Inn) -> None:
    with_keys(inn)
    inn.says(REQUESTER, "/key list")
    shown = inn.private(REQUESTER)
    assert "*ssh certificate · demo*" in shown.all
    assert "<@U3>" not in shown.all
    assert shown.buttons == ["Remove", "Revoke"]
    inn.clicks(REQUESTER, shown, "Revoke")
    again = inn.private(REQUESTER)  # the same list, without what has ended
    assert again.said.ts == shown.said.ts
    assert again.all.startswith("Revoked ssh certificate on *demo*.\n*Your keys*")
    assert again.buttons == ["Remove"]
    assert held(inn) == ["U3 ssh"]
    inn.clicks(REQUESTER, shown, "Revoke")
    assert "was revoked <!date^" in inn.told(REQUESTER)


def test_an_admin_sees_what_everybody_holds(inn: Inn) -> None:
    with_keys(inn)
    for about in ("all", "demo"):
        inn.says(ADMIN, f"/key list {about}")
        assert "<@U1> · `SHA256:" in inn.private(ADMIN).all
        assert "<@U3> · `SHA256:" in inn.private(ADMIN).all
    inn.says(ADMIN, "/key list <@U3>")
    assert "<@U1>" not in inn.private(ADMIN).all
    inn.clicks(ADMIN, inn.private(ADMIN), "Revoke")
    assert inn.private(ADMIN).all.startswith(
        "Revoked <@U3>'s ssh certificate on *demo*.\n*What works now, of"
    )
    assert "Nobody holds anything there." in inn.private(ADMIN).all
    assert held(inn) == ["U1 ssh"]
    inn.says(REQUESTER, "/key list all")
    assert inn.told(REQUESTER).startswith("Admins see what others hold.")
    inn.says(ADMIN, "/key list dema")
    assert inn.told(ADMIN).startswith("There is no lab `dema`. Did you mean `demo`?")


def test_nobody_ends_what_others_hold(inn: Inn) -> None:
    with_keys(inn)
    (grant,) = grants.of_person(inn.database, INFRA)
    inn.says(REQUESTER, f"/key revoke {grant.id}")
    assert inn.told(REQUESTER).startswith(f"You hold no grant `{grant.id}`.")
    inn.asks(inn.presses(REQUESTER, "revoke_grant", grant.id))
    assert inn.told(REQUESTER).startswith(f"You hold no grant `{grant.id}`.")
    inn.says(REQUESTER, "/key revoke nothing")
    assert inn.told(REQUESTER).startswith("You hold no grant `nothing`.")
    inn.says(REQUESTER, "/key revoke")
    assert inn.told(REQUESTER).startswith("Say what to revoke: a grant, a key by its fingerprint, or all.")
    assert held(inn) == ["U3 ssh", "U1 ssh"]


def test_everything_is_ended_at_once(inn: Inn) -> None:
    with_keys(inn)
    inn.says(REQUESTER, "/key db demo")
    inn.says(REQUESTER, "/key revoke all")
    assert inn.told(REQUESTER) == "2 credentials revoked. Your keys stay enrolled."
    assert held(inn) == ["U3 ssh"]
    assert [each.revoked for each in inn.vault.grants.values()] == [True]
    inn.says(REQUESTER, "/key revoke all")
    assert inn.told(REQUESTER).startswith("You hold nothing that works.")


def test_what_vault_does_not_confirm_is_tried_again(inn: Inn) -> None:
    inn.has("demo", "locked")
    inn.says(REQUESTER, "/key db demo")
    inn.vault.failing["I cannot revoke it"] = "slow"
    inn.says(REQUESTER, "/key revoke all")
    assert inn.told(REQUESTER) == (
        "1 credential revoked. Vault has not confirmed it yet: I go on trying until it does. "
        "Your keys stay enrolled."
    )
    inn.sweeps()
    assert [each.revoked for each in inn.vault.grants.values()] == [False]
    inn.vault.failing.clear()
    inn.sweeps()
    assert [each.revoked for each in inn.vault.grants.values()] == [True]
    assert grants.to_end(inn.database, inn.clock()) == []


def test_a_key_is_taken_back_with_every_certificate_of_it(inn: Inn) -> None:
    with_keys(inn)
    inn.says(REQUESTER, f"/key revoke {FINGERPRINT}")
    assert inn.told(REQUESTER) == f"Your key `{FINGERPRINT}` is trusted no more, 1 certificate of it revoked."
    assert lines_of(inn) == ()
    assert held(inn) == ["U3 ssh"]
    assert len(grants.revoked(inn.database, inn.clock())) == 1
    inn.says(REQUESTER, f"/key revoke {FINGERPRINT}")
    assert inn.told(REQUESTER).startswith(f"`{FINGERPRINT}` is not one of your keys. You have none.")
    inn.says(REQUESTER, "/key ssh demo")
    assert inn.told(REQUESTER).startswith("You have not enrolled an ssh key yet.")


def test_to_take_a_key_for_a_lab_is_to_use_it(inn: Inn) -> None:
    with_keys(inn)
    lab = inn.lab()
    assert (lab.last_active_by, lab.last_active_how) == (INFRA, "/key ssh")
    assert lab.idle_at == lab.last_active_at + timedelta(hours=4)
    inn.clock.passes(hours=1)
    inn.says(REQUESTER, "/key db demo")
    assert inn.lab().last_active_how == "/key db"
    assert inn.lab().last_active_at > lab.last_active_at
