"""The plant as its file `plant.toml` describes it.

Checked, frozen models. Never touches a database, a clock or the network. Every field names an
example, so that a fault can show one. `plant.check.read` makes a plant from a file.
"""

from __future__ import annotations

from datetime import date
from fnmatch import fnmatchcase
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator, model_validator

from plant.horizon import Horizon, Storage
from plant.hour_board import HourBoard
from plant.part import (
    OTHERWISE,
    WEEKDAYS,
    Code,
    Element,
    Label,
    Language,
    MailAddress,
    Part,
    Priority,
    Ratio,
    Role,
    Seconds,
    StopElement,
    TimeOfDay,
    Tolerance,
    Weekday,
)
from plant.rule import (
    AnomalyRule,
    DiskFullRule,
    LineOeeRule,
    MachineDownRule,
    Mail,
    OrderLateRule,
    Recipient,
    Rule,
    SourceSilentRule,
    TagLimitRule,
)
from plant.shift import (
    Break,
    Calendar,
    Change,
    Holiday,
    Maintenance,
    Rotation,
    Shift,
    Team,
)
from plant.source import (
    MqttSource,
    OpcUaSource,
    RestSource,
    Source,
    SparkplugSource,
)
from plant.tag import (
    Limits,
    Tag,
    TagPattern,
    spread,
)

__all__ = [
    "OTHERWISE",
    "WEEKDAYS",
    "AnomalyRule",
    "Area",
    "Break",
    "Calendar",
    "Change",
    "Code",
    "DiskFullRule",
    "Element",
    "Holiday",
    "Horizon",
    "HourBoard",
    "Label",
    "Language",
    "Limits",
    "Line",
    "LineOeeRule",
    "Machine",
    "MachineDownRule",
    "Mail",
    "MailAddress",
    "Maintenance",
    "MappedState",
    "MqttSource",
    "OpcUaSource",
    "OrderLateRule",
    "Part",
    "Plant",
    "Priority",
    "Product",
    "Ratio",
    "Reason",
    "Recipient",
    "RestSource",
    "Role",
    "Rotation",
    "Rule",
    "Seconds",
    "Shift",
    "Site",
    "Source",
    "SourceSilentRule",
    "SparkplugSource",
    "StateMap",
    "StopElement",
    "Tag",
    "TagLimitRule",
    "TagPattern",
    "Team",
    "TimeOfDay",
    "Tolerance",
    "Weekday",
    "spread",
]


class Site(Part):
    code: Code
    name: Label
    time_zone: str = Field(examples=["Asia/Shanghai"])
    language: Language = "en"
    target_oee: Ratio = 0.75
    target_availability: Ratio | None = None
    target_performance: Ratio | None = None
    target_quality: Ratio | None = None
    """Of the factors of OEE; those not given follow from the target OEE."""
    target_tolerance: Tolerance = 0.05
    """Of OEE: what misses its target by less is not called out."""
    micro_stop_s: Seconds = 300.0
    """Stops shorter than this count as minor stops."""
    calendar: Code | None = None
    """Of the lines that name none."""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("a name of the IANA time zone database is expected")
        return value

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class Area(Part):
    code: Code
    name: Label


class Line(Part):
    code: Code
    area: Code
    name: Label
    calendar: Code | None = None
    """Its own calendar, where it differs from the site's."""
    valid_from: date | None = Field(default=None, examples=["2026-11-02"])
    """The day since which it works by this calendar; none: since it is applied."""
    target_oee: Ratio | None = None
    target_availability: Ratio | None = None
    target_performance: Ratio | None = None
    target_quality: Ratio | None = None
    """The targets of a line; none: the site's, or what follows from its own target OEE."""
    constraint: Code | None = Field(default=None, examples=["A04"])
    """The machine that sets its pace; none: the slowest for the product, else the last."""
    flow_valid_from: date | None = Field(default=None, examples=["2026-11-02"])
    """The day since which its machines stand so, with these buffers and this constraint; none:
    since it is applied."""
    infer_flow: bool = False
    """Its machines that say only idle are starved or blocked where a neighbour explains it."""


