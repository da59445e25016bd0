"""A plan as a graph: what is added, changed and destroyed, and what needs what. The picture below a plan's card."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.pictures import svg
from bot.pictures.layers import Edge, essential, layered
from bot.pictures.raster import drawn, png
from commands.pictures import Node as Node
from commands.pictures import Picture
from commands.pictures import Plan as Plan
from commands.words import listed, plural

MOST_NODES = 60
MOST_ROWS = 24  # a deeper graph is a list in the same order: nobody follows its arrows

_TOP, _TALL, _GAP, _ROW_GAP, _LAYER_GAP = 206, 78, 30, 30, 64
_BADGE, _PAD = 60, 14  # room left and right of a node's text
_NAME = (
    65 / 3
)  # size of names: each letter is 13 pixels wide, so that equal words are equal bytes to a compressor
_LINE = "#a3adc0"
_DOT = " · "  # between module and type
_SPOKEN = 3  # names of each action in the words of the picture
_FOLDED_FROM = 24  # nodes; from there on the instances of one resource share a node
_PART = re.compile(r'(?:[^.\[]|\[(?:"(?:\\.|[^"\\])*"|[^\]"]*)\])+')
_INDEX = re.compile(r'\[(?:"(?:\\.|[^"\\])*"|[^\]"]*)\]$')


@dataclass(frozen=True)
class _Look:
    """How an action is shown. The order of _LOOKS is that of the legend, and of what is shown where not all can be."""

    sign: str
    colour: str
    back: str
    word: str


_LOOKS = {
    "create": _Look("+", svg.GREEN, "#e2f3ed", "to add"),
    "update": _Look("~", "#9a6700", "#fdf0d3", "to change"),
    "replace": _Look("±", svg.PURPLE, "#f6e6f1", "to replace"),
    "delete": _Look("−", svg.RED, "#fce6d9", "to destroy"),
    "import": _Look("↓", svg.BLUE, "#e1eff8", "to import"),
    "move": _Look("→", svg.BLUE, "#e1eff8", "to move"),
    "forget": _Look("×", svg.INK, "#eceef3", "to forget"),
    "read": _Look("?", svg.BLUE, "#eef4f9", "to read"),
}
_UNCHANGED = _Look("=", svg.GREY, "#f3f4f8", "unchanged")


@dataclass(frozen=True)
class _Card:
    """What is written on a node: its type and name, and for how many instances it stands."""

    node: Node
    kind: str
    name: str
    count: int = 1


@dataclass(frozen=True)
class _Row:
    """Nodes next to each other: y of their upper edge, and the x of their middles."""

    y: float
    middles: Mapping[str, float]


def plan_picture(plan: Plan) -> Picture | None:
    """The picture with its words; None where it cannot be drawn."""
    image = drawn(plan_graph, plan)
    return None if image is None else Picture(image, plan_graph_alt(plan))


def plan_graph(plan: Plan) -> bytes:
    """PNG, 1200 wide, or 960 where it is tall: what is needed stands above what needs it."""
    return png(drawing(plan))


def plan_graph_alt(plan: Plan) -> str:
    """A sentence: `demo: 2 to add (droplet.web and firewall.web) and 1 unchanged, with 1 dependency.`"""
    if not plan.nodes:
        return f"{svg.clean(plan.title)}: nothing to change."
    told = listed([f"{count} {look.word}{_named(plan, look)}" for look, count in _counts(plan)])
    known = {each.address for each in plan.nodes}
    links = sum(one in known and other in known and one != other for one, other in set(plan.edges))
    needs = f", with {plural(links, 'dependency', 'dependencies')}" if links else ""
    return f"{svg.clean(plan.title)}: {told}{needs}."


def _named(plan: Plan, look: _Look) -> str:
    """` (droplet.web and 2 more)`: which they are, but for what stays as it is."""
    found = [_shorter(svg.clean(each.address)) for each in _unique(plan) if _look(each) is look]
    more = [f"{len(found) - _SPOKEN} more"] if len(found) > _SPOKEN else []
    return "" if look is _UNCHANGED else f" ({listed([*found[:_SPOKEN], *more])})"


def _shorter(address: str) -> str:
    """It begins with its modules, and ends with what tells it from others."""
    return address if len(address) <= 60 else f"{address[:20]}…{address[-39:]}"


def _look(node: Node) -> _Look:
    return _LOOKS.get(node.action, _UNCHANGED)


def _counts(plan: Plan) -> list[tuple[_Look, int]]:
    counts = Counter(_look(each) for each in _unique(plan))
    return [(look, counts[look]) for look in (*_LOOKS.values(), _UNCHANGED) if counts[look]]


def _unique(plan: Plan) -> list[Node]:
    return list({each.address: each for each in plan.nodes}.values())


def _by_weight(plan: Plan) -> list[Node]:
    """What changes before what does not."""
    order = [*_LOOKS.values(), _UNCHANGED]
    return sorted(_unique(plan), key=lambda each: order.index(_look(each)))


def drawing(plan: Plan) -> str:
    """The picture as SVG, before it becomes pixels."""
    if not plan.nodes:
        nothing = svg.text(svg.WIDTH / 2, 200, "nothing to change", size=30, fill=svg.FAINT, anchor="middle")
        return svg.sheet(290, plan.title, "", [nothing])
    cards, edges, left_out = _cards(plan)
    names = list(cards)
    edges = essential(names, edges)
    columns = _columns(cards)
    wide = min((svg.WIDTH - 2 * svg.MARGIN - _GAP * (columns - 1)) // columns // 2 * 2, 420)
    legend, lower = _legend(plan)
    rows, foot, divider = _rows(names, edges, columns, wide, _TOP + lower)
    deep = len(rows) > MOST_ROWS and bool(edges)
    if deep:
        names, edges = [name for layer in layered(names, edges) for name in layer], []
        rows, foot, divider = _rows(names, edges, columns, wide, _TOP + lower)
    shapes = [*legend, *_lines(edges, rows, wide)]
    shapes += [
        _node(cards[name], middle - wide / 2, row.y, wide)
        for row in rows
        for name, middle in row.middles.items()
    ]
    if divider:
        shapes.append(svg.line(svg.MARGIN, divider, svg.WIDTH - svg.MARGIN, divider, dash="2 8"))
    notes = ["An arrow leads from what is needed to what needs it."] if edges else []
    notes += ["What is needed stands before what needs it."] if deep else []
    notes += [f"{left_out} more {'is' if left_out == 1 else 'are'} not shown."] if left_out else []
    foot += 44
    shapes.append(svg.text(svg.MARGIN, foot, " ".join(notes), size=svg.SMALL, fill=svg.SOFT))
    return svg.sheet(foot + (36 if notes else 4), plan.title, "", shapes)


def _cards(plan: Plan) -> tuple[dict[str, _Card], list[Edge], int]:
    """What stands on the nodes, by a name for each; the edges between those names; how many nodes are left out."""
    nodes = _by_weight(plan)
    fold = len(nodes) > _FOLDED_FROM
    keys = {
        each.address: f"{_INDEX.sub('', each.address)} {each.action}" if fold else each.address
        for each in nodes
    }
    sizes = Counter(keys.values())
    keys = {address: key if sizes[key] > 2 else address for address, key in keys.items()}
    prefix = _shared_provider(nodes)
    cards: dict[str, _Card] = {}
    for each in nodes:
        key = keys[each.address]
        if key in cards:
            cards[key] = replace(cards[key], count=cards[key].count + 1)
        elif len(cards) < MOST_NODES:
            shown = _INDEX.sub("", each.address) if sizes[key] > 2 else each.address
            module, kind, name = _parts(shown)
            kind = ("data " if kind.startswith("data ") else "") + kind.removeprefix("data ").removeprefix(
                prefix
            )
            cards[key] = _Card(each, f"{module}{_DOT}{kind}" if module else kind, name)
    edges = [(keys[one], keys[other]) for one, other in plan.edges if one in keys and other in keys]
    return cards, edges, len(nodes) - sum(each.count for each in cards.values())


def _parts(address: str) -> tuple[str, str, str]:
    """Module, type and name: `module.a.data.aws_ami.this[0]` is (`a`, `data aws_ami`, `this[0]`)."""
    parts: list[str] = _PART.findall(address)
    modules = []
    while len(parts) > 2 and parts[0] == "module":
        modules.append(parts[1])
        parts = parts[2:]
    data = "data " if len(parts) > 2 and parts[0] == "data" else ""
    parts = parts[1:] if data else parts
    if len(parts) < 2:
        return ".".join(modules), "", address if not modules else ".".join(parts)
    return ".".join(modules), data + parts[0], ".".join(parts[1:])


def _shared_provider(nodes: Sequence[Node]) -> str:
    """`digitalocean_` where every type begins with it, and need not be read again and again."""
    kinds = [_parts(each.address)[1].removeprefix("data ") for each in nodes]
    first = f"{kinds[0].partition('_')[0]}_"
    shared = all(kind.startswith(first) and len(kind) > len(first) for kind in kinds)
    return first if shared and len(kinds) > 1 and first not in ("_", "terraform_", "null_") else ""


def _columns(cards: Mapping[str, _Card]) -> int:
    """How many nodes are side by side so that nearly every label has room."""
    needs = sorted(
        max(svg.wide(each.kind, svg.SMALL), svg.wide(each.name, _NAME, svg.MONO)) for each in cards.values()
    )
    need = needs[math.ceil(len(needs) * 0.85) - 1] + _BADGE + _PAD
    return max(2, min(4, int((svg.WIDTH - 2 * svg.MARGIN + _GAP) / (need + _GAP))))


def _rows(
    names: Sequence[str], edges: Sequence[Edge], columns: int, wide: float, top: float
) -> tuple[list[_Row], float, float | None]:
    """Where everything stands: layers wrapped into rows, then what has no edge; the lower end; where a line divides."""
    tied = {name for edge in edges for name in edge}
    layers = layered([name for name in names if name in tied], edges)
    loose = [name for name in names if name not in tied]
    rows: list[_Row] = []
    y, divider = top, None
    for layer in [*layers, *([loose] if loose else [])]:
        if layer is loose and rows:
            divider = y - _LAYER_GAP / 2
            y += 8
        count = math.ceil(len(layer) / columns)
        per_row = math.ceil(len(layer) / count)
        for number in range(count):
            # Dealt out like cards, so that each row keeps the layer's order from left to right.
            row = layer[number * per_row : (number + 1) * per_row] if layer is loose else layer[number::count]
            start = (
                svg.MARGIN + wide / 2
                if layer is loose and count > 1
                else (svg.WIDTH / 2 - (len(row) - 1) / 2 * (wide + _GAP))
            )
            rows.append(_Row(y, {name: start + place * (wide + _GAP) for place, name in enumerate(row)}))
            y += _TALL + _ROW_GAP
        y += _LAYER_GAP - _ROW_GAP
    return rows, y - _LAYER_GAP, divider


def _lines(edges: Sequence[Edge], rows: Sequence[_Row], wide: float) -> Iterator[str]:
    """Arrows, led through the gaps of the rows between.

    Only where they bend can they cross, so only there each has an edge of paper. What goes straight down and the heads
    are one path each: how long resvg takes goes by the height of each path.
    """
    row_of = {name: number for number, row in enumerate(rows) for name in row.middles}
    used: Counter[tuple[int, float]] = Counter()
    straights, heads, bends = "", "", []
    for one, other in sorted(edges, key=lambda edge: (row_of[edge[1]], row_of[edge[0]])):
        upper, lower = row_of[other], row_of[one]
        x, y = rows[upper].middles[other], rows[upper].y + _TALL
        end_x, end_y = rows[lower].middles[one], rows[lower].y - 9
        d = ""
        for number in range(upper + 1, lower):
            row = rows[number]
            straight = x + (end_x - x) * (row.y - y) / (end_y - y)
            gap = min(_gaps(row, wide), key=lambda each: abs(each - straight))
            shift = (0, 5, -5, 10, -10)[used[number, gap] % 5]
            used[number, gap] += 1
            d += _curve(x, y, gap + shift, row.y - 4)
            x, y = gap + shift, row.y + _TALL + 4
            straights += f"M{x:.1f} {row.y - 4:.1f}V{y:.1f}"
        d += _curve(x, y, end_x, end_y)
        bends.append(
            svg.path(d, colour=svg.PAPER, thick=7, crisp=True) + svg.path(d, colour=_LINE, thick=2.5)
        )
        heads += f"M{end_x:.1f} {end_y + 7:.1f}l-8 -13h16z"
    yield from bends
    if straights:
        yield svg.path(straights, colour=_LINE, thick=2.5, crisp=True)
    if heads:
        yield svg.path(heads, fill=_LINE)


def _gaps(row: _Row, wide: float) -> list[float]:
    """The middles between a row's nodes, and beside its ends."""
    half = wide / 2 + _GAP / 2
    middles = list(row.middles.values())
    return [middles[0] - half, *(middle + half for middle in middles)]


