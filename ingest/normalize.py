"""From what a source heard to a reading, or to the reason why not. Pure; never raises.

A source's "no value" (null, NaN) becomes a reading of bad quality without a value: no data is not
zero. Everything that can't be told exactly (±Inf, text where a number belongs, an integer beyond
2^53, a time out of bounds) is refused with a reason.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ingest.reading import Channel, Quality, Reading, Reason, Refusal, Sample
from plant.part import COUNT_ROLES

LONGEST_TEXT = 200
LARGEST_EXACT = 2**53
"""Integers up to here survive as float64."""
KEPT_AT_LEAST_EVERY_US = 60_000_000
"""A value inside its deadband is stored this often all the same: quiet is not silent."""


class Window(NamedTuple):
    """The source times that are taken, microseconds since 1970; `now_us` stands in for none."""

    oldest_us: int
    now_us: int
    newest_us: int


def normalize(sample: Sample, window: Window) -> Reading | Refusal:
    """The reading that a sample means: scaled, typed, in time, or why it is refused."""
    channel, ts_us, raw, quality, _ = sample
    if ts_us is None:
        ts_us = window.now_us
    elif not window.oldest_us <= ts_us <= window.newest_us:
        return _out_of_time(ts_us, window)
    value = _typed(channel, raw)
    if isinstance(value, Refusal):
        return value
    return Reading(ts_us, channel.tag_id, value, Quality.BAD if value is None else quality)


def _out_of_time(ts_us: int, window: Window) -> Refusal:
    if ts_us < window.oldest_us:
        days = (window.now_us - ts_us) / 86_400e6
        return Refusal(Reason.TOO_OLD, f"its time is {days:.1f} days ago")
    ahead_s = (ts_us - window.now_us) / 1e6
    return Refusal(Reason.IN_FUTURE, f"its time is {ahead_s:.0f} s ahead")


def _typed(channel: Channel, raw: object) -> float | str | Refusal | None:
    if raw is None:
        return None
    if isinstance(raw, str):
        return _text(raw) if channel.role == "state" else _number_in(channel, raw)
    if isinstance(raw, (bool, int, float)):
        return _number(channel, raw)
    return Refusal(Reason.BAD_TYPE, f"a number or text is expected, not {type(raw).__name__}")


def _text(raw: str) -> str | Refusal:
    text = raw.strip()
    if not text or len(text) > LONGEST_TEXT or not text.isprintable():
        return Refusal(Reason.BAD_TEXT, f"1 to {LONGEST_TEXT} printable characters are expected")
    return text


def _number_in(channel: Channel, raw: str) -> float | Refusal | None:
    try:
        return _number(channel, float(raw[:64]))
    except ValueError:
        return Refusal(Reason.NOT_A_NUMBER, f"a number is expected, not the text {raw[:40]!r}")


def _number(channel: Channel, raw: float) -> float | Refusal | None:
    if isinstance(raw, int) and abs(raw) > LARGEST_EXACT:
        return Refusal(Reason.OUT_OF_RANGE, "an integer beyond 2^53 can't be kept exactly")
    value = float(raw) * channel.scale
    if math.isnan(value):
        return None
    if math.isinf(value):
        return Refusal(Reason.NOT_FINITE, "the value is infinite")
    if channel.role in COUNT_ROLES and abs(value) > LARGEST_EXACT:
        return Refusal(Reason.OUT_OF_RANGE, "a count beyond 2^53 can't be kept exactly")
    return value


class Deadband:
    """Which process values are worth keeping: those that moved, aged, or changed in quality."""

    def __init__(self) -> None:
        self._kept: dict[int, Reading] = {}

    def keeps(self, channel: Channel, reading: Reading) -> bool:
        """True where this reading is to be stored; late ones always are."""
        if channel.deadband is None or channel.role != "process":
            return True
        last = self._kept.get(channel.tag_id)
        if last is not None and reading.ts_us < last.ts_us:
            return True
        if last is not None and _same(last, reading, channel.deadband):
            return False
        self._kept[channel.tag_id] = reading
        return True


def _same(last: Reading, reading: Reading, deadband: float) -> bool:
    return (
        isinstance(last.value, float)
        and isinstance(reading.value, float)
        and last.quality == reading.quality
        and abs(reading.value - last.value) <= deadband
        and reading.ts_us - last.ts_us < KEPT_AT_LEAST_EVERY_US
    )
