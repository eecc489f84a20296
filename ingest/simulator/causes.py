"""What a simulated machine can be doing, how often, how long, and how the machine says so.

Tables and look-ups. Never draws chance itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from plant.model import Element, Machine, MappedState, Plant, StateMap


class Cause(IntEnum):
    """Why a machine is in its state; one code each, so that a timeline is an array."""

    RUNNING = 0
    PAUSE = 1
    NO_ORDER = 2
    NO_OPERATOR = 3
    NO_MATERIAL = 4
    DOWNSTREAM_FULL = 5
    CHANGEOVER = 6
    MAINTENANCE = 7
    JAM = 8
    SENSOR_FAULT = 9
    TOOL_BREAKAGE = 10
    HYDRAULIC_LEAK = 11
    EMERGENCY_STOP = 12
    QUALITY_HOLD = 13
    SPINDLE_OVERLOAD = 14
    NO_SIGNAL = 15
    """The machine goes on, but its state is told with bad quality."""


MEANING: dict[Cause, tuple[Element, str | None]] = {
    Cause.RUNNING: ("running", None),
    Cause.PAUSE: ("idle", None),
    Cause.NO_ORDER: ("idle", "no_order"),
    Cause.NO_OPERATOR: ("idle", "no_operator"),
    Cause.NO_MATERIAL: ("starved", "no_material"),
    Cause.DOWNSTREAM_FULL: ("blocked", "downstream_full"),
    Cause.CHANGEOVER: ("setup", "changeover"),
    Cause.MAINTENANCE: ("planned_stop", "planned_maintenance"),
    Cause.JAM: ("down", "jam"),
    Cause.SENSOR_FAULT: ("down", "sensor_fault"),
    Cause.TOOL_BREAKAGE: ("down", "tool_breakage"),
    Cause.HYDRAULIC_LEAK: ("down", "hydraulic_leak"),
    Cause.EMERGENCY_STOP: ("down", "emergency_stop"),
    Cause.QUALITY_HOLD: ("down", "quality_hold"),
    Cause.SPINDLE_OVERLOAD: ("down", "spindle_overload"),
}


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A kind of stop: mean seconds between two, median and spread (σ of the log) of its length."""

    cause: Cause
    every_s: float
    median_s: float
    spread: float
    longest_s: float
    is_failure: bool = False
    """It outlasts a break, and its neighbours run dry or full."""


DISTURBANCES: tuple[Disturbance, ...] = (
    Disturbance(Cause.NO_OPERATOR, 6.5 * 3600, 300, 0.6, 1500),
    Disturbance(Cause.NO_MATERIAL, 8 * 3600, 330, 0.7, 2700),
    Disturbance(Cause.JAM, 2400, 45, 0.7, 280),
    Disturbance(Cause.SENSOR_FAULT, 12 * 3600, 420, 0.7, 3000, is_failure=True),
    Disturbance(Cause.TOOL_BREAKAGE, 20 * 3600, 1100, 0.5, 4800, is_failure=True),
    Disturbance(Cause.HYDRAULIC_LEAK, 40 * 3600, 2100, 0.5, 9000, is_failure=True),
    Disturbance(Cause.EMERGENCY_STOP, 30 * 3600, 260, 0.6, 1200, is_failure=True),
    Disturbance(Cause.QUALITY_HOLD, 36 * 3600, 900, 0.5, 3600, is_failure=True),
    Disturbance(Cause.MAINTENANCE, 7 * 86_400, 3000, 0.3, 7200, is_failure=True),
)

# When two want the same second, the later in this row has it.
PRIORITY: tuple[Cause, ...] = (
    Cause.NO_OPERATOR,
    Cause.DOWNSTREAM_FULL,
    Cause.NO_MATERIAL,
    Cause.JAM,
    Cause.CHANGEOVER,
    Cause.PAUSE,
    Cause.SENSOR_FAULT,
    Cause.EMERGENCY_STOP,
    Cause.QUALITY_HOLD,
    Cause.TOOL_BREAKAGE,
    Cause.HYDRAULIC_LEAK,
    Cause.MAINTENANCE,
    Cause.SPINDLE_OVERLOAD,
    Cause.NO_ORDER,
)

_WORDS: dict[Element, tuple[Element, ...]] = {"starved": ("idle",), "blocked": ("starved", "idle")}


@dataclass(frozen=True, slots=True)
class Word:
    """How a machine says a cause: the raw value, and what the plant file makes of it."""

    raw: str
    element: Element
    reason: str | None


def vocabulary(plant: Plant, machine: Machine) -> dict[Cause, Word]:
    """Each cause as this machine says it; without a state tag: as `MEANING` has it."""
    name = next(
        (
            tag.pattern.state_map
            for tag in plant.all_tags()
            if tag.machine == machine.code and tag.pattern.role == "state"
        ),
        None,
    )
    found = next((m for m in plant.state_maps if m.name == name), None)
    return {cause: _word(found, *meaning) for cause, meaning in MEANING.items()}


def _word(states: StateMap | None, element: Element, reason: str | None) -> Word:
    if states is None:
        return Word(element, element, reason)
    wanted = (element, *_WORDS.get(element, ()), "down", "idle", "running")
    fits = (
        (raw, mapped)
        for state in wanted
        for exact in (reason, None)
        for raw, mapped in _newest_first(states)
        if mapped.state == state and mapped.reason == exact
    )
    raw, mapped = next(fits, next(iter(states.values.items())))
    return Word(raw, mapped.state, mapped.reason)


def _newest_first(states: StateMap) -> list[tuple[str, MappedState]]:
    """PackML's Execute, Held, Idle before its transitions, which share their element."""
    steady = {"6": 0, "11": 1, "4": 2}
    return sorted(states.values.items(), key=lambda item: steady.get(item[0], 9))
