"""What every part of the plant file is made of: codes, labels, times of day, kinds of words."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Language = Literal["en", "zh"]
CountRole = Literal["good", "scrap", "cycle", "rework", "start_up_scrap"]
Role = Literal["state", "process"] | CountRole
COUNT_ROLES: frozenset[str] = frozenset(get_args(CountRole))
Counter = Literal["total", "delta", "change", "reading", "edge"]
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
StopElement = Literal["planned_stop", "setup", "down", "idle", "starved", "blocked"]
"""What a stop can be."""
Priority = Literal["critical", "warning", "info"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
OTHERWISE = "*"
"""Any other raw value, where a state map is kept flat; so no raw value of a map may be it."""
_MINUTE = re.compile(r"([01]\d|2[0-4]):([0-5]\d)(:00)?")

Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", examples=["A01"])]
Ratio = Annotated[float, Field(gt=0, le=1, examples=[0.75])]
Tolerance = Annotated[float, Field(ge=0, lt=1, examples=[0.05])]
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
