"""Machines that ask for labs: how one is let in and seen out, and what it never is."""

from __future__ import annotations

import pytest

from commands.authorise import Standing, agent_of, operator_of
from commands.engines.vault.protocol import VaultDenied
from commands.lifetime import sweep as lifetime_sweep
from commands.request import NotTrusted, Outcome, Refused, Request
from commands.table import ACTIONS, COMMANDS, handle
from state import labs, runs
from state.records import Person
from tests.inn import ADMIN, CHANNEL, INFRA, REQUESTER, SECURITY, TEAM, Inn

CI = Person.agent("ci")


def asks(inn: Inn, text: str, request_id: str = "r1", by_token: bool = True) -> Outcome:
    """What the agent asks, as /api hands it on."""
    request = Request(request_id, CI, CHANNEL, tuple(text.split()), by_token=by_token)
    outcome = handle(request, inn.deps)
    inn.works()
    return outcome


def refused(inn: Inn, text: str, by_token: bool = True) -> str:
    with pytest.raises(Refused) as refusal:
        asks(inn, text, by_token=by_token)
    return refusal.value.sentence


def added(inn: Inn, name: str = "ci") -> tuple[str, str]:
    """Its role id and secret id, as the admin reads them."""
    inn.says(ADMIN, f"/operator add-agent {name} operator")
    view = inn.opens(ADMIN, "Reveal once")
    return view.after("INNKEEPER_ROLE_ID"), view.after("INNKEEPER_SECRET_ID")


def test_an_agent_is_let_in_with_a_login_of_its_own(inn: Inn) -> None:
    inn.says(ADMIN, "/operator add-agent ci operator")
    assert inn.told(ADMIN).startswith("Agent ci is a trusted operator now: it asks for labs and runs its own")
    view = inn.opens(ADMIN, "Reveal once")
    token = inn.vault.agent_logs_in(view.after("INNKEEPER_ROLE_ID"), view.after("INNKEEPER_SECRET_ID"))
    assert inn.vault.person_of_token(token) == CI
    document, _ = inn.vault.documents["AGENT-ci"]
    assert (document["slack_team"], document["slack_user"], document["roles"]) == (
        "AGENT",
        "ci",
        ["operator"],
    )
    assert inn.audited("agent_adding", "agent_added", "revealed") == [
        (ADMIN.key, "agent_adding", "AGENT-ci"),
        (ADMIN.key, "agent_added", "AGENT-ci"),
        (ADMIN.key, "revealed", "AGENT-ci"),
    ]


def test_its_secret_is_nowhere_but_in_the_window(inn: Inn) -> None:
    role_id, secret_id = added(inn)
    assert inn.holds(secret_id) == []
    assert role_id != secret_id


def test_its_secret_opens_once(inn: Inn) -> None:
    inn.says(ADMIN, "/operator add-agent ci operator")
    shown = inn.private(ADMIN)
    inn.clicks(ADMIN, shown, "Reveal once")
    assert inn.told(ADMIN).startswith("What agent ci logs in with was shown to you <!date^")
    assert inn.private(ADMIN).buttons == ["Remove"]
    inn.clicks(ADMIN, shown, "Reveal once")
    assert "It was opened before" in inn.view().all
    assert "Remove" in inn.view().buttons
    assert inn.told(ADMIN).startswith("It was opened before")
    assert inn.audited("opened_elsewhere") == [(ADMIN.key, "opened_elsewhere", "AGENT-ci")]


def test_another_admin_cannot_open_it(inn: Inn) -> None:
    inn.vault.add(INFRA, "infra", "admin")
    inn.says(ADMIN, "/operator add-agent ci operator")
    button = inn.private(ADMIN).seen.buttons["Reveal once"]
    inn.asks(inn.presses(INFRA, button["action_id"], button["value"]))
    assert "only they can open it" in inn.told(INFRA)
    assert inn.slack.views == []


