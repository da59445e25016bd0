"""The price table: what stands in it, what is wrong in it, and what a plan comes to."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.costs import prices
from commands.costs.prices import Price, Priced, Prices, PricesBroken, price

DAY = date(2026, 6, 17)
ROOT = Path(__file__).parents[3]
HEAD = "date: 2026-06-17\n"
TABLE = (
    HEAD
    + """currency: EUR
resources:
  cloud_server: {attribute: size, per_hour: {small: 0.01, large: 0.04}}
  cloud_disk: {attribute: kind, times: size, otherwise: slow, per_hour: {slow: 0.0001, fast: 0.0003}}
  cloud_address: {per_hour: 0.005}
free: [cloud_key, random_*]
"""
)


def table(folder: Path, text: str | bytes) -> Prices | None:
    root = folder / "labs"
    root.mkdir(exist_ok=True)
    (root / "prices.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return prices.read(root)


def a_plan(*resources: tuple[str, dict[str, Any]], children: Any = ()) -> dict[str, Any]:
    return {
        "planned_values": {"root_module": {"resources": _listed(resources), "child_modules": list(children)}}
    }


def _listed(resources: Any) -> list[dict[str, Any]]:
    return [
        {"address": address, "mode": "managed", "type": address.partition(".")[0], "values": values}
        for address, values in resources
    ]


@pytest.fixture
def known(tmp_path: Path) -> Prices:
    read = table(tmp_path, TABLE)
    assert read is not None
    return read


def test_a_table_is_read(known: Prices) -> None:
    assert (str(known.date), known.currency, known.free) == ("2026-06-17", "EUR", ("cloud_key", "random_*"))
    assert known.resources["cloud_server"] == Price({"small": 1.0, "large": 4.0}, "size")
    assert known.resources["cloud_address"] == Price(0.5)


def test_a_catalogue_without_prices(tmp_path: Path) -> None:
    assert prices.read(tmp_path) is None


def test_what_a_plan_costs(known: Prices) -> None:
    plan = a_plan(
        ("cloud_server.web[0]", {"size": "small"}),
        ("cloud_server.web[1]", {"size": "small"}),
        ('cloud_server.each["db"]', {"size": "large"}),
        ("cloud_disk.data", {"kind": "fast", "size": 100}),
        ("cloud_disk.scratch", {"kind": None, "size": 10}),
        ("cloud_key.me", {}),
        ("random_pet.name", {}),
    )
    assert price(plan, known) == Priced(pytest.approx(1 + 1 + 4 + 3 + 0.1))


def test_modules_within_modules_are_counted_and_data_is_not(known: Prices) -> None:
    inner = {"resources": _listed([("cloud_address.b", {})])}
    outer = {"resources": _listed([("cloud_address.a", {})]), "child_modules": [inner]}
    plan = a_plan(("cloud_address.c", {}), children=[outer])
    plan["planned_values"]["root_module"]["resources"].append(
        {"address": "data.cloud_image.x", "mode": "data", "type": "cloud_image", "values": {}}
    )
    assert price(plan, known) == Priced(1.5)


@pytest.mark.parametrize(
    ("address", "values"),
    [
        ("cloud_server.odd", {"size": "huge"}),  # a size without a price
        ("cloud_server.later", {}),  # known only once it is there
        ("cloud_disk.later", {"kind": "fast"}),
        ("cloud_disk.odd", {"kind": "fast", "size": "100"}),
        ("cloud_queue.jobs", {}),  # a type without a price
    ],
)
def test_what_has_no_price_is_named(known: Prices, address: str, values: dict[str, Any]) -> None:
    assert price(a_plan((address, values), ("cloud_address.a", {})), known) == Priced(0.5, (address,))


def test_a_plan_that_leaves_nothing() -> None:
    for plan in ({}, {"planned_values": {}}, {"planned_values": {"root_module": {}}}):
        assert price(plan, Prices(date=DAY)) == Priced(0)


@given(
    st.lists(st.sampled_from([("cloud_server.a", {"size": "small"}), ("cloud_address.b", {}), ("x.y", {})]))
)
def test_each_resource_is_priced_or_named(resources: list[tuple[str, dict[str, Any]]]) -> None:
    known = Prices(
        date=DAY,
        resources={"cloud_server": Price({"small": 1.0}, "size"), "cloud_address": Price(0.5)},
    )
    priced = price(a_plan(*resources), known)
    kinds = [address for address, _ in resources]
    assert priced.unpriced == ("x.y",) * kinds.count("x.y")
    assert priced.per_hour_cents == pytest.approx(
        kinds.count("cloud_server.a") + kinds.count("cloud_address.b") / 2
    )


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("", 1, "The file is empty. It should hold a price table."),
        ("currency: USD\n", 1, "A price table has a `date`"),
        ("date: soon\n", 1, "`date` is the day of these prices, such as 2026-06-17."),
        ("date: [2026]\n", 1, "`date` is the day of these prices"),
        (HEAD + "price: 1\n", 2, "`price` is not a key of a price table."),
        (HEAD + "resorces: {}\n", 2, "Did you mean `resources`?"),
        (HEAD + "currency: dollars\n", 2, "`currency` is one line of 1 to 3 characters."),
        (
            HEAD + "resources:\n  a:\n    per_hour: -1\n",
            4,
            "The price of `per_hour` is a number from 0 to 100000",
        ),
        (HEAD + "resources:\n  a: {per_hour: much}\n", 3, "The price of `per_hour` is a number"),
        (HEAD + "resources:\n  a: {per_hour: true}\n", 3, "The price of `per_hour` is a number"),
        (HEAD + "resources:\n  a: {per_hour: .inf}\n", 3, "`per_hour` is a text, a number, true or false."),
        (HEAD + "resources:\n  a: {attribute: size}\n", 3, "`a` has a `per_hour`, and this one has none."),
        (
            HEAD + "resources:\n  a: {attribute: size, per_hour: 1}\n",
            3,
            "`per_hour` is one price, or with an",
        ),
        (HEAD + "resources:\n  a: {per_hour: {small: 1}}\n", 3, "`per_hour` is one price, or with an"),
        (
            HEAD + "resources:\n  a:\n    attribute: size\n    otherwise: big\n    per_hour: {small: 1}\n",
            5,
            "`otherwise` is one of the values",
        ),
        (HEAD + "resources:\n  a: {attribute: s, per_hour: {x: 1, x: 2}}\n", 3, "`x` stands twice"),
        (HEAD + "resources:\n  a: {per_hour: 1}\nfree: [a]\n", 4, "`a` has a price above"),
        (HEAD + "free: ['*']\n", 2, "`free` is written as a resource type"),
        (HEAD + "free: x_*\n", 2, "`free` is a list"),
        ("date: &a 2026-06-17\nfree: [*a]\n", 2, "Nothing in a price table is an alias"),
        ("date: [\n", 2, "This is not YAML: "),
        (b"\xff", 1, "This is not YAML in UTF-8"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(
    tmp_path: Path, text: str | bytes, line: int, sentence: str
) -> None:
    with pytest.raises(PricesBroken) as broken:
        table(tmp_path, text)
    assert (broken.value.file, broken.value.line) == ("labs/prices.yaml", line)
    assert sentence in broken.value.sentence


def test_the_table_that_comes_along_prices_common_servers() -> None:
    known = prices.read(ROOT / "labs")
    assert known is not None
    plan = a_plan(
        ("digitalocean_droplet.host", {"size": "s-1vcpu-1gb"}),
        ("digitalocean_firewall.host", {}),
        ("digitalocean_project.lab", {}),
        ("aws_key_pair.operator[0]", {}),
        ("aws_instance.host", {"instance_type": "t3.micro"}),
        ("aws_ebs_volume.data", {"type": "gp3", "size": 100}),
        ("aws_security_group.host", {}),
    )
    assert price(plan, known) == Priced(pytest.approx(0.893 + 1.04 + 1.1))
