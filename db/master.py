"""Master data: the plant file applied to the database, and read from there by every process.

Rows are matched by code, retired when they are gone from the file, never deleted: history points at
them. Never reads the file itself, and never applies what has not been checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

from psycopg.types.json import Jsonb

from db import horizon, ideal_cycles, line_versions, shifts, storage
from db.connect import Connection, Database
from db.derive import touch
from db.statements import statements
from plant.check import PlantFaults, read
from plant.model import OTHERWISE, Area, Label, Line, Machine, Plant, Product, Reason, StateMap, Tag
from plant.stops import reasons_of

SQL = statements("master.sql")
Row = dict[str, object]


class NoPlant(LookupError):
    """No plant file has been applied to this database yet: run `python app.py migrate` first."""


@dataclass(frozen=True, slots=True)
class Master:
    """The plant in force and the ids of its rows, by code (tag: machine.name; source: name)."""

    plant: Plant
    version: int
    applied_at: datetime
    areas: Mapping[str, int]
    calendars: Mapping[str, int]
    lines: Mapping[str, int]
    machines: Mapping[str, int]
    products: Mapping[str, int]
    reasons: Mapping[str, int]
    sources: Mapping[str, int]
    tags: Mapping[str, int]


def apply(conn: Connection, plant: Plant, text: str, now: datetime, *, speed: float = 1.0) -> bool:
    """Make the database what the file says; `text` is the file that `plant` was read from.

    The same text again changes nothing but the calendar's end, and has policies follow the horizons
    that were made or copied apart from them. `stale_after_s` is plant time:
    `speed`, plant seconds a wall second, multiplies it, so that a fast plant is not called silent.
    A changed state map corrects history: its machines are derived again; cycles and shifts hold
    from now on, or since the file says; then what they concern is derived again too. What tags mean
    (their role, counter, modulus, state map and source) holds from the next full minute on.
    Returns whether the file was another one. Runs in the caller's transaction.
    """
    conn.execute(SQL["lock"])
    digest = sha256(text.encode()).hexdigest()
    newest = conn.execute(SQL["newest_version"]).fetchone()
    if newest is not None and newest[2] == digest:
        conn.execute(SQL["stale_after"], {"rows": Jsonb(_sources(plant, speed))})
        shifts.extend(conn, plant, now)
        horizon.move_policies(conn)
        return False
    _write(conn, plant, _before(newest), now, speed)
    conn.execute(SQL["add_version"], {"now": now, "sha256": digest, "body": text})
    conn.execute(SQL["notify"])
    return True


def apply_or_keep(database: Database, plant: Plant, text: str, now: datetime) -> bool:
    """The same in a transaction of its own; what is refused as too old is kept before it raises."""
    try:
        with database.connection() as conn:
            return apply(conn, plant, text, now)
    except PlantFaults as refused:
        with database.connection() as conn:
            for fault in refused.faults:
                detail = f"{fault.key} = {fault.value}: {fault.expected}"
                horizon.put_aside(conn, detail, f"{fault.key} = {fault.value}", now)
        raise


def load(conn: Connection) -> Master:
    """The plant in force. Raises NoPlant before the first `apply`."""
    newest = conn.execute(SQL["newest_version"]).fetchone()
    if newest is None:
        raise NoPlant(NoPlant.__doc__)
    ids: dict[str, dict[str, int]] = {}
    for kind, code, row_id in conn.execute(SQL["ids"]):
        ids.setdefault(f"{kind}s", {})[code] = row_id
    empty: dict[str, int] = {}
    return Master(
        plant=_parsed(newest[3]),
        version=newest[0],
        applied_at=newest[1],
        areas=ids.get("areas", empty),
        calendars=ids.get("calendars", empty),
        lines=ids.get("lines", empty),
        machines=ids.get("machines", empty),
        products=ids.get("products", empty),
        reasons=ids.get("reasons", empty),
        sources=ids.get("sources", empty),
        tags=ids.get("tags", empty),
    )


def extend_calendar(conn: Connection, plant: Plant, now: datetime) -> int:
    """Append shifts up to 60 days ahead; returns how many. Call it once a day or oftener."""
    return shifts.extend(conn, plant, now)


def _before(newest: tuple[Any, ...] | None) -> Plant | None:
    """The plant in force until now; none also where this version can't read it any more."""
    try:
        return _parsed(newest[3]) if newest else None
    except PlantFaults:
        return None


@lru_cache(maxsize=4)
def _parsed(text: str) -> Plant:
    return read(text)


