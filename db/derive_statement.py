"""The derivation as one set-based statement, strung together from named parts. No database.

Windows in, rows of state_interval, stop_span and machine_1m out; only what differs from the stored
rows is written. Each part is a list of queries (`name as (…), …`) built on the ones before it.
"""

from __future__ import annotations

from typing import Final, LiteralString

from db.statements import statements

PARTS: Final = {
    **statements("derive_states.sql"),
    **statements("derive_stops.sql"),
    **statements("derive_counts.sql"),
    **statements("derive_minutes.sql"),
}


def _strung(*names: str) -> LiteralString:
    return "with " + ",\n\n".join(PARTS[name] for name in names) + "\n\n" + PARTS["result"]


FROM_RAW: Final = _strung(
    "work",
    "said",
    "stored_intervals",
    "intervals",
    "stops",
    "context",
    "pieces_of_time",
    "counted",
    "turns",
    "reported",
    "tally",
    "made",
    "minutes",
)
"""For windows that raw readings tell of."""

FROM_KEPT: Final = _strung(
    "work",
    "stored_intervals",
    "kept",
    "stops",
    "context",
    "pieces_of_time",
    "reported",
    "kept_tally",
    "kept_made",
    "minutes",
)
"""For older ones: the stored states and counts of each minute are the base; calendar, operations,
ideal cycles, corrections and what people said of stops are applied to them anew."""
