"""What was accepted while the database was away: on disk, in order, bounded.

One SQLite file, one blob a batch, durable (fsync) when `append` returns. A torn or damaged batch
is told apart by its checksum and counted, never stored. Never deletes what was not handed back as
stored.
"""

from __future__ import annotations

import logging
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import msgspec
import numpy as np

from db.quarantine import Refused
from db.readings import Batch, Text

log = logging.getLogger(__name__)

FILE = "spool.sqlite3"
PAGE_BYTES = 4096
SCHEMA = """
create table if not exists batch (
    id integer primary key autoincrement, rows integer not null,
    crc integer not null, body blob not null
)
"""


class SpoolFull(Exception):
    """No room left on disk or within the limit, or a disk that fails: nothing is acknowledged."""


class _Body(msgspec.Struct, array_like=True):
    ts_us: bytes
    tag_id: bytes
    value: bytes
    quality: bytes
    texts: list[tuple[int, int, str | None, int]]
    refused: list[Refused]


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is stored in one transaction: readings, and what was refused beside them."""

    batch: Batch
    refused: list[Refused]

    def __len__(self) -> int:
        return len(self.batch) + len(self.refused)


class Spool:
    """A queue of parcels on disk. One thread at a time."""

    def __init__(self, directory: Path, *, limit_bytes: int = 2 << 30) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / FILE
        self.damaged = 0
        """Parcels that were unreadable and left out."""
        self._limit_pages = limit_bytes // PAGE_BYTES
        self._db = self._opened()

    def __len__(self) -> int:
        """Parcels waiting."""
        return cast("int", self._one("select count(*) from batch")[0])

    @property
    def rows(self) -> int:
        """Readings and refusals waiting."""
        return cast("int", self._one("select coalesce(sum(rows), 0) from batch")[0])

    def append(self, parcel: Parcel) -> None:
        """Keep a parcel; it is on the disk when this returns. Raises SpoolFull."""
        body = encode(parcel)
        row = (len(parcel), zlib.crc32(body), body)
        with self._guarded():
            self._db.execute("insert into batch (rows, crc, body) values (?, ?, ?)", row)

    def oldest(self) -> tuple[int, Parcel] | None:
        """The oldest readable parcel and its number; damaged ones are dropped and counted.

        Raises SpoolFull where the disk fails.
        """
        while row := self._first():
            number, crc, body = row
            if zlib.crc32(body) == crc:
                return number, decode(body)
            log.error("a damaged batch in %s was left out", self.path)
            self.damaged += 1
            self.remove(number)
        return None

    def remove(self, number: int) -> None:
        """Forget a parcel: it is stored. Raises SpoolFull: it will come again."""
        with self._guarded():
            self._db.execute("delete from batch where id = ?", (number,))

    def close(self) -> None:
        """Close the file; what is in it stays."""
        self._db.close()

    def _first(self) -> tuple[int, int, bytes] | None:
        with self._guarded():
            query = "select id, crc, body from batch order by id limit 1"
            return cast("tuple[int, int, bytes] | None", self._db.execute(query).fetchone())

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise SpoolFull(f"{self.path}: {error}") from error

    def _one(self, query: str) -> tuple[object, ...]:
        return cast("tuple[object, ...]", self._db.execute(query).fetchone())

    def _opened(self) -> sqlite3.Connection:
        try:
            return self._open()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            aside = self.path.with_name(f"{FILE}.damaged")
            log.error("%s is damaged (%s); kept as %s", self.path, error, aside)
            self.damaged += 1
            self._move_aside(aside)
            return self._open()

    def _move_aside(self, aside: Path) -> None:
        self.path.replace(aside)
        for suffix in ("-wal", "-shm"):
            self.path.with_name(FILE + suffix).unlink(missing_ok=True)

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=5)
        try:
            db.execute("pragma journal_mode = wal")
            db.execute("pragma synchronous = full")
            db.execute(f"pragma max_page_count = {self._limit_pages}")
            db.execute(SCHEMA)
            with closing(db.execute("pragma quick_check")) as check:
                if (verdict := check.fetchone()[0]) != "ok":
                    raise sqlite3.DatabaseError(verdict)
        except BaseException:
            db.close()
            raise
        return db


def encode(parcel: Parcel) -> bytes:
    """A parcel as bytes; `decode` gives an equal one."""
    batch = parcel.batch
    columns = (batch.ts_us, batch.tag_id, batch.value, batch.quality)
    ts_us, tag_id, value, quality = (column.tobytes() for column in columns)
    return msgspec.msgpack.encode(_Body(ts_us, tag_id, value, quality, batch.texts, parcel.refused))


def decode(body: bytes) -> Parcel:
    """The parcel that `encode` made bytes of."""
    raw = msgspec.msgpack.decode(body, type=_Body)
    texts: list[Text] = list(raw.texts)
    batch = Batch(
        np.frombuffer(raw.ts_us, dtype=np.int64),
        np.frombuffer(raw.tag_id, dtype=np.int32),
        np.frombuffer(raw.value, dtype=np.float64),
        np.frombuffer(raw.quality, dtype=np.int16),
        texts,
    )
    return Parcel(batch, raw.refused)
