"""Where the figures of the hour-by-hour board are explained: of one hour, and of the shift."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlencode

from dashboards.hours.sheet import Row, Sheet
from dashboards.rows import Nodes
from dashboards.why import link, written
from db.kpi_facts import Scope
from plant.periods import Span


def of_hour(row_id: str, row: Row, sheet: Sheet) -> Nodes:
    """Of the cells of one row."""
    return _ways(f"{row_id}-", {row.counter}, sheet, Span(row.t0, row.t1))


def of_shift(sheet: Sheet) -> Nodes:
    """Of the sums."""
    here = sheet.shifts.here
    if here is None:
        return {}
    return _ways("sum-", {row.counter for row in sheet.rows}, sheet, Span(here.t0, here.t1))


def _ways(prefix: str, counters: Collection[str], sheet: Sheet, span: Span) -> Nodes:
    """Scrap and OEE are of all machines, the others of the one that counts."""
    every = sheet.scope.of_facts
    return {
        f"{prefix}made": {"href": _counted("good", counters, every, span)},
        f"{prefix}scrap": {"href": link("scrap", every, span)},
        f"{prefix}oee": {"href": link("oee", every, span)},
        f"{prefix}lost": {"href": _counted("availability", counters, every, span)},
    }


def _counted(kpi: str, counters: Collection[str], every: Scope, span: Span) -> str:
    """Of the machine that counts; where that was not one alone, the figures of each of them."""
    if len(counters) == 1 and all(counters):
        return link(kpi, Scope("machine", *counters), span)
    asked = {"scope": str(every), "rows": "machine", "show": "pieces", **written(span)}
    return f"/kpis?{urlencode(asked, safe=':.+')}"
