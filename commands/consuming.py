"""Labs that use other labs: `consumes: {db: postgres}` in a blueprint, `db=LAB` in a command.

What the other lab publishes arrives as that variable, an object of its outputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from commands import lab_outputs
from commands.authorise import may_run
from commands.blueprint import Blueprint
from commands.blueprints import sources
from commands.deps import Deps
from commands.engines.vault.protocol import Operator
from commands.request import Refused, Request, id_from
from commands.words import at, listed, mention
from state import consumers, labs, outbox, runs
from state.consumers import Consumer
from state.records import Lab, OutboxMessage, Person, Run

_LOOKED_AT = 500  # labs, for those that another one may use
OWNER = "owner of "  # with the names of labs: what their owner approves as


def require_may_consume(
    request: Request, deps: Deps, blueprint: Blueprint, variables: Mapping[str, Any]
) -> None:
    """Raise Refused unless each variable that means another lab names one that this person may use, and that works."""
    for variable in blueprint.consumes:
        require_may_use(request, deps, blueprint, variable, str(variables.get(variable, "")))


def require_may_use(request: Request, deps: Deps, blueprint: Blueprint, variable: str, name: str) -> None:
    """Raise Refused unless the lab of that name may be what the variable means."""
    provider, wanted = _provider(deps, blueprint, variable, name), blueprint.consumes[variable]
    if not _may_use(request, deps, provider):
        raise Refused(
            f"*{provider.name}* is {mention(provider.owner)}'s lab, and its blueprint does not share it. "
            "Its owner and infra people may use it.",
            f"/lab up {wanted} my-{wanted}",
        )


def usable(request: Request, deps: Deps, wanted: str) -> tuple[str, ...]:
    """The names of the labs of that blueprint that this person may use now, the newest first."""
    found = [lab for lab in labs.page(deps.database, labs.Kind(), _LOOKED_AT) if lab.blueprint == wanted]
    return tuple(lab.name for lab in found if _works(deps, lab) and _may_use(request, deps, lab))


def began(deps: Deps, lab: Lab, blueprint: Blueprint, run: Run) -> None:
    """Remember which labs a lab uses from this run on; ask those whom its destruction waits for.

    Call it inside a transaction. Raises Refused.
    """
    if run.kind == "apply" and run.cause == "asked":
        for variable in blueprint.consumes:
            provider = _provider(deps, blueprint, variable, str(run.variables.get(variable, "")))
            consumers.set(deps.database, Consumer(lab.id, variable, provider.id))
    if run.kind == "destroy":
        _ask_owners(deps, lab, run)


def values(
    deps: Deps, lab: Lab, blueprint: Blueprint, may_be_gone: bool
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Variable → what the lab that it means publishes, in the clear, and the texts in that which are secret.

    may_be_gone: null for a lab that does not work any more, so that what used it can be destroyed. Raises Refused,
    VaultError.
    """
    found: dict[str, Any] = {}
    hidden: list[str] = []
    known = consumers.of_consumer(deps.database, lab.id)
    for variable in blueprint.consumes:
        provider = known.get(variable)
        try:
            if provider is None or provider.gone_at is not None:
                again = f"/lab plan {lab.name} {variable}=ANOTHER"
                raise Refused(f"The lab that *{lab.name}* uses as `{variable}` is gone.", again)
            _require_works(deps, provider)
        except Refused:
            if not may_be_gone:
                raise
            found[variable] = None
            continue
        outputs, secret = lab_outputs.outputs_of(deps, provider)
        published = sources.of_lab(deps, provider).blueprint.publish
        found[variable] = {name: outputs[name] for name in published if name in outputs}
        hidden += secret
    return found, tuple(hidden)


def left_without(deps: Deps, lab: Lab, requester: Person) -> tuple[str, dict[str, int]]:
    """What a destruction's card warns of, and who else approves it: `owner of web` → 1, for each owner.

    Who asks for it knows what of their own it leaves without.
    """
    used_by = consumers.of_provider(deps.database, lab.id)
    if not used_by:
        return "", {}
    names = listed([f"*{each.name}* ({mention(each.owner)})" for each in used_by])
    owned: dict[Person, list[str]] = {}
    for each in used_by:
        if each.owner != requester:
            owned.setdefault(each.owner, []).append(each.name)
    said = f"{names} {'use' if len(used_by) > 1 else 'uses'} it, and will not work without it."
    return said, {f"{OWNER}{listed(theirs)}": 1 for theirs in owned.values()}


