"""Readings into the database: a batch in one transaction, each (tag, time) once.

Packs COPY BINARY with numpy. Never judges values: what comes here was judged by the source's side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
from psycopg import errors

from db import rollups
from db.connect import Connection
from db.statements import statements

SQL = statements("readings.sql")

Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
Int16s = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]
Text = tuple[int, int, str | None, int]
"""Time (µs since 1970), tag id, value, quality."""

UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TO_POSTGRES_US = 946_684_800_000_000
"""PostgreSQL counts microseconds from 2000-01-01."""
_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TAIL = b"\xff\xff"
DIRTY_SPLIT_US = 600_000_000
"""Facts of one machine further apart than this are derived as two ranges."""
LATE_SPLIT_US = 3_600_000_000


class RowsRefused(ValueError):
    """The database refuses a row of the batch (a constraint, its type): cut the batch in two."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Readings in order of arrival; `value` NaN means that the source gave none."""

    ts_us: Int64s
    tag_id: Int32s
    value: Floats
    quality: Int16s
    texts: list[Text] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ts_us) + len(self.texts)


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch: new rows, and rows that took another's place in one microsecond."""

    inserted: int
    replaced: int
    repeated: int


def batch_of(rows: Sequence[tuple[int, int, float | str | None, int]]) -> Batch:
    """A batch of rows (ts_us, tag_id, value, quality) of any type of value."""
    numbers = [row for row in rows if not isinstance(row[2], str)]
    return Batch(
        np.array([row[0] for row in numbers], dtype=np.int64),
        np.array([row[1] for row in numbers], dtype=np.int32),
        np.array([row[2] for row in numbers], dtype=np.float64),  # None becomes NaN
        np.array([row[3] for row in numbers], dtype=np.int16),
        [(row[0], row[1], row[2], row[3]) for row in rows if isinstance(row[2], str)],
    )


def store(conn: Connection, batch: Batch, machine_of: Mapping[int, int]) -> Stored:
    """Store a batch within the caller's transaction; wakes derivation and the boards.

    `machine_of`: tag id → machine id, of the tags with role state, good, scrap or cycle alone.
    Raises RowsRefused where a row can't be stored; nothing of the batch is then.
    """
    if not len(batch):
        return Stored(0, 0, 0)
    try:
        with conn.transaction():
            return _store(conn, batch, machine_of)
    except (errors.DataError, errors.IntegrityError) as error:
        raise RowsRefused(str(error).strip()) from error


def by_hour(batch: Batch) -> list[Batch]:
    """The batch cut into stretches of an hour, the newest first; order within them stays.

    Each goes in a transaction of its own: TimescaleDB invalidates its rollups from the oldest to
    the newest row of a transaction, so that two late rows far apart cost all that lies between.
    """
    texts_us = np.array([text[0] for text in batch.texts], dtype=np.int64)
    all_us = np.concatenate([batch.ts_us, texts_us])
    if not len(all_us) or all_us.max() - all_us.min() < LATE_SPLIT_US:
        return [batch]
    ages = (all_us.max() - all_us) // LATE_SPLIT_US
    number = len(batch.ts_us)
    return [_chosen(batch, ages[:number] == age, ages[number:] == age) for age in np.unique(ages)]


def watermarks(conn: Connection, tag_ids: Sequence[int]) -> dict[int, datetime]:
    """The newest source time stored of each tag that has any."""
    rows = conn.execute(SQL["watermarks"], {"tag_ids": list(tag_ids)}).fetchall()
    return {tag_id: newest for tag_id, newest in rows if newest is not None}


def moment(ts_us: int) -> datetime:
    """Microseconds since 1970 as UTC."""
    return UNIX_EPOCH + timedelta(microseconds=ts_us)


def micros(at: datetime) -> int:
    """UTC as microseconds since 1970."""
    return (at - UNIX_EPOCH) // timedelta(microseconds=1)


def _chosen(batch: Batch, numbers: npt.NDArray[np.bool_], texts: npt.NDArray[np.bool_]) -> Batch:
    return Batch(
        batch.ts_us[numbers],
        batch.tag_id[numbers],
        batch.value[numbers],
        batch.quality[numbers],
        [text for text, is_chosen in zip(batch.texts, texts, strict=True) if is_chosen],
    )


def _store(conn: Connection, batch: Batch, machine_of: Mapping[int, int]) -> Stored:
    _note_rollups(conn, batch)
    counts = [_numbers(conn, batch), _texts(conn, batch.texts)]
    inserted, replaced = (sum(column) for column in zip(*counts, strict=True))
    _mark_dirty(conn, batch, machine_of)
    conn.execute(SQL["notify"])
    return Stored(inserted, replaced, len(batch) - inserted - replaced)


def _note_rollups(conn: Connection, batch: Batch) -> None:
    times = np.sort(batch.ts_us)
    for t0, t1 in _clusters(times, LATE_SPLIT_US):
        rollups.note_readings(conn, moment(t0), moment(t1))