class Machine(Part):
    code: Code
    line: Code
    name: Label
    calendar: Code | None = None
    """Its own calendar, where it differs from the line's."""
    counts: Literal["tags", "mes"] | None = None
    """Where its pieces are counted; none: by tags where it has any, else by the MES."""
    valid_from: date | None = Field(default=None, examples=["2026-11-02"])
    """The day since which it is on this line, by this calendar; none: since it is applied."""
    after: tuple[Code, ...] | None = Field(default=None, examples=[["A02", "A03"]])
    """The machines that feed it; none: the one before it in the file."""
    joins: bool = False
    """It needs all that feed it, as an assembly does; else any of them will do."""
    buffer_s: float = Field(default=0.0, ge=0, examples=[600.0])
    """How long the parts that stand before it last."""


class Product(Part):
    code: Code
    name: Label
    ideal_cycle_s: dict[Code, Seconds] = Field(min_length=1, examples=[{"A": 12.0, "A03": 11.5}])
    """Ideal seconds a piece, by line or machine code; a machine's own entry wins."""
    cycle_valid_from: date | None = Field(default=None, examples=["2026-11-02"])
    """The day since which these cycles hold; none: since they are applied."""


class Reason(Part):
    """Why a machine stops. What it doesn't say itself it takes from the reason above it."""

    code: Code
    name: Label
    parent: Code | None = Field(default=None, examples=["mechanical"])
    """The reason above it in the tree."""
    element: StopElement | None = Field(default=None, examples=["planned_stop"])
    """What a stop with this reason is; none: what the machine said."""
    machines: tuple[str, ...] = Field(default=(), examples=[["A*", "B01"]])
    """The machines that may be given it; empty: all of them."""
    retired: bool = False
    """No longer given to stops; those that have it keep it."""


class MappedState(Part):
    """What one raw value of a machine means; a plain string stands for the state alone."""

    state: Element = Field(examples=["down"])
    reason: Code | None = None

    @model_validator(mode="before")
    @classmethod
    def _state_alone(cls, value: object) -> object:
        return {"state": value} if isinstance(value, str) else value


class StateMap(Part):
    name: Code
    values: dict[str, MappedState] = Field(
        examples=[{"6": "running", "9": {"state": "down", "reason": "jam"}}]
    )
    otherwise: Element = "unknown"
    """The state of a raw value that the map does not name."""


class Plant(Part):
    site: Site
    areas: tuple[Area, ...] = Field(min_length=1)
    lines: tuple[Line, ...] = Field(min_length=1)
    machines: tuple[Machine, ...] = Field(min_length=1)
    calendars: tuple[Calendar, ...] = Field(min_length=1)
    teams: tuple[Team, ...] = ()
    holidays: tuple[Holiday, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    changes: tuple[Change, ...] = ()
    products: tuple[Product, ...] = ()
    reasons: tuple[Reason, ...] = ()
    state_maps: tuple[StateMap, ...] = ()
    sources: tuple[Source, ...] = ()
    tags: tuple[TagPattern, ...] = ()
    alerts: tuple[Rule, ...] = ()
    recipients: tuple[Recipient, ...] = ()
    mail: Mail | None = None
    hour_board: HourBoard = HourBoard()
    horizon: Horizon = Horizon()
    storage: Storage = Storage()

    def machines_like(self, patterns: tuple[str, ...]) -> tuple[Machine, ...]:
        """The machines whose code any of the glob patterns names, in the file's order."""
        return tuple(m for m in self.machines if any(fnmatchcase(m.code, p) for p in patterns))

    def all_tags(self) -> tuple[Tag, ...]:
        """Every pattern spread over its machines, in the file's order."""
        return tuple(
            spread(pattern, machine.code, machine.line)
            for pattern in self.tags
            for machine in self.machines_like(pattern.machines)
        )

    def ideal_cycle_s(self, product: Product, machine: Machine) -> float | None:
        """Seconds a piece of this product should take on this machine; none where not given."""
        cycles = product.ideal_cycle_s
        return cycles.get(machine.code, cycles.get(machine.line))

    def calendar_of(self, machine: Machine) -> str:
        """The code of the calendar that a machine works by: its own, its line's, the site's."""
        line = next(line for line in self.lines if line.code == machine.line)
        return machine.calendar or line.calendar or self.site.calendar or ""
