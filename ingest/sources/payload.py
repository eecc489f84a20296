"""Values out of JSON: paths (JMESPath, plain ones without it), times. Pure; says why it can't."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

import jmespath
import orjson
from jmespath.exceptions import JMESPathError

from db.readings import micros
from ingest.reading import Reason, Refusal

LARGEST_BYTES = 1 << 20
_PLAIN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_MILLISECONDS = 1_000


class Absent:
    """Stands for what is not in a payload; null is there."""


ABSENT: Final = Absent()
Find = Callable[[object], object]
"""Payload → the value at a path, or ABSENT."""


def parsed(payload: bytes) -> object | Refusal:
    """The JSON in a payload, or why there is none."""
    if len(payload) > LARGEST_BYTES:
        return Refusal(Reason.TOO_LARGE, f"{len(payload)} bytes; at most {LARGEST_BYTES} are read")
    try:
        found: object = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        return Refusal(Reason.BAD_JSON, str(error))
    return found


def finder(path: str) -> Find:
    """How to find a path; '' is the payload itself. Raises ValueError for a bad path."""
    if not path:
        return lambda payload: payload
    if _PLAIN.fullmatch(path):
        return _plain(tuple(path.split(".")))
    try:
        expression = jmespath.compile(path)
    except JMESPathError as error:
        raise ValueError(f"the path {path!r} can't be read: {error}") from error
    return lambda payload: _searched(expression, payload)


def _plain(keys: tuple[str, ...]) -> Find:
    def find(payload: object) -> object:
        for key in keys:
            if not isinstance(payload, dict) or key not in payload:
                return ABSENT
            payload = payload[key]
        return payload

    return find


def _searched(expression: jmespath.parser.ParsedResult, payload: object) -> object:
    try:
        found = expression.search(payload)
    except (JMESPathError, TypeError, ValueError):
        return ABSENT
    return ABSENT if found is None else found


def time_us(raw: object) -> int | Refusal:
    """Epoch milliseconds or ISO 8601 with a zone as µs since 1970."""
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        return Refusal(
            Reason.BAD_TIME, "epoch milliseconds or ISO 8601 with a time zone is expected"
        )
    try:
        if isinstance(raw, str):
            return _iso_us(raw)
        return int(raw * _MILLISECONDS)
    except (ValueError, OverflowError) as error:
        return Refusal(Reason.BAD_TIME, f"{str(raw)[:40]}: {error}")


def _iso_us(text: str) -> int | Refusal:
    at = datetime.fromisoformat(text[:64])
    if at.tzinfo is None:
        return Refusal(Reason.BAD_TIME, f"{text[:40]}: the time zone is missing")
    return micros(at)
