"""Addresses of the page that explains a figure. Pure."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from db.kpi_facts import Scope
from plant.periods import DAY, Days, Period

PATH = "/explain"


def link(kpi: str, scope: Scope, period: Period | str, **more: str) -> str:
    """The address for a figure of `FIGURES`; a period that moves is named as boards name it."""
    asked = {"kpi": kpi, "scope": str(scope), **written(period), **more}
    return f"{PATH}?{urlencode(asked, safe=':.+')}"


def written(period: Period | str) -> dict[str, str]:
    """A period as it stands in an address."""
    if isinstance(period, str):
        return {"window": period}
    if not isinstance(period, Days):
        return {"t0": moment(period.t0), "t1": moment(period.t1)}
    days = f"{period.first.isoformat()}..{(period.last - DAY).isoformat()}"
    return {"days": days} | ({"shift": period.shift} if period.shift else {})


def moment(at: datetime) -> str:
    """A moment, UTC: 2026-03-02T06:00:00Z."""
    return at.isoformat().replace("+00:00", "Z")