@pytest.mark.parametrize("role", ["admin", "infra", "security", "operator,infra", "oprator"])
def test_an_agent_holds_no_other_role(inn: Inn, role: str) -> None:
    inn.says(ADMIN, f"/operator add-agent ci {role}")
    assert "An agent's role is operator" in inn.told(ADMIN)
    assert inn.vault.agent_roles == {}


@pytest.mark.parametrize("name", ["CI", "c", "U1", "../ci", "ci/x", "-ci", "x" * 41, "<@U1>"])
def test_an_agents_name_is_nobodys_in_slack(inn: Inn, name: str) -> None:
    inn.says(ADMIN, f"/operator add-agent {name} operator")
    assert "is no name for an agent" in inn.told(ADMIN)


def test_an_agent_that_is_there_gets_a_new_secret_only_when_that_is_meant(inn: Inn) -> None:
    before = added(inn)
    inn.says(ADMIN, "/operator add-agent ci operator")
    assert inn.told(ADMIN) == "There is an agent ci already."
    inn.vault.agent_logs_in(*before)
    inn.clicks(ADMIN, inn.private(ADMIN), "New secret id")
    view = inn.opens(ADMIN, "Reveal once")
    inn.vault.agent_logs_in(view.after("INNKEEPER_ROLE_ID"), view.after("INNKEEPER_SECRET_ID"))
    with pytest.raises(VaultDenied):
        inn.vault.agent_logs_in(*before)


def test_only_admins_let_agents_in(inn: Inn) -> None:
    inn.says(INFRA, "/operator add-agent ci operator")
    assert "That is for people who hold admin" in inn.told(INFRA)


def test_removing_an_agent_ends_its_logins_and_keeps_its_labs(inn: Inn) -> None:
    role_id, secret_id = added(inn)
    token = inn.vault.agent_logs_in(role_id, secret_id)
    asks(inn, "lab up web demo")
    inn.says(ADMIN, "/operator remove-agent ci")
    assert "Agent ci is no longer an operator" in inn.told(ADMIN)
    assert "its AppRole is gone" in inn.told(ADMIN)
    assert inn.vault.person_of_token(token) is None
    assert inn.vault.operator(CI) is None
    assert "not a trusted operator" in refused(inn, "lab list")
    assert labs.living(inn.database, "demo") is not None


def test_what_vault_does_not_take_of_a_removal_is_tried_again(inn: Inn) -> None:
    added(inn)
    inn.vault.failing["I cannot end an agent's logins"] = "away"
    inn.says(ADMIN, "/operator remove-agent ci")
    assert "◐ its AppRole: Vault has not taken that yet" in inn.told(ADMIN)
    inn.vault.failing.clear()
    inn.sweeps()
    inn.works()
    assert inn.vault.agent_roles == {}
    assert "All of it is done" in inn.told(ADMIN)


def test_an_agents_time_ends_as_a_persons_does(inn: Inn) -> None:
    inn.says(ADMIN, "/operator add-agent ci operator until=30d")
    asks(inn, "lab list")
    inn.clock.passes(days=31)
    assert "Your time as an operator ended" in refused(inn, "lab list")
    inn.sweeps()
    assert inn.vault.agent_roles == {}


def test_agents_are_listed_and_shown(inn: Inn) -> None:
    added(inn)
    inn.says(INFRA, "/operator list")
    assert "agent ci · operator" in inn.private(INFRA).all
    inn.says(INFRA, "/operator show agent:ci")
    assert "It logs in to Vault with an AppRole." in inn.told(INFRA)
    inn.says(ADMIN, "/operator audit agent:ci")
    assert "agent added" in inn.private(ADMIN).all


def test_an_agent_asks_people_approve_and_it_is_applied(inn: Inn) -> None:
    added(inn)
    asks(inn, "lab up web demo")
    card = inn.newest_card()
    assert "Asked for by agent ci" in card.all
    inn.approved(card)
    assert inn.runs() == ["applied"]
    assert "agent ci *demo* is ready." in "\n".join(inn.replies(card))
    assert inn.lab().owner == CI


