"""Columns of numpy as arrays of PostgreSQL: parameters of a statement, packed at once. No database.

Of a list, each number would be looked at and written by itself.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from psycopg.abc import DumperKey
from psycopg.adapt import Dumper, PyFormat
from psycopg.postgres import types
from psycopg.pq import Format

NAMES: dict[type[np.generic], str] = {
    np.int16: "int2",
    np.int32: "int4",
    np.int64: "int8",
    np.float64: "float8",
}
ELEMENTS = {kind: types[name] for kind, name in NAMES.items()}
HEAD = struct.Struct(">iiIii")
"""Dimensions, whether there are nulls, type of the elements, their number, index of the first."""


class ArrayDumper(Dumper):
    """Of one dimension, without nulls: a NaN is a NaN."""

    format = Format.BINARY

    def get_key(self, obj: Any, _format: PyFormat) -> DumperKey:
        """One for each type of elements."""
        return self.cls, obj.dtype.type

    def upgrade(self, obj: Any, _format: PyFormat) -> ArrayDumper:
        """Raises KeyError for a type that has no counterpart."""
        dumper = ArrayDumper(self.cls)
        dumper.oid = ELEMENTS[obj.dtype.type].array_oid
        return dumper

    def dump(self, obj: Any) -> bytes:
        """Each element after its length, in the network's order."""
        kind = obj.dtype
        items = np.empty(len(obj), dtype=[("length", ">i4"), ("value", kind.newbyteorder(">"))])
        items["length"], items["value"] = kind.itemsize, obj
        return HEAD.pack(1, 0, ELEMENTS[kind.type].oid, len(obj), 1) + items.tobytes()
