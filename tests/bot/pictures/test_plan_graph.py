"""A plan's graph: what is written on the nodes, what is folded and left out, and how it is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.pictures.plan_graph import MOST_NODES, Node, Plan, drawing, plan_graph, plan_graph_alt
from tests.bot.pictures.reading import size_of, texts_of, words_of

ARROW = "l-8 -13h16z"
DEMO = Plan(
    "demo",
    (
        Node("digitalocean_vpc.main", "no-op"),
        Node("module.web.digitalocean_droplet.web[0]", "create"),
        Node("digitalocean_firewall.web", "delete"),
    ),
    (
        ("module.web.digitalocean_droplet.web[0]", "digitalocean_vpc.main"),
        ("digitalocean_firewall.web", "module.web.digitalocean_droplet.web[0]"),
        ("digitalocean_firewall.web", "digitalocean_vpc.main"),
        ("digitalocean_firewall.web", "digitalocean_project.gone"),
    ),
)


def numbered(count: int) -> Plan:
    nodes = tuple(Node(f"aws_instance.node_{place}", "create") for place in range(count))
    edges = tuple((nodes[place].address, nodes[place // 3].address) for place in range(1, count))
    return Plan("many", nodes, edges)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("plan", "wide"), [(DEMO, 1200), (numbered(20), 1200), (numbered(60), 960)], ids=["3", "20", "60"]
)
def test_a_plan_is_a_picture(plan: Plan, wide: int) -> None:
    png = plan_graph(plan)
    assert size_of(png)[0] == wide
    assert len(png) < 250_000


@pytest.mark.integration
def test_the_same_plan_is_the_same_bytes() -> None:
    assert plan_graph(DEMO) == plan_graph(DEMO)


def test_nodes_say_type_name_module_and_sign() -> None:
    texts = texts_of(drawing(DEMO))
    assert {"1 to add", "1 to destroy", "1 unchanged"} <= set(texts)
    assert {"web · droplet", "web[0]", "vpc", "main", "firewall"} <= set(texts)  # each is of one provider
    assert [texts.count(sign) for sign in "+−="] == [2, 2, 2]  # on the node and in the legend


def test_what_is_needed_stands_above_and_arrows_that_follow_are_left_out() -> None:
    placed = {each.text: each.y for each in words_of(drawing(DEMO))}
    assert placed["vpc"] < placed["web · droplet"] < placed["firewall"]
    assert drawing(DEMO).count(ARROW) == 2


def test_what_goes_straight_down_is_one_path_without_smoothing() -> None:
    picture = drawing(numbered(60))
    bends = [path for path in picture.split("<path")[1:] if 'stroke-width="2.5"' in path and "C" in path]
    assert len(bends) == 59
    straights = [path for path in picture.split("<path")[1:] if path.count("V") > 1]
    assert len(straights) == 1
    assert 'shape-rendering="crispEdges"' in straights[0]


def test_it_is_told_in_a_sentence() -> None:
    assert plan_graph_alt(DEMO) == (
        "demo: 1 to add (module.web.digitalocean_droplet.web[0]), 1 to destroy (digitalocean_firewall.web) "
        "and 1 unchanged, with 3 dependencies."
    )
    assert plan_graph_alt(Plan("demo", ())) == "demo: nothing to change."
    assert plan_graph_alt(numbered(60)) == (
        "many: 60 to add (aws_instance.node_0, aws_instance.node_1, aws_instance.node_2 and 57 more), "
        "with 59 dependencies."
    )


def test_of_a_long_address_its_type_and_its_end_are_left() -> None:
    address = f"module.{'network_of_the_region_' * 4}.aws_subnet.this[0]"
    plan = Plan("demo", (Node(address, "create"), Node("aws_vpc.main", "create")))
    (kind,) = [text for text in texts_of(drawing(plan)) if "network" in text]
    assert kind.startswith("network_of_the_r")
    assert kind.endswith("egion_ · subnet")
    assert "…" in kind
    assert "…twork_of_the_region_.aws_subnet.this[0]" in plan_graph_alt(plan)


def test_no_nodes_say_so_and_no_edges_are_no_arrows() -> None:
    assert "nothing to change" in texts_of(drawing(Plan("demo", ())))
    assert ARROW not in drawing(Plan("demo", DEMO.nodes))


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("terraform_data.host", {"terraform_data", "host"}),
        ("module.a.module.b.data.aws_ami.this[0]", {"a.b · data aws_ami", "this[0]"}),
        ('null_resource.at["eu.west"]', {"null_resource", 'at["eu.west"]'}),
        ("weird", {"weird"}),
        ("module.alone", {"module", "alone"}),
    ],
)
def test_addresses_are_taken_apart(address: str, shown: set[str]) -> None:
    assert shown <= set(texts_of(drawing(Plan("demo", (Node(address, "create"),)))))


def test_the_instances_of_a_large_plan_share_a_node() -> None:
    workers = tuple(Node(f"aws_instance.worker[{place}]", "create") for place in range(40))
    volumes = tuple(Node(f"aws_volume.data[{place}]", "create") for place in range(40))
    edges = tuple((volume.address, worker.address) for volume, worker in zip(volumes, workers, strict=True))
    picture = drawing(Plan("demo", workers + volumes, edges))
    assert texts_of(picture).count("×40") == 2
    assert picture.count(ARROW) == 1


def test_what_changes_is_shown_before_what_does_not() -> None:
    nodes = tuple(Node(f"aws_instance.still_{place}", "no-op") for place in range(MOST_NODES))
    texts = texts_of(drawing(Plan("demo", (*nodes, Node("aws_instance.new", "create")))))
    assert {"new", "1 more is not shown."} <= set(texts)


def test_a_graph_too_deep_to_follow_is_a_list_in_its_order() -> None:
    nodes = tuple(Node(f"aws_instance.node_{place}", "create") for place in range(40))
    edges = tuple((one.address, other.address) for one, other in zip(nodes[1:], nodes, strict=False))
    picture = drawing(Plan("deep", nodes, edges))
    assert ARROW not in picture
    assert "What is needed stands before what needs it." in texts_of(picture)


NAMES = st.one_of(
    st.text(max_size=80), st.sampled_from(["a.b", "module.m.a.b[0]", "data.a.b", "c.d", "c.e", "a.b[1]"])
)
ACTIONS = st.sampled_from(
    ["create", "update", "replace", "delete", "import", "move", "forget", "read", "no-op", "?"]
)


@given(
    title=st.text(max_size=90),
    nodes=st.lists(st.builds(Node, NAMES, ACTIONS), max_size=70),
    edges=st.lists(st.tuples(st.integers(0, 69), st.integers(0, 69)), max_size=120),
)
def test_any_plan_fits_on_the_paper(title: str, nodes: list[Node], edges: list[tuple[int, int]]) -> None:
    known = [each.address for each in nodes] or ["nobody"]
    tied = tuple((known[one % len(known)], known[other % len(known)]) for one, other in edges)
    plan = Plan(title, tuple(nodes), tied)
    assert words_of(drawing(plan))
    assert plan_graph_alt(plan).endswith(".")
