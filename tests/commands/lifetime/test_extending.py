"""More time for a lab, as its owner, infra people and the channel see it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.lifetime import extending
from commands.lifetime import moments as lifetime
from commands.lifetime import sweep as lifetime_sweep
from commands.lifetime import words as lifetime_words
from state import extensions, habits, runs, usages
from state.habits import Habits
from state.records import Button, InboxEntry, Lab, Person
from state.transitions import RunState
from tests.inn import ADMIN, CHANNEL, COLLEAGUE, INFRA, INFRA_TOO, REQUESTER, SECURITY, Inn, Shown
from tests.state.examples import a_lab

HOUR = timedelta(hours=1)


def extended(inn: Inn, name: str = "demo") -> timedelta:
    """How much longer it lives than it was given at first."""
    lab = inn.lab(name)
    assert lab.expires_at is not None
    assert lab.applied_at is not None
    return lab.expires_at - lab.applied_at - timedelta(seconds=lab.ttl_seconds)


def presses(inn: Inn, person: Person, button: Button) -> str:
    """Press a button that was on some message, and hear what comes of it."""
    inn.asks(inn.presses(person, button.action, button.value))
    return inn.told(person)


def reminder(inn: Inn, owner_has_left: bool = False) -> dict[str, Button]:
    """The buttons of a reminder of the lab as it is now."""
    return {each.label: each for each in lifetime_words.buttons(inn.lab(), owner_has_left)}


def at_once(inn: Inn, entries: list[InboxEntry]) -> None:
    """Work on requests in as many threads, and let all that follows happen."""
    for entry in entries:
        inn.intake.take(entry)
    ready = threading.Barrier(len(entries))

    def work(index: int) -> None:
        ready.wait(30)
        inn.intake.work(entries[index], inn.clock())

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(entries))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    inn.works()


@contextmanager
def held(inn: Inn) -> Iterator[None]:
    """What Terraform begins to apply goes on until the end of this."""
    inn.terraform.holding = True
    yield
    inn.terraform.holding = False
    for run in runs.in_state(inn.database, RunState.APPLYING):
        inn.terraform.finish(inn.terraform.work(run.id))
    inn.works()


def leaves(inn: Inn, person: Person) -> None:
    """Their document is gone from Vault."""
    inn.vault.documents.pop(person.key)


def goes_idle(inn: Inn) -> Lab:
    """The lab's time to be reminded of has come."""
    at = lifetime.begins_at(inn.lab())
    assert at is not None
    inn.clock.until(at)
    return inn.lab()


def a_question(inn: Inn) -> Shown:
    """Somebody wants more than the three days that such a lab may live; what stands in its thread."""
    card = inn.has("demo")
    inn.says(REQUESTER, "/lab extend demo 3d")
    return question(inn, card)


def question(inn: Inn, card: Shown) -> Shown:
    return Shown([said for said in inn.slack.thread(card.said.ts) if said.blocks][-1])


# Up to its max


def test_a_lab_is_extended_and_everybody_sees_by_whom(inn: Inn) -> None:
    card = inn.has("demo")
    assert "Extend 4h" in inn.card(card).buttons
    inn.says(REQUESTER, "/lab extend demo 4h")
    assert extended(inn) == 4 * HOUR
    expires_at, kept_until = inn.lab().expires_at, inn.lab().kept_until
    assert kept_until == inn.lab().last_active_at + 4 * HOUR
    assert inn.told(REQUESTER).startswith("*demo* lives until <!date")
    assert inn.told(REQUESTER).endswith(", in 12 h.")
    assert inn.replies(card)[-1].startswith("Extended until <!date")
    assert expires_at is not None
    assert str(int(expires_at.timestamp())) in inn.card(card).all
    assert inn.audited("extended") == [(REQUESTER.key, "extended", "demo")]
    inn.is_tidy()


