"""The Home tab: what somebody has, what waits for them, and what they may do, as it is at this moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from commands import consuming
from commands.approvals import still_needed
from commands.authorise import known_admins
from commands.costs import spent as costs
from commands.costs.spent import DailyCosts, Interval
from commands.deps import Deps
from commands.engines.vault.protocol import Operator
from commands.grants import public_keys
from commands.grants.public_keys import PublicKey
from commands.lifetime import wall_clock
from commands.offers import offers_of
from commands.request import Outcome, Refused, Request
from state import approvals, extensions, grants, habits, labs, runs, usages
from state.extensions import Extension
from state.labs import Kind
from state.records import Grant, Lab, Person, Run
from state.transitions import RunState

LABS_SHOWN, WAITING_SHOWN, HELD_SHOWN, ADMINS_SHOWN = 8, 6, 8, 3
MONTH_DAYS = 30


@dataclass(frozen=True)
class MyLab:
    """One of the person's labs. run: its newest one; has_ssh: whether it gives certificates."""

    lab: Lab
    run: Run | None
    spent_cents: float
    has_ssh: bool


@dataclass(frozen=True)
class Waiting:
    """A plan that waits for this person's word. needed: role → people still missing."""

    run: Run
    needed: dict[str, int]


@dataclass(frozen=True)
class Home:
    """What the tab shows. month: what the labs of its channel cost by day, which is drawn; None: nothing to draw."""

    person: Person  # whose tab it is
    roles: tuple[str, ...]
    labs: tuple[MyLab, ...]
    labs_in_all: int
    waiting: tuple[Waiting, ...]
    waiting_in_all: int
    questions: tuple[tuple[Extension, Lab], ...]  # who wants more time than a blueprint's max
    keys: tuple[PublicKey, ...]
    grants: tuple[tuple[Grant, str], ...]  # with the name of the lab
    grants_in_all: int
    admins: tuple[Person, ...]
    channel: str  # whose month that is
    month: DailyCosts | None
    at: datetime


def show(request: Request, deps: Deps) -> Outcome:
    """Somebody has opened the Home tab, or pressed `Refresh` there."""
    operator = request.operator
    if operator is None:
        raise Refused("You are not a trusted operator.")
    return Outcome(home=of(deps, operator, known_admins(deps.vault)[:ADMINS_SHOWN]))


def of(deps: Deps, operator: Operator, admins: tuple[Person, ...]) -> Home:
    """What this person has, by the rights that they have now. admins: whom they may ask for more."""
    now, database = deps.now(), deps.database
    mine = Kind(owner=operator.person)
    waiting = _waiting(deps, operator)
    held = grants.living(database, now, person=operator.person)
    channel, month = _month(deps, operator.person, now)
    return Home(
        person=operator.person,
        roles=operator.roles,
        labs=tuple(_my_lab(deps, lab, now) for lab in _my_labs(deps, operator.person, now)),
        labs_in_all=labs.totals(database, mine)[0],
        waiting=tuple(waiting[:WAITING_SHOWN]),
        waiting_in_all=len(waiting),
        questions=tuple(_questions(deps, operator))[:WAITING_SHOWN],
        keys=tuple(filter(None, map(public_keys.enrolled, operator.ssh_public_keys))),
        grants=tuple((each, _lab_name(deps, each)) for each in held[:HELD_SHOWN]),
        grants_in_all=len(held),
        admins=admins,
        channel=channel,
        month=month,
        at=now,
    )


def _my_labs(deps: Deps, person: Person, now: datetime) -> list[Lab]:
    """The first of theirs: those that nobody uses, which end soon, and then the newest."""
    idle = labs.page(deps.database, Kind(owner=person, idle_at=now), LABS_SHOWN)
    newest = labs.page(deps.database, Kind(owner=person), LABS_SHOWN)
    return list({lab.id: lab for lab in (*idle, *newest)}.values())[:LABS_SHOWN]


def _my_lab(deps: Deps, lab: Lab, now: datetime) -> MyLab:
    return MyLab(
        lab=lab,
        run=runs.latest_of(deps.database, lab.id),
        spent_cents=costs.bill(usages.of_lab(deps.database, lab.id), now).spent_cents,
        has_ssh=offers_of(deps, lab).has_ssh,
    )


def _waiting(deps: Deps, operator: Operator) -> list[Waiting]:
    """The plans that this person's word would bring further, the oldest first."""
    found = []
    for run in runs.in_state(deps.database, RunState.PROPOSED):
        theirs = set(consuming.with_owned(deps, operator, run)) & set(run.approvals_needed)
        if not theirs or (run.requester == operator.person and not run.self_approval):
            continue
        given = approvals.of_run(deps.database, run.id, run.digest or "")
        needed = still_needed(run, given)
        said = any(each.person == operator.person and each.decision == "approve" for each in given)
        if theirs & set(needed) and not said:
            found.append(Waiting(run, needed))
    return found


def _questions(deps: Deps, operator: Operator) -> list[tuple[Extension, Lab]]:
    if "infra" not in operator.roles:
        return []
    asked = [each for each in extensions.waiting(deps.database) if each.requester != operator.person]
    found = [(each, labs.get(deps.database, each.lab_id)) for each in asked]
    return [(each, lab) for each, lab in found if lab is not None and lab.gone_at is None]


def _lab_name(deps: Deps, grant: Grant) -> str:
    lab = labs.get(deps.database, grant.lab_id)
    return lab.name if lab is not None else grant.lab_id


def _month(deps: Deps, person: Person, now: datetime) -> tuple[str, DailyCosts | None]:
    """The last days of the channel in which most of their labs are, or else most of anybody's.

    Up to the last full minute, so that it need not be drawn anew for everybody who looks.
    """
    zone = wall_clock.zone(habits.of(deps.database, person).timezone)
    minute = now.replace(second=0, microsecond=0)
    first = now.astimezone(zone).date() - timedelta(days=MONTH_DAYS - 1)
    interval = Interval(costs.midnight(first, zone), minute)
    between = (interval.since, interval.until)
    channel = usages.busiest_channel(deps.database, *between, owner=person) or usages.busiest_channel(
        deps.database, *between
    )
    if not channel:
        return "", None
    found = usages.within(deps.database, *between, channel)
    totals = costs.total(found, interval)
    if not any(totals.values()):
        return channel, None
    currency = max(totals, key=totals.__getitem__)
    days = costs.days_of(interval, zone)
    series = costs.by_day(found, days, zone, interval.until, currency)
    return channel, DailyCosts(f"Cost of labs, the last {MONTH_DAYS} days", days, series, currency)
