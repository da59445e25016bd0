"""`/operator add, remove, list, show, audit`: who is trusted. The documents are in Vault and nowhere else."""

from __future__ import annotations

from dataclasses import replace

from commands.authorise import Standing, admins
from commands.engines.vault import Operator, VaultConflict
from commands.grammar import person as person_called
from commands.grammar import roles as roles_called
from commands.reports import page_of
from commands.request import Deps, Listing, Outcome, Refused, Request, Row
from commands.words import at, listed, mention
from state import audit
from state.records import AuditEntry, Person

_PAGE_ROWS = 10


def add(request: Request, deps: Deps) -> Outcome:
    """`/operator add @USER ROLE[,ROLE]`: let somebody in, or give them another role."""
    if len(request.words) < 4:
        raise Refused(
            "Say who, and which roles: operator, infra, security, admin.", "/operator add @anna operator"
        )
    person = _person(request, deps)
    wanted = roles_called(",".join(request.words[3:]))
    found = _standing(deps, person)
    if found.is_bot or found.is_guest or found.is_deleted:
        kind = "a bot" if found.is_bot else "a guest" if found.is_guest else "deactivated"
        raise Refused(f"{mention(person)} is {kind} in Slack, so they cannot be an operator.")
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
        if after.roles == before.roles:
            return Outcome(f"{mention(person)} holds {listed(before.roles)} already.")
    audit.append(
        deps.database, now, request.person.key, "operator_adding", person.key, roles=list(after.roles)
    )
    _write(deps, after)
    audit.append(
        deps.database, deps.now(), request.person.key, "operator_added", person.key, roles=list(after.roles)
    )
    return Outcome(f"{mention(person)} is a trusted operator now: {listed(after.roles)}.")


def remove(request: Request, deps: Deps) -> Outcome:
    """`/operator remove @USER`: see somebody out. The last admin stays."""
    if len(request.words) != 3:
        raise Refused("Say whom to remove.", "/operator remove @anna")
    person = _person(request, deps)
    before = deps.vault.operator(person)
    if before is None:
        raise Refused(f"{mention(person)} is no operator.", "/operator list")
    _refuse_last_admin(deps, before)
    audit.append(deps.database, deps.now(), request.person.key, "operator_removing", person.key)
    deps.vault.remove_operator(person)
    if "admin" in before.roles and not admins(deps.vault):
        # Two admins removed one another at once: the one who is removed last stays.
        deps.vault.write_operator(replace(before, version=0))
        raise _last_admin(person)
    audit.append(deps.database, deps.now(), request.person.key, "operator_removed", person.key)
    return Outcome(
        f"{mention(person)} is no longer an operator. From now on their commands and clicks are refused."
    )


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
    """`/operator show @USER`: one person's document."""
    if len(request.words) != 3:
        raise Refused("Say whom to show.", "/operator show @anna")
    person = _person(request, deps)
    document = deps.vault.operator(person)
    if document is None:
        raise Refused(f"{mention(person)} is no operator.", "/operator list")
    keys = len(document.ssh_public_keys)
    if document.problem:
        return Outcome(
            f"{mention(person)}'s document cannot be trusted: {document.problem}. They are nobody."
        )
    return Outcome(
        f"{mention(person)} · {listed(document.roles)}\n"
        f"Added by {_name_of(document.added_by)}, {at(document.added_at)}. "
        f"{keys or 'No'} ssh {'key' if keys == 1 else 'keys'} enrolled."
    )


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
    """A digest by its first letters, a list in words."""
    if isinstance(value, list):
        return listed([str(each) for each in value])
    return str(value)[:12] if isinstance(value, str) and len(value) == 64 else str(value)


def _name_of(key: str) -> str:
    try:
        return mention(Person.parse(key))
    except ValueError:
        return key


def _subject(word: str, team: str) -> str:
    if word.startswith(("<@", "@")):
        return person_called(word, team).key
    return word


def _person(request: Request, deps: Deps) -> Person:
    """The person named in the command, in their own workspace, which in a shared channel is not the app's."""
    named = person_called(request.words[2], request.person.team)
    if deps.vault.operator(named) is not None:
        return named
    return _standing(deps, named).person


def _standing(deps: Deps, person: Person) -> Standing:
    try:
        return deps.standing(person)
    except Refused:
        raise Refused(f"Slack does not know {mention(person)}. Pick the person from its list.") from None


def _write(deps: Deps, operator: Operator) -> None:
    try:
        deps.vault.write_operator(operator)
    except VaultConflict:
        raise Refused(
            f"Somebody else changed {mention(operator.person)}'s document just now. Look at it, then try again.",
            "/operator list",
        ) from None


def _refuse_last_admin(deps: Deps, operator: Operator) -> None:
    if "admin" in operator.roles and all(each.person == operator.person for each in admins(deps.vault)):
        raise _last_admin(operator.person)


def _last_admin(person: Person) -> Refused:
    return Refused(
        f"{mention(person)} is the last admin, and without one nobody could let anybody in. Add another admin first.",
        "/operator add @anna admin",
    )
