"""A lab's life as a timeline: the picture of `/lab history`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import groupby

from bot.pictures import svg
from bot.pictures.raster import drawn, png
from commands.pictures import Life as Life
from commands.pictures import Moment as Moment
from commands.pictures import Picture
from commands.pictures import Span as Span
from commands.words import duration, listed

MOST_LABELS = 24

_LEFT, _EDGE, _TOP = svg.MARGIN + 10, svg.WIDTH - svg.MARGIN, 150
_LANE, _BAR, _APART = 38, 34, 18
_STEPS_MINUTES = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)
_STEPS_DAYS = (1, 2, 3, 7, 14, 28, 91, 182, 365, 730, 1825, 3650, 36500, 365000)

# kind: colour and shape; anything else is a grey disc.
_LOOKS = {
    "made": (svg.BLUE, "disc"),
    "planned": (svg.SKY, "disc"),
    "approved": (svg.SKY, "disc"),
    "applied": (svg.GREEN, "square"),
    "awake": (svg.GREEN, "square"),
    "used": (svg.NAVY, "dot"),
    "reminded": (svg.ORANGE, "triangle"),
    "extended": (svg.PURPLE, "diamond"),
    "asleep": (svg.GREY, "square"),
    "failed": (svg.RED, "cross"),
    "destroyed": (svg.RED, "cross"),
}
_PLAIN = (svg.GREY, "disc")
_SPANS = {"applied": "up"}  # a span's kind, in words
# Who loses their labels, one after the other, where there are too many.
_UNNAMED = (("used",), ("reminded",), ("awake", "asleep"))


@dataclass(frozen=True)
class _Flag:
    """What is written about a moment, or about several of the same kind in a row. width: of the words, in pixels."""

    at: datetime
    kind: str
    words: str
    time: str
    width: float


@dataclass(frozen=True)
class _Scale:
    """Where on the sheet a time lies."""

    began: datetime
    ended: datetime
    right: float

    def x(self, at: datetime) -> float:
        """Pixels from the left."""
        began, ended = (
            self.began.timestamp(),
            self.ended.timestamp(),
        )  # a clock's own times lack what it was changed by
        return _LEFT + ((at.timestamp() - began) / (ended - began) if ended > began else 0) * (
            self.right - _LEFT
        )


def life_picture(life: Life) -> Picture | None:
    """The picture with its words; None where it cannot be drawn."""
    image = drawn(timeline, life)
    return None if image is None else Picture(image, timeline_alt(life))


def timeline(life: Life) -> bytes:
    """PNG, 1200 wide: spans as bars on the axis, moments as marks, their labels above it. By the clock of life.zone."""
    return png(drawing(life))


def timeline_alt(life: Life) -> str:
    """A sentence: `demo, 16 Nov 2026 09:00 to 18 Nov 2026 10:00 UTC, 49 h: made and used ×4; up for 49 h.`"""
    title, moments = svg.clean(life.title), sorted(life.moments, key=lambda each: each.at)
    reach = _reach(life)
    if reach is None:
        return f"{title}: nothing yet."
    kinds = dict.fromkeys(svg.clean(each.kind) for each in moments)
    told = [
        f"{kind} ×{count}" if (count := sum(each.kind == kind for each in moments)) > 1 else kind
        for kind in kinds
    ]
    lasted: Counter[str] = Counter()
    for span in life.spans:
        lasted[_lasting(span.kind)] += int((span.ended - span.begun).total_seconds())
    times = listed([f"{kind} for {duration(seconds)}" for kind, seconds in lasted.items()])
    return f"{title}, {_when(*reach, life.zone)}: {'; '.join(filter(None, (listed(told), times)))}."


def _lasting(kind: str) -> str:
    return svg.clean(_SPANS.get(kind, kind))


def _reach(life: Life) -> tuple[datetime, datetime] | None:
    """From when to when it is shown, in UTC."""
    times = [each.at for each in life.moments]
    times += [time for each in life.spans for time in (each.begun, each.ended)]
    return (min(times).astimezone(UTC), max(times).astimezone(UTC)) if times else None


def drawing(life: Life) -> str:
    """The picture as SVG, before it becomes pixels."""
    reach = _reach(life)
    if reach is None:
        nothing = svg.text(svg.WIDTH / 2, 210, "nothing yet", size=30, fill=svg.FAINT, anchor="middle")
        return svg.sheet(300, life.title, "", [nothing])
    began, ended = reach
    flags = _flags(life.moments, ended - began, life.zone)
    scale = _Scale(began, ended, _right(flags, began, ended))
    lanes = _lanes(flags, scale)
    rows = _rows(life.spans)
    axis = _TOP + 26 + _LANE * (1 + max(lanes, default=0))
    foot = axis + 34 + (_BAR + 8) * len(rows)
    tail = (*_legend(life, flags, scale, foot + 84),)
    shapes = [
        *_ticks(scale, life.zone, axis - 14, foot),
        *(_pole(flag, scale, axis, lane) for flag, lane in zip(flags, lanes, strict=True)),
        svg.line(_LEFT, axis, scale.right, axis, colour=svg.FAINT, thick=6),
        *_bars(rows, scale, axis + 30),
        *(
            svg.circle(scale.x(each.at), axis, 7, fill=_look(each.kind)[0], edge=svg.PAPER, thick=2)
            for each in life.moments
        ),
        *(_flag(flag, scale, axis, lane) for flag, lane in zip(flags, lanes, strict=True)),
        *tail,
    ]
    return svg.sheet(foot + (128 if tail else 76), life.title, _when(began, ended, life.zone), shapes)


def _flags(moments: Sequence[Moment], lasting: timedelta, zone: tzinfo) -> list[_Flag]:
    """The labels in the order of time, those of one kind and words in a row as one: `used ×4`."""
    named = [each for each in sorted(moments, key=lambda each: each.at) if svg.clean(each.label)]
    flags = []
    for (kind, label), those in groupby(named, key=lambda each: (each.kind, each.label)):
        first, *more = those
        words = svg.fitted(label, 300, svg.TEXT) + (f" ×{len(more) + 1}" if more else "")
        time = _short(first.at.astimezone(zone), lasting)
        width = 22 + svg.wide(words, svg.TEXT) + 10 + svg.wide(time, svg.SMALL)
        flags.append(_Flag(first.at, kind, words, time, width))
    for kinds in _UNNAMED:
        flags = [each for each in flags if each.kind not in kinds] if len(flags) > MOST_LABELS else flags
    half = MOST_LABELS // 2
    return flags if len(flags) <= MOST_LABELS else flags[:half] + flags[-half:]


def _right(flags: Sequence[_Flag], began: datetime, ended: datetime) -> float:
    """Where the axis ends, so that the last labels still have their place."""
    whole = _Scale(began, ended, _EDGE)
    right = [
        _LEFT + (_EDGE - each.width - _LEFT) * (_EDGE - _LEFT) / (whole.x(each.at) - _LEFT)
        for each in flags
        if whole.x(each.at) + each.width > _EDGE
    ]
    return min([_EDGE, *right])


def _lanes(flags: Sequence[_Flag], scale: _Scale) -> list[int]:
    """How high each label hangs, 0 being next to the axis: from the last to the first, as low as it has room.

    So a pole never crosses a label: whatever hangs lower begins further right.
    """
    free: list[float] = []  # of each lane, up to where it is still empty
    lanes = []
    for each in reversed(flags):
        x = scale.x(each.at)
        lane = next(
            (number for number, start in enumerate(free) if x + each.width + _APART <= start), len(free)
        )
        lanes.append(lane)
        # The pole takes the lower lanes' room left of what hangs there, so that the next ones hang above or before it.
        free = [*(min(start, x) for start in free[:lane]), x, *free[lane + 1 :]]
    return lanes[::-1]


def _rows(spans: Sequence[Span]) -> list[list[Span]]:
    """Spans in as few rows as they need so that none lies on another."""
    rows: list[list[Span]] = []
    for span in sorted(spans, key=lambda each: (each.begun, each.ended)):
        row = next((row for row in rows if row[-1].ended <= span.begun), None)
        if row is None:
            rows.append([span])
        else:
            row.append(span)
    return rows


def _pole(flag: _Flag, scale: _Scale, axis: float, lane: int) -> str:
    x = scale.x(flag.at)
    return svg.line(x, axis, x, _lane_y(axis, lane), colour=_look(flag.kind)[0], thick=2)


def _flag(flag: _Flag, scale: _Scale, axis: float, lane: int) -> str:
    x, y = scale.x(flag.at), _lane_y(axis, lane)
    time_x = x + 32 + svg.wide(flag.words, svg.TEXT)
    return (
        _mark(x, y, flag.kind)
        + svg.text(x + 22, y + 8, flag.words, weight=500)
        + svg.text(time_x, y + 8, flag.time, size=svg.SMALL, fill=svg.SOFT)
    )


def _lane_y(axis: float, lane: int) -> float:
    return axis - 36 - _LANE * lane


def _bars(rows: Sequence[Sequence[Span]], scale: _Scale, top: float) -> Iterator[str]:
    for number, row in enumerate(rows):
        y = top + number * (_BAR + 8)
        for span in row:
            x, end = scale.x(span.begun), scale.x(span.ended)
            yield svg.box(
                x,
                y,
                max(4, end - x - 2),
                _BAR,
                fill=_look(span.kind)[0],
                radius=min(6, max(2, (end - x) / 3)),
            )
            if _fits(span, scale):
                yield svg.text(x + 12, y + 24, span.label, size=svg.SMALL, weight=500, fill=_on(span.kind))


def _fits(span: Span, scale: _Scale) -> bool:
    """Whether the span's label has room within it."""
    return svg.wide(svg.clean(span.label), svg.SMALL) + 20 <= scale.x(span.ended) - scale.x(span.begun)


