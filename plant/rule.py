"""Alert rules, and who is told: as the plant file says them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from plant.part import Code, Label, Language, MailAddress, Part, Priority, Ratio, Seconds


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


class DiskFullRule(_Rule):
    kind: Literal["disk_full"]
    within_days: float = Field(default=30.0, gt=0, le=3650)
    """The forecast says that the database's disk is full by then."""
    free_below: Ratio = 0.05
    """Share of the disk that is free, whatever the forecast says."""


Rule = Annotated[
    TagLimitRule
    | MachineDownRule
    | LineOeeRule
    | OrderLateRule
    | SourceSilentRule
    | AnomalyRule
    | DiskFullRule,
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
    fallback: Code | None = Field(default=None, examples=["plant_manager"])
    """The recipient of mails that another one's server refuses for good."""
    boards_url: str = Field(examples=["http://taktboard.local:8050"])
    """Where the links in a mail lead."""
