"""`/operator add, list, show, audit`: who is trusted. The documents are in Vault and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from commands.authorise import Standing, admins
from commands.deps import Deps
from commands.engines.vault.protocol import Operator, VaultConflict
from commands.forms import operator_form
from commands.grammar import duration
from commands.grammar import person as person_called
from commands.grammar import roles as roles_called
from commands.grants import public_keys
from commands.reports import page_of
from commands.request import Button, Listing, Outcome, Refused, Request, Row
from commands.words import at, listed, mention, plural
from state import audit, leavings
from state.records import AuditEntry, Person

_PAGE_ROWS = 10
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")  # as the database writes it


def add(request: Request, deps: Deps) -> Outcome:
    """`/operator add @USER ROLE[,ROLE] [until=30d]`: let somebody in, give them another role, or say until when."""
    if len(request.words) == 2:
        return Outcome(form=operator_form.FORM)
    values = dict(word.split("=", 1) for word in request.words[2:] if word.startswith("until="))
    words = [word for word in request.words if not word.startswith("until=")]
    if len(words) < 4:
        raise Refused(
            "Say who, and which roles: operator, infra, security, admin.", "/operator add @anna operator"
        )
    person = named(request, deps)
    if person.is_agent:
        raise Refused("An agent is made with a login of its own.", "/operator add-agent ci operator")
    wanted = roles_called(",".join(words[3:]))
    found = _addable(deps, person)
    before = deps.vault.operator(person)
    now = deps.now()
    if before is None or before.problem:
        after = Operator(
            person=person,
            name=found.name,
            roles=wanted,
            ssh_public_keys=(),
            added_by=request.person.key,
            added_at=now,
            version=before.version if before is not None else 0,
        )
    else:
        after = replace(before, roles=tuple(dict.fromkeys([*before.roles, *wanted])))
    if "until" in values:
        after = replace(after, expires_at=until_of(values["until"], now))
        if after.expires_at is not None and before is not None:
            refuse_last_admin(deps, before)
    if before is not None and (after.roles, after.expires_at) == (before.roles, before.expires_at):
        return Outcome(f"{mention(person)} holds {listed(before.roles)} already{until_words(before)}.")
    detail = {"roles": list(after.roles), "until": after.expires_at or ""}
    audit.append(deps.database, now, request.person.key, "operator_adding", person.key, **detail)
    _write(deps, after)
    audit.append(deps.database, deps.now(), request.person.key, "operator_added", person.key, **detail)
    return Outcome(f"{mention(person)} is a trusted operator now: {listed(after.roles)}{until_words(after)}.")


def add_asked(request: Request, deps: Deps) -> Outcome:
    """The form that `add` opened came back."""
    return add(replace(request, words=operator_form.words_of(request.form)), deps)


def wrong(request: Request, given: Mapping[str, str], deps: Deps) -> dict[str, str]:
    """What a look at that form tells before it closes: field → what is wrong with it."""
    words = operator_form.words_of(given)
    try:
        person = named(replace(request, words=words), deps)
        _addable(deps, person)
    except Refused as refused:
        return {"who": refused.sentence}
    try:
        before, until = deps.vault.operator(person), given.get("until", "").strip()
        if until and until_of(until, deps.now()) is not None and before is not None:
            refuse_last_admin(deps, before)
    except Refused as refused:
        return {"until": refused.sentence}
    return {}


def list_operators(request: Request, deps: Deps) -> Outcome:
    """`/operator list`: everybody who is trusted, with their roles."""
    everybody = sorted(deps.vault.operators(), key=lambda each: each.name.lower())
    rows = [
        Row(title=each.name, text=f"{mention(each.person)} · {each.problem or listed(each.roles)}")
        for each in everybody
    ]
    rows, page, pages = page_of(rows, request.words, _PAGE_ROWS)
    return Outcome(listing=Listing("Trusted operators", tuple(rows), page, pages, "/operator list"))


def show(request: Request, deps: Deps) -> Outcome:
    """`/operator show @USER`: one person's document; an admin can see them out from here."""
    if len(request.words) != 3:
        raise Refused("Say whom to show.", "/operator show @anna")
    person = named(request, deps)
    document = deps.vault.operator(person)
    if document is None:
        raise Refused(f"{mention(person)} is no operator.", "/operator list")
    by_admin = request.operator is not None and "admin" in request.operator.roles
    buttons = [remove_button(person)] if by_admin else []
    if document.problem:
        return Outcome(
            f"{mention(person)}'s document cannot be trusted: {document.problem}. They are nobody.",
            buttons=tuple(buttons),
        )
    has_factor = not person.is_agent and deps.vault.totp_has(person)
    if has_factor and by_admin:
        ask = "Remove it? Only do so when you have spoken with them."
        buttons.append(Button("Remove second factor", "forget_factor", person.key, "danger", ask))
    keys = [key.fingerprint for key in map(public_keys.enrolled, document.ssh_public_keys) if key is not None]
    enrolled = listed([f"`{each}`" for each in keys])
    about = f"{mention(person)} · {listed(document.roles)}{until_words(document)}\n"
    about += f"Added by {_name_of(document.added_by)}, {at(document.added_at)}. "
    if person.is_agent:
        return Outcome(f"{about}It logs in to Vault with an AppRole.", buttons=tuple(buttons))
    return Outcome(
        f"{about}"
        f"{'A' if has_factor else 'No'} second factor. "
        f"{plural(len(keys), 'ssh key') if keys else 'No ssh keys'} enrolled{f': {enrolled}' if keys else '.'}",
        buttons=tuple(buttons),
    )


