"""How the tiles of any plant are laid out: rows of a line each, pages of what one wall can hold.

Pure. A line with more machines than a row holds goes on in the next row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plant.model import Line, Machine, Plant

MOST_COLUMNS = 8
MOST_ROWS = 5
MOST_TILES, FEWEST_TILES = 30, 4
FAR_TILES, FAR_COLUMNS = 12, 4
"""A wall that is read from far has no more tiles than this on a page, and so many in a row."""


@dataclass(frozen=True, slots=True)
class Row:
    """Tiles beside each other; the first row of a line carries its name."""

    line: Line
    machines: tuple[Machine, ...]
    is_first: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Rows one wall can hold."""

    rows: tuple[Row, ...]
    columns: int


def tiles_asked(params: Mapping[str, str]) -> int:
    """The tiles a page may have: `tiles=12` of an address, for a wall that is read from far."""
    text = params.get("tiles", "")
    asked = int(text) if text.isdecimal() and len(text) < 4 else MOST_TILES
    return min(max(asked, FEWEST_TILES), MOST_TILES)


def pages(plant: Plant, most_tiles: int = MOST_TILES) -> tuple[Page, ...]:
    """Every machine once, in the order of the plant file."""
    longest = max(len(_machines(plant, line)) for line in plant.lines)
    most_columns = FAR_COLUMNS if most_tiles <= FAR_TILES else MOST_COLUMNS
    columns = max(1, min(longest, most_columns))
    rows = [row for line in plant.lines for row in _rows(plant, line, columns)]
    height = min(MOST_ROWS, max(1, most_tiles // columns))
    count = max(1, -(-len(rows) // height))
    height = -(-len(rows) // count)
    return tuple(Page(tuple(rows[n : n + height]), columns) for n in range(0, len(rows), height))


def _rows(plant: Plant, line: Line, columns: int) -> list[Row]:
    machines = _machines(plant, line)
    return [
        Row(line, machines[n : n + columns], is_first=n == 0)
        for n in range(0, len(machines), columns)
    ]


def _machines(plant: Plant, line: Line) -> tuple[Machine, ...]:
    return tuple(m for m in plant.machines if m.line == line.code)
