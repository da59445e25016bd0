"""Lists, one lab, its outputs, its history and its logs."""

from __future__ import annotations

from dataclasses import replace

from commands.reports import page_of
from state import labs, runs, steps
from tests.inn import BLUEPRINTS, COLLEAGUE, INFRA, REQUESTER, TORN, Inn


def test_the_catalogue_tells_how_to_ask_and_what_is_broken(inn: Inn) -> None:
    for name, text in {**BLUEPRINTS, "torn": TORN}.items():
        inn.offers(name, text)
    inn.says(REQUESTER, "/lab catalog")
    shown = inn.private(REQUESTER).all
    assert "*web*\nA web · about $0.02 an hour · up to 3 days" in shown
    assert "`size`: small or large (else small) How much machine" in shown
    assert "`region` (required) such as paris-1" in shown
    assert "`password` (never typed) At least eight" in shown
    assert "`/lab up web demo`" in shown
    assert "*labs/torn/blueprint.yaml:4*\nThis blueprint is broken and cannot be asked for: " in shown


def test_a_blueprint_with_much_to_say_still_tells_how_to_ask(inn: Inn) -> None:
    zones = ", ".join(f"zone-{number}" for number in range(100))
    more = "".join(f"  more_{number}: {{default: x}}\n" for number in range(40))
    inn.offers("huge", f"variables:\n  zone: {{choices: [{zones}]}}\n{more}approvals: {{infra: 1}}")
    inn.says(REQUESTER, "/lab catalog")
    shown = inn.private(REQUESTER).all
    assert "up to 3 days\n`/lab up huge demo zone=" in shown
    assert "zone-10, zone-11 or one of 88 more (required)" in shown
    assert "and 29 variables more, which a form shows: `/lab up`" in shown


def test_a_history_says_what_was_asked_for_and_what_came_by_itself(inn: Inn) -> None:
    inn.has("demo")
    run = runs.of_lab(inn.database, inn.lab().id, 1)[0]
    for cause in ("lifetime", "office_hours", "drift"):
        runs.create(inn.database, replace(run, id=f"by-{cause}", cause=cause))
    runs.create(inn.database, replace(run, id="tested", kind="steps"))
    steps.start_all(inn.database, "tested", {"provision": "done", "deploy": "skipped", "test": "done"})
    inn.says(REQUESTER, "/lab history demo")
    told = [text.partition("\n")[2].partition(" · ")[0] for text in inn.private(REQUESTER).seen.sections[1:]]
    assert told == [
        "test asked for by <@U1>",
        "found by looking",
        "by its office hours",
        "by its lifetime",
        "asked for by <@U1>",
    ]


def test_a_price_table_that_is_broken_is_told_in_the_catalogue(inn: Inn) -> None:
    (inn.folder / "labs" / "prices.yaml").write_text("date: 2026-06-17\ncurrency: dollars\n")
    inn.says(REQUESTER, "/lab catalog")
    shown = inn.private(REQUESTER).all
    assert "*labs/prices.yaml:2*\nThis price table is broken, so plans do not say what they cost: " in shown


def test_totals_of_a_month_and_labs_that_are_overdue(inn: Inn) -> None:
    inn.has("demo")
    inn.clock.passes(hours=10)
    inn.says(REQUESTER, "/lab list")
    shown = inn.private(REQUESTER).all
    assert "*1 lab · about $0.02 an hour · $0.20 this month so far*" in shown
    inn.clock.passes(hours=20)
    labs.update(inn.database, inn.lab().id, reminded_at=inn.clock())
    inn.clock.passes(hours=20)
    inn.says(INFRA, "/lab list idle")
    shown = inn.private(INFRA).all
    assert "this month" not in shown
    assert ":red_circle: overdue by " in shown


def test_a_blueprint_that_is_mended_is_offered_at_once(inn: Inn) -> None:
    inn.offers("torn", TORN)
    inn.says(REQUESTER, "/lab up torn demo")
    inn.offers("torn", "variables: {size: {default: small}}")
    card = inn.says(REQUESTER, "/lab up torn demo").card()
    assert card.text.startswith("demo: proposed")


