"""`/key enroll, list, revoke`: whose ssh keys are trusted, what was issued to whom, and the end of it."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

from commands.deps import Deps
from commands.engines.vault.protocol import Operator, VaultConflict
from commands.grammar import person_of
from commands.grants import issuing, public_keys, rekeying
from commands.grants.public_keys import PublicKey
from commands.labs import lab_called
from commands.reports import page_of
from commands.request import (
    Button,
    Field,
    Form,
    Listing,
    Outcome,
    Refused,
    Request,
    Row,
)
from commands.words import at, code, listed, mention, plural
from state import audit, grants, labs
from state.records import Grant, Person

MOST_KEYS = 10
_PAGE_ROWS = 10


def enroll(request: Request, deps: Deps) -> Outcome:
    """`/key enroll PUBLIC-KEY`: put an ssh key into the person's document. Without a key: a form that asks for it."""
    if len(request.words) > 2:
        return _enroll(request, deps, " ".join(request.words[2:]))
    return Outcome(
        form=Form(
            action="enroll_key",
            value="key",
            title="Enroll an ssh key",
            submit="Enroll",
            introduction="The *public* key: what is in the file that ends in `.pub`. Certificates are made for it.",
            fields=(
                Field("key", "Public key", "One line, such as ssh-ed25519 AAAA… you@laptop", multiline=True),
            ),
        )
    )


def enroll_key(request: Request, deps: Deps) -> Outcome:
    """The form that `enroll` opened came back."""
    return _enroll(request, deps, request.form.get("key", ""))


def private_key(request: Request, deps: Deps) -> NoReturn:
    """Somebody pasted a private key, anywhere. Nothing of it was recorded: only that it came."""
    raise public_keys.private_key_refused()


def list_keys(request: Request, deps: Deps) -> Outcome:
    """`/key list [LAB|@USER|all]`: one's own keys and credentials; an admin sees everybody's."""
    words = tuple(word for word in request.words[2:] if not word.startswith("page="))
    if len(words) > 1:
        raise Refused("Name one lab or one person, or say all.", "/key list all")
    operator = _operator(request)
    now = deps.now()
    if not words:
        rows = [_key_row(key) for key in _keys(operator)]
        rows += [_grant_row(deps, each) for each in grants.living(deps.database, now, person=request.person)]
        title, empty = "Your keys", "You have no key here. `/key enroll` takes your public ssh key."
    else:
        if "admin" not in operator.roles:
            raise Refused("Admins see what others hold. `/key list` shows what you hold.", "/key list")
        person = person_of(words[0], request.person.team)
        lab = lab_called(deps, words[0]) if person is None and words[0] != "all" else None
        found = grants.living(deps.database, now, person=person, lab_id=lab.id if lab is not None else None)
        rows = [_grant_row(deps, each, named=True) for each in found]
        about = (
            f"on {lab.name}" if lab is not None else f"of {_name(deps, person) if person else 'everybody'}"
        )
        title, empty = f"What works now, {about}", "Nobody holds anything there."
    shown, page, pages = page_of(rows, request.words, _PAGE_ROWS)
    again = " ".join(["/key list", *words])
    return Outcome(listing=Listing(title, tuple(shown), page, pages, again, empty))


def revoke(request: Request, deps: Deps) -> Outcome:
    """`/key revoke GRANT|SHA256:…|all`: end a credential, trust a key no more, or end all that one holds."""
    if len(request.words) != 3:
        raise Refused("Say what to revoke: a grant, a key by its fingerprint, or all.", "/key revoke all")
    wanted = request.words[2]
    if wanted == "all":
        return _revoke_all(request, deps)
    if wanted.startswith("SHA256:"):
        return _remove_key(request, deps, wanted)
    return _revoke_one(request, deps, wanted)


def revoke_grant(request: Request, deps: Deps) -> Outcome:
    """The `Revoke` button beside a credential."""
    return _revoke_one(request, deps, request.words[1])


def remove_key(request: Request, deps: Deps) -> Outcome:
    """The `Remove` button beside a key."""
    return _remove_key(request, deps, request.words[1])


def _enroll(request: Request, deps: Deps, text: str) -> Outcome:
    key = public_keys.read(text)
    operator = _operator(request)
    if any(each.fingerprint == key.fingerprint for each in _keys(operator)):
        raise Refused(f"Your key `{key.fingerprint}` is enrolled already.", "/key list")
    if len(operator.ssh_public_keys) >= MOST_KEYS:
        raise Refused(f"You have {MOST_KEYS} keys. Take one back that you do not need.", "/key list")
    for other in deps.vault.operators():
        if other.person != request.person and any(
            each.fingerprint == key.fingerprint for each in _keys(other)
        ):
            raise Refused(
                f"The key `{key.fingerprint}` is enrolled for somebody else, so it cannot show who you are. "
                "Make one of your own with `ssh-keygen -t ed25519`.",
                public_keys.EXAMPLE,
            )
    _write(request, deps, operator, (*operator.ssh_public_keys, key.line), "key_enrolled", key.fingerprint)
    said = rekeying.want(deps, request.person, "changed", request.person, f"enroll {request.id}")
    return Outcome(
        f"Your key `{key.fingerprint}` is enrolled. `/key ssh LAB` gives you a certificate for it. {said}".strip()
    )