def test_the_button_on_the_card_does_the_same_and_counts_as_use(inn: Inn) -> None:
    card = inn.has("demo")
    inn.clock.passes(hours=3)
    inn.clicks(INFRA, inn.card(card), "Extend 4h")
    lab = inn.lab()
    assert extended(inn) == 4 * HOUR
    assert inn.replies(card)[-1].startswith("Extended by <@U3> until")
    assert lab.last_active_by == INFRA
    assert lab.idle_at == lab.last_active_at + timedelta(seconds=lab.lifetime.idle_seconds)


def test_the_same_button_pressed_twice_counts_once(inn: Inn) -> None:
    card = inn.has("demo")
    shown = inn.card(card)
    inn.clicks(REQUESTER, shown, "Extend 4h")
    inn.clicks(REQUESTER, shown, "Extend 4h")
    assert extended(inn) == 4 * HOUR
    assert inn.told(REQUESTER).startswith("*demo* was extended by <@U1> since this was shown. It lives until")
    assert inn.told(REQUESTER).endswith("`/lab extend demo 4h`")
    inn.clicks(REQUESTER, inn.card(card), "Extend 4h")  # the card as it is now
    assert extended(inn) == 8 * HOUR


def test_both_buttons_pressed_at_once_by_two_people(inn: Inn) -> None:
    inn.has("demo")
    buttons = reminder(inn)
    entries = [
        inn.presses(person, buttons[label].action, buttons[label].value)
        for person in (REQUESTER, INFRA)
        for label in ("Extend 4h", "Keep until tomorrow 09:00")
    ]
    at_once(inn, entries)
    lab = inn.lab()
    morning = datetime.fromisoformat("2026-11-25T09:00:00+00:00")
    assert lab.expires_at in (morning, morning + 4 * HOUR)
    assert lab.kept_until == morning
    assert len(inn.audited("extended")) in (1, 2)
    inn.is_tidy()


def test_a_lab_whose_time_is_over_gets_all_of_what_was_asked_for(inn: Inn) -> None:
    inn.has("demo")
    inn.clock.passes(hours=8, minutes=20)
    inn.says(REQUESTER, "/lab extend demo 4h")
    assert inn.lab().expires_at == inn.lab().kept_until
    assert inn.told(REQUESTER).endswith(", in 4 h.")


def test_an_extension_answers_the_reminder(inn: Inn) -> None:
    inn.has("demo")
    goes_idle(inn)
    lifetime_sweep.sweep(inn.deps, inn.clock())
    inn.works()
    assert inn.lab().reminders == 1
    inn.clicks(REQUESTER, inn.private(REQUESTER), "Extend 4h")
    assert inn.lab().reminders == 0
    assert inn.told(REQUESTER).startswith("*demo* lives until")
    assert inn.private(REQUESTER).buttons == []  # it stands where the question was
    assert not [said for said in inn.slack.private(REQUESTER.user) if "Nobody has used" in said.text]
    inn.clock.passes(hours=3, minutes=30)
    lifetime_sweep.sweep(inn.deps, inn.clock())
    assert inn.lab().gone_at is None


SLIPS = {
    "/lab extend": "Say which lab, and how much longer it shall live. `/lab extend demo 4h`",
    "/lab extend demo 4h more": "Say which lab, and how much longer it shall live. `/lab extend demo 4h`",
    "/lab extend demo forever": "`forever` is not a duration. Durations are written 45s, 30m, 4h or 2d. "
    "`/lab extend demo 4h`",
    "/lab extend demo -1h": "`-1h` is not a duration.",
    "/lab extend demo 0h": "`0h` is not a duration.",
    "/lab extend demo 4": "`4` is not a duration.",
    "/lab extend demo 999999999999d": "`999999999999d` is more than a year. Ask for 365d or less.",
    "/lab extend demo 9999999999999999999999d": "is not a duration.",
    "/lab extend dmeo 4h": "There is no lab `dmeo`. Did you mean `demo`?",
    "/lab up web other ttl=forever": "`forever` is not a duration. Durations are written 45s, 30m, 4h or 2d. "
    "`/lab up sandbox demo size=large ttl=8h`",
    "/lab up web other ttl=-1h": "`-1h` is not a duration. Durations are written 45s, 30m, 4h or 2d.",
    "/lab up web other ttl=4d": "4 days is too long: a lab of this kind lives 3 days at most.",
}


