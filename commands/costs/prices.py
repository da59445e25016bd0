"""prices.yaml → what planned resources cost an hour. A pure sum of a plan's JSON and a table of prices."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from commands import words
from commands.blueprints import yaml_nodes
from commands.blueprints.yaml_nodes import Wrong

FILE_NAME = "prices.yaml"
KEYS = ("date", "currency", "resources", "free")
PRICE_KEYS = ("attribute", "times", "per_hour", "otherwise")

_TYPE = re.compile(r"[a-z][a-z0-9_]*\*?")
_CURRENCY = re.compile("[A-Z]{3}")
_HIGHEST = 100_000


class PricesBroken(Exception):
    """A prices.yaml that cannot be used: which file, which line (from 1), and why, in a sentence."""

    def __init__(self, file: str, line: int, sentence: str) -> None:
        super().__init__(f"{file}:{line}: {sentence}")
        self.file = file
        self.line = line
        self.sentence = sentence


@dataclass(frozen=True)
class Price:
    """What one resource of a type costs an hour, in cents: by the value of an attribute, or always the same."""

    per_hour_cents: Mapping[str, float] | float
    attribute: str = ""  # whose value decides; empty: nothing does
    times: str = ""  # an attribute with a number: the price is for one of it, such as a gigabyte
    otherwise: str = ""  # the value where the attribute is not set


@dataclass(frozen=True)
class Prices:
    """The price table. types that cost nothing by themselves are free; `random_*` is all that begin so."""

    date: date
    currency: str = "USD"
    resources: Mapping[str, Price] = field(default_factory=dict)
    free: tuple[str, ...] = ()


@dataclass(frozen=True)
class Priced:
    """What a plan's resources cost an hour once it is applied, in cents, and the addresses that have no price."""

    per_hour_cents: float
    unpriced: tuple[str, ...] = ()


def read(root: Path) -> Prices | None:
    """Read the catalogue's prices.yaml; None where it has none. Raises PricesBroken with its first mistake."""
    with yaml_nodes.mistakes(partial(PricesBroken, f"{root.name}/{FILE_NAME}")):
        try:
            document = yaml_nodes.document(root / FILE_NAME, "a price table")
        except FileNotFoundError:
            return None
        return _prices(document)


def broken(root: Path) -> PricesBroken | None:
    """What is wrong with the catalogue's prices.yaml; None where it can be used, or there is none."""
    try:
        read(root)
    except PricesBroken as wrong:
        return wrong
    return None


def price(plan: Mapping[str, Any], prices: Prices) -> Priced:
    """What all that a plan leaves behind costs an hour: `terraform show -json`, planned_values, modules included.

    Source: https://developer.hashicorp.com/terraform/internals/json-format#values-representation
    """
    total, unpriced = 0.0, list[str]()
    root = (plan.get("planned_values") or {}).get("root_module") or {}
    for resource in _resources(root):
        kind = str(resource.get("type"))
        cents = _cents(resource.get("values") or {}, prices.resources.get(kind))
        if cents is not None:
            total += cents
        elif not _is_free(kind, prices.free):
            unpriced.append(str(resource.get("address")))
    return Priced(round(total, 6), tuple(unpriced))


def _resources(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Each instance that will be there: with count and for_each each has an entry of its own. Data is only read."""
    yield from (each for each in module.get("resources") or () if each.get("mode") != "data")
    for child in module.get("child_modules") or ():
        yield from _resources(child)


def _cents(values: Mapping[str, Any], price: Price | None) -> float | None:
    """None: it has no price, or what decides it is known only once it is there."""
    if price is None:
        return None
    each: float | None
    if isinstance(price.per_hour_cents, Mapping):
        each = price.per_hour_cents.get(str(values.get(price.attribute) or price.otherwise))
    else:
        each = price.per_hour_cents
    number = values.get(price.times) if price.times else 1
    if each is None or not isinstance(number, int | float) or isinstance(number, bool):
        return None
    return each * number


def _is_free(kind: str, free: tuple[str, ...]) -> bool:
    return any(kind.startswith(each[:-1]) if each.endswith("*") else kind == each for each in free)


def _prices(node: yaml.Node) -> Prices:
    fields = yaml_nodes.mapping(node, "a price table", KEYS)
    if "date" not in fields:
        raise Wrong(node, "A price table has a `date`, as prices change, and this one has none.")
    currency = Prices.currency
    if "currency" in fields:
        currency = yaml_nodes.text(fields["currency"], "currency", 3, _CURRENCY, "as in USD")
    resources: dict[str, Price] = {}
    if "resources" in fields:
        for kind, body in yaml_nodes.mapping(fields["resources"], "resources").items():
            resources[kind] = _price(kind, body)
    listed = yaml_nodes.items(fields["free"], "free") if "free" in fields else []
    free = tuple(
        yaml_nodes.text(each, "free", 100, _TYPE, "as a resource type, or random_*") for each in listed
    )
    for each, kind in zip(listed, free, strict=True):
        if kind in resources:
            raise Wrong(each, f"{words.code(kind)} has a price above, so it is not free.")
    return Prices(_date(fields["date"]), currency, resources, free)


def _date(node: yaml.Node) -> date:
    try:
        return date.fromisoformat(node.value)
    except (TypeError, ValueError):
        raise Wrong(node, "`date` is the day of these prices, such as 2026-06-17.") from None


def _price(kind: str, node: yaml.Node) -> Price:
    fields = yaml_nodes.mapping(node, kind, PRICE_KEYS)
    if "per_hour" not in fields:
        raise Wrong(node, f"{words.code(kind)} has a `per_hour`, and this one has none.")
    said = {
        key: yaml_nodes.text(fields[key], key, 100)
        for key in PRICE_KEYS
        if key in fields and key != "per_hour"
    }
    by_value = isinstance(fields["per_hour"], yaml.MappingNode)
    if by_value != ("attribute" in said):
        raise Wrong(
            fields["per_hour"],
            "`per_hour` is one price, or with an `attribute` one for each of its values: {small: 0.01, large: 0.04}.",
        )
    if not by_value:
        return Price(_amount(fields["per_hour"], "per_hour"), **said)
    values = yaml_nodes.mapping(fields["per_hour"], "per_hour")
    if "otherwise" in said and said["otherwise"] not in values:
        raise Wrong(fields["otherwise"], "`otherwise` is one of the values that `per_hour` has.")
    return Price({value: _amount(amount, value) for value, amount in values.items()}, **said)


def _amount(node: yaml.Node, of: str) -> float:
    """Whole units of the currency in the file, cents here."""
    amount = yaml_nodes.scalar(node, of)
    if isinstance(amount, str | bool) or not 0 <= amount <= _HIGHEST:
        raise Wrong(node, f"The price of {words.code(of)} is a number from 0 to {_HIGHEST}, such as 0.0104.")
    return float(amount * 100)
