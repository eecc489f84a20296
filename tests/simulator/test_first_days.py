"""The days before a demo's first start: loaded beside the plant, cut off when the demo ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from db.clock import Clock
from db.connect import Database
from ingest.simulator import serve
from ingest.simulator.first_days import FirstDays, loading
from plant.model import Plant
from tests.patience import until

START = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
SEED = 7
PROMPT_S = 3.0

Apply = Callable[[Plant, str, Clock], None]
Load = Callable[[Callable[[float], None], Callable[[], None]], None]


def ended(first_days: FirstDays, stop: threading.Event) -> float:
    """Seconds until it has ended."""
    began = time.monotonic()
    stop.set()
    first_days.end()
    return time.monotonic() - began


def test_the_load_is_cut_off_between_two_tags(
    database: Database, sample: Plant, sample_text: str, apply: Apply, tmp_path: Path
) -> None:
    clock = Clock(datetime.now(UTC), START, 1.0)
    apply(sample, sample_text, clock)
    said: list[str] = []
    stop, begun, done = threading.Event(), threading.Event(), tmp_path / "done"
    load = loading(database, sample, clock, SEED)

    def watched(progress: Callable[[float], None], pause: Callable[[], None]) -> None:
        def noted() -> None:
            begun.set()
            pause()

        load(progress, noted)

    first_days = FirstDays(database, watched, done=done, say=said.append, stop=stop)
    first_days.start()
    assert begun.wait(60)
    assert ended(first_days, stop) < PROMPT_S
    assert not done.exists()


def test_a_statement_that_takes_its_time_is_cancelled(database: Database, tmp_path: Path) -> None:
    stop, done = threading.Event(), tmp_path / "done"

    def load(_progress: Callable[[float], None], _pause: Callable[[], None]) -> None:
        with database.connection() as conn:
            conn.execute("select pg_sleep(60)")

    first_days = FirstDays(database, load, done=done, say=print, stop=stop)
    first_days.start()
    with database.session() as conn:
        sleeping = "select 1 from pg_stat_activity where query ~ '^select pg_sleep'"
        until(lambda: conn.execute(sleeping).fetchone(), "the statement has begun")
    assert ended(first_days, stop) < PROMPT_S
    assert not done.exists()


@pytest.mark.parametrize("is_whole", [True, False])
def test_what_is_whole_is_not_loaded_again(
    database: Database, tmp_path: Path, *, is_whole: bool
) -> None:
    done, loaded = tmp_path / "done", threading.Event()
    if is_whole:
        done.touch()

    def load(_progress: Callable[[float], None], _pause: Callable[[], None]) -> None:
        loaded.set()

    first_days = FirstDays(database, load, done=done, say=print, stop=threading.Event())
    first_days.start()
    first_days.join()
    assert loaded.is_set() is not is_whole
    assert done.exists()


def test_a_mark_that_can_not_be_written_is_told(database: Database, tmp_path: Path) -> None:
    said: list[str] = []
    done = tmp_path / "missing" / "done"
    first_days = FirstDays(
        database, lambda _p, _q: None, done=done, say=said.append, stop=threading.Event()
    )
    first_days.start()
    first_days.join()
    assert said == [f"{done} can't be written (No such file or directory): loaded again next time"]


def test_a_plant_that_is_stopped_while_it_starts_ends_at_once(
    sample: Plant, tmp_path: Path
) -> None:
    stop, ready = threading.Event(), threading.Event()
    stop.set()
    clock = Clock(datetime.now(UTC), START, 1.0)
    serve.run(sample, seed=SEED, clock=clock, truth_dir=tmp_path, stop=stop, ready=ready.set)
    assert not ready.is_set()
    assert not (tmp_path / "truth").exists()
