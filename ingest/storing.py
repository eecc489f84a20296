"""One parcel into the database: whole where it goes, else cut in two until the bad row is alone.

A row that the database refuses ends in the quarantine. Blocks: call in a thread. Never catches that
the database is away.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from db.connect import Connection, Database
from db.quarantine import quarantine
from db.readings import Batch, RowsRefused, Stored, batch_of, by_hour, store
from ingest.refused import of_reading
from ingest.spool import Parcel

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counters:
    """What the pipeline did since it started."""

    committed: int = 0
    replaced: int = 0
    repeated: int = 0
    spooled: int = 0
    drained: int = 0
    poisoned: int = 0
    quarantined: int = 0


class Storing:
    """Stores parcels; counts what became of them."""

    def __init__(self, database: Database, counters: Counters) -> None:
        self._database = database
        self._counters = counters

    def reach(self) -> None:
        """Raises DatabaseUnavailable where the database is away."""
        with self._database.connection():
            return

    def store(self, parcel: Parcel, machine_of: Mapping[int, int]) -> Stored:
        """In one transaction, or in several around a row that is refused.

        `machine_of`: see `db.readings.store`. Raises DatabaseUnavailable.
        """
        try:
            return self._store_whole(parcel, machine_of)
        except RowsRefused as error:
            if len(parcel.batch) <= 1:
                return self._quarantine(parcel, error)
        halves = [self.store(half, machine_of) for half in _halves(parcel)]
        return Stored(
            sum(half.inserted for half in halves),
            sum(half.replaced for half in halves),
            sum(half.repeated for half in halves),
        )

    def _store_whole(self, parcel: Parcel, machine_of: Mapping[int, int]) -> Stored:

        def put(conn: Connection) -> Stored:
            with conn.transaction():
                stored = store(conn, parcel.batch, machine_of)
                quarantine(conn, parcel.refused)
                return stored

        stored = self._database.transact(put)
        self._counters.quarantined += len(parcel.refused)
        return stored

    def _quarantine(self, parcel: Parcel, error: RowsRefused) -> Stored:
        rows = [of_reading(row, str(error)) for row in _rows_of(parcel.batch)]
        log.warning("a reading that the database refuses is in the quarantine: %s", error)
        self._database.transact(partial(quarantine, rows=[*parcel.refused, *rows]))
        self._counters.poisoned += len(rows)
        self._counters.quarantined += len(rows) + len(parcel.refused)
        return Stored(0, 0, 0)


def parts_of(parcel: Parcel) -> list[Parcel]:
    """What is stored in transactions of their own: see `by_hour`; refusals go with the first."""
    first, *late = by_hour(parcel.batch)
    return [Parcel(first, parcel.refused), *(Parcel(batch, []) for batch in late)]


def _halves(parcel: Parcel) -> tuple[Parcel, Parcel]:
    rows = _rows_of(parcel.batch)
    middle = len(rows) // 2
    return (
        Parcel(batch_of(rows[:middle]), parcel.refused),
        Parcel(batch_of(rows[middle:]), []),
    )


def _rows_of(batch: Batch) -> list[tuple[int, int, float | str | None, int]]:
    columns = (batch.ts_us, batch.tag_id, batch.value, batch.quality)
    numbers = list(zip(*(column.tolist() for column in columns), strict=True))
    return [*numbers, *batch.texts]