def _ask_owners(deps: Deps, lab: Lab, run: Run) -> None:
    for role in run.approvals_needed:
        for consumer in _named(deps, role):
            text = (
                f"{mention(run.requester)} wants to destroy *{lab.name}*, which your lab *{consumer.name}* uses. "
                f"Its card in <#{run.channel}> waits for your approval."
            )
            _tell(deps, consumer.owner, f"consumer {run.id}", text)


def tell_owners(deps: Deps, lab: Lab, ends_at: datetime | None, now: datetime) -> None:
    """Tell the owners of what uses a lab that its own owner was reminded of its end."""
    for consumer in consumers.of_provider(deps.database, lab.id):
        if consumer.owner != lab.owner:
            when = f" {at(ends_at)}" if ends_at is not None else ""
            text = (
                f"*{lab.name}*, which your lab *{consumer.name}* uses, will be destroyed{when} if nobody keeps it. "
                f"{mention(lab.owner)} can: `/lab extend {lab.name} 4h`."
            )
            _tell(deps, consumer.owner, f"provider {lab.id} {now} {consumer.id}", text)


def used_by_consumers(deps: Deps, lab: Lab) -> Lab:
    """The lab, which was used when a lab that uses it was."""
    used_by = consumers.of_provider(deps.database, lab.id)
    latest = max(used_by, key=lambda each: each.last_active_at, default=None)
    if latest is None or latest.last_active_at <= lab.last_active_at:
        return lab
    labs.touch(
        deps.database, lab, latest.last_active_at, latest.last_active_by, f"its consumer {latest.name}"
    )
    return labs.get(deps.database, lab.id) or lab


def with_owned(deps: Deps, operator: Operator, run: Run) -> tuple[str, ...]:
    """The roles that a person holds for one run: their own, and that of the owner of what would be left without it."""
    owned = [
        role
        for role in run.approvals_needed
        if any(consumer.owner == operator.person for consumer in _named(deps, role))
    ]
    return (*operator.roles, *owned) if operator.roles else ()


def words_of(deps: Deps, lab: Lab) -> list[str]:
    """What `/lab show` says of it: what the lab uses, and what uses it."""
    uses = [
        f"`{variable}` is *{provider.name}*{' (gone)' if provider.gone_at else ''}"
        for variable, provider in consumers.of_consumer(deps.database, lab.id).items()
    ]
    used_by = [f"*{each.name}*" for each in consumers.of_provider(deps.database, lab.id)]
    lines = [f"It uses another lab: {listed(uses)}."] if uses else []
    return [*lines, f"It is used by {listed(used_by)}."] if used_by else lines


def _named(deps: Deps, role: str) -> Iterable[Lab]:
    """The living labs in `owner of web and api`; none where it is another role."""
    if not role.startswith(OWNER):
        return []
    names = role.removeprefix(OWNER).replace(" and ", ", ").split(", ")
    return [lab for name in names if (lab := labs.living(deps.database, name)) is not None]


def _provider(deps: Deps, blueprint: Blueprint, variable: str, name: str) -> Lab:
    wanted = blueprint.consumes[variable]
    example = blueprint.example(say=variable)
    lab = labs.living(deps.database, name)
    if lab is None:
        raise Refused(f"There is no lab `{name}` that could be `{variable}`.", f"/lab up {wanted} {name}")
    if lab.blueprint != wanted:
        raise Refused(
            f"`{variable}` is a lab of `{wanted}`, and *{name}* is one of `{lab.blueprint}`.", example
        )
    _require_works(deps, lab)
    return lab


def _may_use(request: Request, deps: Deps, lab: Lab) -> bool:
    is_theirs = request.operator is not None and may_run(request.operator, lab.owner)
    return is_theirs or sources.of_lab(deps, lab).blueprint.is_shared


def _works(deps: Deps, lab: Lab) -> bool:
    try:
        _require_works(deps, lab)
    except Refused:
        return False
    return True


def _require_works(deps: Deps, lab: Lab) -> None:
    """Raise Refused for a lab whose outputs mean nothing, or will soon."""
    if lab.applied_at is None or lab.asleep_at is not None:
        why = "asleep" if lab.asleep_at is not None else "not there yet"
        raise Refused(f"*{lab.name}* is {why}, so nothing can use it.", f"/lab show {lab.name}")
    run = runs.active_of(deps.database, lab.id)
    if run is not None and run.kind == "destroy":
        raise Refused(
            f"*{lab.name}* is about to be destroyed, so nothing new can use it.", f"/lab show {lab.name}"
        )


def _tell(deps: Deps, person: Person, cause: str, text: str) -> None:
    message_id = id_from(f"{cause} to {person.key}")
    outbox.add(deps.database, OutboxMessage(message_id, "", text, deps.now(), person=person))
