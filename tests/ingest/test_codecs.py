"""Parsers of payloads: OPC UA publish responses, JSON, Sparkplug; hostile bytes included."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary
from hypothesis import given
from hypothesis import strategies as st

from db.readings import micros
from ingest.reading import Refusal
from ingest.sources import opcua_codec as codec
from ingest.sources.opcua_delivery import _decode_anything
from ingest.sources.payload import ABSENT, finder, parsed, time_us
from ingest.sources.sparkplug_node import value_of
from ingest.sparkplug_payload import Payload, decode

AT = ua.DateTime(2026, 1, 5, 8, 0, 0, 123_456, tzinfo=UTC)


def response(*values: ua.DataValue) -> bytes:
    """A publish response with one data change, by asyncua's own encoder."""
    items = [ua.MonitoredItemNotification(ClientHandle=n, Value=v) for n, v in enumerate(values)]
    message = ua.NotificationMessage(SequenceNumber=9, PublishTime=AT)
    message.NotificationData = [ua.DataChangeNotification(MonitoredItems=items)]
    answer = ua.PublishResponse()
    answer.Parameters.SubscriptionId = 5
    answer.Parameters.AvailableSequenceNumbers = [8, 9]
    answer.Parameters.NotificationMessage = message
    return struct_to_binary(answer)


scalars = (
    st.builds(ua.Variant, st.booleans(), st.just(ua.VariantType.Boolean))
    | st.builds(ua.Variant, st.integers(-(2**7), 2**7 - 1), st.just(ua.VariantType.SByte))
    | st.builds(ua.Variant, st.integers(0, 2**8 - 1), st.just(ua.VariantType.Byte))
    | st.builds(ua.Variant, st.integers(-(2**15), 2**15 - 1), st.just(ua.VariantType.Int16))
    | st.builds(ua.Variant, st.integers(0, 2**16 - 1), st.just(ua.VariantType.UInt16))
    | st.builds(ua.Variant, st.integers(-(2**31), 2**31 - 1), st.just(ua.VariantType.Int32))
    | st.builds(ua.Variant, st.integers(0, 2**32 - 1), st.just(ua.VariantType.UInt32))
    | st.builds(ua.Variant, st.integers(-(2**63), 2**63 - 1), st.just(ua.VariantType.Int64))
    | st.builds(ua.Variant, st.integers(0, 2**64 - 1), st.just(ua.VariantType.UInt64))
    | st.builds(ua.Variant, st.floats(width=32, allow_nan=False), st.just(ua.VariantType.Float))
    | st.builds(ua.Variant, st.floats(allow_nan=False), st.just(ua.VariantType.Double))
    | st.builds(ua.Variant, st.text(max_size=50), st.just(ua.VariantType.String))
)
data_values = st.builds(
    ua.DataValue,
    scalars,
    st.builds(ua.StatusCode, st.sampled_from([0, 0x40000000, 0x80000000, 0x480])),
    st.integers(1, 4_102_444_800).map(lambda s: ua.DateTime.fromtimestamp(s, UTC)),
    st.just(AT),
)


@given(st.lists(data_values, max_size=5))
def test_the_struct_decoder_reads_what_asyncua_reads(values: list[ua.DataValue]) -> None:
    body = response(*values)
    assert codec.decode(body) == _decode_anything(body)


def test_server_time_stands_in_for_the_sources() -> None:
    value = ua.DataValue(ua.Variant(1.0), ua.StatusCode(), None, AT)
    (item,) = codec.decode(response(value)).items
    assert item.ts_us == micros(AT)


@pytest.mark.parametrize(
    "variant",
    [
        ua.Variant([1.0, 2.0]),
        ua.Variant(AT),
        ua.Variant(ua.LocalizedText("x")),
        ua.Variant(b"bytes"),
    ],
)
def test_what_is_no_scalar_is_left_to_asyncua(variant: ua.Variant) -> None:
    body = response(ua.DataValue(variant))
    with pytest.raises(codec.Unusual):
        codec.decode(body)
    assert len(_decode_anything(body).items) == 1


@given(st.binary(max_size=200), st.integers(0, 150))
def test_hostile_bytes_are_unusual_at_worst(noise: bytes, at: int) -> None:
    body = response(ua.DataValue(ua.Variant(1.0)))
    for hostile in (noise, body[:at], body[:at] + noise, body[:at] + noise[:1] + body[at + 1 :]):
        try:
            codec.decode(hostile)
        except codec.Unusual:
            continue


@given(st.binary(max_size=300))
def test_any_bytes_are_json_or_refused(body: bytes) -> None:
    found = parsed(body)
    if isinstance(found, Refusal):
        assert found.reason in ("bad_json", "too_large")
    else:
        assert orjson.loads(body) == found


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "bad_json"),
        (b'{"a": 1', "bad_json"),
        (b"\xff\xfe", "bad_json"),
        (b"[" * 100_000, "bad_json"),
        (b" " * (11 << 20), "too_large"),
        (b'{"a": NaN}', "bad_json"),
    ],
)
def test_bad_payloads_are_refused(body: bytes, reason: str) -> None:
    found = parsed(body)
    assert isinstance(found, Refusal)
    assert found.reason == reason


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("state", "RUN"),
        ("counters.good", 5),
        ("counters.none", None),
        ("counters.absent", ABSENT),
        ("state.good", ABSENT),
        ("list[1]", 2),
        ("list[?@ > `1`] | [0]", 2),
        ("absent[0]", ABSENT),
        ("abs(state)", ABSENT),
    ],
)
def test_paths(path: str, expected: object) -> None:
    payload = {"state": "RUN", "counters": {"good": 5, "none": None}, "list": [1, 2]}
    assert finder(path)(payload) == expected


def test_a_bad_path_is_told() -> None:
    with pytest.raises(ValueError, match="can't be read"):
        finder("a[")


@pytest.mark.parametrize(
    "raw",
    [1767600000123, 1767600000123.0, "2026-01-05T08:00:00.123Z", "2026-01-05T16:00:00.123+08:00"],
)
def test_times(raw: object) -> None:
    assert time_us(raw) == micros(datetime(2026, 1, 5, 8, tzinfo=UTC) + timedelta(milliseconds=123))


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none()))
def test_any_time_is_read_or_refused(raw: object) -> None:
    assert isinstance(time_us(raw), (int, Refusal))


@given(st.binary(max_size=200))
def test_any_bytes_are_sparkplug_or_refused(body: bytes) -> None:
    try:
        payload = decode(body)
    except ValueError:
        return
    for metric in payload.metrics:
        for datatype in range(25):
            value_of(metric, datatype)


@pytest.mark.parametrize(
    ("datatype", "field", "raw", "value"),
    [
        (1, "int_value", 0xFF, -1),
        (2, "int_value", 0xFFFE, -2),
        (3, "int_value", 2**32 - 3, -3),
        (3, "int_value", 7, 7),
        (4, "long_value", 2**64 - 4, -4),
        (8, "long_value", 2**64 - 1, 2**64 - 1),
        (10, "double_value", 1.5, 1.5),
        (11, "boolean_value", True, True),
        (12, "string_value", "RUN", "RUN"),
    ],
)
def test_sparkplug_values_have_their_sign(
    datatype: int, field: str, raw: object, value: object
) -> None:
    payload = Payload()
    payload.metrics.add(name="x", datatype=datatype, **{field: raw})
    assert value_of(payload.metrics[0], datatype) == value