def test_whose_agent_was_removed_is_not_applied(inn: Inn) -> None:
    added(inn)
    asks(inn, "lab up web demo")
    card = inn.newest_card()
    inn.clicks(INFRA, card, "Approve")
    inn.vault.remove_operator(CI)
    inn.clicks(SECURITY, card, "Approve")
    assert inn.run().state.value not in ("applying", "applied")
    assert "agent ci asked for this, and is no trusted operator now" in inn.card(card).all


@pytest.mark.parametrize(
    "action", ["approve", "approve_with_code", "reject", "reject_with_reason", "accept_drift"]
)
@pytest.mark.parametrize("roles", [("operator",), ("operator", "infra", "security", "admin")])
def test_an_agent_never_approves_whatever_its_document_says(
    inn: Inn, action: str, roles: tuple[str, ...]
) -> None:
    inn.vault.add(CI, *roles)
    inn.offers("open", "approvals: {operator: 1, self: true}")
    asks(inn, "lab up open demo")
    run = inn.run()
    request = Request("r2", CI, CHANNEL, (action, f"{run.id}:{run.digest}"), {"reason": "no"}, by_token=True)
    with pytest.raises(NotTrusted, match="people press it"):
        handle(request, inn.deps)
    with pytest.raises(NotTrusted, match="people approve"):
        ACTIONS[action].function(request, inn.deps)
    assert inn.runs() == ["proposed"]


def test_an_approval_that_somebody_wrote_in_an_agents_name_counts_for_nothing(inn: Inn) -> None:
    inn.vault.add(CI, "infra", "security", "operator")
    operator = inn.vault.operator(CI)
    assert operator is not None
    assert operator.roles == ("operator",)
    with pytest.raises(NotTrusted, match="nobody in Slack"):
        operator_of(CI, inn.vault, Standing(CI, "ci"))


def test_nobody_in_slack_is_an_agent(inn: Inn) -> None:
    added(inn)
    assert "An agent is nobody in Slack" in refused(inn, "lab list", by_token=False)
    inn.says(Person("AGENT", "ci"), "/lab up web demo")
    assert "An agent is nobody in Slack" in inn.told(CI)
    with pytest.raises(NotTrusted):
        operator_of(REQUESTER, inn.vault, Standing(CI, "ci"))
    with pytest.raises(NotTrusted):
        agent_of(REQUESTER, inn.vault)
    assert inn.cards() == []


def test_an_agent_changes_no_operators_and_gets_no_keys(inn: Inn) -> None:
    inn.vault.add(CI, "operator", "admin")
    only_in_slack = [command for command in COMMANDS if command.in_slack]
    assert {" ".join(command.words) for command in only_in_slack} >= {
        "operator add",
        "operator add-agent",
        "key ssh",
    }
    for command in only_in_slack:
        assert "is asked for in Slack" in refused(inn, command.example.removeprefix("/"))
    assert (CI.key, "refused", "@anna") in inn.audited("refused")


def test_a_person_is_not_added_by_an_agents_name(inn: Inn) -> None:
    inn.says(ADMIN, "/operator add agent:ci operator")
    assert "An agent is made with a login of its own" in inn.told(ADMIN)
    inn.says(ADMIN, f"/operator add {CI.key} admin")
    assert inn.vault.operator(CI) is None


def test_an_agents_reminders_go_to_the_channel_alone(inn: Inn) -> None:
    added(inn)
    asks(inn, "lab up web demo")
    inn.approved(inn.newest_card())
    inn.clock.passes(hours=7, minutes=30)
    lifetime_sweep.sweep(inn.deps, inn.clock())
    inn.works()
    assert [
        each for each in inn.slack.messages if each.channel.startswith("D") and "ci" in each.channel
    ] == []
    assert any("demo" in each for each in inn.replies(inn.newest_card()))


def test_no_other_persons_lab_is_an_agents_to_run(inn: Inn) -> None:
    added(inn)
    inn.has()
    assert "is <@U1>'s lab" in refused(inn, "lab down demo")
    assert runs.latest_of(inn.database, inn.lab().id) is not None
    assert CI.team != TEAM
