"""The machine at which a line's pieces are counted: its last one of those that work as most do.

Pure. The pieces of all machines would count a product once for every machine that it passes; one
that works other shifts than its line is not its end: nothing would come off while it rests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from plant.model import Machine, Plant


def usual(machines: Sequence[Machine], plant: Plant) -> list[Machine]:
    """Those with the commonest calendar; of two as common, that of the last machine."""
    calendars = [plant.calendar_of(machine) for machine in machines]
    common = Counter(reversed(calendars)).most_common(1)[0][0]
    return [m for m, code in zip(machines, calendars, strict=True) if code == common]


def line_ends(plant: Plant) -> dict[str, Machine]:
    """By line; a line without machines is missing."""
    by_line = {
        line.code: [m for m in plant.machines if m.line == line.code] for line in plant.lines
    }
    return {code: usual(found, plant)[-1] for code, found in by_line.items() if found}
