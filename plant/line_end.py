"""The machine at which a line's pieces are counted: its last one of those that work as most do.

Pure. The pieces of all machines would count a product once for every machine that it passes; one
that works other shifts than its line is not its end: nothing would come off while it rests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def usual(machines: Sequence[tuple[str, str]]) -> list[str]:
    """Of machines and their calendars, in the order of the flow, those with the commonest one.

    Of two as common it is that of the last machine. Pieces are counted at the last that is left.
    """
    calendars = [calendar for _, calendar in machines]
    common = Counter(reversed(calendars)).most_common(1)[0][0]
    return [machine for machine, calendar in machines if calendar == common]
