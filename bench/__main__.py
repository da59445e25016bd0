"""python -m bench [GROUP…]: measure what is promised; exit with 1 when a limit is passed."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import ack, card, catalogue, guardrails, keys, lifetime, page, pictures, steps
from bench.measure import Measure
from bench.parts import parts

GROUPS = {
    "ack": ack,
    "card": card,
    "catalogue": catalogue,
    "guardrails": guardrails,
    "keys": keys,
    "lifetime": lifetime,
    "page": page,
    "pictures": pictures,
    "steps": steps,
}


def main() -> int:
    """Run the groups that were named, or all."""
    options = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    options.add_argument(
        "group",
        nargs="*",
        choices=[*GROUPS, []],
        metavar="ack|card|catalogue|guardrails|keys|lifetime|page|pictures|steps",
        help="only these (all)",
    )
    options.add_argument(
        "--rounds", type=int, default=0, help="how often each is measured (each knows its own)"
    )
    chosen = options.parse_args()
    console = Console(highlight=False)

    def tell(what: str) -> None:
        console.print(what, style="dim")

    measures: list[Measure] = []
    with tempfile.TemporaryDirectory(prefix="innkeeper-bench-") as folder, parts(Path(folder)) as real:
        for name in chosen.group or GROUPS:
            group = GROUPS[name]
            measures += group.measure(real, chosen.rounds or group.ROUNDS, tell)
    console.print(_table(measures))
    return 0 if all(each.ok for each in measures) else 1


def _table(measures: list[Measure]) -> Table:
    table = Table("measure", "figure", "limit", "", "made of")
    for each in measures:
        verdict = "[green]ok[/]" if each.ok else "[red]over[/]"
        figure, limit = f"{each.figure:.2f} {each.unit}", f"{each.limit:g} {each.unit}"
        table.add_row(each.name, figure, limit, verdict, each.detail)
    return table


if __name__ == "__main__":
    sys.exit(main())
