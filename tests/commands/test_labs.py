"""What people see when they ask for labs, plan them again, stop them and let them go."""

from __future__ import annotations

from datetime import timedelta

import pytest

from commands.table import COMMANDS
from state import labs, runs, tfstate
from state.records import Run, StateLock
from state.transitions import RunState
from tests.inn import (
    ADMIN,
    CHANNEL,
    COLLEAGUE,
    INFRA,
    INFRA_TOO,
    REQUESTER,
    SECURITY,
    STRANGER,
    TORN,
    Inn,
)


def test_a_lab_is_asked_for_and_its_plan_is_shown(inn: Inn) -> None:
    card = inn.says(REQUESTER, "/lab up web demo size=large ttl=4h").card()
    assert card.text.startswith("demo: proposed")
    assert "Asked for by <@U1> · `size=large` · `title=Welcome` · up to 4 h · about $0.02 an hour" in card.all
    assert "*2 to add*, nothing to change or destroy · about $0.08 for 4 h" in card.all
    assert "`+ terraform_data.a`  `+ terraform_data.b`" in card.all
    assert "Waiting for *infra* and *security*." in card.all
    assert card.buttons == ["Approve", "Reject", "Re-plan"]
    assert inn.replies(card) == [
        "plan.txt",
        "<@U3> <@U4> <@U5> <@U6> *demo* needs your approval for *infra* and *security* "
        "(2 to add, nothing to change or destroy).",
    ]
    inn.is_tidy()


def test_a_lab_lives_and_goes(inn: Inn) -> None:
    inn.terraform.outputs = {"address": "203.0.113.7"}
    inn.terraform.sensitive_outputs = ("password",)
    card = inn.has("demo")
    assert card.text.startswith("demo: applied")
    assert "address `203.0.113.7` · password `(sensitive)`" in card.all
    assert "✓ provision" in card.all
    assert inn.replies(card)[-1].startswith("<@U1> *demo* is ready. It expires ")
    gone = inn.says(REQUESTER, "/lab down demo").card()
    assert "*2 to destroy*, nothing to add or change" in gone.all
    inn.approved(gone)
    assert inn.card(gone).text.startswith("demo: destroyed")
    assert inn.card(gone).buttons == []
    assert inn.replies(gone)[-1].startswith(
        "<@U1> *demo* is gone: 2 resources destroyed, nothing left behind."
    )
    inn.says(REQUESTER, "/lab list")
    assert "demo" not in inn.told(REQUESTER)
    inn.says(REQUESTER, "/lab history demo")
    assert "destroyed" in inn.private(REQUESTER).all
    inn.is_tidy()


def test_a_name_is_found_where_none_is_given(inn: Inn) -> None:
    card = inn.says(REQUESTER, "/lab up web").card()
    assert card.text.startswith("web-")


def test_where_the_blueprint_says_so_the_requester_is_enough(inn: Inn) -> None:
    card = inn.says(REQUESTER, "/lab up open demo").card()
    assert card.text.startswith("demo: proposed")
    inn.clicks(REQUESTER, card, "Approve")
    assert inn.card(card).text.startswith("demo: applied")


