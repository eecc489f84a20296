"""Readings into the database: a batch in one transaction, each (tag, time) once.

By COPY; where some are there already, those are looked up and left out. Never judges values: what
comes here was judged by the source's side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
from psycopg import adapters, errors

from db import rollups
from db.array_binary import ArrayDumper
from db.connect import Connection, has_a_partition_now
from db.copy_binary import Column, packed, timestamps
from db.statements import statements

SQL = statements("readings.sql")
adapters.register_dumper(np.ndarray, ArrayDumper)

Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
Int16s = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Text = tuple[int, int, str | None, int]
"""Time (µs since 1970), tag id, value, quality."""

UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KNOWN_SPLIT_US = 2_000_000
"""Moments of one tag further apart than this are looked up each by itself: what lies between them
would be read for nothing."""
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
    ts_us, tag_id, value, quality = zip(*numbers, strict=True) if numbers else ((), (), (), ())
    return Batch(
        np.array(ts_us, dtype=np.int64),
        np.array(tag_id, dtype=np.int32),
        np.array(value, dtype=np.float64),  # None becomes NaN
        np.array(quality, dtype=np.int16),
        [(row[0], row[1], row[2], row[3]) for row in rows if isinstance(row[2], str)],
    )


def store(conn: Connection, batch: Batch, machine_of: Mapping[int, int]) -> Stored:
    """Store a batch within the caller's transaction; wakes derivation and the boards.

    `machine_of`: tag id → machine id, of the tags with role state, good, scrap or cycle alone.
    Raises RowsRefused where a row can't be stored; nothing of the batch is then. Where another
    transaction is in the way the caller's raises Conflict: to be begun anew.
    """
    if not len(batch):
        return Stored(0, 0, 0)
    rows = _by_key(batch)
    try:
        try:
            with conn.transaction():
                return _store(conn, rows, len(batch), machine_of, _copied)
        except errors.UniqueViolation:  # some are there already
            with conn.transaction():
                return _store(conn, rows, len(batch), machine_of, _merged)
    except (errors.DataError, errors.IntegrityError) as error:
        if has_a_partition_now(error):
            raise
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
    _wake(conn, rows, machine_of)
    return Stored(inserted, replaced, arrived - inserted - replaced)


def _note_rollups(conn: Connection, batch: Batch) -> None:
    times, tag_ids = np.sort(batch.ts_us), np.unique(batch.tag_id).tolist()
    for t0, t1 in _clusters(times, LATE_SPLIT_US):
        rollups.note_readings(conn, moment(t0), moment(t1), tag_ids)


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
    """(rows new, rows changed). What is there already, and the same, is left alone."""
    is_new, is_changed = _beside(rows, _known(conn, rows))
    try:
        with conn.transaction():
            _copied(conn, _chosen(rows, is_new, []))
            _upsert(conn, _chosen(rows, is_changed, []))
    except errors.UniqueViolation:  # another writer has stored some since
        is_new, is_changed = _beside(rows, _known(conn, rows))
        _upsert(conn, _chosen(rows, is_new | is_changed, []))
    return int(is_new.sum()), int(is_changed.sum())


def _known(conn: Connection, rows: Batch) -> Batch:
    """What is stored at these moments, and little else: looked up by stretches of each tag."""
    if not len(rows.ts_us):
        return rows
    is_apart = (np.diff(rows.tag_id) != 0) | (np.diff(rows.ts_us) > KNOWN_SPLIT_US)
    first = np.concatenate([[True], is_apart])
    last = np.concatenate([is_apart, [True]])
    stretches = {
        "tag_id": rows.tag_id[first],
        "t0_us": rows.ts_us[first],
        "t1_us": rows.ts_us[last],
        "oldest": moment(int(rows.ts_us.min())),
        "newest": moment(int(rows.ts_us.max())),
    }
    return batch_of(conn.execute(SQL["known"], stretches, binary=True).fetchall())


def _beside(rows: Batch, known: Batch) -> tuple[Bools, Bools]:
    """Which rows are not known, and which are known with another value."""
    ts_us = np.concatenate([known.ts_us, rows.ts_us])
    tag_id = np.concatenate([known.tag_id, rows.tag_id])
    order = np.lexsort((ts_us, tag_id))  # stable: what is known comes before its row
    is_pair = (np.diff(tag_id[order]) == 0) & (np.diff(ts_us[order]) == 0)
    old, row = order[:-1][is_pair], order[1:][is_pair] - len(known.ts_us)
    is_new, is_changed = np.ones(len(rows.ts_us), dtype=bool), np.zeros(len(rows.ts_us), dtype=bool)
    is_new[row] = False
    before, now = known.value[old], rows.value[row]
    is_same = (before == now) | (np.isnan(before) & np.isnan(now))
    is_changed[row] = ~is_same | (known.quality[old] != rows.quality[row])
    return is_new, is_changed


def _upsert(conn: Connection, rows: Batch) -> None:
    if len(rows.ts_us):
        columns = ("ts_us", "tag_id", "value", "quality")
        conn.execute(SQL["upsert"], {name: getattr(rows, name) for name in columns})


Put = Callable[[Connection, Batch], tuple[int, int]]


def _copy(conn: Connection, name: str, columns: Sequence[Column]) -> None:
    with conn.cursor().copy(SQL[name]) as copy:
        for part in packed(*columns):
            copy.write(part)


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


def _wake(conn: Connection, batch: Batch, machine_of: Mapping[int, int]) -> None:
    """Boards, and derivation where it has something to do."""
    machine_id, t0_us, t1_us = _dirty(batch, machine_of)
    conn.execute(SQL["wake"], {"machine_id": machine_id, "t0_us": t0_us, "t1_us": t1_us})


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
