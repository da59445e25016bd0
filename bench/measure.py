"""One figure that the project promises, and how it is told."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

Tell = Callable[[str], None]  # what is being done now, for whoever watches


@dataclass(frozen=True)
class Measure:
    """figure and limit have the same unit: `×` for a ratio, `s`, `MB`. detail: what the figure is made of."""

    name: str
    figure: float
    limit: float
    unit: str
    detail: str

    @property
    def ok(self) -> bool:
        """Whether the limit holds."""
        return self.figure <= self.limit


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that percent of all values do not pass (nearest rank)."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def ratio(name: str, pairs: Sequence[tuple[float, float]], limit: float) -> Measure:
    """The median over the rounds of ours divided by theirs; pairs are (ours, theirs) in seconds, one a round."""
    ours, theirs = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
    each = [mine / other for mine, other in pairs]
    detail = f"{ours * 1000:.1f} ms against {theirs * 1000:.1f} ms; rounds {min(each):.2f} to {max(each):.2f}"
    return Measure(name, median(each), limit, "×", detail)


def absolute(name: str, values: Sequence[float], limit: float, unit: str) -> Measure:
    """The median over the rounds."""
    detail = f"rounds {min(values):.2f} to {max(values):.2f}"
    return Measure(name, median(values), limit, unit, detail)