def _curve(x: float, y: float, end_x: float, end_y: float) -> str:
    bend = (end_y - y) * 0.55
    return f"M{x:.1f} {y:.1f}C{x:.1f} {y + bend:.1f} {end_x:.1f} {end_y - bend:.1f} {end_x:.1f} {end_y:.1f}"


def _node(card: _Card, x: float, y: float, wide: float) -> str:
    look = _look(card.node)
    times = f"×{card.count}" if card.count > 1 else ""
    room = wide - _BADGE - _PAD
    name_room = room - (svg.wide(times, svg.TEXT) + 8 if times else 0)
    name = svg.fitted(card.name, name_room, _NAME, svg.MONO, middle=True)
    two = bool(svg.clean(card.kind))
    return "".join(
        [
            svg.box(
                x,
                y,
                wide,
                _TALL,
                fill=look.back,
                edge=look.colour,
                radius=12,
                dash="7 6" if look is _UNCHANGED else "",
            ),
            _badge(x + 32, y + _TALL / 2, look),
            svg.text(x + _BADGE, y + 32, _kind(card, room), size=svg.SMALL, fill=svg.SOFT),
            svg.text(x + _BADGE, y + (61 if two else 47), name, size=_NAME, font=svg.MONO, weight=600),
            svg.text(x + wide - _PAD, y + 61, times, weight=600, fill=look.colour, anchor="end"),
        ]
    )