def _write(
    conn: Connection, plant: Plant, before: Plant | None, now: datetime, speed: float
) -> None:
    meant, counted = _state_meanings(conn), _countings(conn)
    told = _reason_elements(conn)
    tables: tuple[tuple[str, Sequence[Row]], ...] = (
        ("areas", _named(plant.areas)),
        ("calendars", [{"code": code} for code in dict.fromkeys(c.code for c in plant.calendars)]),
        ("lines", _lines(plant)),
        ("machines", _machines(plant)),
        ("products", _named(plant.products)),
        ("reasons", _reasons(plant)),
        ("sources", _sources(plant, speed)),
        ("tags", [_tag(tag) for tag in plant.all_tags()]),
    )
    for name, rows in tables:
        conn.execute(SQL[name], {"rows": Jsonb(rows), "now": now})
        if name != "calendars":
            codes = [row.get("code", row.get("name")) for row in rows if not row.get("retired")]
            conn.execute(SQL[f"retire_{name}"], {"now": now, "codes": codes})
    conn.execute(SQL["reason_parents"], {"rows": Jsonb(_reasons(plant))})
    conn.execute(SQL["forget_state_maps"], {"names": [found.name for found in plant.state_maps]})
    conn.execute(SQL["state_maps"], {"rows": Jsonb(_state_maps(plant.state_maps))})
    conn.execute(SQL["forget_tag_limits"])
    conn.execute(SQL["tag_limits"], {"rows": Jsonb(_tag_limits(plant.all_tags()))})
    _turn_tags(conn, now)
    _correct_states(conn, meant)
    _correct_countings(conn, counted)
    _correct_stops(conn, told)
    horizon.save(conn, plant.horizon.counts, plant.horizon.raw)
    storage.save(conn, plant.storage.disk_gb)
    ideal_cycles.turn(conn, plant, now)
    line_versions.turn(conn, plant, now)
    shifts.turn(conn, plant, before, now)


def _turn_tags(conn: Connection, now: datetime) -> None:
    """Have what was derived meanwhile derived again where tags mean another thing now."""
    for (machine_id,) in conn.execute(SQL["turned_tags"], {"now": now}).fetchall():
        touch(conn, machine_id, now)


def _state_meanings(conn: Connection) -> dict[str, str]:
    return dict(conn.execute(SQL["state_meanings"]).fetchall())


def _correct_states(conn: Connection, before: Mapping[str, str]) -> None:
    """Have states derived again whose raw values mean something else now."""
    meant = _state_meanings(conn)
    changed = [name for name, said in meant.items() if before.get(name, said) != said]
    for machine_id, since in conn.execute(SQL["states_by"], {"names": changed}).fetchall():
        touch(conn, machine_id, since)


def _reason_elements(conn: Connection) -> dict[int, str | None]:
    return dict(conn.execute(SQL["reason_elements"]).fetchall())


def _correct_stops(conn: Connection, before: Mapping[int, str | None]) -> None:
    """Have stops derived again whose reason says now that they are something else."""
    changed = [
        reason_id
        for reason_id, element in _reason_elements(conn).items()
        if reason_id in before and before[reason_id] != element
    ]
    for machine_id, t0, t1 in conn.execute(SQL["stops_of"], {"reasons": changed}).fetchall():
        touch(conn, machine_id, t0, t1)


def _countings(conn: Connection) -> dict[int, tuple[str, datetime]]:
    return {machine: (how, since) for machine, how, since in conn.execute(SQL["countings"])}


def _correct_countings(conn: Connection, before: Mapping[int, tuple[str, datetime]]) -> None:
    """Have machines derived again whose pieces or minor stops are told otherwise now."""
    for machine_id, (how, since) in _countings(conn).items():
        if machine_id in before and before[machine_id][0] != how:
            touch(conn, machine_id, since)


def _named(parts: Iterable[Area | Line | Machine | Product | Reason]) -> list[Row]:
    return [
        {"code": part.code, "name": _label(part.name), "position": position}
        for position, part in enumerate(parts)
    ]


def _label(label: Label) -> Row:
    return {"en": label.en, "zh": label.zh}


def _reasons(plant: Plant) -> list[Row]:
    tree = reasons_of(plant)
    return [
        {
            **row,
            "parent": reason.parent,
            "element": tree.element(reason.code),
            "retired": reason.retired,
        }
        for row, reason in zip(_named(plant.reasons), plant.reasons, strict=True)
    ]


def _lines(plant: Plant) -> list[Row]:
    return [
        {
            **row,
            "area": line.area,
            "target_oee": line.target_oee or plant.site.target_oee,
        }
        for row, line in zip(_named(plant.lines), plant.lines, strict=True)
    ]


def _machines(plant: Plant) -> list[Row]:
    return [
        {
            **row,
            "line": machine.line,
            "calendar": plant.calendar_of(machine),
            "counts": machine.counts,
            "micro_stop_s": plant.site.micro_stop_s,
        }
        for row, machine in zip(_named(plant.machines), plant.machines, strict=True)
    ]


def _sources(plant: Plant, speed: float) -> list[Row]:
    return [
        {"name": s.name, "kind": s.kind, "stale_after_s": s.stale_after_s * speed}
        for s in plant.sources
    ]


def _tag(tag: Tag) -> Row:
    pattern = tag.pattern
    return {
        "code": tag.code,
        "machine": tag.machine,
        "source": pattern.source,
        "role": pattern.role,
        "name": pattern.name,
        "label": _label(pattern.label or Label(en=pattern.name, zh=pattern.name)),
        "unit": pattern.unit,
        "counter": pattern.counter,
        "modulus": pattern.modulus,
        "state_map": pattern.state_map,
    }


def _tag_limits(tags: Iterable[Tag]) -> list[Row]:
    return [
        {"tag": tag.code, "product": product, "lower": limits.lower, "upper": limits.upper}
        for tag in tags
        for product, limits in ((None, tag.pattern.spec), *tag.pattern.spec_of.items())
        if limits is not None
    ]


def _state_maps(maps: Iterable[StateMap]) -> list[Row]:
    rows: list[Row] = []
    for found in maps:
        rows.append({"name": found.name, "raw": OTHERWISE, "state": found.otherwise})
        rows.extend(
            {"name": found.name, "raw": raw, "state": mapped.state, "reason": mapped.reason}
            for raw, mapped in found.values.items()
        )
    return rows