REFUSED = {
    "/lab up web demo too": "Say which blueprint, and how to call the lab. `/lab catalog` shows the blueprints. "
    "`/lab up sandbox demo`",
    "/lab up wbe demo": "There is no blueprint `wbe`. Did you mean `web`? `/lab up web demo`",
    "/lab up web ../../etc": "A lab cannot be called `../../etc`.",
    "/lab up web Demo": "A lab cannot be called `Demo`.",
    f"/lab up web {'a' * 41}": "A name has 3 to 40 lower-case letters, digits and hyphens (this one has 41)",
    "/lab up web demo sice=large": "`web` has no variable `sice`. Did you mean `size`? `/lab up web demo size=small`",
    "/lab up web demo size=huge": "`size` is `small` or `large`, not `huge`. `/lab up web demo size=small`",
    "/lab up web demo ttl=4d": "4 days is too long: a lab of this kind lives 3 days at most. `/lab up web demo ttl=3d`",
    "/lab up web demo ttl=soon": "`soon` is not a duration. Durations are written 45s, 30m, 4h or 2d.",
    "/lab up region demo": "`region` also needs `region` (such as paris-1).",
    "/lab up region demo region=PARIS": "`PARIS` does not fit `region`.",
    "/lab up torn demo": "The blueprint `torn` is broken in `labs/torn/blueprint.yaml`, line 4:",
    "/lab up web demo 👩‍💻": "Say which blueprint, and how to call the lab.",
    "/lab up web <@U8>": "A lab cannot be called `@U8`.",
    "/lab up web de\u202emo": "There is an invisible character (U+202E) in that.",
    "/lab up web " + "x" * 5000: "That has 5,007 characters, and I read up to 2,000. Say it shorter.",
    "/lab up web demo title='two": "The quote in `title` has no end.",
    "/lab show demo": "There is no lab `demo`. `/lab list all`",
    "/lab plan": "Say which lab to plan, and what to change. `/lab plan demo size=large`",
    "/lab plan demo ttl=4h": "Say which lab to plan, and what to change.",
    "/lab down": "Say which lab to destroy. `/lab down demo`",
    "/lab cancel": "Say which lab's run to stop. `/lab cancel demo`",
    "/lab unlock": "Say which lab's state to unlock. `/lab unlock demo`",
    "/lab logs": "Say which one. `/lab logs demo`",
    "/lab logs nope": "There is no run `nope`.",
    "/lab list ours": "`/lab list` shows mine, all or idle.",
    "/lab output demo web": "Say which one. `/lab output demo`",
    "/lab dwon demo": "There is no `/lab dwon`. Did you mean `/lab down`? `/lab down demo`",
    "/lab zzz": "There is no `/lab zzz`. I know catalog, up, plan, adopt, down,",
}


@pytest.mark.parametrize("typed", REFUSED)
def test_a_slip_is_answered_with_the_right_form_and_changes_nothing(inn: Inn, typed: str) -> None:
    inn.offers("torn", TORN)
    inn.says(REQUESTER, typed)
    assert inn.told(REQUESTER).startswith(REFUSED[typed]) or REFUSED[typed] in inn.told(REQUESTER)
    assert inn.cards() == []
    assert labs.all_living(inn.database) == []


def test_what_is_refused_is_in_the_audit_with_its_reason(inn: Inn) -> None:
    inn.says(STRANGER, "/lab up web demo")
    assert inn.told(STRANGER) == (
        "You are not a trusted operator yet. Ask <@U7> to run `/operator add @you operator`. "
        "I have not done anything."
    )
    inn.says(SECURITY, "/lab up web demo")
    assert inn.told(SECURITY) == (
        "That is for people who hold operator, and you hold security. An admin can change that."
    )
    assert inn.audited("refused") == [(STRANGER.key, "refused", "web"), (SECURITY.key, "refused", "web")]
    assert inn.audited("requested") == []


