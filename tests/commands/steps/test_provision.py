"""Plans and applies: what a run becomes, whatever befalls Terraform, Vault, the blueprint or the process."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from commands.engines.terraform.events import Diagnostic
from state import labs, runs, tfstate
from state.records import PlannedChange, StateLock
from state.transitions import RunState
from tests.inn import COLLEAGUE, INFRA, REQUESTER, SECURITY, Inn, Shown, a_state
from tests.waiting import until

NO_REGION = Diagnostic("error", "Invalid region", 'There is no region "mars".', file="main.tf", line=7)


@contextmanager
def planning(inn: Inn) -> Iterator[None]:
    """While `demo` is being planned; it goes on to what becomes of it."""
    inn.terraform.planning_holds = True
    inn.intake.work(inn.command(REQUESTER, "/lab up web demo"), inn.clock())
    thread = threading.Thread(target=lambda: inn.worker.plan_once(inn.clock()))
    thread.start()
    until(lambda: inn.terraform.given_variables)
    yield
    inn.terraform.planning_holds = False
    thread.join(30)
    inn.works()


def all_but_applied(inn: Inn) -> Shown:
    """A plan that has its approvals, and is not applied yet."""
    card = inn.says(REQUESTER, "/lab up web demo").card()
    inn.clicks(INFRA, card, "Approve")
    inn.intake.work(inn.click(SECURITY, card, "Approve"), inn.clock())
    assert inn.runs() == ["approved"]
    return card


# Planning


def test_a_module_that_does_not_plan_is_told_with_file_and_line(inn: Inn) -> None:
    inn.terraform.plan_failure = NO_REGION
    card = inn.says(REQUESTER, "/lab up web demo").card()
    assert card.text.startswith("demo: failed")
    assert 'Invalid region (main.tf:7): There is no region "mars".' in card.all
    assert card.buttons == ["Re-plan"]
    assert inn.replies(card)[-1].startswith("<@U1> *demo* did not come up. ")
    assert inn.terraform.applied == []
    inn.is_tidy()


def test_a_plan_whose_values_cannot_be_shown_is_told_by_what_it_touches(inn: Inn) -> None:
    inn.terraform.show_failure = Diagnostic("error", "Plugin crashed")
    card = inn.says(REQUESTER, "/lab up web demo").card()
    assert card.text.startswith("demo: proposed")
    assert inn.replies(card)[0] == "plan.txt"
    whole = next(said.body for said in inn.slack.thread(card.said.ts) if said.file == "plan.txt")
    assert whole.startswith("Its values cannot be shown: Plugin crashed.\ncreate ")


def test_what_init_does_not_like_is_told(inn: Inn) -> None:
    inn.terraform.init_failure = Diagnostic("error", "Module not found")
    card = inn.says(REQUESTER, "/lab up web demo").card()
    assert card.text.startswith("demo: failed")
    assert "Module not found" in card.all


def test_what_init_says_is_told_without_the_secrets(inn: Inn) -> None:
    inn.terraform.init_failure = Diagnostic("error", "Login refused", "The token token-canary has ended.")
    card = inn.says(REQUESTER, "/lab up cloud demo").card()
    assert "Login refused: The token (sensitive) has ended." in card.all
    assert inn.holds("token-canary") == []


def test_each_part_of_a_secret_list_is_hidden(inn: Inn) -> None:
    inn.offers("users", "variables: {password: {sensitive: true, type: list}}")
    inn.terraform.plan_failure = Diagnostic("error", "Too simple", 'Not "second-canary".')
    inn.says(REQUESTER, "/lab up users demo")
    inn.submits(REQUESTER, password="first-canary,second-canary")
    assert 'Too simple: Not "(sensitive)".' in inn.newest_card().all
    assert inn.holds("second-canary") == []


def test_what_terraform_warns_of_is_on_the_card(inn: Inn) -> None:
    inn.terraform.warning = Diagnostic("warning", "Check block assertion failed", "ssh is open")
    card = inn.says(REQUESTER, "/lab up web demo").card()
    assert "Warning: Check block assertion failed" in card.all


def test_the_first_changes_are_shown_and_what_is_destroyed_comes_first(inn: Inn) -> None:
    inn.terraform.next_changes = [
        *(PlannedChange(f"made.a{number}", "create") for number in range(20)),
        PlannedChange("lost.b", "delete"),
        PlannedChange("swapped.c", "replace"),
    ]
    card = inn.says(REQUESTER, "/lab up web demo").card()
    assert "*21 to add*, *2 to destroy*, nothing to change" in card.all
    assert "`- lost.b`  `± swapped.c`  `+ made.a0`" in card.all
    assert "and 14 more, in the thread" in card.all
    assert inn.replies(card)[0] == "plan.txt"


def test_vault_away_while_planning(inn: Inn) -> None:
    inn.intake.work(inn.command(REQUESTER, "/lab up cloud demo"), inn.clock())
    inn.vault.state = "sealed"
    inn.works()
    card = inn.newest_card()
    assert card.text.startswith("demo: failed")
    assert "Vault is sealed, so I cannot read `innkeeper/licences`." in card.all
    inn.vault.state = "ready"
    inn.clicks(REQUESTER, card, "Re-plan")
    assert inn.newest_card().text.startswith("demo: proposed")


def test_a_secret_that_vault_does_not_have(inn: Inn) -> None:
    del inn.vault.fields["innkeeper/providers/cloud#token"]
    card = inn.says(REQUESTER, "/lab up cloud demo").card()
    assert "There is no `innkeeper/providers/cloud#token` in Vault." in card.all


def test_cancel_while_it_is_planned(inn: Inn) -> None:
    with planning(inn):
        inn.intake.work(inn.command(REQUESTER, "/lab cancel demo"), inn.clock())
    assert inn.told(REQUESTER) == "I am stopping *demo*. Its card will say what was left behind."
    assert inn.runs() == ["cancelled"]
    assert "Cancelled by <@U1> while it was planned. Nothing was changed." in inn.newest_card().all
    inn.is_tidy()


def test_cancel_at_the_last_moment_of_planning(inn: Inn) -> None:
    with planning(inn):
        runs.update(inn.database, inn.run().id, cancelled_by=REQUESTER)
        inn.terraform.finish(inn.terraform.work(f"{inn.run().id}-plan"))
    assert inn.runs() == ["cancelled"]
    assert inn.newest_card().buttons == ["Re-plan"]
    inn.is_tidy()


def test_a_newer_plan_stops_the_one_that_is_made(inn: Inn) -> None:
    with planning(inn):
        inn.intake.work(inn.command(REQUESTER, "/lab plan demo size=large"), inn.clock())
    assert inn.runs() == ["superseded", "proposed"]
    inn.is_tidy()


def test_the_process_stops_while_it_plans(inn: Inn) -> None:
    with planning(inn):
        inn.worker.stop(30)
        until(lambda: inn.runs() == ["queued"])
        inn.kills()
    assert inn.runs() == ["proposed"]
    assert len(inn.cards()) == 1
    inn.is_tidy()


def test_terraform_is_killed_while_it_plans(inn: Inn) -> None:
    with planning(inn):
        child = inn.terraform.attach(inn.terraform.work(f"{inn.run().id}-plan"))
        assert child is not None
        child.kill()
    assert inn.runs() == ["failed"]
    assert "Terraform was ended from outside. Plan it again." in inn.newest_card().all
    inn.is_tidy()


def test_somebody_has_locked_the_state(inn: Inn) -> None:
    inn.has("demo")
    tfstate.lock(inn.database, StateLock(inn.lab().id, "L1", COLLEAGUE.key, {}, inn.clock()))
    card = inn.says(REQUESTER, "/lab plan demo size=large").card()
    assert card.text.startswith("demo: failed")
    assert "Error acquiring the state lock" in card.all


# Before the apply


def test_exactly_the_plan_that_was_approved_is_applied(inn: Inn) -> None:
    card = inn.says(REQUESTER, "/lab up web demo").card()
    planned = inn.run().plan_sha256
    inn.approved(card)
    assert inn.terraform.applied == [planned]


def test_a_plan_that_was_tampered_with_is_refused(inn: Inn) -> None:
    card = all_but_applied(inn)
    other = inn.vault.seal(b"another plan", f"plan {inn.run().id}")
    runs.update(inn.database, inn.run().id, plan=other)
    inn.works()
    assert inn.card(card).text.startswith("demo: failed")
    assert (
        "The plan file is not the one that was approved: its sha256 differs. Nothing was applied. "
        "Plan it again." in inn.card(card).all
    )
    assert inn.terraform.applied == []
    assert inn.audited("plan_tampered") == [("innkeeper", "plan_tampered", "demo")]
    inn.is_tidy()


def test_a_plan_that_does_not_open_is_refused(inn: Inn) -> None:
    card = all_but_applied(inn)
    runs.update(inn.database, inn.run().id, plan=inn.vault.seal(b"a plan", "plan of another run"))
    inn.works()
    assert inn.card(card).text.startswith("demo: failed")
    assert inn.terraform.applied == []


def test_a_disk_that_fails_as_the_apply_starts(inn: Inn) -> None:
    card = all_but_applied(inn)
    folder = inn.terraform.work("any").parent
    shutil.rmtree(folder)
    folder.write_text("no folder any more")
    inn.works()
    assert inn.card(card).text.startswith("demo: failed")
    assert "could not start Terraform (Not a directory)" in inn.card(card).all
    assert "Nothing was applied. Plan it again." in inn.card(card).all
    assert inn.terraform.applied == []


def test_a_blueprint_that_changed_after_the_plan(inn: Inn) -> None:
    card = all_but_applied(inn)
    module = inn.folder / "labs" / "web" / "main.tf"
    module.write_text(module.read_text() + "# changed\n")
    inn.works()
    assert inn.card(card).text.startswith("demo: failed")
    assert "The blueprint has changed since this was planned. Nothing was applied." in inn.card(card).all
    assert inn.terraform.applied == []
    inn.is_tidy()


def test_a_requester_who_left(inn: Inn) -> None:
    card = all_but_applied(inn)
    inn.vault.remove_operator(REQUESTER)
    inn.works()
    assert inn.card(card).text.startswith("demo: failed")
    assert (
        "<@U1> asked for this, and is no trusted operator now. Nothing was applied. Plan it again."
        in inn.card(card).all
    )
    assert inn.terraform.applied == []


def test_an_apply_waits_for_vault(inn: Inn) -> None:
    card = all_but_applied(inn)
    inn.vault.state = "away"
    inn.works()
    assert inn.card(card).text.startswith("demo: approved")
    assert "Vault is away" in inn.card(card).all
    assert inn.terraform.applied == []
    inn.vault.state = "ready"
    inn.works()
    assert inn.card(card).text.startswith("demo: applied")


def test_an_apply_waits_for_slack_to_say_who_asked_for_it(inn: Inn) -> None:
    card = all_but_applied(inn)
    inn.slack_tells_who_is_who = False
    inn.works()
    assert inn.card(card).text.startswith("demo: approved")
    inn.slack_tells_who_is_who = True
    inn.works()
    assert inn.card(card).text.startswith("demo: applied")


def test_an_approved_plan_that_nobody_could_apply_expires(inn: Inn) -> None:
    card = all_but_applied(inn)
    inn.vault.state = "away"
    inn.clock.passes(hours=25)
    inn.sweeps()
    inn.works()
    assert inn.card(card).text.startswith("demo: expired")
    assert "It could not be applied in time." in inn.card(card).all


# Applying


def test_progress_is_shown_while_it_applies(inn: Inn) -> None:
    inn.terraform.holding = True
    card = inn.has("demo")
    inn.clock.passes(42)
    inn.terraform.step(inn.terraform.work(inn.run().id))
    until(lambda: inn.run().resources_done == 1)
    inn.notifier.send_cards(inn.clock())
    assert "*demo* · web · applying · 1 of 2 resources · 43 s" in inn.card(card).all
    inn.terraform.holding = False
    inn.terraform.finish(inn.terraform.work(inn.run().id))
    inn.works()
    assert "*demo* · web · applied in 43 s" in inn.card(card).all


def test_an_apply_that_fails_says_why_and_what_was_left_behind(inn: Inn) -> None:
    inn.terraform.holding = True
    card = inn.has("demo")
    work = inn.terraform.work(inn.run().id)
    inn.terraform.step(work)
    inn.terraform.apply_failure = Diagnostic("error", "Quota exceeded", "Ask for more.")
    inn.terraform.holding = False
    inn.terraform.finish(work)
    inn.works()
    assert inn.card(card).text.startswith("demo: failed")
    assert "Quota exceeded" in inn.card(card).all
    assert "1 resource exists and costs money" in inn.card(card).all
    assert inn.card(card).buttons == ["Re-plan", "Destroy"]
    assert inn.lab().expires_at is not None
    inn.terraform.apply_failure = None
    inn.clicks(REQUESTER, inn.card(card), "Destroy")
    inn.approved(inn.newest_card())
    assert inn.newest_card().text.startswith("demo: destroyed")


def test_a_destruction_that_fails_leaves_the_lab(inn: Inn) -> None:
    inn.has("demo")
    inn.terraform.apply_failure = Diagnostic("error", "Still in use")
    card = inn.says(REQUESTER, "/lab down demo").card()
    inn.approved(card)
    assert inn.card(card).text.startswith("demo: failed")
    assert inn.replies(card)[-1].startswith("<@U1> *demo* could not be destroyed. Still in use")
    assert labs.living(inn.database, "demo") is not None


def test_the_apply_was_too_late(inn: Inn) -> None:
    inn.has("demo")
    card = inn.says(REQUESTER, "/lab plan demo size=large").card()
    inn.terraform.serials["http://inn.test/tfstate/demo"] += 1
    inn.approved(card)
    assert inn.card(card).text.startswith("demo: stale")
    assert "Nothing was applied. Plan it again." in inn.card(card).all
    inn.is_tidy()


def test_a_machine_that_stopped_while_it_applied(inn: Inn) -> None:
    inn.terraform.holding = True
    card = inn.has("demo")
    first = inn.run()
    inn.terraform.step(inn.terraform.work(first.id))
    until(lambda: inn.lab() and tfstate.current(inn.database, inn.lab().id))
    child = inn.terraform.attach(inn.terraform.work(first.id))
    assert child is not None
    inn.terraform.holding = False
    child.kill()
    inn.works()
    assert inn.card(card).text.startswith("demo: interrupted")
    assert (
        "The machine that applied it stopped, with 1 of 2 resources done. I read what is there and make a "
        "new plan for the rest. It needs the same approvals." in inn.card(card).all
    )
    assert inn.replies(card)[-1].startswith("<@U1> *demo* was interrupted. ")
    rest = inn.newest_card()
    assert rest.text.startswith("demo: proposed")
    assert "What the interrupted run left is planned again here." in rest.all
    assert "`+ terraform_data.b`" in rest.all
    assert "terraform_data.a" not in rest.all
    inn.clicks(REQUESTER, rest, "Approve")
    assert inn.runs() == ["interrupted", "proposed"]
    inn.approved(rest)
    assert inn.runs() == ["interrupted", "applied"]
    inn.is_tidy()


def test_what_was_interrupted_is_planned_again_only_once(inn: Inn) -> None:
    inn.terraform.holding = True
    inn.has("demo")
    child = inn.terraform.attach(inn.terraform.work(inn.run().id))
    assert child is not None
    inn.terraform.holding = False
    child.kill()
    inn.works()
    for _ in range(2):
        inn.kills()
        inn.works()
    assert inn.runs() == ["interrupted", "proposed"]


def test_a_state_that_could_not_be_written_is_taken_in(inn: Inn) -> None:
    inn.has("demo")
    inn.terraform.apply_failure = Diagnostic("error", "Failed to save state")
    inn.terraform.errored = a_state(7, inn.lab().id, ["terraform_data.a", "terraform_data.new"])
    card = inn.says(REQUESTER, "/lab plan demo size=large").card()
    inn.approved(card)
    assert inn.card(card).text.startswith("demo: failed")
    assert "2 resources exist and cost money" in inn.card(card).all
    current = tfstate.current(inn.database, inn.lab().id)
    assert current is not None
    assert (current.serial, current.lineage) == (7, inn.lab().id)
    assert inn.lab().frozen_because is None
    assert inn.audited("frozen", "state_taken_in") == [
        ("innkeeper", "frozen", "demo"),
        ("innkeeper", "state_taken_in", "demo"),
    ]
    inn.is_tidy()


def test_a_lab_is_frozen_until_its_state_is_taken_in(inn: Inn) -> None:
    inn.terraform.holding = True
    inn.has("demo")
    lab = inn.lab()
    inn.terraform.errored = a_state(7, lab.id, ["canary-in-a-state"])
    inn.terraform.apply_failure = Diagnostic("error", "Failed to save state")
    inn.vault.state = "sealed"
    inn.terraform.holding = False
    inn.terraform.finish(inn.terraform.work(inn.run().id))
    inn.works()
    inn.vault.state = "ready"
    inn.says(REQUESTER, "/lab plan demo size=large")
    assert inn.told(REQUESTER).startswith("*demo* is frozen: its state could not be written")
    assert "took in 1 states, 0 wait" in inn.sweeps()
    inn.works()
    assert inn.lab().frozen_because is None
    assert inn.holds("canary-in-a-state") == []
    inn.terraform.errored = inn.terraform.apply_failure = None
    assert inn.says(REQUESTER, "/lab plan demo size=large").card().text.startswith("demo: proposed")


def test_two_labs_at_once(inn: Inn) -> None:
    inn.terraform.holding = True
    inn.has("first")
    inn.has("second")
    assert len(runs.in_state(inn.database, RunState.APPLYING)) == 2
    inn.terraform.holding = False
    for name in ("second", "first"):
        inn.terraform.finish(inn.terraform.work(inn.run(name).id))
    inn.works()
    assert (inn.runs("first"), inn.runs("second")) == (["applied"], ["applied"])
    inn.is_tidy()


@pytest.mark.parametrize("name", ["terraform_data.a", "module.x.docker_container.web[0]"])
def test_an_output_that_holds_a_secret_is_hidden(inn: Inn, name: str) -> None:
    inn.terraform.resources = (name,)
    inn.terraform.outputs = {"nested": {"deep": ["licence-canary", 1]}}
    inn.has("demo", "cloud")
    assert inn.run().outputs == {"nested": {"deep": ["(sensitive)", 1]}}
