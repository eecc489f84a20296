"""Lines: what feeds a machine stands before it on the same line, and so does what sets the pace."""

from __future__ import annotations

from collections.abc import Iterator

from plant.draft import Draft
from plant.fault import Fault, nearest, written
from plant.model import Line, Machine


def flow_faults(draft: Draft) -> Iterator[Fault]:
    """Constraints and neighbours that are elsewhere, and joints of nothing."""
    machines = [machine for _, machine in draft.machines.entries]
    for key, line in draft.lines.entries:
        yield from _constraint_faults(key, line, machines)
    for place, (key, machine) in enumerate(draft.machines.entries):
        yield from _after_faults(key, machine, machines[:place])


def _constraint_faults(key: str, line: Line, machines: list[Machine]) -> Iterator[Fault]:
    known = [machine.code for machine in machines if machine.line == line.code]
    if line.constraint is not None and line.constraint not in known:
        yield Fault(
            f"{key}.constraint",
            written(line.constraint),
            f"a machine of line {line.code}; {nearest(line.constraint, known)}",
            f'constraint = "{known[-1] if known else "A01"}"',
        )


def _after_faults(key: str, machine: Machine, above: list[Machine]) -> Iterator[Fault]:
    known = [other.code for other in above if other.line == machine.line]
    named = machine.after or ()
    for place, code in enumerate(named):
        if code not in known:
            yield Fault(
                f"{key}.after",
                written(code),
                f"a machine of line {machine.line} that stands above {machine.code} in the file;"
                f" {nearest(code, known)}",
                f'after = ["{known[-1]}"]' if known else "after = []",
            )
        elif code in named[:place]:
            yield Fault(f"{key}.after", written(code), "each machine once", f'after = ["{code}"]')
    if machine.joins and len(named) < 2:
        expected = "several machines in `after` that it needs all, or no such key"
        example = f"after = {written(known[-2:])}" if len(known) > 1 else "joins = false"
        yield Fault(f"{key}.joins", "true", expected, example)
