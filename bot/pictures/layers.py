"""Where the nodes of a graph stand: in layers, what is needed above what needs it, with few crossings.

The steps are Sugiyama's (https://en.wikipedia.org/wiki/Layered_graph_drawing) in their simplest form: a node's layer is
the longest way to it, and the order in a layer follows the middle of the neighbours, a few times down and up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Edge = tuple[str, str]  # (who needs, what it needs)

_ROUNDS = 6


def essential(names: Sequence[str], edges: Iterable[Edge]) -> list[Edge]:
    """The edges between these names without loops, circles and what follows from others (a transitive reduction)."""
    known = set(names)
    needs: dict[str, list[str]] = {name: [] for name in names}
    for one, other in sorted(set(edges)):
        if one in known and other in known and one != other:
            needs[one].append(other)
    order = _without_circles(names, needs)
    behind: dict[str, set[str]] = {}  # all that a node needs, near and far
    kept = []
    for name in order:
        far = set().union(*(behind[other] for other in needs[name])) if needs[name] else set()
        kept += [(name, other) for other in needs[name] if other not in far]
        behind[name] = far | set(needs[name])
    return kept


def _without_circles(names: Sequence[str], needs: dict[str, list[str]]) -> list[str]:
    """Take out of needs each edge that closes a circle, and give the names so that what is needed comes first."""
    done: dict[str, None] = {}
    open_: set[str] = set()
    for start in names:
        stack = [(start, iter(list(needs[start])))] if start not in done else []
        open_.update(name for name, _ in stack)
        while stack:
            name, rest = stack[-1]
            other = next(rest, None)
            if other is None:
                stack.pop()
                open_.discard(name)
                done[name] = None
            elif other in open_:
                needs[name].remove(other)
            elif other not in done:
                open_.add(other)
                stack.append((other, iter(list(needs[other]))))
    return list(done)


def layered(names: Sequence[str], edges: Sequence[Edge]) -> list[list[str]]:
    """Layers from what needs nothing downwards, each in its order. edges as essential() gives them."""
    needs: dict[str, list[str]] = {name: [] for name in names}
    needed_by: dict[str, list[str]] = {name: [] for name in names}
    for one, other in edges:
        needs[one].append(other)
        needed_by[other].append(one)
    depth: dict[str, int] = {}
    for name in _without_circles(names, needs):
        depth[name] = max((depth[other] + 1 for other in needs[name]), default=0)
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in names:
        layers[depth[name]].append(name)
    for turn in range(_ROUNDS):
        down = turn % 2 == 0
        place = {name: _share(number, layer) for layer in layers for number, name in enumerate(layer)}
        for layer in layers if down else layers[::-1]:
            neighbours = needs if down else needed_by
            middle = {
                name: _middle([place[each] for each in neighbours[name]], place[name]) for name in layer
            }
            layer.sort(key=middle.__getitem__)
            place |= {name: _share(number, layer) for number, name in enumerate(layer)}
    return layers


def _share(number: int, layer: Sequence[str]) -> float:
    """How far right in its layer, from 0 to 1."""
    return (number + 0.5) / len(layer)


def _middle(places: Sequence[float], own: float) -> float:
    return sum(places) / len(places) if places else own