def test_a_value_stays_text(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up web demo 'title=${file(\"/etc/passwd\")}'")
    assert inn.terraform.given_variables[-1]["title"] == '${file("/etc/passwd")}'
    assert '`title=${file("/etc/passwd")}`' in inn.newest_card().all


def test_a_name_is_taken_while_its_lab_lives(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up web demo")
    inn.says(COLLEAGUE, "/lab up web demo")
    taken = "There is a lab `demo` already. Choose another name, or look at that one. `/lab show demo`"
    assert inn.told(COLLEAGUE) == taken
    inn.says(REQUESTER, "/lab up web demo")
    assert inn.told(REQUESTER) == taken
    assert len(inn.cards()) == 1


def test_the_name_of_a_lab_that_never_came_to_be_may_be_used_again_by_the_same_person(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up web demo")
    inn.says(REQUESTER, "/lab cancel demo")
    inn.says(COLLEAGUE, "/lab up web demo")
    assert inn.told(COLLEAGUE).startswith("There is a lab `demo` already.")
    inn.says(REQUESTER, "/lab up web demo size=large")
    assert inn.newest_card().text.startswith("demo: proposed")
    assert len(labs.with_name(inn.database, "demo")) == 2
    assert len(labs.all_living(inn.database)) == 1


def test_a_lab_is_planned_again_with_another_value(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up web demo title=Hello")
    inn.approved(inn.newest_card())
    card = inn.says(REQUESTER, "/lab plan demo size=large").card()
    assert "`size=large` · `title=Hello`" in card.all
    assert "`~ terraform_data.a`" in card.all
    inn.approved(card)
    assert inn.lab().variables == {"size": "large", "title": "Hello"}


def test_a_lab_that_is_as_it_should_be_has_nothing_to_do(inn: Inn) -> None:
    inn.has("demo")
    card = inn.says(REQUESTER, "/lab plan demo").card()
    assert card.text.startswith("demo: no_changes")
    assert "Everything is as it was asked for. There is nothing to do." in card.all


def test_a_newer_plan_takes_the_place_of_the_older(inn: Inn) -> None:
    old = inn.says(REQUESTER, "/lab up web demo").card()
    new = inn.says(REQUESTER, "/lab plan demo size=large").card()
    assert inn.card(old).text.startswith("demo: superseded")
    assert inn.card(old).buttons == []
    inn.clicks(INFRA, old, "Approve")
    assert inn.told(INFRA) == "A newer plan has taken its place. Look at the newest card of the lab."
    assert new.buttons == ["Approve", "Reject", "Re-plan"]


def test_another_operators_lab_is_not_theirs_to_change(inn: Inn) -> None:
    inn.has("demo")
    for command in ("plan", "down", "cancel", "unlock"):
        inn.says(COLLEAGUE, f"/lab {command} demo")
        assert inn.told(COLLEAGUE) == (
            "*demo* is <@U1>'s lab. Its owner and infra people may do that. `/lab list mine`"
        )
    inn.says(COLLEAGUE, "/lab show demo")
    assert inn.told(COLLEAGUE).startswith("*demo* · web · applied")
    card = inn.says(INFRA, "/lab down demo").card()
    assert card.text.startswith("demo: proposed")


def test_a_lab_that_holds_nothing_is_gone_at_once(inn: Inn) -> None:
    card = inn.says(REQUESTER, "/lab up web demo").card()
    inn.says(REQUESTER, "/lab down demo")
    assert inn.told(REQUESTER) == "*demo* had nothing yet, so it is simply gone. Its history stays."
    assert inn.card(card).text.startswith("demo: superseded")
    assert inn.audited("discarded") == [(REQUESTER.key, "discarded", "demo")]
    inn.clicks(REQUESTER, card, "Re-plan")
    assert inn.told(REQUESTER) == "That lab is gone, so there is nothing left to do. `/lab list all`"
    inn.is_tidy()


def test_a_button_of_an_old_card_does_not_reach_a_later_lab_of_the_same_name(inn: Inn) -> None:
    first = inn.has("demo")
    inn.approved(inn.says(REQUESTER, "/lab down demo").card())
    inn.has("demo")
    inn.clicks(REQUESTER, first, "Destroy")
    assert inn.told(REQUESTER) == "That lab is gone, so there is nothing left to do. `/lab list all`"


def test_the_destroy_button_is_lab_down(inn: Inn) -> None:
    card = inn.has("demo")
    inn.clicks(REQUESTER, card, "Destroy")
    assert inn.newest_card().text.startswith("demo: proposed")
    assert "*2 to destroy*" in inn.newest_card().all


@pytest.mark.parametrize("label", ["Re-plan", "Destroy"])
def test_a_button_pressed_twice_makes_one_plan(inn: Inn, label: str) -> None:
    card = inn.has("demo") if label == "Destroy" else inn.says(REQUESTER, "/lab up web demo").card()
    inn.clicks(REQUESTER, card, label)
    before = inn.runs()
    inn.asks(inn.presses(REQUESTER, {"Re-plan": "replan", "Destroy": "destroy"}[label], _run_on(inn, 0).id))
    assert inn.runs() == before
    assert before[-1] == "proposed"
    assert inn.told(REQUESTER) == "*demo* is planned again: look at its newest card."


def test_a_destruction_that_was_rejected_can_be_asked_for_again(inn: Inn) -> None:
    card = inn.has("demo")
    inn.clicks(REQUESTER, card, "Destroy")
    inn.clicks(SECURITY, inn.newest_card(), "Reject")
    inn.submits(SECURITY, reason="not now")
    inn.clicks(REQUESTER, card, "Destroy")
    assert inn.runs() == ["applied", "rejected", "proposed"]


def _run_on(inn: Inn, place: int) -> Run:
    """The run of a card, the oldest first."""
    return list(reversed(runs.of_lab(inn.database, inn.lab().id, 100)))[place]


def test_a_busy_lab_is_left_alone(inn: Inn) -> None:
    inn.terraform.holding = True
    inn.has("demo")
    inn.says(REQUESTER, "/lab down demo")
    assert (
        inn.told(REQUESTER)
        == "*demo* is applying right now. Wait for its end, or stop it. `/lab cancel demo`"
    )
    inn.says(REQUESTER, "/lab plan demo size=large")
    assert inn.told(REQUESTER).startswith("*demo* is applying right now.")


def test_cancel_while_it_waits(inn: Inn) -> None:
    card = inn.says(REQUESTER, "/lab up web demo").card()
    inn.says(REQUESTER, "/lab cancel demo")
    assert inn.told(REQUESTER) == "Cancelled. Nothing of *demo* was changed."
    assert inn.card(card).text.startswith("demo: cancelled")
    assert "Cancelled by <@U1>. Nothing was changed." in inn.card(card).all
    inn.says(REQUESTER, "/lab cancel demo")
    assert inn.told(REQUESTER) == "Nothing is under way for *demo*. `/lab show demo`"
    assert inn.audited("cancelled") == [(REQUESTER.key, "cancelled", "demo")]


def test_cancel_before_it_is_planned(inn: Inn) -> None:
    inn.intake.work(inn.command(REQUESTER, "/lab up web demo"), inn.clock())
    inn.says(REQUESTER, "/lab cancel demo")
    assert inn.runs() == ["cancelled"]
    assert inn.newest_card().text.startswith("demo: cancelled")
    assert inn.terraform.given_variables == []


def test_cancel_after_the_approvals(inn: Inn) -> None:
    card = inn.says(REQUESTER, "/lab up web demo").card()
    inn.clicks(INFRA, card, "Approve")
    inn.intake.work(inn.click(SECURITY, card, "Approve"), inn.clock())
    inn.says(REQUESTER, "/lab cancel demo")
    assert inn.runs() == ["cancelled"]
    assert inn.terraform.applied == []


def test_cancel_while_it_applies_says_what_was_left_behind(inn: Inn) -> None:
    inn.terraform.holding = True
    card = inn.has("demo")
    assert card.text.startswith("demo: applying")
    assert card.buttons == ["Cancel"]
    inn.terraform.step(inn.terraform.work(inn.run().id))
    inn.terraform.holding = False
    inn.clicks(REQUESTER, card, "Cancel")
    assert inn.told(REQUESTER) == "I am stopping *demo*. Its card will say what was left behind."
    assert inn.card(card).text.startswith("demo: cancelled")
    assert (
        "Stopped by <@U1> with 1 of 2 done. 1 resource exists and costs money: "
        "plan again to finish, or destroy the lab." in inn.card(card).all
    )
    assert inn.card(card).buttons == ["Re-plan", "Destroy"]
    inn.is_tidy()


def test_unlock_says_whose_lock_it_was(inn: Inn) -> None:
    inn.has("demo")
    inn.says(REQUESTER, "/lab unlock demo")
    assert inn.told(REQUESTER) == "The state of *demo* is not locked."
    lock = StateLock(inn.lab().id, "L1", COLLEAGUE.key, {}, inn.clock())
    tfstate.lock(inn.database, lock)
    inn.clock.passes(minutes=12)
    inn.says(REQUESTER, "/lab show demo")
    assert "Its state is locked: <@U2>'s, since " in inn.told(REQUESTER)
    inn.says(REQUESTER, "/lab unlock demo")
    assert inn.told(REQUESTER) == "The state of *demo* is unlocked. The lock was <@U2>'s, taken 12 min ago."
    assert inn.audited("unlocked") == [(REQUESTER.key, "unlocked", "demo")]
    inn.is_tidy()


def test_the_lock_of_a_living_run_stays(inn: Inn) -> None:
    inn.terraform.holding = True
    inn.has("demo")
    inn.says(REQUESTER, "/lab unlock demo")
    assert (
        inn.told(REQUESTER)
        == "A run of *demo* that is applying holds the lock. Stop it first. `/lab cancel demo`"
    )
    assert tfstate.lock_of(inn.database, inn.lab().id) is not None


def test_the_lock_of_a_run_that_has_ended_is_released(inn: Inn) -> None:
    inn.has("demo")
    run = inn.run()
    held = StateLock(inn.lab().id, "L1", f"run:{run.id}", {}, inn.clock())
    tfstate.lock(inn.database, held)
    assert "released 1 locks of ended runs" in inn.sweeps()
    tfstate.lock(inn.database, held)
    inn.says(REQUESTER, "/lab unlock demo")
    assert inn.told(REQUESTER).startswith(
        f"The state of *demo* is unlocked. The lock was the run `{run.id}`'s"
    )


def test_a_frozen_lab_is_not_planned(inn: Inn) -> None:
    inn.has("demo")
    labs.update(inn.database, inn.lab().id, frozen_because="its state could not be written.")
    for command in ("plan demo size=large", "down demo"):
        inn.says(REQUESTER, f"/lab {command}")
        assert inn.told(REQUESTER) == "*demo* is frozen: its state could not be written. `/lab show demo`"
    inn.says(REQUESTER, "/lab show demo")
    assert "It is frozen: its state could not be written." in inn.told(REQUESTER)
    assert runs.in_state(inn.database, RunState.QUEUED) == []


def test_commands_are_taken_in_some_channels_only(inn: Inn) -> None:
    inn.allowed_channels = ("C2",)
    inn.kills()
    inn.says(REQUESTER, "/lab up web demo", channel=CHANNEL)
    assert inn.told(REQUESTER) == "I take commands in <#C2> only."
    inn.says(REQUESTER, "/lab up web demo", channel="C2")
    assert inn.cards("C2")[0].text.startswith("demo: proposed")


def test_a_secret_is_asked_for_in_a_form_and_sealed(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up form demo")
    assert inn.cards() == []
    card = inn.submits(REQUESTER, password="canary-hunter2").card()
    assert card.text.startswith("demo: proposed")
    assert inn.terraform.given_variables[-1]["password"] == "canary-hunter2"
    inn.approved(card)
    assert inn.card(card).text.startswith("demo: applied")
    assert inn.holds("canary-hunter2") == []


@pytest.mark.parametrize("title", ["é" * 1500, "it's " * 350, '\\"' * 800])
def test_long_words_come_back_with_the_form_or_are_refused(inn: Inn, title: str) -> None:
    inn.offers("form", "variables: {password: {sensitive: true}, title: {default: x}}")
    asked = inn.says(REQUESTER, f'/lab up form demo title="{title}"')
    if inn.slack.views:
        inn.submits(REQUESTER, password="correct horse")
        assert inn.run().variables["title"] == title
    else:
        assert asked.did.startswith("refused: `form` asks for secrets in a form, and that is more than")
        assert labs.all_living(inn.database) == []


def test_a_value_that_comes_before_its_lab_is_asked_for_again(inn: Inn) -> None:
    up = inn.command(REQUESTER, "/lab up web demo title=Hello")
    early = inn.command(REQUESTER, "/lab plan demo title=Bonjour")
    inn.asks(up)
    inn.asks(early)
    assert inn.told(REQUESTER).startswith("I did not keep the value of `title`, which came too early.")
    assert inn.run().variables["title"] == "Hello"


def test_a_secret_that_does_not_fit_is_refused_and_not_shown_back(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up form demo")
    inn.submits(REQUESTER, password="canary")
    assert inn.told(REQUESTER).startswith("That does not fit `password`. It is `.{8,}`: At least eight.")
    assert inn.cards() == []
    assert inn.holds("canary") == []


def test_a_secret_typed_into_a_command_is_refused_and_kept_nowhere(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up form demo password=canary-hunter2")
    assert inn.told(REQUESTER) == (
        "`password` is secret, so it is never typed into a command: a form asks for it. I have not kept what "
        "you typed; if it was real, change it, because Slack has seen it. `/lab up form demo`"
    )
    inn.says(REQUESTER, "/lab up form demo pasword=canary-hunter2")
    assert "`form` has no variable `pasword`. Did you mean `password`?" in inn.told(REQUESTER)
    inn.says(REQUESTER, "/lab up fromm demo token='canary-hunter2 with spaces'")
    inn.says(REQUESTER, "/lab password=canary-hunter2")
    inn.mentions(REQUESTER, "up form demo password=canary-hunter2")
    assert inn.holds("canary-hunter2") == []


def test_what_vault_gives_reaches_terraform_alone(inn: Inn) -> None:
    inn.terraform.outputs = {"shown": "by mistake: licence-canary"}
    card = inn.has("demo", "cloud")
    assert inn.terraform.environments[-1]["CLOUD_TOKEN"] == "token-canary"
    assert inn.terraform.given_variables[-1]["licence"] == "licence-canary"
    assert "shown `by mistake: (sensitive)`" in inn.card(card).all
    assert inn.holds("licence-canary") == []
    assert inn.holds("token-canary") == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.usage)
def test_help_tells_of_each_command(inn: Inn, command: object) -> None:
    surface, word = command.words  # type: ignore[attr-defined]
    inn.says(STRANGER, f"/{surface} help {word}")
    told = inn.told(STRANGER)
    assert f"/{surface} {word}" in told
    assert command.help in told  # type: ignore[attr-defined]
    assert command.example in told  # type: ignore[attr-defined]


def test_help_lists_what_there_is_also_to_a_stranger(inn: Inn) -> None:
    inn.says(STRANGER, "/lab")
    assert "/lab up BLUEPRINT" in inn.private(STRANGER).all
    assert "*/lab unlock NAME*" in inn.private(STRANGER).all
    inn.says(STRANGER, "/lab help upp")
    assert inn.told(STRANGER).startswith("There is no `/lab upp`. Did you mean `/lab up`?")


def test_the_admin_alone_may_not_make_labs(inn: Inn) -> None:
    inn.says(ADMIN, "/lab up web demo")
    assert (
        inn.told(ADMIN)
        == "That is for people who hold operator, and you hold admin. An admin can change that."
    )


@pytest.mark.parametrize(
    ("typed", "how"),
    [
        ("/lab plan demo", "/lab plan"),
        ("/lab output demo", "/lab output"),
        ("/lab unlock demo", "/lab unlock"),
    ],
)
def test_to_run_a_command_on_a_lab_is_to_use_it(inn: Inn, typed: str, how: str) -> None:
    inn.has()
    inn.clock.passes(hours=2)
    if how == "/lab unlock":
        tfstate.lock(inn.database, StateLock(inn.lab().id, "L1", INFRA.key, {}, inn.clock()))
    inn.says(INFRA, typed)
    used = inn.lab()
    assert (used.last_active_by, used.last_active_how) == (INFRA, how)
    assert inn.clock() - used.last_active_at < timedelta(minutes=5)


def test_to_stop_a_run_and_to_plan_it_again_is_to_use_its_lab(inn: Inn) -> None:
    card = inn.says(REQUESTER, "/lab up web demo").card()
    inn.says(INFRA, "/lab cancel demo")
    assert (inn.lab().last_active_by, inn.lab().last_active_how) == (INFRA, "/lab cancel")
    inn.clicks(REQUESTER, inn.card(card), "Re-plan")
    assert (inn.lab().last_active_by, inn.lab().last_active_how) == (REQUESTER, "Re-plan")


@pytest.mark.parametrize(
    "typed", ["/lab down demo", "/lab show demo", "/lab list", "/lab history demo", "/lab logs demo"]
)
def test_to_look_at_a_lab_or_to_destroy_it_is_not_to_use_it(inn: Inn, typed: str) -> None:
    inn.has()
    before = inn.lab()
    inn.clock.passes(hours=2)
    inn.says(INFRA_TOO, typed)
    after = inn.lab()
    assert (after.last_active_at, after.last_active_by) == (before.last_active_at, before.last_active_by)