def test_there_is_no_lab_yet(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab list")
    assert "There is no lab. `/lab catalog` shows what you can ask for." in inn.private(REQUESTER).all
    inn.says(REQUESTER, "/lab list mine")
    assert "You have no lab." in inn.private(REQUESTER).all
    inn.says(REQUESTER, "/lab list idle")
    assert "No lab is idle." in inn.private(REQUESTER).all


def test_labs_are_listed_the_newest_first(inn: Inn) -> None:
    inn.has("first")
    inn.clock.passes(minutes=1)
    inn.says(COLLEAGUE, "/lab up web second")
    inn.says(REQUESTER, "/lab list")
    shown = inn.private(REQUESTER).all
    assert "*2 labs · about $0.02 an hour*" in shown
    assert shown.index("*second*\nweb · proposed · <@U2>") < shown.index("*first*\nweb · applied · <@U1>")
    inn.says(REQUESTER, "/lab list mine")
    assert "second" not in inn.private(REQUESTER).all


def test_of_an_idle_lab_it_is_shown_who_used_it_last(inn: Inn) -> None:
    inn.has()
    labs.touch(inn.database, inn.lab(), inn.clock(), INFRA, "/key ssh")
    inn.clock.passes(hours=4, minutes=10)
    inn.says(REQUESTER, "/lab show demo")
    told = inn.told(REQUESTER)
    assert "Nobody has used *demo* for 4 h 10 min (last: <@U3>, /key ssh, " in told
    assert "), so it is idle since " in told
    assert " · idle for 4 h 10 min · " in told


def test_idle_labs(inn: Inn) -> None:
    inn.has("first")
    inn.clock.passes(hours=3)
    inn.has("second")
    inn.clock.passes(hours=2)
    inn.says(REQUESTER, "/lab list idle")
    shown = inn.private(REQUESTER).all
    assert "first" in shown
    assert "second" not in shown


def test_a_long_list_has_pages(inn: Inn) -> None:
    for number in range(23):
        inn.intake.work(inn.command(REQUESTER, f"/lab up web lab-{number:02}"), inn.clock())
        inn.clock.passes(seconds=1)
    inn.says(INFRA, "/lab list all")
    first = inn.private(INFRA)
    assert "*lab-22*" in first.all
    assert "Page 1 of 3" in first.all
    assert first.buttons == ["Next"]
    inn.clicks(INFRA, first, "Next")
    second = inn.private(INFRA)
    assert "*lab-12*" in second.all
    assert second.buttons == ["Previous", "Next"]
    inn.clicks(INFRA, second, "Next")
    assert inn.private(INFRA).buttons == ["Previous"]
    assert len(inn.slack.private(INFRA.user)) == 1


def test_pages() -> None:
    everything = list(range(25))
    assert page_of(everything, ("page=2",), 10) == (everything[10:20], 2, 3)
    assert page_of(everything, ("page=99",), 10) == (everything[20:], 3, 3)
    for odd in ("page=0", "page=-1", "page=x", "page=²", "page="):
        assert page_of(everything, (odd,), 10)[1] == 1
    assert page_of([], (), 10) == ([], 1, 1)


def test_one_lab_is_shown(inn: Inn) -> None:
    inn.has("demo")
    inn.clock.passes(minutes=5)
    inn.says(COLLEAGUE, "/lab show demo")
    told = inn.told(COLLEAGUE)
    assert "*demo* · web · applied · <@U1> · $0.02 an hour · expires " in told
    assert "`size=small` · `title=Welcome`" in told
    assert "Last used 5 min 1 s ago (<@U1>, /lab up). If nobody uses it, it is idle from " in told
    assert ", in 3 h 55 min. Then it will be destroyed " in told
    assert "\nIt expires " in told
    assert "Its state holds 2 resources, serial 2." in told


def test_a_value_is_shown_as_it_is_and_marks_nothing_up(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up web demo title='Approved_ by *<@U5>* `now <!channel>'")
    inn.says(COLLEAGUE, "/lab show demo")
    assert "`title=Approved_ by *@U5* 'now @channel`" in inn.told(COLLEAGUE)


def test_the_nearest_name(inn: Inn) -> None:
    inn.has("demo")
    inn.says(REQUESTER, "/lab show demmo")
    assert inn.told(REQUESTER) == "There is no lab `demmo`. Did you mean `demo`? `/lab show demo`"


def test_outputs(inn: Inn) -> None:
    inn.terraform.outputs = {"address": "203.0.113.7", "ports": [80, 443], "on": True}
    inn.terraform.sensitive_outputs = ("password",)
    inn.says(REQUESTER, "/lab up web demo")
    inn.says(REQUESTER, "/lab output demo")
    assert inn.told(REQUESTER) == "*demo* has not been applied yet, so it has no outputs. `/lab show demo`"
    inn.approved(inn.newest_card())
    inn.says(REQUESTER, "/lab output demo")
    shown = inn.private(REQUESTER).all
    for line in (
        "*address*\n`203.0.113.7`",
        "*ports*\n`80,443`",
        "*on*\n`true`",
        "*password*\n`(sensitive)`",
    ):
        assert line in shown


def test_outputs_stay_after_a_plan_that_was_not_applied(inn: Inn) -> None:
    inn.terraform.outputs = {"address": "203.0.113.7"}
    inn.has("demo")
    inn.says(REQUESTER, "/lab plan demo size=large")
    inn.says(REQUESTER, "/lab output demo")
    assert "203.0.113.7" in inn.private(REQUESTER).all


def test_a_lab_without_outputs(inn: Inn) -> None:
    inn.has("demo")
    inn.says(REQUESTER, "/lab output demo")
    assert inn.told(REQUESTER) == "*demo* has no outputs."


def test_the_history_stays_when_the_lab_is_gone(inn: Inn) -> None:
    inn.has("demo")
    inn.approved(inn.says(REQUESTER, "/lab down demo").card())
    inn.says(REQUESTER, "/lab up web demo")
    inn.says(COLLEAGUE, "/lab history demo")
    shown = inn.private(COLLEAGUE).all
    assert shown.index("*proposed · ") < shown.index("*destroyed · ") < shown.index("*applied · ")
    assert "asked for by <@U1>" in shown
    assert len(labs.with_name(inn.database, "demo")) == 2


def test_the_history_of_nothing(inn: Inn) -> None:
    inn.says(COLLEAGUE, "/lab history demo")
    assert inn.told(COLLEAGUE) == "There is no lab `demo`. `/lab list all`"


def test_logs_of_a_lab_and_of_a_run(inn: Inn) -> None:
    inn.has("demo")
    run = inn.run()
    inn.says(REQUESTER, "/lab logs demo")
    shown = inn.slack.private(REQUESTER.user)
    assert shown[-2].text.startswith(f"The last lines of the run `{run.id}` of *demo*:\n```")
    assert "terraform_data.b" in shown[-2].text
    assert shown[-1].file == f"demo-{run.id}.log"
    inn.says(REQUESTER, f"/lab logs {run.id}")
    assert inn.slack.private(REQUESTER.user)[-1].file == f"demo-{run.id}.log"


def test_logs_of_a_run_that_has_said_nothing(inn: Inn) -> None:
    inn.intake.work(inn.command(REQUESTER, "/lab up web demo"), inn.clock())
    run = inn.run()
    inn.intake.work(inn.command(REQUESTER, "/lab logs demo"), inn.clock())
    assert inn.told(REQUESTER) == f"The run `{run.id}` of *demo* has said nothing yet."


def test_a_word_that_is_no_run_is_shown_back_harmless(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab logs `x`<!channel>")
    assert inn.told(REQUESTER).startswith("There is no run `'x'@channel`.")
