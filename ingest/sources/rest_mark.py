"""From where the next poll of a business system asks. Pure.

A mark is what the system calls its versions by: a time (ISO 8601, with or without a zone) or a
number that rises. Times go back by an overlap, because a change may be committed later than its
time says; what comes twice by that is told apart elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from db.order_events import Mark
from plant.model import RestSource


def asked_of(source: RestSource) -> str:
    """Where a mark belongs to: with another address or another field it means nothing."""
    return f"{source.url} {source.mark_parameter} {source.mark}"


def newest(marks: Iterable[Mark | None]) -> Mark | None:
    """The highest; none where there is none."""
    return max(marks, key=_order_of, default=None)


def parameter(mark: Mark, overlap: timedelta) -> str:
    """The mark as the system is asked with it."""
    at = _time_of(mark)
    return str(mark) if at is None else (at - overlap).isoformat()


def _time_of(mark: Mark) -> datetime | None:
    if not isinstance(mark, str) or mark.isdecimal():
        return None
    try:
        return datetime.fromisoformat(mark)
    except ValueError:
        return None


def _order_of(mark: Mark | None) -> tuple[int, float, str]:
    """Numbers by size, in digits too; times by their moment; other texts as texts."""
    if mark is None:
        return (0, 0.0, "")
    if isinstance(mark, (int, float)) or mark.isdecimal():
        return (1, float(mark), "")
    at = _time_of(mark)
    if at is None:
        return (3, 0.0, mark)
    return (2, (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp(), mark)
