"""A Slack account alone does not approve: the code of a second factor does."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.playground.model import Message
from tests.integration.house import House
from tests.integration.keyholder import Keyholder, secrets_in, text_of, totp

pytestmark = pytest.mark.integration


@dataclass
class Reviewer:
    """An infra person with an authenticator."""

    holder: Keyholder
    url: str = ""

    def code(self, later: int = 0) -> str:
        """What it shows now, or so many periods later."""
        return totp(self.url, time.time() + 30 * later)

    def wrong(self) -> str:
        near = {self.code(later) for later in range(-2, 3)}
        return next(
            each for each in ("000000", "111111", "222222", "333333", "444444", "555555") if each not in near
        )

    def enrolls(self) -> None:
        view = self.holder.types("/key factor")
        shown = secrets_in(view)
        self.url = shown["Address"]
        assert set(shown) == {"To scan", "To type", "Address"}
        assert shown["To type"].replace(" ", "") in self.url
        assert "It is shown once" in text_of(view)
        self.holder.house.slack.close_view(self.holder.user)

    def shows(self, card: Message, code: str, expect: str) -> str:
        """Press Approve, and type that code into the form."""
        form = self.holder.opens(card, "Approve")
        return self.holder.submits(form, {"Six digits": code}, expect)


def asked(house: House, lab: str) -> Message:
    house.asks(house.riley, f"/lab up guarded {lab}")
    return house.card(f"{lab}: proposed")


def test_an_approval_takes_the_code_of_now_once(keyed: House, tmp_path: Path) -> None:
    ola = Reviewer(Keyholder(keyed, tmp_path, "ola", "infra"))
    card = asked(keyed, "safe")
    keyed.presses(ola.holder.user, card, "Approve", expect="you have none yet. Enroll one, then approve.")
    ola.enrolls()
    enrolled = "A second factor was enrolled for you just now."
    keyed.wait_for(lambda: enrolled in "".join(keyed.direct(ola.holder.user)))
    ola.holder.asks("/key factor", expect="You have a second factor already, and it stands.")
    assert keyed.slack.views_of(ola.holder.user) == []
    ola.shows(card, ola.wrong(), expect="You have 4 tries left.")
    ola.shows(card, "12345", expect="The code is six digits.")
    assert keyed.audited("safe", "approved") == 0
    code = ola.code()
    ola.shows(card, f"{code[:3]} {code[3:]}", expect="counts for *infra*")
    keyed.card("safe: applied")
    second = asked(keyed, "safe-too")
    ola.shows(second, code, expect="That code is not right, or was used before.")
    assert keyed.audited("safe-too", "approved") == 0
    ola.shows(second, ola.code(later=1), expect="counts for *infra*")
    keyed.card("safe-too: applied")


def test_five_wrong_codes_lock_and_call_the_admins(keyed: House, tmp_path: Path) -> None:
    pat = Reviewer(Keyholder(keyed, tmp_path, "pat", "infra"))
    pat.enrolls()
    card = asked(keyed, "safer")
    for left in ("4 tries", "3 tries", "2 tries", "1 try"):
        pat.shows(card, pat.wrong(), expect=f"You have {left} left.")
    pat.shows(card, pat.wrong(), expect="so your approvals are locked for 10 min")
    keyed.wait_for(lambda: f"<@{pat.holder.user}> gave 5 wrong codes" in "".join(keyed.direct(keyed.ada)))
    keyed.presses(pat.holder.user, card, "Approve", expect="your approvals are locked")
    assert keyed.slack.views_of(pat.holder.user) == []
    assert keyed.audited("safer", "approved") == 0
    # Theirs alone: somebody else approves.
    ola = Reviewer(Keyholder(keyed, tmp_path, "ole", "infra"))
    ola.enrolls()
    ola.shows(card, ola.code(), expect="counts for *infra*")
    keyed.card("safer: applied")


def test_a_lost_one_is_removed_by_another_admin_alone(keyed: House, tmp_path: Path) -> None:
    rex = Reviewer(Keyholder(keyed, tmp_path, "rex", "infra"))
    rex.enrolls()
    keyed.asks(keyed.ada, "/operator show @rex", expect="A second factor.")
    shown = keyed.answers[keyed.ada]
    keyed.presses(keyed.ada, shown, "Remove second factor", expect="has no second factor now")
    assert not keyed.vault.totp_has(rex.holder.person)
    keyed.wait_for(lambda: "has removed your second factor" in "".join(keyed.direct(rex.holder.user)))
    before = rex.url
    rex.enrolls()
    assert rex.url != before
