"""A scope and a period in words."""

from __future__ import annotations

from dashboards.board import Scene
from dashboards.texts import texts
from db.kpi_facts import Scope
from plant.model import Label
from plant.periods import DAY, Days, Period


def place_text(scope: Scope, scene: Scene) -> str:
    """Whose figure: "Line A Machining", "A01 Lathe 1", "Order WO-1"."""
    t, plant, code = texts(scene.language), scene.plant, scope.code
    places: dict[str, Label | None] = {
        "area": next((one.name for one in plant.areas if one.code == code), None),
        "line": next((one.name for one in plant.lines if one.code == code), None),
        "machine": next((one.name for one in plant.machines if one.code == code), None),
        "product": next((one.name for one in plant.products if one.code == code), None),
    }
    named = places.get(scope.kind)
    name = named.text(scene.language) if named else ""
    if scope.kind == "site":
        return plant.site.name.text(scene.language)
    words = {
        "area": f"{t.text('Area')} {code} {name}",
        "line": f"{t.text('Line')} {code} {name}",
        "machine": f"{code} {name}",
        "product": f"{t.text('Product')} {code} {name}",
        "order": f"{t.text('Order')} {code}",
        "operation": f"{t.text('Operation')} {code.replace('/', ' / ')}",
    }
    return words[scope.kind].rstrip()


def period_text(period: Period, scene: Scene) -> str:
    """From when to when, in the plant's zone."""
    t, zone = texts(scene.language), scene.plant.site.zone
    if not isinstance(period, Days):
        first, last = period.t0.astimezone(zone), period.t1.astimezone(zone)
        end = f"{last:%H:%M:%S}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M:%S}"
        return f"{first:%Y-%m-%d %H:%M:%S} – {end}"
    last_day = period.last - DAY
    days = period.first.isoformat()
    days += f" – {last_day.isoformat()}" if last_day != period.first else ""
    text = t.text("production day {days}", days=days)
    return f"{text} · {shift_text(period.shift, scene)}" if period.shift else text


def shift_text(code: str, scene: Scene) -> str:
    """The name of a shift of the plant's calendars; of one that is gone, its code."""
    shifts = [shift for calendar in scene.plant.calendars for shift in calendar.shifts]
    found = next((shift for shift in shifts if shift.code == code), None)
    return found.name.text(scene.language) if found else code
