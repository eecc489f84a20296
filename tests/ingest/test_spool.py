"""The spool: in order, durable, bounded, and honest about what is damaged."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

from db.quarantine import Refused
from db.readings import batch_of
from ingest.spool import FILE, Parcel, Spool, SpoolFull, decode, encode

ROWS: list[tuple[int, int, float | str | None, int]] = [
    (1, 1, 1.5, 0),
    (2, 2, None, 2),
    (3, 3, "运行", 0),
]
REFUSED = [
    Refused(4, 1, "bad_json", "why", "topic", b"\x00\xff"),
    Refused(5, None, "x", "y", None, None),
]


def parcel(number: int = 0) -> Parcel:
    return Parcel(batch_of([(number, 1, float(number), 0)]), [])


def test_a_parcel_comes_back_as_it_went() -> None:
    found = decode(encode(Parcel(batch_of(ROWS), REFUSED)))
    assert found.batch.ts_us.tolist() == [1, 2]
    assert found.batch.value[0] == 1.5
    assert found.batch.value[1] != found.batch.value[1]  # NaN stands for none
    assert found.batch.texts == [(3, 3, "运行", 0)]
    assert found.refused == REFUSED


def test_the_oldest_comes_first_and_stays_until_it_is_stored(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in range(3):
        spool.append(parcel(number))
    seen = []
    while found := spool.oldest():
        assert spool.oldest() is not None
        seen.append(found[1].batch.ts_us.tolist())
        spool.remove(found[0])
    spool.close()
    assert seen == [[0], [1], [2]]


def test_what_was_appended_survives_the_process(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from ingest.spool import *;"
        "from db.readings import batch_of; s = Spool(Path(sys.argv[1]));"
        "[s.append(Parcel(batch_of([(n, 1, 1.0, 0)]), [])) for n in range(20)]; os._exit(9)"
    )
    root = Path(__file__).parent.parent.parent
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=root, check=False)
    assert ended.returncode == 9
    spool = Spool(tmp_path)
    assert (len(spool), spool.rows) == (20, 20)
    spool.close()


def _took(spool: Spool, one: Parcel) -> bool:
    try:
        spool.append(one)
    except SpoolFull:
        return False
    return True


def test_beyond_its_limit_nothing_is_taken_and_nothing_is_lost(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit_bytes=200_000)
    big = Parcel(batch_of([(n, 1, 1.0, 0) for n in range(1000)]), [])
    taken = 0
    while _took(spool, big):
        taken += 1
    assert 3 < taken < 10
    assert len(spool) == taken
    found = spool.oldest()
    assert found is not None
    spool.remove(found[0])
    spool.append(big)  # there is room again
    spool.close()


def test_a_damaged_parcel_is_left_out_and_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(parcel(1))
    spool.append(parcel(2))
    spool.close()
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("update batch set body = x'00ff' where id = 1")
    db.close()
    spool = Spool(tmp_path)
    found = spool.oldest()
    assert found is not None
    assert found[1].batch.ts_us.tolist() == [2]
    assert spool.damaged == 1
    spool.close()


def test_a_torn_file_is_kept_aside_and_work_goes_on(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(parcel(1))
    spool.close()
    path = tmp_path / FILE
    path.write_bytes(b"not a database at all" * 500)
    spool = Spool(tmp_path)
    spool.append(parcel(2))
    assert len(spool) == 1
    assert spool.damaged == 1
    assert (tmp_path / f"{FILE}.damaged").exists()
    spool.close()
