"""`/lab report`, and every Monday's: what a channel's labs came to, in words, as a picture and as a table."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from commands.costs import spent as costs
from commands.costs.spent import DailyCosts, Interval, Picture, Totals
from commands.deps import Deps
from commands.lifetime import wall_clock
from commands.lifetime.moments import idle_from
from commands.request import Outcome, Refused, Request, id_from
from commands.words import DAY, HOUR, duration, listed, mention, nearest, plural, sums
from state import habits, labs, outbox, usages
from state.labs import Kind
from state.records import Lab, OutboxMessage, Person
from state.usages import Usage

KINDS = {"week": 7, "month": 30}  # days, today among them
MONDAY_HOUR = 9
FIRST_ZONE, LAST_ZONE = timedelta(hours=14), timedelta(hours=12)  # how far east and west of UTC people live
NAMED = 5

_HEAD = (
    "lab",
    "blueprint",
    "owner",
    "channel",
    "from",
    "until",
    "hours",
    "currency",
    "cost",
    "saved",
    "ended by",
)


@dataclass(frozen=True)
class Report:
    """What is told of a channel: what is said, what is drawn (None: nothing was), and the table."""

    text: str
    picture: Picture | None
    table: str  # CSV; empty: nothing was


def report(request: Request, deps: Deps) -> Outcome:
    """`/lab report [week|month]`: what this channel's labs came to, for everybody in it to see."""
    asked = request.words[2:]
    kind = asked[0] if asked else "week"
    if len(asked) > 1 or kind not in KINDS:
        near = nearest(kind, KINDS) or "week"
        raise Refused("A report is of a `week` or a `month`.", f"/lab report {near}")
    if not request.channel:
        raise Refused("A report is a channel's: ask for it there.", "/lab report week")
    now = deps.now()
    zone = wall_clock.zone(habits.of(deps.database, request.person).timezone)
    first = now.astimezone(zone).date() - timedelta(days=KINDS[kind] - 1)
    found = _report(
        deps,
        request.channel,
        Interval(costs.midnight(first, zone), now),
        zone,
        f"The last {KINDS[kind]} days",
    )
    if not found.table:
        return Outcome(found.text)
    _post(deps, found, request.channel, f"report {request.id}", first, now, request.person)
    return Outcome()


def send_weekly(deps: Deps, now: datetime) -> str:
    """Tell each channel of its last week, once: on Monday from 09:00 on, or on Tuesday where we were away by then.

    In the time zone that most owners of the channel's labs have.
    """
    monday = _monday_near(now)
    if monday is None:
        return "no report is due"
    sent = 0
    # Every zone's week: which zone it is follows from the labs in it.
    around = Interval(_utc(monday - timedelta(days=7)) - FIRST_ZONE, _utc(monday) + LAST_ZONE)
    for channel in usages.channels_within(deps.database, around.since, around.until):
        cause = f"report {channel} {monday}"
        if outbox.get(deps.database, id_from(cause)) is not None:
            continue
        zone = _zone_of(deps, usages.within(deps.database, around.since, around.until, channel))
        local = now.astimezone(zone)
        if not 0 <= (local.date() - monday).days <= 1 or (
            local.date() == monday and local.hour < MONDAY_HOUR
        ):
            continue
        week = Interval(costs.midnight(monday - timedelta(days=7), zone), costs.midnight(monday, zone))
        found = _report(deps, channel, week, zone, "Last week")
        if found.table:
            sent += _post(deps, found, channel, cause, monday - timedelta(days=7), now, None)
    return f"sent {plural(sent, 'report')}"


def text_of(title: str, found: Sequence[Usage], interval: Interval, idle: Sequence[Lab], made: int) -> str:
    """What is said. idle: those that are now, the longest first; made: how many were made in that time."""
    if not found:
        return f"{title}: no lab was up here, so nothing was spent."
    hours = sum(costs.seconds(each, interval) for each in found) / HOUR
    count = len({each.lab_id for each in found})
    head = f"*{title}*: {plural(count, 'lab')}, {_hours(hours)}, {sums(costs.total(found, interval))}."
    saved = costs.saved(found, interval)
    if saved:
        head += f" Automatic destruction saved {sums(saved)}."
    longest = _longest(found, interval)
    head += f" Longest living: {longest}."
    lines = [head, f"{_made(made, count)} made in that time."]
    for title_of, totals in (
        (
            "By person",
            {mention(who): cost for who, cost in costs.grouped(found, interval, lambda u: u.owner).items()},
        ),
        ("By blueprint", costs.grouped(found, interval, lambda u: u.blueprint)),
    ):
        lines.append(f"{title_of}: {_shares(totals)}.")
    return "\n".join([*lines, *_offenders(found, interval, idle)])


def table_of(found: Sequence[Usage], interval: Interval) -> str:
    """A row for each time that a lab was there, as CSV (RFC 4180). No cell is a formula to a spreadsheet."""
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(_HEAD)
    for each in found:
        spent = costs.cents(each, interval)
        ended = each.ended_at if each.ended_at is not None and each.ended_at <= interval.until else None
        row = (
            *(each.lab_name, each.blueprint, each.owner.key, each.channel),
            *(f"{each.started_at:%Y-%m-%d %H:%M:%S}", f"{ended:%Y-%m-%d %H:%M:%S}" if ended else ""),
            *(f"{costs.seconds(each, interval) / HOUR:.2f}", each.currency, f"{spent / 100:.4f}"),
            *(f"{each.saved_cents / 100:.4f}" if ended else "0.0000", each.ended_by if ended else ""),
        )
        rows.writerow([_cell(value) for value in row])
    return written.getvalue()


