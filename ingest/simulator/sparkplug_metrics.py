"""The simulated edge's values as Sparkplug metrics: types, times, quality.

Builds payloads. Never sends.
"""

from __future__ import annotations

from ingest.simulator.live import Event
from ingest.simulator.signals import Raw
from ingest.sparkplug_payload import DataType, Payload, decode
from plant.model import Tag

REBIRTH = "Node Control/Rebirth"
_BAD_QUALITY = 0
_UNCERTAIN_QUALITY = 64


def type_of(tag: Tag, *, in_words: bool) -> DataType:
    """The metric's type; `in_words`: its states are texts."""
    if tag.pattern.role == "process":
        return DataType.DOUBLE
    if tag.pattern.role == "state":
        return DataType.STRING if in_words else DataType.INT32
    return DataType.UINT64


def add_event(payload: Payload, event: Event, kind: DataType) -> Payload:
    """What a tag said, with its quality where that is not good."""
    raw = event.raw
    if isinstance(raw, float) and kind is not DataType.DOUBLE:
        raw = int(raw)
    metric = add_metric(payload, event.ts, raw, kind)
    if event.quality:
        metric.properties.keys.append("Quality")
        value = metric.properties.values.add()
        value.type = DataType.INT32
        value.int_value = _BAD_QUALITY if event.quality == 2 else _UNCERTAIN_QUALITY
    return metric


def payload_at(at: int) -> Payload:
    """An empty payload of this time (ms)."""
    payload = Payload()
    payload.timestamp = at
    return payload


def add_metric(payload: Payload, at: int, raw: Raw | bool, kind: DataType) -> Payload:
    """A metric with its value and time (ms) in the payload; no value: null."""
    metric = payload.metrics.add()
    metric.timestamp, metric.datatype = at, kind
    if raw is None:
        metric.is_null = True
    else:
        setattr(metric, _FIELDS[kind], raw)
    return metric


_FIELDS = {
    DataType.INT32: "int_value",
    DataType.UINT64: "long_value",
    DataType.DOUBLE: "double_value",
    DataType.BOOLEAN: "boolean_value",
    DataType.STRING: "string_value",
}


def wants_rebirth(payload: bytes) -> bool:
    """Whether a command asks for births."""
    try:
        metrics = decode(payload).metrics
    except ValueError:
        return False
    return any(m.name == REBIRTH and m.boolean_value for m in metrics)