@pytest.mark.parametrize("typed", SLIPS)
def test_a_slip_is_answered_with_the_right_form(inn: Inn, typed: str) -> None:
    inn.has("demo")
    inn.says(REQUESTER, typed)
    assert SLIPS[typed] in inn.told(REQUESTER)
    assert extended(inn) == timedelta(0)


def test_somebody_elses_lab_is_not_theirs_to_extend(inn: Inn) -> None:
    card = inn.has("demo")
    inn.says(COLLEAGUE, "/lab extend demo 4h")
    assert inn.told(COLLEAGUE).startswith("*demo* is <@U1>'s lab. Its owner and infra people may do that.")
    inn.clicks(COLLEAGUE, inn.card(card), "Extend 4h")
    assert inn.told(COLLEAGUE).startswith("*demo* is <@U1>'s lab.")
    for button in reminder(inn).values():
        presses(inn, COLLEAGUE, button)
        assert inn.told(COLLEAGUE).startswith("*demo* is <@U1>'s lab.")
    inn.says(SECURITY, "/lab extend demo 4h")
    assert "you hold security" in inn.told(SECURITY)
    assert extended(inn) == timedelta(0)
    assert inn.runs() == ["applied"]


def test_a_lab_that_was_never_applied_or_is_gone_has_no_time_to_extend(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up web demo")
    inn.says(REQUESTER, "/lab extend demo 4h")
    assert inn.told(REQUESTER).startswith("*demo* has not been applied yet, so its time has not begun.")
    inn.says(REQUESTER, "/lab extend demo")  # and no form asks in vain
    assert inn.told(REQUESTER).startswith("*demo* has not been applied yet, so its time has not begun.")
    inn.approved(inn.newest_card())
    buttons = reminder(inn)
    inn.approved(inn.says(REQUESTER, "/lab down demo").card())
    for button in buttons.values():
        presses(inn, REQUESTER, button)
        assert inn.told(REQUESTER).startswith("*demo* is gone since <!date")
    inn.says(REQUESTER, "/lab extend demo 4h")
    assert inn.told(REQUESTER).startswith("There is no lab `demo`.")


def test_a_lab_that_is_being_destroyed_cannot_be_extended(inn: Inn) -> None:
    inn.has("demo")
    buttons = reminder(inn)
    card = inn.says(REQUESTER, "/lab down demo").card()
    with held(inn):
        inn.approved(card)
        for button in buttons.values():
            presses(inn, REQUESTER, button)
            assert "*demo* is being destroyed" in inn.told(REQUESTER)
        inn.says(REQUESTER, "/lab extend demo 4h")
        assert inn.told(REQUESTER).startswith(
            "*demo* is being destroyed right now, so it is too late for that."
        )
    assert inn.lab().gone_at is not None


def test_a_destruction_that_began_by_itself_is_called_off(inn: Inn) -> None:
    inn.has("demo")
    inn.clock.passes(hours=9)
    run = lifetime_sweep.start_destruction(inn.deps, inn.lab(), inn.clock(), INFRA)
    assert run is not None
    inn.says(REQUESTER, "/lab extend demo 4h")
    assert inn.lab().gone_at is None
    ended = runs.get(inn.database, run.id)
    assert ended is not None
    assert ended.state == "cancelled"
    assert "<@U1> wants to keep it, so it is not destroyed." in inn.newest_card().all
    inn.is_tidy()


def test_one_that_people_asked_for_stays_proposed(inn: Inn) -> None:
    inn.has("demo")
    inn.says(REQUESTER, "/lab down demo")
    inn.says(REQUESTER, "/lab extend demo 4h")
    assert extended(inn) == 4 * HOUR
    assert inn.newest_card().text.startswith("demo: proposed")


def test_where_the_channel_is_closed_its_owner_is_told_directly(inn: Inn) -> None:
    inn.has("demo")
    inn.slack.closed[CHANNEL] = "is_archived"
    inn.says(INFRA, "/lab extend demo 4h")
    assert extended(inn) == 4 * HOUR
    assert any(said.text.startswith("Extended by <@U3> until") for said in inn.slack.private(REQUESTER.user))


@given(
    st.integers(0, 400) | st.none(),
    st.integers(1, 400) | st.none(),
    st.integers(-400, 400),
    st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York", "nowhere"]),
)
def test_whatever_is_wished_takes_nothing_away(
    kept: int | None, more: int | None, left: int, zone: str
) -> None:
    now = datetime(2026, 11, 24, 9, tzinfo=UTC)
    expires_at, kept_until = now + left * HOUR, None if kept is None else now + kept * HOUR
    lab = a_lab(applied_at=now, expires_at=expires_at, kept_until=kept_until)
    wish = extending.Wish(None if more is None else more * 3600, "Extend")
    expires_after, kept_after = extending.times(wish, lab, Habits(REQUESTER, zone), now)
    assert expires_after >= max(expires_at, now)
    assert kept_after >= (kept_until or now)
    assert kept_after > now
    if more is not None:
        assert expires_after == max(expires_at, now) + more * HOUR


def test_destroy_now_and_an_extension_at_once(inn: Inn) -> None:
    inn.has("demo")
    goes_idle(inn)
    buttons = reminder(inn)
    entries = [
        inn.presses(REQUESTER, buttons["Destroy now"].action, buttons["Destroy now"].value),
        inn.presses(INFRA, buttons["Extend 4h"].action, buttons["Extend 4h"].value),
    ]
    at_once(inn, entries)
    if inn.lab().gone_at is None:
        assert extended(inn) == 4 * HOUR
        assert "destroy" not in {run.kind for run in runs.in_state(inn.database, RunState.APPLIED)}
    else:
        assert extended(inn) == timedelta(0)
    inn.is_tidy()


# Until tomorrow


def test_it_is_kept_until_nine_by_its_owners_clock(inn: Inn) -> None:
    card = inn.has("demo")
    habits.keep(inn.database, Habits(REQUESTER, "America/New_York"))
    presses(inn, INFRA, reminder(inn)["Keep until tomorrow 09:00"])
    morning = datetime.fromisoformat("2026-11-25T09:00:00-05:00")
    assert inn.lab().expires_at == morning
    assert inn.lab().kept_until == morning
    assert inn.told(INFRA).startswith("*demo* is kept until <!date")
    assert inn.replies(card)[-1].startswith("Kept by <@U3> until <!date")
    presses(inn, REQUESTER, reminder(inn)["Keep until tomorrow 09:00"])
    assert inn.told(REQUESTER).startswith("*demo* is kept until <!date")
    assert inn.told(REQUESTER).endswith(" already.")
    assert inn.replies(card)[-1].startswith("Kept by <@U3>")


def test_what_lives_longer_anyway_is_only_kept(inn: Inn) -> None:
    inn.approved(inn.says(REQUESTER, "/lab up web demo ttl=60h").card())
    expires_at = inn.lab().expires_at
    inn.clock.passes(hours=20)
    presses(inn, REQUESTER, reminder(inn)["Keep until tomorrow 09:00"])
    assert inn.lab().expires_at == expires_at
    assert inn.lab().kept_until == datetime.fromisoformat("2026-11-26T09:00:00+00:00")


# Beyond its max


def test_beyond_its_max_an_infra_person_decides(inn: Inn) -> None:
    asked = a_question(inn)
    assert asked.text.startswith("<@U3> <@U4> <@U6> <@U1> wants *demo* to live until <!date")
    assert "A lab of its kind lives 3 days at most, so an infra person decides." in asked.all
    assert asked.buttons == ["Approve", "Reject"]
    assert inn.told(REQUESTER).startswith(
        "A lab of this kind lives 3 days at most, so an infra person decides whether"
    )
    assert inn.told(REQUESTER).endswith("`/lab extend demo 64h` needs nobody's word.")
    assert extended(inn) == timedelta(0)
    inn.clicks(INFRA, asked, "Approve")
    assert extended(inn) == timedelta(days=3)
    assert inn.told(INFRA).startswith("*demo* lives until <!date")
    (*_, said) = inn.replies(inn.newest_card())
    assert said.startswith("Extended until <!date")
    assert said.endswith(": <@U1> asked, <@U3> approved.")
    assert inn.audited("extension_asked", "extended") == [
        (REQUESTER.key, "extension_asked", "demo"),
        (INFRA.key, "extended", "demo"),
    ]
    inn.clicks(INFRA_TOO, asked, "Reject")
    assert inn.told(INFRA_TOO) == "That question was approved already by <@U3>."
    inn.is_tidy()


def test_or_says_no(inn: Inn) -> None:
    asked = a_question(inn)
    inn.clicks(INFRA, asked, "Reject")
    assert extended(inn) == timedelta(0)
    (*_, said) = inn.replies(inn.newest_card())
    assert said == "<@U1> *demo* gets no more time: <@U3> said no."
    inn.clicks(INFRA_TOO, asked, "Approve")
    assert inn.told(INFRA_TOO) == "That question was rejected already by <@U3>."
    assert extended(inn) == timedelta(0)


def test_nobody_else_decides_and_nobody_on_their_own_question(inn: Inn) -> None:
    asked = a_question(inn)
    for person in (REQUESTER, COLLEAGUE, SECURITY, ADMIN):
        inn.clicks(person, asked, "Approve")
        assert "That is for people who hold infra" in inn.told(person)
    card = inn.newest_card()
    inn.says(INFRA_TOO, "/lab extend demo 4d")
    own = question(inn, card)
    assert own.text.startswith("<@U3> <@U6> <@U4> wants")
    inn.clicks(INFRA_TOO, own, "Approve")
    assert inn.told(INFRA_TOO) == "You asked for this, so another infra person decides."
    inn.clicks(INFRA, asked, "Approve")
    assert inn.told(INFRA).startswith("That question is void")
    assert extended(inn) == timedelta(0)
    inn.clicks(INFRA, own, "Approve")
    assert extended(inn) == timedelta(days=4)


def test_asked_twice_it_is_one_question(inn: Inn) -> None:
    a_question(inn)
    said = len(inn.replies(inn.newest_card()))
    inn.says(REQUESTER, "/lab extend demo 3d")
    assert inn.told(REQUESTER).startswith(
        "An infra person is asked already whether *demo* may live until <!date"
    )
    assert len(inn.replies(inn.newest_card())) == said


def test_the_question_is_void_when_the_lab_is_extended_meanwhile(inn: Inn) -> None:
    asked = a_question(inn)
    inn.says(REQUESTER, "/lab extend demo 4h")
    inn.clicks(INFRA, asked, "Approve")
    assert inn.told(INFRA).startswith(
        "That question is void: the lab was extended, asked about again, or ended."
    )
    assert extended(inn) == 4 * HOUR


def test_or_destroyed(inn: Inn) -> None:
    asked = a_question(inn)
    down = inn.says(REQUESTER, "/lab down demo").card()
    with held(inn):
        inn.approved(down)
        inn.clicks(INFRA, asked, "Approve")
        assert inn.told(INFRA).startswith("*demo* is being destroyed right now. So the question is void")
    assert inn.lab().gone_at is not None
    assert extensions.waiting_of(inn.database, inn.lab().id) is None


def test_or_gone(inn: Inn) -> None:
    asked = a_question(inn)
    inn.approved(inn.says(REQUESTER, "/lab down demo").card())
    inn.clicks(INFRA, asked, "Approve")
    assert inn.told(INFRA).startswith("That lab is gone. So the question is void, and nothing has changed.")


def test_or_its_time_has_passed(inn: Inn) -> None:
    asked = a_question(inn)
    inn.clock.passes(days=4)
    inn.clicks(INFRA, asked, "Approve")
    assert inn.told(INFRA).startswith(
        "The time that was asked for *demo* has passed. So the question is void"
    )


def test_or_whoever_asked_has_left(inn: Inn) -> None:
    asked = a_question(inn)
    leaves(inn, REQUESTER)
    inn.clicks(INFRA, asked, "Approve")
    assert inn.told(INFRA).startswith("<@U1> asked, and is no trusted operator now.")
    assert extended(inn) == timedelta(0)


def test_what_is_kept_until_tomorrow_beyond_its_max_is_asked_too(inn: Inn) -> None:
    inn.offers("brief", "approvals: {operator: 1, self: true}\nlifetime: {ttl: 2h, max: 4h}")
    card = inn.has("demo", "brief")
    presses(inn, REQUESTER, reminder(inn)["Keep until tomorrow 09:00"])
    assert inn.told(REQUESTER).endswith("`/lab extend demo 2h` needs nobody's word.")
    inn.clicks(INFRA, question(inn, card), "Approve")
    morning = datetime.fromisoformat("2026-11-25T09:00:00+00:00")
    assert inn.lab().expires_at == morning
    assert inn.lab().kept_until == morning


def test_where_the_channel_is_closed_an_infra_person_is_asked_directly(inn: Inn) -> None:
    inn.has("demo")
    inn.slack.closed[CHANNEL] = "is_archived"
    inn.says(REQUESTER, "/lab extend demo 3d")
    asked = next(said for said in inn.slack.private(INFRA.user) if "wants *demo* to live" in said.text)
    inn.clicks(INFRA, Shown(asked), "Approve")
    assert extended(inn) == timedelta(days=3)
    assert any("<@U3> approved" in said.text for said in inn.slack.private(REQUESTER.user))


def test_two_infra_people_at_once_give_it_once(inn: Inn) -> None:
    asked = a_question(inn)
    entries = [
        inn.click(person, asked, label) for person in (INFRA, INFRA_TOO) for label in ("Approve", "Reject")
    ]
    at_once(inn, entries)
    assert extended(inn) in (timedelta(0), timedelta(days=3))
    decided = inn.audited("extended", "extension_rejected")
    assert len(decided) == 1


def test_vault_away_changes_nothing(inn: Inn) -> None:
    asked = a_question(inn)
    inn.vault.state = "away"
    inn.clicks(INFRA, asked, "Approve")
    assert extended(inn) == timedelta(0)
    inn.vault.state = "ready"
    inn.clicks(INFRA, asked, "Approve")
    assert extended(inn) == timedelta(days=3)


# Destroy now


def test_destroy_now_is_the_end_that_its_lifetime_brings_only_earlier(inn: Inn) -> None:
    inn.has("demo")
    goes_idle(inn)
    assert presses(inn, REQUESTER, reminder(inn)["Destroy now"]).startswith("*demo* is destroyed now.")
    assert inn.newest_card().text.startswith("demo: destroyed")
    run = runs.latest_of(inn.database, inn.lab().id)
    assert run is not None
    assert (run.cause, run.requester, run.approvals_needed) == ("lifetime", REQUESTER, {})


def test_pressed_twice_it_is_one_destruction(inn: Inn) -> None:
    inn.has("demo")
    goes_idle(inn)
    button = reminder(inn)["Destroy now"]
    with held(inn):
        presses(inn, REQUESTER, button)
        assert presses(inn, INFRA, button) == "*demo* is being destroyed already: look at its card."
    assert inn.runs() == ["applied", "applied"]


def test_after_an_extension_elsewhere_it_destroys_nothing(inn: Inn) -> None:
    inn.has("demo")
    goes_idle(inn)
    button = reminder(inn)["Destroy now"]
    inn.says(INFRA, "/lab extend demo 4h")
    told = presses(inn, REQUESTER, button)
    assert told.startswith("*demo* was extended by <@U3> since this was shown. It lives until <!date")
    assert told.endswith("So I have not destroyed it; you can plan that. `/lab down demo`")
    assert inn.runs() == ["applied"]


def test_nor_after_it_was_used(inn: Inn) -> None:
    inn.has("demo")
    goes_idle(inn)
    button = reminder(inn)["Destroy now"]
    inn.says(REQUESTER, "/lab output demo")
    told = presses(inn, REQUESTER, button)
    assert told.startswith("*demo* was used since this was shown.")
    assert told.endswith("`/lab down demo`")
    assert inn.runs() == ["applied"]


def test_what_is_not_destroyed_by_itself_is_planned_and_approved(inn: Inn) -> None:
    inn.offers("kept", "approvals: {infra: 1}\nlifetime: {auto_destroy: false}")
    inn.clicks(INFRA, inn.says(REQUESTER, "/lab up kept demo").card(), "Approve")
    goes_idle(inn)
    button = reminder(inn)["Destroy now"]
    direct = inn.slack.direct_channel(REQUESTER.user)
    inn.asks(inn.presses(REQUESTER, button.action, button.value, channel=direct))
    assert inn.told(REQUESTER) == (
        "The destruction of *demo* is planned, and people approve it: look at its card."
    )
    assert inn.newest_card().text.startswith("demo: proposed")  # where those who approve can see it
    assert "Waiting for *infra*." in inn.newest_card().all
    presses(inn, REQUESTER, button)
    assert inn.told(REQUESTER) == "The destruction of *demo* waits for approvals already: look at its card."
    assert inn.runs() == ["applied", "proposed"]


# Take over


def test_whoever_takes_over_is_the_owner(inn: Inn) -> None:
    card = inn.has("demo")
    inn.clock.passes(hours=2)
    leaves(inn, REQUESTER)
    button = reminder(inn, owner_has_left=True)["Take over"]
    assert presses(inn, COLLEAGUE, button).startswith("*demo* is yours now. It expires <!date")
    assert inn.lab().owner == COLLEAGUE
    assert inn.replies(card)[-1] == "Taken over by <@U2> from <@U1>."
    assert inn.audited("taken_over") == [(COLLEAGUE.key, "taken_over", "demo")]
    assert presses(inn, COLLEAGUE, button) == "*demo* is yours already."
    inn.clock.passes(hours=1)
    before, after = usages.of_lab(inn.database, inn.lab().id)
    assert (before.owner, before.ended_at) == (REQUESTER, after.started_at)
    assert (after.owner, after.ended_at, after.per_hour_cents) == (COLLEAGUE, None, before.per_hour_cents)
    inn.says(COLLEAGUE, "/lab extend demo 4h")
    assert extended(inn) == 4 * HOUR


def test_nobody_takes_over_from_an_operator_and_nobody_twice(inn: Inn) -> None:
    inn.has("demo")
    button = reminder(inn, owner_has_left=True)["Take over"]
    told = presses(inn, COLLEAGUE, button)
    assert told.startswith("*demo* is <@U1>'s, who is a trusted operator. It is taken over from nobody but")
    leaves(inn, REQUESTER)
    presses(inn, SECURITY, button)
    assert "That is for people who hold operator" in inn.told(SECURITY)
    presses(inn, COLLEAGUE, button)
    assert presses(inn, INFRA_TOO, button).startswith("*demo* is <@U2>'s, who is a trusted operator.")
    assert inn.lab().owner == COLLEAGUE
