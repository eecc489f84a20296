"""The `scope` of an address: the whole plant, one line, or one machine."""

from __future__ import annotations

from collections.abc import Mapping

from plant.model import Plant


def line_of(params: Mapping[str, str], plant: Plant) -> str | None:
    """The line of "line:A"; none for the whole plant and for a line the plant doesn't have."""
    kind, _, code = params.get("scope", "").partition(":")
    known = {line.code for line in plant.lines}
    return code if kind == "line" and code in known else None
