"""A server of TimescaleDB Community to measure beside, where one is named. Never starts one."""

from __future__ import annotations

import os
from dataclasses import dataclass

import psycopg

NAMES = "TAKTBOARD_TEST_DATABASE_URLS"


@dataclass(frozen=True, slots=True)
class Named:
    """A server whose role may create databases there."""

    url: str


def community() -> Named | None:
    """The first one that preloads the extension, with its licence; None: there is none."""
    urls = [url for url in os.environ.get(NAMES, "").split(",") if "://" in url]
    return next((Named(url) for url in urls if _is_community(url)), None)


def _is_community(url: str) -> bool:
    """A licence that is not set is Community's; a database without the extension knows no more."""
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute(
            "select current_setting('shared_preload_libraries') ~ 'timescaledb'"
            " and coalesce(current_setting('timescaledb.license', true), 'timescale') = 'timescale'"
        ).fetchone()
    return row is not None and bool(row[0])
