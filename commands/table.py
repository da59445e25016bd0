"""The one table of what can be asked, and handle(), which every request passes through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from commands import approvals, connecting, credentials, drift, home, keys, labs, operators, redoing
from commands.authorise import StandingUnknown, agent_of, require, who_asks
from commands.command import ANYBODY, OPERATORS, Action, Command
from commands.deps import Deps
from commands.engines.vault.protocol import Operator, VaultError
from commands.forms import asking
from commands.grants import reveals
from commands.key_table import KEY_COMMANDS
from commands.lab_table import LAB_COMMANDS
from commands.lifetime import extending, extension_approvals, reminder_answers
from commands.operator_table import OPERATOR_COMMANDS
from commands.people import agents, factors, leaving
from commands.request import Listing, NotNow, NotTrusted, Outcome, Refused, Request, Row
from commands.words import code, listed, nearest
from state import audit, habits, runs
from state import labs as labs_table


def show_help(request: Request, deps: Deps) -> Outcome:
    """`/lab help [COMMAND]`: the whole table, or one command of it. The only thing that a stranger may ask."""
    surface, asked = request.words[0], request.words[2:]
    if asked:
        command = _find((surface, *asked))
        text = f"`{command.usage}`\n{command.help}\nFor example `{command.example}`"
        return Outcome(f"{text}\nFor {_roles_words(command.roles)}.")
    rows = tuple(Row(title=each.usage, text=each.help) for each in COMMANDS if each.words[0] == surface)
    return Outcome(listing=Listing(f"What /{surface} does", rows))


COMMANDS: tuple[Command, ...] = (
    *LAB_COMMANDS,
    Command(
        ("lab", "help"),
        show_help,
        ANYBODY,
        "[COMMAND]",
        "Show this, or more about one command.",
        "/lab help up",
    ),
    *KEY_COMMANDS,
    Command(
        ("key", "help"),
        show_help,
        ANYBODY,
        "[COMMAND]",
        "Show this, or more about one command.",
        "/key help ssh",
    ),
    *OPERATOR_COMMANDS,
    Command(
        ("operator", "help"),
        show_help,
        ANYBODY,
        "[COMMAND]",
        "Show this, or more about one command.",
        "/operator help add",
    ),
)

ACTIONS: dict[str, Action] = {
    "approve": Action(approvals.approve, OPERATORS),
    "reject": Action(approvals.reject, OPERATORS),
    "reject_with_reason": Action(approvals.reject_with_reason, OPERATORS),
    "replan": Action(labs.replan, ("operator", "infra")),
    "accept_drift": Action(drift.accept, ("operator", "infra")),
    "retry_step": Action(redoing.retry, ("operator", "infra")),
    "cancel": Action(labs.cancel, ("operator", "infra")),
    "destroy": Action(labs.down, ("operator", "infra")),
    "extend": Action(extending.extend, ("operator", "infra")),
    "keep": Action(extending.keep, ("operator", "infra")),
    "destroy_now": Action(reminder_answers.destroy_now, ("operator", "infra")),
    "take_over": Action(reminder_answers.take_over, ("operator",)),
    "approve_extension": Action(extension_approvals.approve_extension, ("infra",)),
    "reject_extension": Action(extension_approvals.reject_extension, ("infra",)),
    "up_with_secrets": Action(labs.up_with_secrets, ("operator",)),
    "approve_with_code": Action(approvals.approve_with_code, OPERATORS),
    "enroll_key": Action(keys.enroll_key, OPERATORS),
    "remove_key": Action(keys.remove_key, OPERATORS),
    "tls_from_request": Action(credentials.tls_from_request, ("operator", "infra")),
    "tls_signed": Action(credentials.tls_signed, ("operator", "infra")),
    "tls_with_new_key": Action(credentials.tls_with_new_key, ("operator", "infra")),
    "reveal": Action(reveals.reveal, OPERATORS),
    "reveal_token": Action(reveals.reveal_token, OPERATORS),
    "not_me": Action(reveals.not_me, OPERATORS),
    "revoke_grant": Action(keys.revoke_grant, OPERATORS),
    "remove_operator": Action(leaving.remove, ("admin",)),
    "reveal_agent": Action(agents.reveal, ("admin",)),
    "renew_agent": Action(agents.renew, ("admin",)),
    "leaving": Action(leaving.look, ("admin",)),
    "forget_factor": Action(factors.forget, ("admin",)),
    "ask_for_lab": Action(asking.ask, ("operator",)),
    "lab_from_thread": Action(asking.ask, ("operator",)),
    "ask_lab": Action(asking.asked, ("operator",)),
    "ask_lab_changed": Action(asking.ask_again, ("operator",)),
    "extend_how_long": Action(extending.ask_how_long, ("operator", "infra")),
    "extend_by": Action(extending.extend_by, ("operator", "infra")),
    "add_operator": Action(operators.add_asked, ("admin",)),
    "home": Action(home.show, OPERATORS),
    "ssh": Action(credentials.ssh_of_lab, ("operator", "infra")),
    "connect": Action(connecting.connect_to_lab, ("operator", "infra")),
    "connect_by": Action(connecting.connect_by, ("operator", "infra")),
    "enroll": Action(keys.enroll, OPERATORS),
}

# What nobody presses: requests.py names it in what Slack delivers. Neither does anything on anybody's word.
NOTICED: dict[str, Action] = {
    "left_slack": Action(leaving.left_slack, ANYBODY),
    "private_key": Action(keys.private_key, ANYBODY),
}


def handle(request: Request, deps: Deps) -> Outcome:
    """Find what was asked, check who asks in Slack and in Vault at this moment, and do it.

    Raises Refused, which is in the audit by then; anything else that escapes is a fault of ours.
    """
    try:
        _refuse_channel(request, deps)
        function, roles = _meant(request)
        if roles == ANYBODY:
            return function(request, deps)
        if request.person.is_agent:
            operator = _agent(request, deps)
        else:
            operator, standing = who_asks(request.person, deps.vault, deps.standing)
            request = replace(request, person=standing.person)
        require(operator, *roles, sentence=_missing_right(operator.roles, roles))
        if not request.person.is_agent:
            habits.in_zone(deps.database, standing.person, standing.timezone)
        return function(replace(request, operator=operator), deps)
    except (VaultError, StandingUnknown) as unavailable:
        refused = NotNow(unavailable.sentence)
        _record(request, deps, refused)
        raise refused from None
    except Refused as refused:
        _record(request, deps, refused)
        raise


def _agent(request: Request, deps: Deps) -> Operator:
    """The agent that asks. Whatever Slack delivers comes from no agent, by whatever name."""
    if not request.by_token:
        raise NotTrusted("An agent is nobody in Slack. I have not done anything.")
    return agent_of(request.person, deps.vault)


def _meant(request: Request) -> tuple[Callable[[Request, Deps], Outcome], tuple[str, ...]]:
    action = {**NOTICED, **ACTIONS}.get(request.words[0]) if request.words else None
    if action is not None and request.by_token and request.words[0] not in NOTICED:
        raise NotTrusted("That is a button in Slack, and people press it. An agent proposes and applies.")
    if action is not None:
        return action.function, action.roles
    command = _find(request.words)
    if command.in_slack and request.by_token:
        asked = " ".join(command.words)
        raise NotTrusted(f"`/{asked}` is asked for in Slack: a Vault token is not enough for it.")
    return command.function, command.roles


_SURFACES = tuple(dict.fromkeys(command.words[0] for command in COMMANDS))


def _find(words: tuple[str, ...]) -> Command:
    if not words or words[0] not in _SURFACES:
        raise Refused(f"I know {listed(['/' + each for each in _SURFACES])}.", "/lab help")
    surface, asked = words[0], words[1] if len(words) > 1 else "help"
    for command in COMMANDS:
        if command.words == (surface, asked):
            return command
    known = [command.words[1] for command in COMMANDS if command.words[0] == surface]
    near = nearest(asked, known)
    shown = code(f"/{surface} {asked}", 50)
    if near is None:
        raise Refused(f"There is no {shown}. I know {listed(known)}.", f"/{surface} help")
    example = next(command.example for command in COMMANDS if command.words == (surface, near))
    raise Refused(f"There is no {shown}. Did you mean `/{surface} {near}`?", example)


def _refuse_channel(request: Request, deps: Deps) -> None:
    if deps.allowed_channels and request.channel and request.channel not in deps.allowed_channels:
        where = listed([f"<#{channel}>" for channel in deps.allowed_channels], "or")
        raise Refused(f"I take commands in {where} only.")


def _missing_right(held: tuple[str, ...], roles: tuple[str, ...]) -> str:
    return f"That is for {_roles_words(roles)}, and you hold {listed(held) or 'no role'}. An admin can change that."


def _roles_words(roles: tuple[str, ...]) -> str:
    if roles == ANYBODY:
        return "everybody"
    if roles == OPERATORS:
        return "every trusted operator"
    return f"people who hold {listed(roles, 'or')}"


def _record(request: Request, deps: Deps, refused: Refused) -> None:
    asked = " ".join(request.words[:2])[:80]
    subject = request.words[2][:40] if len(request.words) > 2 else request.person.key
    if request.words and request.words[0] in ACTIONS:
        meant = request.words[1].partition(":")[0]
        run, lab = runs.get(deps.database, meant), labs_table.get(deps.database, meant)
        subject = run.lab_name if run is not None else lab.name if lab is not None else subject
    audit.append(
        deps.database,
        deps.now(),
        request.person.key,
        "refused",
        subject,
        asked=asked,
        why=refused.sentence[:300],
    )
