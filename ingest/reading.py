"""Reading: the one shape that leaves a source, and what is known of the tag it belongs to.

Never talks to a source or the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple

from plant.model import Role


class Quality(IntEnum):
    """How far a value can be trusted, as the source says."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2


@dataclass(frozen=True, slots=True)
class Channel:
    """A tag as a source sees it: where it is found and how its values are taken."""

    tag_id: int
    code: str
    role: Role
    address: str
    path: str
    scale: float = 1.0
    deadband: float | None = None
    """A process value is stored when it moved by more than this; None: always."""


class Reading(NamedTuple):
    """One value of one tag. `ts_us`: the source's own time, microseconds since 1970, UTC."""

    ts_us: int
    tag_id: int
    value: float | str | None
    quality: int


class Sample(NamedTuple):
    """What a source heard, before it is judged; `ts_us` is none where the source gave no time."""

    channel: Channel
    ts_us: int | None
    raw: object
    quality: int
    historical: bool = False
    """Told afterwards: it is stored, and never taken for the present value."""


class Reason(StrEnum):
    """Why something is in quarantine; the boards have a sentence for each."""

    BAD_ANSWER = "bad_answer"
    BAD_JSON = "bad_json"
    BAD_ORDER = "bad_order"
    BAD_SPARKPLUG = "bad_sparkplug"
    BAD_TEXT = "bad_text"
    BAD_TIME = "bad_time"
    BAD_TYPE = "bad_type"
    IN_FUTURE = "in_future"
    NOT_A_NUMBER = "not_a_number"
    NOT_FINITE = "not_finite"
    OUT_OF_RANGE = "out_of_range"
    OVERFLOW = "overflow"
    REFUSED = "refused"
    TOO_LARGE = "too_large"
    TOO_OLD = "too_old"
    UNEXPECTED = "unexpected"
    UNKNOWN_ADDRESS = "unknown_address"
    UNMAPPED = "unmapped"


class Refusal(NamedTuple):
    """Why a value or a payload can't be taken: machine-readable, and in technical words."""

    reason: Reason
    detail: str
