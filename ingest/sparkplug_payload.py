"""The Sparkplug B payload (org.eclipse.tahu.protobuf.Payload), its descriptor built in code.

Gives message classes to encode and decode; source: sparkplug_b.proto of Eclipse Tahu. Never
connects, never interprets a metric. Data sets and templates are carried as bytes, undecoded.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, cast

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

if TYPE_CHECKING:
    from google.protobuf.message import Message

_PACKAGE = "taktboard.sparkplug"
_Field = descriptor_pb2.FieldDescriptorProto


class DataType(IntEnum):
    """The data types of a metric, as Sparkplug numbers them."""

    UNKNOWN = 0
    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13
    TEXT = 14
    UUID = 15
    DATASET = 16
    BYTES = 17
    FILE = 18
    TEMPLATE = 19


_TYPES = {
    "uint32": _Field.TYPE_UINT32,
    "uint64": _Field.TYPE_UINT64,
    "float": _Field.TYPE_FLOAT,
    "double": _Field.TYPE_DOUBLE,
    "bool": _Field.TYPE_BOOL,
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
}

# message → rows of (number, name, type, repeated, member of the oneof `value`)
_SCHEMA: dict[str, tuple[tuple[int, str, str, bool, bool], ...]] = {
    "PropertyValue": (
        (1, "type", "uint32", False, False),
        (2, "is_null", "bool", False, False),
        (3, "int_value", "uint32", False, True),
        (4, "long_value", "uint64", False, True),
        (5, "float_value", "float", False, True),
        (6, "double_value", "double", False, True),
        (7, "boolean_value", "bool", False, True),
        (8, "string_value", "string", False, True),
        (9, "propertyset_value", "bytes", False, True),
        (10, "propertysets_value", "bytes", False, True),
    ),
    "PropertySet": (
        (1, "keys", "string", True, False),
        (2, "values", "PropertyValue", True, False),
    ),
    "MetaData": (
        (1, "is_multi_part", "bool", False, False),
        (2, "content_type", "string", False, False),
        (3, "size", "uint64", False, False),
        (4, "seq", "uint64", False, False),
        (5, "file_name", "string", False, False),
        (6, "file_type", "string", False, False),
        (7, "md5", "string", False, False),
        (8, "description", "string", False, False),
    ),
    "Metric": (
        (1, "name", "string", False, False),
        (2, "alias", "uint64", False, False),
        (3, "timestamp", "uint64", False, False),
        (4, "datatype", "uint32", False, False),
        (5, "is_historical", "bool", False, False),
        (6, "is_transient", "bool", False, False),
        (7, "is_null", "bool", False, False),
        (8, "metadata", "MetaData", False, False),
        (9, "properties", "PropertySet", False, False),
        (10, "int_value", "uint32", False, True),
        (11, "long_value", "uint64", False, True),
        (12, "float_value", "float", False, True),
        (13, "double_value", "double", False, True),
        (14, "boolean_value", "bool", False, True),
        (15, "string_value", "string", False, True),
        (16, "bytes_value", "bytes", False, True),
        (17, "dataset_value", "bytes", False, True),
        (18, "template_value", "bytes", False, True),
    ),
    "Payload": (
        (1, "timestamp", "uint64", False, False),
        (2, "metrics", "Metric", True, False),
        (3, "seq", "uint64", False, False),
        (4, "uuid", "string", False, False),
        (5, "body", "bytes", False, False),
    ),
}


def _describe(file: descriptor_pb2.FileDescriptorProto, name: str) -> None:
    message = file.message_type.add(name=name)
    rows = _SCHEMA[name]
    if any(in_value for *_, in_value in rows):
        message.oneof_decl.add(name="value")
    for number, field_name, kind, repeated, in_value in rows:
        field = message.field.add(name=field_name, number=number)
        field.label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
        if kind in _TYPES:
            field.type = _TYPES[kind]
        else:
            field.type = _Field.TYPE_MESSAGE
            field.type_name = f".{_PACKAGE}.{kind}"
        if in_value:
            field.oneof_index = 0


def _build() -> type[Message]:
    file = descriptor_pb2.FileDescriptorProto(
        name="taktboard/sparkplug_b.proto", package=_PACKAGE, syntax="proto2"
    )
    for name in _SCHEMA:
        _describe(file, name)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))


Payload: Any = cast("Any", _build())
"""The message class: `Payload()`, `.metrics.add()`, `.SerializeToString()`. Presence of an
optional field is asked by `HasField`; which value a metric has by `WhichOneof("value")`."""


def decode(data: bytes) -> Any:
    """The `Payload` in these bytes. Raises ValueError where they are none."""
    payload = Payload()
    try:
        payload.ParseFromString(data)
    except DecodeError as error:
        raise ValueError(f"not a Sparkplug B payload: {error}") from error
    return payload