def _legend(life: Life, flags: Sequence[_Flag], scale: _Scale, y: float) -> Iterator[str]:
    """What the marks and bars mean that are not labelled themselves."""
    told = {each.kind for each in flags}
    counts = {each.kind: sum(other.kind == each.kind for other in life.moments) for each in life.moments}
    dots = [
        (kind, f"{svg.clean(kind)} ×{count}" if count > 1 else svg.clean(kind))
        for kind, count in counts.items()
    ]
    shown = {each.kind for each in life.spans if _fits(each, scale)}
    bars = dict.fromkeys(each.kind for each in life.spans if each.kind not in shown)
    x = float(_LEFT)
    for kind, words, bar in [
        *((kind, words, False) for kind, words in dots if kind not in told),
        *((kind, _lasting(kind), True) for kind in bars),
    ]:
        words = svg.fitted(words, 260, svg.SMALL)
        if x + 32 + svg.wide(words, svg.SMALL) > _EDGE:
            return
        colour = _look(kind)[0]
        yield (
            svg.box(x, y - 16, 20, 20, fill=colour, radius=4)
            if bar
            else svg.circle(x + 10, y - 6, 7, fill=colour)
        )
        yield svg.text(x + 30, y + 1, words, size=svg.SMALL, fill=svg.SOFT)
        x += 30 + svg.wide(words, svg.SMALL) + 30


