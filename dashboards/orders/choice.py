"""Which operations the orders board shows, and in which order, as its address says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from dashboards.texts import msgid
from plant.orders import ENDED, Operation, Progress, Status

SHOWS: Mapping[str, str] = MappingProxyType(
    {
        "": msgid("All states"),
        "work": msgid("in work"),
        "waiting": msgid("waiting"),
        "over": msgid("finished"),
    }
)
SORTS: Mapping[str, str] = MappingProxyType(
    {"": msgid("By due date"), "risk": msgid("By risk"), "machine": msgid("By machine")}
)
_STATES: Mapping[str, tuple[Status, ...]] = MappingProxyType(
    {
        "work": ("running", "held"),
        "waiting": ("planned", "released"),
        "over": ("done", "cancelled"),
    }
)
_NEVER = datetime.max.replace(tzinfo=UTC)
Key = Callable[[Operation, Progress], tuple[object, ...]]
_KEYS: Mapping[str, Key] = MappingProxyType(
    {
        "risk": lambda operation, how: (
            operation.status in ENDED,
            -(how.late_risk or 0.0),
            operation.due or _NEVER,
        ),
        "machine": lambda operation, _: (operation.machine or "", operation.due or _NEVER),
    }
)


def chosen_show(params: Mapping[str, str]) -> str:
    """The states asked for; all of them where the address says none that we know."""
    return params["show"] if params.get("show") in SHOWS else ""


def chosen_sort(params: Mapping[str, str]) -> str:
    """The order asked for; by due date where the address says none that we know."""
    return params["sort"] if params.get("sort") in SORTS else ""


def is_shown(params: Mapping[str, str], operation: Operation) -> bool:
    """Whether an operation is among the states asked for."""
    states = _STATES.get(chosen_show(params))
    return states is None or operation.status in states


def sort_key(params: Mapping[str, str], operation: Operation, how: Progress) -> tuple[object, ...]:
    """What the rows are sorted by; the same for all where they stay in the board's own order."""
    key = _KEYS.get(chosen_sort(params))
    return () if key is None else key(operation, how)
