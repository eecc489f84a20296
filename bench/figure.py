"""What a benchmark found: figures with their goals, as a table and as JSON. Never measures."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import psutil


@dataclass(frozen=True, slots=True)
class Figure:
    """A median over `runs`; a goal is an upper bound. `ratio`: to `of`, within the same runs."""

    name: str
    value: float
    unit: str
    low: float
    high: float
    runs: int
    goal: float | None = None
    ratio: float | None = None
    of: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        return None if self.goal is None else self.value <= self.goal


def figure(
    name: str,
    values: Sequence[float],
    unit: str,
    *,
    goal: float | None = None,
    against: Sequence[float] = (),
    of: str = "",
) -> Figure:
    """The median of `values`; the ratio is each to its pair in `against`, of the same run."""
    pairs = [value / other for value, other in zip(values, against, strict=bool(against))]
    ratio = median(pairs) if pairs else None
    middle = median(values)
    return Figure(name, middle, unit, min(values), max(values), len(values), goal, ratio, of)


def as_json(figures: Sequence[Figure]) -> list[dict[str, object]]:
    """Rounded to four digits: more would be noise."""
    return [
        {key: _short(value) for key, value in asdict(one).items()} | {"met": one.met}
        for one in figures
    ]


def table(figures: Sequence[Figure]) -> str:
    """One line a figure."""
    head = ("", "median", "least – most", "goal", "", "ratio")
    rows = [head, *(_row(one) for one in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in (0, 5) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def machine() -> dict[str, object]:
    """What it was measured on: nothing that names the machine or its directories."""
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": platform.system(),
        "python": platform.python_version(),
        "load_before": _short(psutil.getloadavg()[0]),
    }


def _row(one: Figure) -> tuple[str, ...]:
    return (
        one.name,
        f"{_digits(one.value)} {one.unit}",
        f"{_digits(one.low)} – {_digits(one.high)}" if one.runs > 1 else "",
        "" if one.goal is None else f"≤ {_digits(one.goal)} {one.unit}",
        {True: "met", False: "missed", None: ""}[one.met],
        "" if one.ratio is None else f"{one.ratio:,.3g} × {one.of}",
    )


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _short(value: object) -> object:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