def _look(kind: str) -> tuple[str, str]:
    return _LOOKS.get(kind, _PLAIN)


def _on(kind: str) -> str:
    """The colour of letters on a kind's colour."""
    return svg.INK if _look(kind)[0] in (svg.ORANGE, svg.SKY) else "#ffffff"


def _mark(x: float, y: float, kind: str) -> str:
    """A kind's colour and shape, for those who see no colours."""
    colour, shape = _look(kind)
    corners = {
        "square": f"M{x - 8:.1f} {y - 8:.1f}h16v16h-16z",
        "diamond": f"M{x:.1f} {y - 11:.1f}l11 11l-11 11l-11 -11z",
        "triangle": f"M{x:.1f} {y - 10:.1f}l11 19h-22z",
    }
    if shape == "cross":
        d = f"M{x - 7:.1f} {y - 7:.1f}l14 14m0 -14l-14 14"
        return svg.path(d, colour=svg.PAPER, thick=10) + svg.path(d, colour=colour, thick=5)
    if shape in corners:
        return svg.path(corners[shape], fill=colour, colour=svg.PAPER)
    return svg.circle(x, y, 9, fill=colour, edge=svg.PAPER, thick=2)


def _ticks(scale: _Scale, zone: tzinfo, top: float, foot: float) -> Iterator[str]:
    """Round times along the axis, at most eight or so."""
    step = _step(scale.ended - scale.began)
    began, ended = scale.began.astimezone(zone), scale.ended.astimezone(zone)
    midnight = began.replace(hour=0, minute=0, second=0, microsecond=0)
    place = -(-(began - midnight) // step)  # rounded up
    last_right = 0.0
    while place * step <= ended - midnight:
        at = midnight + place * step
        place += 1
        x = scale.x(at)
        words = f"{at:%a} {at.day} {at:%b}" if at.hour == at.minute == 0 else f"{at:%H:%M}"
        words = f"{at.day} {at:%b %Y}" if step >= timedelta(days=91) else words
        half = svg.wide(words, svg.SMALL) / 2
        if x - half < last_right + 12 or x + half > svg.WIDTH - 8:
            continue
        last_right = x + half
        yield svg.line(x, top, x, foot)
        yield svg.text(x, foot + 30, words, size=svg.SMALL, fill=svg.SOFT, anchor="middle")


def _step(lasting: timedelta) -> timedelta:
    steps = [timedelta(minutes=each) for each in _STEPS_MINUTES] + [
        timedelta(days=each) for each in _STEPS_DAYS
    ]
    return next((each for each in steps if lasting / each <= 7), steps[-1])


def _short(at: datetime, lasting: timedelta) -> str:
    """When, as exact as the timeline is long."""
    if lasting < timedelta(minutes=10):
        return f"{at:%H:%M:%S}"
    if lasting <= timedelta(hours=20):
        return f"{at:%H:%M}"
    return f"{at:%a %H:%M}" if lasting <= timedelta(days=6) else f"{at.day} {at:%b}"


def _when(began: datetime, ended: datetime, zone: tzinfo) -> str:
    """`16 Nov 2026 09:00 to 18:00 UTC, 9 h`, or with the zone's name: `… 18:00 (Asia/Kolkata), 9 h`."""
    since, until = began.astimezone(zone), ended.astimezone(zone)
    clock = "UTC" if str(zone) == "UTC" else f"({zone})"
    if began == ended:
        return f"{_full(since)} {clock}"
    end = f"{until:%H:%M}" if since.date() == until.date() else _full(until)
    return f"{_full(since)} to {end} {clock}, {duration((ended - began).total_seconds())}"


def _full(at: datetime) -> str:
    return f"{at.day} {at:%b %Y %H:%M}"
