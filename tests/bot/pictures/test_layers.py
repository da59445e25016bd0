"""Layers: what is needed stands above, circles are opened, and what follows from others is left out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.pictures.layers import essential, layered

NAMES = [f"n{place}" for place in range(12)]
EDGES = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from([*NAMES, "stranger"])), max_size=50)


def reachable(edges: list[tuple[str, str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        for one, other in edges:
            if one == name and other not in found:
                found.add(other)
                waiting.append(other)
    return found


def test_a_way_round_makes_the_short_cut_needless() -> None:
    assert essential(["a", "b", "c"], [("c", "b"), ("b", "a"), ("c", "a")]) == [("b", "a"), ("c", "b")]


def test_few_crossings() -> None:
    edges = [("x", "b"), ("y", "a")]
    assert layered(["a", "b", "x", "y"], edges) == [["a", "b"], ["y", "x"]]


@given(edges=EDGES)
def test_what_is_needed_stands_above(edges: list[tuple[str, str]]) -> None:
    kept = essential(NAMES, edges)
    layers = layered(NAMES, kept)
    depth = {name: number for number, layer in enumerate(layers) for name in layer}
    assert sorted(depth) == sorted(NAMES)
    assert sum(map(len, layers)) == len(NAMES)
    assert all(depth[one] > depth[other] for one, other in kept)


@given(pairs=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=40))
def test_nobody_loses_what_they_need(pairs: list[tuple[int, int]]) -> None:
    edges = [(NAMES[max(pair)], NAMES[min(pair)]) for pair in pairs if pair[0] != pair[1]]  # no circles
    kept = essential(NAMES, edges)
    for name in NAMES:
        assert reachable(kept, name) == reachable(edges, name)
    for edge in kept:
        assert edge[1] not in reachable([each for each in kept if each != edge], edge[0])
