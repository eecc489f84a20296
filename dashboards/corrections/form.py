"""What is asked for on the page of corrections: machine, minute, pieces, reason. Pure.

Times are the plant's wall clock, to the minute; one that the clock shows twice is the earlier.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_urlsafe
from zoneinfo import ZoneInfo

from dashboards.texts import msgid
from db.count_corrections import Correction
from db.hour_counts import KINDS
from plant.model import Plant

LONGEST_REASON = 200
MOST_PIECES = 1_000_000.0
NO_MACHINE = msgid("Choose a machine.")
NO_TIME = msgid("Give a time of the plant's clock; when the clocks change some do not exist.")
NO_PIECES = msgid("Give numbers of pieces, at most a million.")
TOO_LONG = msgid("The reason may have at most 200 characters.")
YEARS = range(2000, 2200)
KEY = re.compile(r"[\w-]{8,64}", re.ASCII)


class Odd(ValueError):
    """What was typed can't be read; the message is a message id."""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields as they were typed."""

    machine: str
    at: str
    pieces: Mapping[str, str]
    reason: str
    key: str
    """The sender's own mark: sent twice, the form counts once."""


def form_of(fields: Mapping[str, str], plant: Plant, now: datetime) -> Form:
    """What a query or a posted form says; without a time, this minute."""
    local = now.astimezone(plant.site.zone)
    at = fields.get("at", "")[:25] or f"{local:%Y-%m-%dT%H:%M}"
    key = fields.get("key", "")
    return Form(
        fields.get("machine", "")[:60],
        at,
        {kind: fields.get(kind, "").strip()[:20] for kind in KINDS},
        " ".join(fields.get("reason", "")[: 2 * LONGEST_REASON].split()),
        key if KEY.fullmatch(key) else token_urlsafe(18),
    )


def correction_of(
    form: Form, machines: Mapping[str, int], zone: ZoneInfo, actor: str
) -> Correction:
    """The correction that a form asks for. Raises Odd."""
    if form.machine not in machines:
        raise Odd(NO_MACHINE)
    if len(form.reason) > LONGEST_REASON:
        raise Odd(TOO_LONG)
    at = minute_of(form.at, zone)
    good, scrap, rework = (_pieces(form.pieces[kind]) for kind in KINDS)
    reason = "".join(c for c in form.reason if c.isprintable())
    return Correction(machines[form.machine], at, reason, actor, good, scrap, rework)


def minute_of(text: str, zone: ZoneInfo) -> datetime:
    """ "2026-03-02T09:15" on the plant's clock, or a moment with its offset; UTC. Raises Odd."""
    try:
        said = datetime.fromisoformat(text).replace(second=0, microsecond=0)
    except ValueError:
        raise Odd(NO_TIME) from None
    if said.year not in YEARS:
        raise Odd(NO_TIME)
    if said.tzinfo is not None:
        return said.astimezone(UTC)
    at = said.replace(tzinfo=zone).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) != said:
        raise Odd(NO_TIME)
    return at


def _pieces(text: str) -> float:
    try:
        value = float(text.replace("\N{MINUS SIGN}", "-") or 0)
    except ValueError:
        raise Odd(NO_PIECES) from None
    if not math.isfinite(value) or abs(value) > MOST_PIECES:
        raise Odd(NO_PIECES)
    return value
