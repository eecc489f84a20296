"""A figure of plant/kpi_table.py as it is written, everywhere the same: values to strings."""

from __future__ import annotations

from dashboards.format import NOTHING, UNITS, number, percent
from plant.kpi_table import Figure, Unit
from plant.model import Language

MINUTE_S = 60.0


def written(figure: Figure, value: float | None, language: Language) -> str:
    """The number without its unit: ratios in percent, times in minutes."""
    if value is None:
        return NOTHING
    if figure.unit == "%":
        return percent(value, figure.digits)
    if figure.unit == "s":
        return number(value / MINUTE_S, language, figure.digits)
    return number(value, language, figure.digits)


def unit(figure: Figure, language: Language) -> str:
    """What stands beside the number."""
    return unit_of(figure.unit, language)


def unit_of(kind: Unit, language: Language) -> str:
    """The unit in which a value of this kind is written."""
    units = UNITS[language]
    pieces = "pcs" if language == "en" else "件"
    return {
        "%": "%",
        "s": units["min"],
        "pieces": pieces,
        "pieces/h": f"{pieces}/{units['h']}",
        "count": "",
    }[kind]
