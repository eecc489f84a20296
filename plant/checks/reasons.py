"""Reasons: a tree without circles and not too deep, on machines that exist; none unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from plant.checks.codes import unknown
from plant.checks.tags import pattern_faults
from plant.draft import Draft
from plant.fault import Fault, written
from plant.model import Reason
from plant.stops import DEEPEST


def reason_faults(draft: Draft) -> Iterator[Fault]:
    """Faults of the tree, and reasons that state maps name and nobody knows."""
    by_code = {reason.code: reason for _, reason in draft.reasons.entries}
    for key, reason in draft.reasons.entries:
        yield from pattern_faults(f"{key}.machines", reason.machines, draft.machines.known)
        if reason.parent is not None:
            yield from unknown(f"{key}.parent", reason.parent, "a reason", draft.reasons.known)
            yield from _tree_faults(key, reason, by_code)
    yield from _map_faults(draft)


def _tree_faults(key: str, reason: Reason, by_code: Mapping[str, Reason]) -> Iterator[Fault]:
    path = [reason.code]
    at = reason.parent
    while at is not None and at not in path:
        path.append(at)
        at = by_code[at].parent if at in by_code else None
    parent = written(reason.parent)
    if at == reason.code:
        circle = " → ".join([*path, at])
        yield Fault(f"{key}.parent", parent, f"a reason that is not below this one ({circle})", "")
    elif at is None and len(path) > DEEPEST:
        expected = f"a tree of at most {DEEPEST} levels ({' → '.join(reversed(path))})"
        yield Fault(f"{key}.parent", parent, expected, f'parent = "{path[-DEEPEST + 1]}"')


def _map_faults(draft: Draft) -> Iterator[Fault]:
    for key, state_map in draft.state_maps.entries:
        for raw, mapped in state_map.values.items():
            if mapped.reason is not None:
                yield from unknown(
                    f"{key}.values.{raw}.reason", mapped.reason, "a reason", draft.reasons.known
                )
        if "*" in state_map.values:
            yield Fault(
                f"{key}.values.*",
                written(state_map.values["*"].state),
                "a raw value; what all others mean is said by `otherwise`",
                'otherwise = "idle"',
            )