def _remove_key(request: Request, deps: Deps, wanted: str) -> Outcome:
    """Trust a key no more: it leaves the document, and every certificate of it is revoked."""
    operator = _operator(request)
    fitting = [key for key in _keys(operator) if key.fingerprint == wanted]
    if not fitting:
        have = listed([f"`{key.fingerprint}`" for key in _keys(operator)])
        raise Refused(
            f"{code(wanted, 60)} is not one of your keys. {f'You have {have}.' if have else 'You have none.'}",
            "/key list",
        )
    kept = tuple(
        line
        for line in operator.ssh_public_keys
        if (key := public_keys.enrolled(line)) is None or key.fingerprint != wanted
    )
    _write(request, deps, operator, kept, "key_removed", wanted)
    now = deps.now()
    many = grants.revoke_all(deps.database, now, "its key was revoked", request.person, name=wanted)
    issuing.end(deps, grants.to_end(deps.database, now), now)
    said = rekeying.want(deps, request.person, "changed", request.person, f"remove {request.id}")
    gone = (
        f", {plural(many, 'certificate')} of it revoked" if many else ", and no certificate of it was in use"
    )
    return Outcome(f"Your key `{wanted}` is trusted no more{gone}. {said}".strip())


def _revoke_all(request: Request, deps: Deps) -> Outcome:
    now = deps.now()
    with deps.database.transaction():
        mine = grants.living(deps.database, now, person=request.person)
        many = grants.revoke_all(deps.database, now, "its holder revoked all", request.person)
        if many:
            held = [each.id for each in mine]
            key = request.person.key
            audit.append(deps.database, now, key, "revoked_all", key, grants=held)
    if not many:
        return Outcome("You hold nothing that works. Your keys stay enrolled: `/key list`.")
    pending = many - issuing.end(deps, [each for each in mine if grants.get(deps.database, each.id)], now)
    return Outcome(f"{plural(many, 'credential')} revoked.{_pending_words(pending)} Your keys stay enrolled.")


def _revoke_one(request: Request, deps: Deps, grant_id: str) -> Outcome:
    grant = grants.get(deps.database, grant_id)
    is_admin = "admin" in _operator(request).roles
    if grant is None or (grant.person != request.person and not is_admin):
        raise Refused(f"You hold no grant {code(grant_id)}.", "/key list")
    if grant.revoked_at is not None:
        raise Refused(f"`{grant.id}` was revoked {at(grant.revoked_at)}.", "/key list")
    now = deps.now()
    if grant.expires_at <= now:
        raise Refused(f"`{grant.id}` ended by itself {at(grant.expires_at)}.", "/key list")
    because = "its holder revoked it" if grant.person == request.person else "an admin revoked it"
    ended = issuing.revoke(deps, grant.id, now, because, request.person.key)
    whose = "" if grant.person == request.person else f" {mention(grant.person)}'s"
    said = f"Revoked{whose} {issuing.KINDS[grant.kind]} on *{_lab_name(deps, grant)}*."
    return Outcome(said + _pending_words(0 if ended else 1))


def _pending_words(pending: int) -> str:
    if pending <= 0:
        return ""
    return f" Vault has not confirmed {pending if pending > 1 else 'it'} yet: I go on trying until it does."


def _write(
    request: Request, deps: Deps, operator: Operator, lines: tuple[str, ...], action: str, fingerprint: str
) -> None:
    try:
        deps.vault.write_operator(replace(operator, ssh_public_keys=lines))
    except VaultConflict:
        raise Refused("Your document was changed at the same moment. Try again.", "/key list") from None
    key = request.person.key
    audit.append(deps.database, deps.now(), key, action, key, fingerprint=fingerprint)


def _operator(request: Request) -> Operator:
    if request.operator is None:
        raise Refused("You are not a trusted operator.")
    return request.operator


def _keys(operator: Operator) -> list[PublicKey]:
    return [key for key in map(public_keys.enrolled, operator.ssh_public_keys) if key is not None]


def _key_row(key: PublicKey) -> Row:
    ask = "Trust this key no more, and revoke every certificate of it?"
    return Row(
        title=f"{key.type} key",
        text=f"`{key.fingerprint}`",
        button=Button("Remove", "remove_key", key.fingerprint, "danger", ask),
    )


def _grant_row(deps: Deps, grant: Grant, named: bool = False) -> Row:
    whose = f"{mention(grant.person)} · " if named else ""
    lab = _lab_name(deps, grant)
    text = f"{whose}`{grant.name}` · until {at(grant.expires_at)} · grant `{grant.id}`"
    ask = f"End this {issuing.KINDS[grant.kind]} on {lab} now?"
    return Row(
        title=f"{issuing.KINDS[grant.kind]} · {lab}",
        text=text + (f" · serial `{grant.serial}`" if grant.serial else ""),
        button=Button("Revoke", "revoke_grant", grant.id, "danger", ask),
    )


def _name(deps: Deps, person: Person) -> str:
    """For a title, which mentions nobody: the name in their document, or their id where they have none any more."""
    operator = deps.vault.operator(person)
    return operator.name if operator is not None and operator.name else person.user


def _lab_name(deps: Deps, grant: Grant) -> str:
    lab = labs.get(deps.database, grant.lab_id)
    return lab.name if lab is not None else grant.lab_id