def _numbers(conn: Connection, batch: Batch) -> tuple[int, int]:
    """(rows new, rows changed)."""
    if not len(batch.ts_us):
        return 0, 0
    try:
        with conn.transaction():
            _copy(conn, "copy", _packed(_by_key(batch)))
        return len(batch.ts_us), 0
    except errors.UniqueViolation:
        return _merge(conn, batch)


def _by_key(batch: Batch) -> Batch:
    """Two writers of the same rows wait for each other once, not in a circle: one order for all."""
    order = np.lexsort((batch.ts_us, batch.tag_id))
    return Batch(
        batch.ts_us[order],
        batch.tag_id[order],
        batch.value[order],
        batch.quality[order],
        batch.texts,
    )


def _merge(conn: Connection, batch: Batch) -> tuple[int, int]:
    conn.execute(SQL["staging"])
    _copy(conn, "copy_staged", _packed(batch, arrival=True))
    return _counted(conn.execute(SQL["merge"]).fetchone())


def _counted(row: tuple[int, int] | None) -> tuple[int, int]:
    assert row is not None
    return row


def _copy(conn: Connection, name: str, body: bytes) -> None:
    with conn.cursor().copy(SQL[name]) as copy:
        copy.write(body)


def _packed(batch: Batch, *, arrival: bool = False) -> bytes:
    """The body of a binary COPY; rows with and without a value differ in length."""
    null = np.isnan(batch.value)
    order = np.arange(len(null), dtype=np.int32) if arrival else None
    parts = [_rows(batch, ~null, order, has_value=True), _rows(batch, null, order, has_value=False)]
    return b"".join([_HEAD, *parts, _TAIL])


def _rows(
    batch: Batch, chosen: npt.NDArray[np.bool_], order: Int32s | None, *, has_value: bool
) -> bytes:
    columns: list[tuple[str, str, npt.NDArray[np.generic] | None]] = [
        ("ts", ">i8", batch.ts_us[chosen] - _TO_POSTGRES_US),
        ("tag", ">i4", batch.tag_id[chosen]),
        ("value", ">f8", batch.value[chosen] if has_value else None),
        ("quality", ">i2", batch.quality[chosen]),
    ]
    if order is not None:
        columns.append(("arrival", ">i4", order[chosen]))
    rows = np.empty(int(chosen.sum()), dtype=_row_type(columns))
    rows["n"] = len(columns)
    for name, kind, column in columns:
        rows[f"{name}_len"] = -1 if column is None else np.dtype(kind).itemsize
        if column is not None:
            rows[name] = column
    return rows.tobytes()


def _row_type(columns: Iterable[tuple[str, str, object]]) -> np.dtype[np.void]:
    fields: list[tuple[str, str]] = [("n", ">i2")]
    for name, kind, column in columns:
        fields.append((f"{name}_len", ">i4"))
        if column is not None:
            fields.append((name, kind))
    return np.dtype(fields)


def _texts(conn: Connection, texts: Sequence[Text]) -> tuple[int, int]:
    """(rows new, rows changed)."""
    if not texts:
        return 0, 0
    ts_us, tag_id, value, quality = zip(*texts, strict=True)
    columns = {
        "ts": [moment(us) for us in ts_us],
        "tag_id": list(tag_id),
        "value": list(value),
        "quality": list(quality),
    }
    return _counted(conn.execute(SQL["merge_texts"], columns).fetchone())


def _mark_dirty(conn: Connection, batch: Batch, machine_of: Mapping[int, int]) -> None:
    machines, starts_us, ends_us = _dirty(batch, machine_of)
    if not len(machines):
        return
    columns = {
        "machine_id": machines.tolist(),
        "t0_us": starts_us.tolist(),
        "t1_us": ends_us.tolist(),
    }
    conn.execute(SQL["dirty"], columns)
    conn.execute(SQL["notify_fact"])


def _dirty(batch: Batch, machine_of: Mapping[int, int]) -> tuple[Int64s, Int64s, Int64s]:
    """(machine, oldest, newest) of what the batch touches: each stretch without a long pause."""
    ts_us = np.concatenate([batch.ts_us, np.array([t[0] for t in batch.texts], dtype=np.int64)])
    tags = np.concatenate([batch.tag_id, np.array([t[1] for t in batch.texts], dtype=np.int32)])
    found, inverse = np.unique(tags, return_inverse=True)
    machines = np.array([machine_of.get(int(tag), -1) for tag in found], dtype=np.int64)[inverse]
    ts_us, machines = ts_us[machines >= 0], machines[machines >= 0]
    order = np.lexsort((ts_us, machines))
    ts_us, machines = ts_us[order], machines[order]
    is_other = (np.diff(machines) != 0) | (np.diff(ts_us) > DIRTY_SPLIT_US)
    first = np.concatenate([[True], is_other])[: len(ts_us)]
    last = np.concatenate([is_other, [True]])[: len(ts_us)]
    return machines[first], ts_us[first], ts_us[last]


def _clusters(times: Int64s, split_us: int) -> Iterator[tuple[int, int]]:
    """First and last of each run of sorted times without a pause longer than `split_us`."""
    if not len(times):
        return
    cuts = np.flatnonzero(np.diff(times) > split_us) + 1
    for run in np.split(times, cuts):
        yield int(run[0]), int(run[-1])