def _kind(card: _Card, room: float) -> str:
    """Its module and its type; where there is no room for both, of the module what has room."""
    module, dot, kind = card.kind.rpartition(_DOT)
    left = room - svg.wide(dot + kind, svg.SMALL)
    if not module or left < _BADGE:
        return svg.fitted(kind, room, svg.SMALL)
    return svg.fitted(module, left, svg.SMALL, middle=True) + dot + svg.clean(kind)


def _badge(x: float, y: float, look: _Look) -> str:
    sign = svg.text(x, y + 9, look.sign, size=27, weight=700, fill="#ffffff", anchor="middle")
    return svg.circle(x, y, 17, fill=look.colour) + sign


def _legend(plan: Plan) -> tuple[list[str], float]:
    """How many there are of each, below the title, and how much lower all else stands for it."""
    shapes = []
    x, y = float(svg.MARGIN), 130.0
    for look, count in _counts(plan):
        words = f"{count} {look.word}"
        wide = 44 + svg.wide(words, svg.TEXT)
        if x + wide > svg.WIDTH - svg.MARGIN:
            x, y = float(svg.MARGIN), y + 48
        shapes += [_badge(x + 17, y, look), svg.text(x + 44, y + 8, words, weight=500)]
        x += wide + 26
    return shapes, y - 130