def _cell(value: str) -> str:
    """Source: https://owasp.org/www-community/attacks/CSV_Injection"""
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else value


def _report(deps: Deps, channel: str, interval: Interval, zone: ZoneInfo, title: str) -> Report:
    found = usages.within(deps.database, interval.since, interval.until, channel)
    if not found:
        return Report(text_of(title, (), interval, (), 0), None, "")
    idle = labs.page(deps.database, Kind(channel=channel, idle_at=interval.until), 2 * NAMED)
    made = labs.made_within(deps.database, channel, interval.since, interval.until)
    return Report(
        text_of(title, found, interval, idle, len(made & {each.lab_id for each in found})),
        deps.draw_costs(_bars(found, interval, zone, title)),
        table_of(found, interval),
    )


def _bars(found: Sequence[Usage], interval: Interval, zone: ZoneInfo, title: str) -> DailyCosts:
    """In the currency in which most was spent: bars of two currencies do not stand on each other."""
    totals = costs.total(found, interval)
    currency = max(totals, key=totals.__getitem__, default="USD")
    days = costs.days_of(interval, zone)
    series = costs.by_day(found, days, zone, interval.until, currency)
    return DailyCosts(f"Cost of labs, {title.lower()}", days, series, currency)


def _post(
    deps: Deps, found: Report, channel: str, cause: str, first: date, now: datetime, asked_by: Person | None
) -> bool:
    """Queue the message and its table, once for a cause."""
    message = OutboxMessage(
        id=id_from(cause),
        channel=channel,
        text=found.text,
        due_at=now,
        fallback=asked_by,
        picture=None if found.picture is None else found.picture.png,
        picture_alt="" if found.picture is None else found.picture.alt,
    )
    table = OutboxMessage(
        id=id_from(f"{cause} table"),
        channel=channel,
        text="Every lab of that time.",
        due_at=now,
        fallback=asked_by,
        thread_of=message.id,
        file_name=f"labs-{first}.csv",
        body=found.table,
    )
    with deps.database.transaction():
        return outbox.add(deps.database, message) and outbox.add(deps.database, table)


def _monday_near(now: datetime) -> date | None:
    """The Monday that it is 09:00 of, or the day after, somewhere on earth."""
    east = (now.astimezone(UTC) + FIRST_ZONE).date()
    monday = east - timedelta(days=east.weekday())
    begins, ends = (
        _utc(monday) - FIRST_ZONE + timedelta(hours=MONDAY_HOUR),
        _utc(monday) + LAST_ZONE + timedelta(days=2),
    )
    return monday if begins <= now < ends else None


def _utc(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _zone_of(deps: Deps, found: Sequence[Usage]) -> ZoneInfo:
    """The time zone that most owners have; of as many, the first by name."""
    zones = Counter(
        habits.of(deps.database, owner).timezone for owner in sorted({each.owner for each in found})
    )
    most = max(zones.values(), default=0)
    return wall_clock.zone(min((name for name, count in zones.items() if count == most), default="UTC"))


def _made(made: int, count: int) -> str:
    """`3 of them were`. count: of how many."""
    if made == count:
        return "It was" if count == 1 else "All of them were"
    if count == 1:
        return "It was not"
    if made == 1:
        return "1 of them was"
    return f"{made:,} of them were" if made else "None of them was"


def _longest(found: Sequence[Usage], interval: Interval) -> str:
    """`web-7, 6 days, @person`: of all that were up in the interval, also before it."""
    seconds: dict[str, float] = {}
    last: dict[str, Usage] = {}
    for each in found:
        end = min(each.ended_at or interval.until, interval.until)
        seconds[each.lab_id] = seconds.get(each.lab_id, 0.0) + (end - each.started_at).total_seconds()
        last[each.lab_id] = each
    longest = max(seconds, key=seconds.__getitem__)
    return f"{last[longest].lab_name}, {_days(seconds[longest])}, {mention(last[longest].owner)}"


def _offenders(found: Sequence[Usage], interval: Interval, idle: Sequence[Lab]) -> list[str]:
    """The labs that nobody has used for longest, and the people whose labs had to be destroyed."""
    told = [
        f"{lab.name} for {_days((interval.until - since).total_seconds())} ({mention(lab.owner)})"
        for lab in idle
        if (since := idle_from(lab)) is not None
    ]
    lines = [f"Idle at the end of it: {_some(told)}."] if told else []
    ended = Counter(
        each.owner
        for each in found
        if each.ended_by == "lifetime" and each.ended_at is not None and each.ended_at <= interval.until
    )
    if ended:
        told = [f"{plural(count, 'lab')} of {mention(who)}" for who, count in ended.most_common()]
        lines.append(f"Destroyed when their time was over: {_some(told)}.")
    return lines


def _shares(totals: Mapping[str, Totals]) -> str:
    return _some([f"{name} {sums(cost)}" for name, cost in totals.items()])


def _some(told: Sequence[str]) -> str:
    more = len(told) - NAMED
    return listed([*told[:NAMED], *([f"{more:,} more"] if more > 0 else [])])


def _hours(hours: float) -> str:
    return f"{hours:,.0f} h" if hours >= 1 else duration(hours * HOUR)


def _days(seconds: float) -> str:
    """As duration() says it, but from two days on in whole ones."""
    return f"{seconds // DAY:.0f} days" if seconds >= 2 * DAY else duration(seconds)
