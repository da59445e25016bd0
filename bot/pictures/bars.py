"""What was spent by day, as stacked bars: the picture of `/lab report`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from bot.pictures import svg
from bot.pictures.raster import png
from commands.words import money, plural

MOST_SERIES = 8

_COLOURS = (svg.BLUE, svg.ORANGE, svg.GREEN, svg.PURPLE, svg.SKY, svg.RED, svg.NAVY, svg.YELLOW)
_HEIGHT, _TOP, _BOTTOM, _RIGHT, _LEGEND = 660, 184, 574, 800, 842
_SCALES = (
    (1e12, 1e12, "T"),
    (1e9, 1e9, "B"),
    (1e6, 1e6, "M"),
    (1e4, 1e3, "k"),
)  # from when on, what it is, its letter
_MOST_TICKS = 5
_LEAST = 0.01  # cents; money() writes less as nothing


@dataclass(frozen=True)
class Series:
    """What one thing cost on each of the days, in cents; what is missing or hardly anything counts as nothing."""

    name: str
    cents: tuple[float, ...]


class _Others(Series):
    """The sum of those that have no colour of their own."""


@dataclass(frozen=True)
class Bars:
    """Days in their order, and what was spent on them, in cents of the currency (ISO 4217)."""

    title: str
    days: tuple[date, ...]
    series: tuple[Series, ...]
    currency: str = "USD"


def bar_chart(bars: Bars) -> bytes:
    """PNG, 1200 × 660: a bar for each day, the largest series at its foot, and each series' sum beside it."""
    return png(drawing(bars))


def bar_chart_alt(bars: Bars) -> str:
    """A sentence: `Cost last week: $61.20 in 7 days, the most for web ($40.00) and on Wed 18 Nov ($14.10).`"""
    shown = _ranked(bars)
    title = svg.clean(bars.title)
    if not shown:
        return f"{title}: nothing yet."
    totals = _totals(bars, shown)
    highest = max(range(len(totals)), key=totals.__getitem__)
    dearest = max((each for each in shown if each is not _rest(shown)), key=lambda each: sum(each.cents))
    return (
        f"{title}: {money(sum(totals), bars.currency)} in {plural(len(bars.days), 'day')}, "
        f"the most for {_name(dearest)} ({money(sum(dearest.cents), bars.currency)}) "
        f"and on {_day(bars.days[highest])} ({money(totals[highest], bars.currency)})."
    )


def drawing(bars: Bars) -> str:
    """The picture as SVG, before it becomes pixels."""
    shown = _ranked(bars)
    if not shown:
        middle = (svg.WIDTH / 2, 270)
        nothing = svg.text(*middle, "nothing yet", size=30, fill=svg.FAINT, anchor="middle")
        foot = svg.line(svg.MARGIN, 330, svg.WIDTH - svg.MARGIN, 330, colour=svg.EDGE)
        return svg.sheet(380, bars.title, _period(bars.days), [nothing, foot])
    totals = _totals(bars, shown)
    step = _step(max(totals))
    top = step * math.ceil(max(totals) / step * 0.999999)
    subtitle = f"{_period(bars.days)} · {money(sum(totals), bars.currency)} in all"
    left = svg.MARGIN + max(svg.wide(label, svg.SMALL) for _, label in _ticks(step, top, bars.currency)) + 8
    shapes = [
        *_axis(left, step, top, bars.currency),
        *_columns(bars, shown, left, top),
        *_legend(bars, shown),
    ]
    return svg.sheet(_HEIGHT, bars.title, subtitle, shapes)


def _ranked(bars: Bars) -> list[Series]:
    """The series that cost anything, the dearest first, their days made whole; the many cheapest are one."""
    count = len(bars.days)
    whole = [
        Series(
            each.name,
            tuple(
                cents if cents >= _LEAST else 0.0
                for cents in each.cents[:count] + (0,) * (count - len(each.cents))
            ),
        )
        for each in bars.series
    ]
    ranked = sorted(
        (each for each in whole if any(each.cents)), key=lambda each: (-sum(each.cents), each.name)
    )
    if len(ranked) <= MOST_SERIES:
        return ranked
    rest = ranked[MOST_SERIES - 1 :]
    return [
        *ranked[: MOST_SERIES - 1],
        _Others(f"{len(rest)} others", tuple(map(sum, zip(*(each.cents for each in rest), strict=True)))),
    ]


def _colour(shown: Sequence[Series], place: int) -> str:
    return svg.GREY if shown[place] is _rest(shown) else _COLOURS[place]


def _rest(shown: Sequence[Series]) -> Series | None:
    """What stands for the cheapest, where there were too many."""
    return shown[-1] if isinstance(shown[-1], _Others) else None


def _name(series: Series) -> str:
    return svg.clean(series.name) or "(no name)"


def _totals(bars: Bars, shown: Sequence[Series]) -> list[float]:
    return [sum(each.cents[place] for each in shown) for place in range(len(bars.days))]


