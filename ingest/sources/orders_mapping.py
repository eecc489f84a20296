"""From a business system's item to our operation, as the plant file maps it. Pure.

What can't be mapped is refused with the reason, item by item; the rest of an answer is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from zoneinfo import ZoneInfo

import orjson
from pydantic import TypeAdapter, ValidationError

from db.order_events import Mark
from ingest.reading import Reason, Refusal
from ingest.sources.payload import ABSENT, finder
from plant.model import RestSource
from plant.orders import Operation

_OPERATION: TypeAdapter[Operation] = TypeAdapter(Operation)
_TIMES = ("at", "planned_start", "due", "started_at", "ended_at")
_TEXTS = ("order", "operation", "revision", "machine", "product", "parent")


@dataclass(frozen=True, slots=True)
class MappedOrder:
    """An operation, and the key that is the same where nothing of it changed."""

    operation: Operation
    key: bytes


@dataclass(slots=True)
class Mapped:
    """What one answer holds."""

    orders: list[MappedOrder] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    refused: list[tuple[Refusal, bytes]] = field(default_factory=list)


class OrderMap:
    """The mapping of one source. Raises ValueError where a path of it can't be read."""

    def __init__(self, source: RestSource, zone: ZoneInfo) -> None:
        self._find = {name: finder(path) for name, path in source.fields.items()}
        self._mark = finder(source.mark)
        self._statuses = source.statuses
        self._zone = zone

    def read(self, items: Sequence[object]) -> Mapped:
        """Map each item; never raises for what is in them."""
        found = Mapped()
        for item in items:
            body = orjson.dumps(item)
            mark = self._mark(item)
            operation = self._operation(item, mark)
            if isinstance(operation, Refusal):
                found.refused.append((operation, body))
            else:
                found.orders.append(MappedOrder(operation, sha256(body).digest()))
            if isinstance(mark, (str, int, float)) and not isinstance(mark, bool):
                found.marks.append(mark)
        return found

    def _operation(self, item: object, mark: object) -> Operation | Refusal:
        values = {name: find(item) for name, find in self._find.items()}
        fields = {
            name: raw for name, raw in values.items() if raw is not ABSENT and raw is not None
        }
        if mark is not ABSENT and mark is not None:
            fields.setdefault("revision", mark)
            fields.setdefault("at", mark)
        try:
            return _OPERATION.validate_python(self._typed(fields))
        except (ValueError, OverflowError) as error:
            return Refusal(Reason.BAD_ORDER, _words(error))

    def _typed(self, fields: dict[str, object]) -> dict[str, object]:
        typed = dict(fields)
        for name in _TEXTS:
            if isinstance(raw := typed.get(name), (int, float)):
                typed[name] = str(raw)
        for name in _TIMES:
            if name in typed:
                typed[name] = self._time(name, typed[name])
        if "status" in typed:
            typed["status"] = self._status(typed["status"])
        return typed

    def _time(self, name: str, raw: object) -> datetime:
        """ISO 8601 (without a zone: the plant's), or epoch milliseconds."""
        if isinstance(raw, str):
            at = datetime.fromisoformat(raw)
            return at if at.tzinfo is not None else at.replace(tzinfo=self._zone)
        if isinstance(raw, (int, float)) and not isinstance(raw, bool):
            return datetime.fromtimestamp(raw / 1000, tz=self._zone)
        raise ValueError(f"{name}: a time is expected, not {str(raw)[:40]}")

    def _status(self, raw: object) -> str:
        """Ours for theirs; a status that is ours already needs no entry."""
        return self._statuses.get(str(raw), str(raw))


def _words(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)[:300]
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in faults)[:300]
