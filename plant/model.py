"""The plant as its file `plant.toml` describes it.

Reads text and returns checked, frozen models. Never touches a database, a clock or the network.
Every field names an example, so that a fault can show one.
"""

from __future__ import annotations

import re
from datetime import date, time
from fnmatch import fnmatchcase
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

Language = Literal["en", "zh"]
Role = Literal["state", "good", "scrap", "cycle", "process"]
Element = Literal[
    "not_scheduled",
    "planned_stop",
    "setup",
    "running",
    "down",
    "idle",
    "starved",
    "blocked",
    "unknown",
]
Priority = Literal["critical", "warning", "info"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
OTHERWISE = "*"
"""Any other raw value, where a state map is kept flat; so no raw value of a map may be it."""
_MINUTE = re.compile(r"([01]\d|2[0-4]):([0-5]\d)(:00)?")

Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", examples=["A01"])]
Ratio = Annotated[float, Field(gt=0, le=1, examples=[0.75])]
Seconds = Annotated[float, Field(gt=0, examples=[30.0])]
MailAddress = Annotated[
    str, Field(pattern=r"^[^@\s]+@[^@\s]+$", examples=["maintenance@example.com"])
]


def _whole_minute(value: object) -> time:
    """A time of day from "HH:MM" or TOML's own local time; "24:00" is midnight, as an end."""
    found = _MINUTE.fullmatch(value.isoformat() if isinstance(value, time) else str(value))
    if found is None or (found[1] == "24" and found[2] != "00"):
        raise ValueError('a time of day at a whole minute as "HH:MM" is expected')
    return time(int(found[1]) % 24, int(found[2]))


TimeOfDay = Annotated[time, BeforeValidator(_whole_minute)]


class Part(BaseModel):
    """What every part of the file has in common: unknown keys are refused, values never change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class Label(Part):
    """A text in the plant's languages; a plain string stands for both."""

    en: str = Field(min_length=1, examples=["Spindle overload"])
    zh: str = Field(min_length=1, examples=["主轴过载"])

    @model_validator(mode="before")
    @classmethod
    def _one_for_both(cls, value: object) -> object:
        return {"en": value, "zh": value} if isinstance(value, str) else value

    def text(self, language: Language) -> str:
        """The text in one language."""
        return self.zh if language == "zh" else self.en


class Site(Part):
    code: Code
    name: Label
    time_zone: str = Field(examples=["Asia/Shanghai"])
    language: Language = "en"
    target_oee: Ratio = 0.75
    micro_stop_s: Seconds = 300.0
    """Stops shorter than this count as minor stops."""

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
    calendar: Code
    target_oee: Ratio | None = None


class Machine(Part):
    code: Code
    line: Code
    name: Label
    calendar: Code | None = None
    """Its own calendar, where it differs from the line's."""


class Product(Part):
    code: Code
    name: Label
    ideal_cycle_s: dict[Code, Seconds] = Field(min_length=1, examples=[{"A": 12.0, "A03": 11.5}])
    """Ideal seconds a piece, by line or machine code; a machine's own entry wins."""


class Break(Part):
    start: TimeOfDay = Field(examples=["10:00"])
    end: TimeOfDay = Field(examples=["10:20"])


class Shift(Part):
    code: Code
    name: Label
    start: TimeOfDay = Field(examples=["06:00"])
    end: TimeOfDay = Field(examples=["14:00"])
    """At or before the start: the shift ends on the next day."""
    days: tuple[Weekday, ...] = Field(default=WEEKDAYS, min_length=1)
    """The days on which it starts; the production day is the day of its start."""
    breaks: tuple[Break, ...] = ()


class Calendar(Part):
    code: Code
    shifts: tuple[Shift, ...]


class Holiday(Part):
    day: date = Field(examples=["2026-10-01"])
    name: Label
    calendars: tuple[Code, ...] = ()
    """Empty: every calendar."""


class Reason(Part):
    code: Code
    name: Label


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


class _Source(Part):
    name: Code
    stale_after_s: Seconds = 5.0
    """Silence after which its tags count as unknown."""


class OpcUaSource(_Source):
    kind: Literal["opcua"]
    url: str = Field(pattern=r"^opc\.tcp://", examples=["opc.tcp://10.0.0.5:4840"])
    publishing_interval_ms: int = Field(default=250, ge=50, le=60_000)
    queue_size: int = Field(default=600, ge=1)
    """Values the server keeps a tag while we are away: longest outage × rate."""
    security: Literal["none", "basic256sha256_sign", "basic256sha256_sign_encrypt"]
    certificate: str | None = None
    private_key: str | None = None
    server_certificate: str | None = None
    user: str | None = None
    password_env: str | None = None
    """Variable that holds the password; NAME_FILE is read where NAME is not set."""


class _Broker(_Source):
    host: str = Field(examples=["10.0.0.6"])
    port: int = Field(default=1883, ge=1, le=65535)
    tls: bool = False
    ca_file: str | None = None
    client_id: str | None = None
    """Stable across restarts, so that the broker keeps what was sent meanwhile."""
    user: str | None = None
    password_env: str | None = None


class MqttSource(_Broker):
    kind: Literal["mqtt"]
    topics: tuple[str, ...] = Field(min_length=1, examples=[["plant/+/+/status"]])
    timestamp: str | None = "timestamp_ms"
    """JMESPath of the time in a payload: epoch milliseconds or ISO 8601; "": time of arrival."""
    qos: Literal[0, 1, 2] = 1

    @field_validator("timestamp")
    @classmethod
    def _arrival(cls, value: str | None) -> str | None:
        return value or None


class SparkplugSource(_Broker):
    kind: Literal["sparkplug"]
    group: str = Field(examples=["Suzhou1"])
    host_id: str = "taktboard"


class RestSource(_Source):
    kind: Literal["rest"]
    url: str = Field(pattern=r"^https?://", examples=["http://mes.local/api/operations"])
    interval_s: Seconds = 2.0
    items: str = "items"
    """JMESPath of the list in the answer."""
    next_page: str | None = None
    """JMESPath of the address of the next page, where the answer is paged."""
    mark: str = "updated_at"
    """JMESPath, in an item, of what the next poll asks from."""
    mark_parameter: str = "updated_since"
    fields: dict[str, str] = Field(examples=[{"order": "wo_id", "good": "qty_prod"}])
    """Our field ← JMESPath in an item; the fields are those of `plant.orders.Operation`."""
    statuses: dict[str, str] = Field(default_factory=dict, examples=[{"WIP": "running"}])
    """Their status → ours: planned, running, held, done, cancelled."""
    token_env: str | None = None


Source = Annotated[
    OpcUaSource | MqttSource | SparkplugSource | RestSource, Field(discriminator="kind")
]


class TagPattern(Part):
    """One tag on each machine that a pattern names; `{machine}` and `{line}` are filled in."""

    name: Code
    machines: tuple[str, ...] = Field(min_length=1, examples=[["A*", "B01"]])
    source: Code
    role: Role
    address: str = Field(min_length=1, examples=["ns=2;s={machine}.State"])
    """OPC UA: node id. MQTT: topic. Sparkplug: edge node/device."""
    path: str = ""
    """MQTT: JMESPath in the payload. Sparkplug: name of the metric."""
    label: Label | None = None
    unit: str = ""
    scale: float = 1.0
    deadband: float = Field(default=0.0, ge=0)
    """A process value is kept when it moved by more than this, in its unit."""
    state_map: Code | None = None
    counter: Literal["total", "delta"] = "total"
    """How a count arrives: as a running total, or as the pieces since the last message."""
    modulus: float | None = Field(default=None, gt=0, examples=[65536])
    """Where a running total rolls over."""


class Tag(Part):
    """One tag of one machine, all placeholders filled in."""

    code: str
    """`machine.name`, unique in the plant."""
    machine: Code
    pattern: TagPattern
    address: str
    path: str


class _Rule(Part):
    code: Code
    name: Label
    priority: Priority = "warning"
    on_delay_s: float = Field(default=0.0, ge=0)
    off_delay_s: float = Field(default=0.0, ge=0)
    recipients: tuple[Code, ...] = ()


class TagLimitRule(_Rule):
    kind: Literal["tag_limit"]
    tag: Code
    machines: tuple[str, ...] = ("*",)
    above: float | None = None
    below: float | None = None
    deadband: float = Field(default=0.0, ge=0)


class MachineDownRule(_Rule):
    kind: Literal["machine_down"]
    machines: tuple[str, ...] = ("*",)
    longer_than_s: Seconds


class LineOeeRule(_Rule):
    kind: Literal["line_oee"]
    lines: tuple[str, ...] = ("*",)
    below: Ratio
    deadband: float = Field(default=0.02, ge=0)
    after_s: Seconds = 3600.0
    """Seconds of planned busy time in the shift before it is judged."""


class OrderLateRule(_Rule):
    kind: Literal["order_late"]
    probability: Ratio = 0.8


class SourceSilentRule(_Rule):
    kind: Literal["source_silent"]
    sources: tuple[str, ...] = ("*",)
    longer_than_s: Seconds


class AnomalyRule(_Rule):
    kind: Literal["anomaly"]
    tag: Code
    machines: tuple[str, ...] = ("*",)


Rule = Annotated[
    TagLimitRule | MachineDownRule | LineOeeRule | OrderLateRule | SourceSilentRule | AnomalyRule,
    Field(discriminator="kind"),
]


class Recipient(Part):
    code: Code
    name: str
    address: MailAddress
    language: Language = "en"


class Mail(Part):
    host: str = Field(examples=["mail.example.com"])
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["none", "starttls", "tls"] = "starttls"
    sender: MailAddress
    user: str | None = None
    password_env: str | None = None
    boards_url: str = Field(examples=["http://taktboard.local:8050"])
    """Where the links in a mail lead."""


class Plant(Part):
    site: Site
    areas: tuple[Area, ...] = Field(min_length=1)
    lines: tuple[Line, ...] = Field(min_length=1)
    machines: tuple[Machine, ...] = Field(min_length=1)
    calendars: tuple[Calendar, ...] = Field(min_length=1)
    holidays: tuple[Holiday, ...] = ()
    products: tuple[Product, ...] = ()
    reasons: tuple[Reason, ...] = ()
    state_maps: tuple[StateMap, ...] = ()
    sources: tuple[Source, ...] = ()
    tags: tuple[TagPattern, ...] = ()
    alerts: tuple[Rule, ...] = ()
    recipients: tuple[Recipient, ...] = ()
    mail: Mail | None = None

    def machines_like(self, patterns: tuple[str, ...]) -> tuple[Machine, ...]:
        """The machines whose code any of the glob patterns names, in the file's order."""
        return tuple(m for m in self.machines if any(fnmatchcase(m.code, p) for p in patterns))

    def all_tags(self) -> tuple[Tag, ...]:
        """Every pattern spread over its machines, in the file's order."""
        return tuple(
            spread(pattern, machine)
            for pattern in self.tags
            for machine in self.machines_like(pattern.machines)
        )

    def ideal_cycle_s(self, product: Product, machine: Machine) -> float | None:
        """Seconds a piece of this product should take on this machine; none where not given."""
        cycles = product.ideal_cycle_s
        return cycles.get(machine.code, cycles.get(machine.line))

    def calendar_of(self, machine: Machine) -> str:
        """The code of the calendar that a machine works by: its own, else its line's."""
        line = next(line for line in self.lines if line.code == machine.line)
        return machine.calendar or line.calendar


def spread(pattern: TagPattern, machine: Machine) -> Tag:
    """One tag of a pattern: `{machine}` and `{line}` filled in."""

    def fill(text: str) -> str:
        return re.sub(
            r"\{(machine|line)\}",
            lambda found: machine.code if found[1] == "machine" else machine.line,
            text,
        )

    return Tag(
        code=f"{machine.code}.{pattern.name}",
        machine=machine.code,
        pattern=pattern,
        address=fill(pattern.address),
        path=fill(pattern.path),
    )
