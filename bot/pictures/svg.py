"""The few shapes that the pictures are made of, as SVG text, with one look: paper, ink, colours, sizes of text.

The pictures bring their own paper, a bright one with an edge, which reads the same in Slack's light and dark theme.
They are 1200 wide, tall ones 960; Slack shows them at half of that or less, so no text is smaller than 20. Coordinates
are from the top left, in pixels of 1200. The colours are told apart with any colour vision (Okabe and Ito, some a
little darker, so that white letters stand on them): https://jfly.uni-koeln.de/color/
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from html import escape

from commands.words import printable

WIDTH, MARGIN = 1200, 56
PAPER, EDGE, RULE = "#fbfbfd", "#d3d8e2", "#e4e7ee"
INK, SOFT, FAINT = "#1b2230", "#566074", "#9aa3b5"
BLUE, ORANGE, GREEN, RED = "#0072b2", "#e69f00", "#00835f", "#c44f00"
SKY, PURPLE, YELLOW, NAVY = "#56b4e9", "#a8488b", "#e3cf3a", "#3b3f8f"
GREY = "#6f7889"

TITLE, TEXT, SMALL = 36, 22, 20  # sizes
SANS, MONO = "Inter", "JetBrains Mono"
_TALL, _SMALLER = (
    1600,
    0.8,
)  # who looks at a sheet as tall as that sees it smaller, and it is drawn in less time
_CRISP = 'shape-rendering="crispEdges"'  # a tenth of the time, which goes by the height of what is smoothed

# How wide Inter's letters are at weight 600, in em: measured in the font, the widest of each group.
_EMS = {
    letter: em
    for letters, em in (
        (" ijlI", 0.28),
        ("!,.:;'·", 0.33),
        ("`t|()[]/\\f", 0.39),
        ("r1{}-_^", 0.47),
        ('"*?s', 0.55),
        ("LakxzJcFevy7", 0.59),
        ("5Ehnou2bdpqg", 0.63),
        ("#03689$&+4<=>~BTPRSZ×", 0.67),
        ("KYDXAVCU", 0.74),
        ("GHNOQ", 0.77),
        ("wmM", 0.92),
        ("%@W…—", 1.02),
    )
    for letter in letters
}


def clean(text: str) -> str:
    """One line of what our fonts can show: no controls, no emoji."""
    kept = "".join(each for each in printable(text.encode(errors="ignore").decode()) if not _picture(each))
    return " ".join(kept.split())


def _picture(character: str) -> bool:
    point = ord(character)
    unwanted = point >= 0x1F000 and not 0x20000 <= point < 0x40000  # beyond the last of the scripts' planes
    return (
        unwanted
        or point == 0x200D
        or 0xFE00 <= point <= 0xFE0F
        or unicodedata.category(character) in ("Cn", "Co")
    )


def wide(text: str, size: float, font: str = SANS) -> float:
    """About how wide a text is, in pixels, rather too much than too little. Exact for latin text in MONO."""
    return size * sum(_em(each, font) for each in text)


def _em(character: str, font: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return 1.0
    if font == MONO:
        return 0.6
    return _EMS.get(character) or (0.85 if character.isupper() else 0.7)


def fitted(text: str, room: float, size: float, font: str = SANS, middle: bool = False) -> str:
    """The text, or as much of its beginning as has room, and an ellipsis; with middle its end is kept as well."""
    text = clean(text)
    if wide(text, size, font) <= room:
        return text
    kept, used, tail = "", wide("…", size, font), text[-6:] if middle else ""
    used += wide(tail, size, font)
    for each in text:
        used += wide(each, size, font)
        if used > room:
            break
        kept += each
    return kept.rstrip() + "…" + tail


def text(
    x: float,
    y: float,
    words: str,
    *,
    size: float = TEXT,
    fill: str = INK,
    weight: int = 400,
    anchor: str = "start",
    font: str = SANS,
) -> str:
    """One line of text on the baseline y. anchor: start, middle, end."""
    look = f'font-family="{font}" font-size="{size:g}" font-weight="{weight}" text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" {look}>{escape(clean(words))}</text>'


def box(
    x: float,
    y: float,
    width: float,
    height: float,
    *,
    fill: str,
    edge: str = "none",
    radius: float = 0,
    thick: float = 2,
    dash: str = "",
) -> str:
    """A rectangle, with round corners if radius says so. What an edge runs around is filled without smoothing."""
    place = (
        f'x="{x:.1f}" y="{y:.1f}" width="{max(0, width):.1f}" height="{max(0, height):.1f}" rx="{radius:g}"'
    )
    if edge == "none":
        return f'<rect {place} fill="{fill}"/>'
    line = f'stroke="{edge}" stroke-width="{thick:g}"' + (f' stroke-dasharray="{dash}"' if dash else "")
    return f'<rect {place} fill="{fill}" {_CRISP}/><rect {place} fill="none" {line}/>'


def line(
    x1: float, y1: float, x2: float, y2: float, *, colour: str = RULE, thick: float = 2, dash: str = ""
) -> str:
    """A straight line."""
    return path(f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}", colour=colour, thick=thick, dash=dash)


def path(
    d: str,
    *,
    colour: str = "none",
    thick: float = 2,
    dash: str = "",
    fill: str = "none",
    crisp: bool = False,
) -> str:
    """Any path, in SVG's own words. crisp: without smoothing, for what is straight or lies below something else."""
    look = f'stroke="{colour}" stroke-width="{thick:g}" stroke-linecap="round" stroke-linejoin="round"'
    look += (f' stroke-dasharray="{dash}"' if dash else "") + (f" {_CRISP}" if crisp else "")
    return f'<path d="{d}" fill="{fill}" {look}/>'


def circle(x: float, y: float, radius: float, *, fill: str, edge: str = "none", thick: float = 3) -> str:
    """A disc."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{fill}" stroke="{edge}" stroke-width="{thick:g}"/>'


def sheet(height: float, title: str, subtitle: str, shapes: Iterable[str]) -> str:
    """The whole picture: paper and edge, title and subtitle (their baselines are at 76 and 116), and what is on it."""
    room = WIDTH - 2 * MARGIN
    head = [
        box(1, 1, WIDTH - 2, height - 2, fill=PAPER, edge=EDGE),
        text(MARGIN, 76, fitted(title, room, TITLE), size=TITLE, weight=600),
        text(MARGIN, 116, fitted(subtitle, room, TEXT), size=TEXT, fill=SOFT),
    ]
    scale = 1 if height <= _TALL else _SMALLER
    size = f'width="{WIDTH * scale:.0f}" height="{height * scale:.0f}" viewBox="0 0 {WIDTH} {height:.0f}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join([*head, *shapes])}</svg>'
