"""The picture of a report: what commands tell of costs, as bot/pictures draws it."""

from __future__ import annotations

from bot.pictures.bars import Bars, Series, bar_chart, bar_chart_alt
from bot.pictures.raster import drawn
from commands.costs.spent import DailyCosts, Picture


def cost_picture(costs: DailyCosts) -> Picture | None:
    """Stacked bars by day, a colour for each name; None where they cannot be drawn."""
    series = tuple(Series(name, cents) for name, cents in costs.series.items())
    bars = Bars(costs.title, costs.days, series, costs.currency)
    png = drawn(bar_chart, bars)
    return None if png is None else Picture(png, bar_chart_alt(bars))
