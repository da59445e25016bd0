"""A plan as a graph: through modules, variables, outputs, counts, and what only the state knows."""

from __future__ import annotations

from typing import Any

from commands.engines.terraform.graph import graph


def change(address: str, *actions: str, **more: Any) -> dict[str, Any]:
    return {"address": address, "change": {"actions": list(actions or ("create",))}, **more}


def resource(address: str, *references: str, **more: Any) -> dict[str, Any]:
    return {"address": address, "expressions": {"x": {"references": list(references)}}, **more}


def shown(*changes: dict[str, Any], **root: Any) -> dict[str, Any]:
    return {"resource_changes": list(changes), "configuration": {"root_module": root}}


def test_a_reference_is_an_edge_and_an_action_a_colour() -> None:
    plan = graph(
        shown(
            change("net.a"),
            change("host.b", "update"),
            change("host.c", "delete", "create"),
            change("old.d", "no-op"),
            change("old.e", "no-op", previous_address="old.f"),
            resources=[
                resource("net.a"),
                resource("host.b", "net.a.id", "net.a", "var.size", "each.key"),
                resource("host.c", "data.image.x.id", depends_on=["host.b"]),
            ],
        ),
        "demo",
    )
    assert [(node.address, node.action) for node in plan.nodes] == [
        ("net.a", "create"),
        ("host.b", "update"),
        ("host.c", "replace"),
        ("old.d", "no-op"),
        ("old.e", "move"),
    ]
    assert plan.edges == (("host.b", "net.a"), ("host.c", "host.b"))


def test_instances_need_those_of_their_own_key_or_all() -> None:
    plan = graph(
        shown(
            change("disk.a[0]"),
            change("disk.a[1]"),
            change("host.b[0]"),
            change("host.b[1]"),
            change("firewall.c"),
            resources=[
                resource("disk.a"),
                resource("host.b", "disk.a", "count.index"),
                resource("firewall.c", "host.b"),
            ],
        ),
        "demo",
    )
    assert plan.edges == (
        ("firewall.c", "host.b[0]"),
        ("firewall.c", "host.b[1]"),
        ("host.b[0]", "disk.a[0]"),
        ("host.b[1]", "disk.a[1]"),
    )


def test_references_go_through_modules() -> None:
    network = {
        "resources": [resource("net.a")],
        "outputs": {"id": {"expression": {"references": ["net.a.id"]}}},
    }
    hosts = {"resources": [resource("host.b", "var.network")]}
    calls = {
        "network": {"module": network},
        "hosts": {"module": hosts, "expressions": {"network": {"references": ["module.network.id"]}}},
    }
    plan = graph(
        shown(change('module.network["x"].net.a'), change("module.hosts.host.b"), module_calls=calls), "demo"
    )
    assert plan.edges == (("module.hosts.host.b", 'module.network["x"].net.a'),)


def test_modules_that_name_each_other_are_no_circle() -> None:
    calls = {
        "a": {"module": {"outputs": {"x": {"expression": {"references": ["var.y"]}}}}, "expressions": {}},
    }
    calls["a"]["expressions"] = {"y": {"references": ["module.a.x"]}}
    assert (
        graph(
            shown(change("host.b"), module_calls=calls, resources=[resource("host.b", "module.a.x")]), "d"
        ).edges
        == ()
    )


def test_what_is_destroyed_needs_what_the_state_says() -> None:
    told = shown(change("net.a", "delete"), change("module.m.host.b[0]", "delete"))
    below = {"resources": [{"address": "module.m.host.b[0]", "depends_on": ["net.a"]}]}
    told["prior_state"] = {"values": {"root_module": {"child_modules": [below]}}}
    assert graph(told, "demo").edges == (("module.m.host.b[0]", "net.a"),)


def test_a_plan_that_says_nothing_is_empty() -> None:
    assert graph({}, "demo").nodes == ()