def remove_button(person: Person) -> Button:
    """The button that sees somebody out."""
    question = "See them out now? What they hold ends at once."
    return Button("Remove", "remove_operator", person.key, "danger", question)


def show_audit(request: Request, deps: Deps) -> Outcome:
    """`/operator audit [@USER|LAB]`: what happened, the newest first."""
    words = tuple(word for word in request.words[2:] if not word.startswith("page="))
    if len(words) > 1:
        raise Refused("Name one person or one lab, or nobody.", "/operator audit demo")
    subject = _subject(words[0], request.person.team) if words else None
    total = audit.count(deps.database, about=subject)
    page, pages = _page(request.words, total)
    entries = audit.entries(deps.database, about=subject, limit=_PAGE_ROWS, offset=(page - 1) * _PAGE_ROWS)
    rows = [Row(title=each.action.replace("_", " "), text=_audit_words(each)) for each in entries]
    again = " ".join(["/operator audit", *words])
    return Outcome(listing=Listing("Audit", tuple(rows), page, pages, again))


def _page(words: tuple[str, ...], total: int) -> tuple[int, int]:
    _, page, pages = page_of(list(range(total)), words, _PAGE_ROWS)
    return page, pages


def _audit_words(entry: AuditEntry) -> str:
    detail = " · ".join(
        f"{key} {_short(value)}" for key, value in entry.detail.items() if value not in ("", None)
    )
    return f"{_name_of(entry.subject)} · by {_name_of(entry.actor)} · {at(entry.at)}" + (
        f"\n{detail}" if detail else ""
    )


def _short(value: object) -> str:
    """A digest by its first letters, a list in words, a moment in its reader's zone."""
    if isinstance(value, list):
        return listed([str(each) for each in value])
    if isinstance(value, dict):
        return listed([f"{name} {each}" for name, each in value.items()])
    if isinstance(value, str) and (moment := _moment(value)) is not None:
        return at(moment)
    return str(value)[:12] if isinstance(value, str) and len(value) == 64 else str(value)


def _moment(text: str) -> datetime | None:
    """None: it is no moment, though it may look like one, as the id of a lock may that somebody made up."""
    try:
        return datetime.fromisoformat(text) if _MOMENT.fullmatch(text) else None
    except ValueError:
        return None


def _name_of(key: str) -> str:
    try:
        return mention(Person.parse(key))
    except ValueError:
        return key


def _subject(word: str, team: str) -> str:
    if word.startswith(("<@", "@", "agent:")):
        return person_called(word, team).key
    return word


def named(request: Request, deps: Deps) -> Person:
    """The person named in the command, in their own workspace, which in a shared channel is not the app's."""
    named = person_called(request.words[2], request.person.team)
    if named.is_agent or deps.vault.operator(named) is not None:
        return named
    return _standing(deps, named).person


def _standing(deps: Deps, person: Person) -> Standing:
    try:
        return deps.standing(person)
    except Refused:
        raise Refused(f"{mention(person)} is not known to Slack. Pick the person from its list.") from None


def _addable(deps: Deps, person: Person) -> Standing:
    """Who it is in Slack. Raises Refused for whom nobody may let in now."""
    found = _standing(deps, person)
    _refuse_nobody(found)
    refuse_leaver(deps, person)
    return found


def _write(deps: Deps, operator: Operator) -> None:
    try:
        deps.vault.write_operator(operator)
    except VaultConflict:
        raise Refused(
            f"Somebody else changed {mention(operator.person)}'s document just now. Look at it, then try again.",
            "/operator list",
        ) from None


def _refuse_nobody(found: Standing) -> None:
    if found.is_bot or found.is_guest or found.is_deleted:
        kind = "a bot" if found.is_bot else "a guest" if found.is_guest else "deactivated"
        raise Refused(f"{mention(found.person)} is {kind} in Slack, so they cannot be an operator.")


def refuse_leaver(deps: Deps, person: Person) -> None:
    """A document that is about to be removed is not written anew: the removal would take that one."""
    leaving = leavings.latest_of(deps.database, person)
    if leaving is not None and leaving.done_at is None and leaving.document_gone_at is None:
        raise Refused(f"{mention(person)} is being seen out right now. Ask again in a minute.")


def until_of(word: str, now: datetime) -> datetime | None:
    """When `until=WORD` ends; None for never. Raises Refused."""
    example = "/operator add @anna operator until=30d"
    return None if word in ("never", "none") else now + timedelta(seconds=duration(word, example))


def until_words(operator: Operator) -> str:
    """`, until …`, or nothing."""
    return f", until {at(operator.expires_at)}" if operator.expires_at is not None else ""


def refuse_last_admin(deps: Deps, operator: Operator) -> None:
    """Raise Refused when nobody else could let anybody in."""
    if "admin" in operator.roles and all(each.person == operator.person for each in admins(deps.vault)):
        raise last_admin(operator.person)


def last_admin(person: Person) -> Refused:
    """Why the last one stays."""
    return Refused(
        f"{mention(person)} is the last admin, and without one nobody could let anybody in. Add another admin first.",
        "/operator add @anna admin",
    )