def _step(peak: float) -> float:
    """Between two marks of the axis: 1, 2 or 5 with noughts."""
    rough = peak / (_MOST_TICKS - 1)
    size = 10.0 ** math.floor(math.log10(rough))
    return next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough * 0.999999)


def _ticks(step: float, top: float, currency: str) -> Iterator[tuple[float, str]]:
    """The axis' marks: cents, and what is written there."""
    size, letter = _scale(top)
    digits = max(0, -math.floor(math.log10(step / 100 / size) + 1e-9))
    digits = 2 if digits == 1 and not letter else digits  # $0.50, as money is written
    for place in range(round(top / step) + 1):
        figure = f"{place * step / 100 / size:,.{digits}f}{letter}" if place else "0"
        yield place * step, _with_currency(figure, currency)


def _scale(cents: float) -> tuple[float, str]:
    return next(((size, letter) for least, size, letter in _SCALES if cents / 100 >= least), (1.0, ""))


def _with_currency(figure: str, currency: str) -> str:
    return money(0, currency).replace("0.00", figure)  # where money() puts it


def _brief(cents: float, currency: str) -> str:
    """Money in little room: `$12.40`, `$1,240`, `$12.4M`."""
    size, letter = _scale(cents)
    if size >= 1e6:
        return _with_currency(f"{cents / 100 / size:,.1f}{letter}", currency)
    return _with_currency(f"{cents / 100:,.0f}", currency) if cents >= 100_000 else money(cents, currency)


def _axis(left: float, step: float, top: float, currency: str) -> Iterator[str]:
    for cents, label in _ticks(step, top, currency):
        y = _BOTTOM - cents / top * (_BOTTOM - _TOP)
        yield svg.line(left + 8, y, _RIGHT, y, colour=svg.RULE if cents else svg.FAINT)
        yield svg.text(left, y + 7, label, size=svg.SMALL, fill=svg.SOFT, anchor="end")


def _columns(bars: Bars, shown: Sequence[Series], left: float, top: float) -> Iterator[str]:
    count = len(bars.days)
    first = left + 16
    slot = (_RIGHT - first) / count
    thick = min(slot * 0.72, 120)
    dates = _dates(bars.days, slot)
    for place, total in enumerate(_totals(bars, shown)):
        middle, y = first + slot * (place + 0.5), float(_BOTTOM)
        for number, each in enumerate(shown):
            tall = each.cents[place] / top * (_BOTTOM - _TOP)
            gap = 2 if tall > 5 else 0  # a line of paper between two colours
            yield svg.box(
                middle - thick / 2,
                y - tall,
                thick,
                tall - gap,
                fill=_colour(shown, number),
                radius=min(3, tall / 2),
            )
            y -= tall
        label = _brief(total, bars.currency)
        if total and svg.wide(label, svg.SMALL) <= slot + 4:
            yield svg.text(middle, y - 10, label, size=svg.SMALL, weight=600, anchor="middle")
        yield svg.text(middle, _BOTTOM + 34, dates[place], size=svg.SMALL, fill=svg.SOFT, anchor="middle")


def _dates(days: Sequence[date], slot: float) -> list[str]:
    """What is written below each day: `Mon 16` where all have room, else `16 Nov` below some."""
    every_day = [f"{day:%a} {day.day}" for day in days]
    if all(svg.wide(words, svg.SMALL) <= slot for words in every_day):
        return every_day
    some = [f"{day.day} {day:%b}" for day in days]
    room = max(svg.wide(words, svg.SMALL) for words in some) + 16
    every = next((each for each in (1, 2, 5, 7, 14, 28) if slot * each >= room), math.ceil(room / slot))
    return [words if place % every == 0 else "" for place, words in enumerate(some)]


def _legend(bars: Bars, shown: Sequence[Series]) -> Iterator[str]:
    right, y = svg.WIDTH - svg.MARGIN, _TOP + 12
    for number, each in enumerate(shown):
        cost = _brief(sum(each.cents), bars.currency)
        room = right - _LEGEND - 34 - svg.wide(cost, svg.TEXT) - 10
        yield svg.box(_LEGEND, y - 17, 22, 22, fill=_colour(shown, number), radius=5)
        yield svg.text(_LEGEND + 34, y + 2, svg.fitted(_name(each), room, svg.TEXT, middle=True))
        yield svg.text(right, y + 2, cost, fill=svg.SOFT, anchor="end")
        y += 48


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"


def _period(days: Sequence[date]) -> str:
    """`17 to 23 Nov 2026`, or one day, or nothing."""
    if not days:
        return ""
    first, last = days[0], days[-1]
    if first == last:
        return f"{_day(last)} {last.year}"
    start = (
        f"{first.day}" if (first.year, first.month) == (last.year, last.month) else f"{first.day} {first:%b}"
    )
    year = f" {first.year}" if first.year != last.year else ""
    return f"{start}{year} to {last.day} {last:%b} {last.year}"
