"""Readings into the database: a batch in one transaction, each (tag, time) once.

By COPY, or row by row where some are there already. Never judges values: what comes here was judged
by the source's side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
from psycopg import errors

from db import rollups
from db.connect import Connection
from db.copy_binary import Column, packed, timestamps
from db.statements import statements

SQL = statements("readings.sql")

Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
Int16s = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]
Text = tuple[int, int, str | None, int]
"""Time (µs since 1970), tag id, value, quality."""

UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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

    def columns(self) -> tuple[Column, ...]:
        """Of the numbers, as the table `reading` has them."""
        return timestamps(self.ts_us), self.tag_id, self.value, self.quality


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
    rows = _by_key(batch)
    try:
        with conn.transaction():
            return _store(conn, rows, len(batch), machine_of, _copied)
    except errors.UniqueViolation:
        pass  # some are there already
    except (errors.DataError, errors.IntegrityError) as error:
        raise RowsRefused(str(error).strip()) from error
    with conn.transaction():
        return _store(conn, rows, len(batch), machine_of, _merged)


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
    return [_of_age(batch, ages[:number] == age, ages[number:] == age) for age in np.unique(ages)]


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


def _of_age(batch: Batch, numbers: npt.NDArray[np.bool_], texts: npt.NDArray[np.bool_]) -> Batch:
    some = [text for text, is_chosen in zip(batch.texts, texts, strict=True) if is_chosen]
    return _chosen(batch, numbers, some)


def _chosen(
    batch: Batch, numbers: npt.NDArray[np.bool_] | npt.NDArray[np.intp], texts: list[Text]
) -> Batch:
    return Batch(
        batch.ts_us[numbers],
        batch.tag_id[numbers],
        batch.value[numbers],
        batch.quality[numbers],
        texts,
    )


def _store(
    conn: Connection, rows: Batch, arrived: int, machine_of: Mapping[int, int], put: Put
) -> Stored:
    _note_rollups(conn, rows)
    counts = [put(conn, rows), _texts(conn, rows.texts)]
    inserted, replaced = (sum(column) for column in zip(*counts, strict=True))
    is_fact = _mark_dirty(conn, rows, machine_of)
    conn.execute(SQL["notify"], {"is_fact": is_fact})
    return Stored(inserted, replaced, arrived - inserted - replaced)


def _note_rollups(conn: Connection, batch: Batch) -> None:
    times = np.sort(batch.ts_us)
    for t0, t1 in _clusters(times, LATE_SPLIT_US):
        rollups.note_readings(conn, moment(t0), moment(t1))


def _by_key(batch: Batch) -> Batch:
    """Of each tag and microsecond the last by arrival, all in the order of the index: writers of
    the same new rows wait for each other once, not in a circle."""
    order = np.lexsort((batch.ts_us, batch.tag_id))
    ts_us, tag_id = batch.ts_us[order], batch.tag_id[order]
    is_last = np.ones(len(order), dtype=bool)
    is_last[:-1] = (np.diff(tag_id) != 0) | (np.diff(ts_us) != 0)
    texts = {(text[1], text[0]): text for text in batch.texts}
    return _chosen(batch, order[is_last], [texts[key] for key in sorted(texts)])


def _copied(conn: Connection, rows: Batch) -> tuple[int, int]:
    """(rows new, 0). Raises UniqueViolation where one is there already."""
    if len(rows.ts_us):
        _copy(conn, "copy", rows.columns())
    return len(rows.ts_us), 0


def _merged(conn: Connection, rows: Batch) -> tuple[int, int]:
    """(rows new, rows changed)."""
    if not len(rows.ts_us):
        return 0, 0
    conn.execute(SQL["staging"])
    _copy(conn, "copy_staged", (*rows.columns(), np.arange(len(rows.ts_us), dtype=np.int32)))
    there = [position for (position,) in conn.execute(SQL["add_staged"])]
    changed = conn.execute(SQL["replace_staged"], {"positions": there}).rowcount
    return len(rows.ts_us) - len(there), changed


Put = Callable[[Connection, Batch], tuple[int, int]]


def _copy(conn: Connection, name: str, columns: Sequence[Column]) -> None:
    with conn.cursor().copy(SQL[name]) as copy:
        copy.write(packed(*columns))


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
    new = conn.execute(SQL["add_texts"], columns).rowcount
    changed = conn.execute(SQL["replace_texts"], columns).rowcount if new < len(texts) else 0
    return new, changed


def _mark_dirty(conn: Connection, batch: Batch, machine_of: Mapping[int, int]) -> bool:
    """Whether derivation has something to do."""
    machines, starts_us, ends_us = _dirty(batch, machine_of)
    if len(machines):
        columns = (machines.astype(np.int32), timestamps(starts_us), timestamps(ends_us))
        _copy(conn, "copy_dirty", columns)
    return len(machines) > 0


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
