"""Numbers, durations and times as every screen shows them: written here and nowhere else.

Takes values, gives strings. Absent values (None) become a dash, never a zero.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.numbers import format_decimal

from plant.model import Language
from plant.percent import percent_text

NOTHING = "–"
"""What stands where there is no value."""

_LOCALE = {"en": "en_GB", "zh": "zh_Hans_CN"}
UNITS = {
    "en": {"s": "s", "min": "min", "h": "h", "d": "d"},
    "zh": {"s": "秒", "min": "分", "h": "时", "d": "天"},
}


def number(value: float | None, language: Language, digits: int = 0) -> str:
    """1234.5 → "1,235"; with digits=1 "1,234.5"."""
    if value is None:
        return NOTHING
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    return format_decimal(value + 0.0, format=pattern, locale=_LOCALE[language])


def exact(value: float | None, language: Language) -> str:
    """As many digits as it has, six behind the point at most: 35.0 → "35", 0.25 → "0.25"."""
    if value is None:
        return NOTHING
    return format_decimal(value + 0.0, format="#,##0.######", locale=_LOCALE[language])


def signed(value: float | None, language: Language, digits: int = 0) -> str:
    """The number with its sign: "+3", "−2" (a real minus), "0"."""
    if value is None:
        return NOTHING
    shown = number(abs(value), language, digits)
    if not any(c in "123456789" for c in shown):
        return shown
    return ("+" if value > 0 else "−") + shown


def percent(ratio: float | None, digits: int = 1) -> str:
    """0.7664 → "76.6", without the sign, which stands beside it in its own size."""
    return NOTHING if ratio is None else percent_text(ratio, digits)


def duration(seconds: float | None, language: Language) -> tuple[str, str]:
    """Value and unit: 444 → ("7:24", ""), 800 → ("13", "min"), 9000 → ("2.5", "h")."""
    if seconds is None:
        return NOTHING, ""
    whole = max(0, int(seconds))
    units = UNITS[language]
    if whole < 600:
        return f"{whole // 60}:{whole % 60:02}", ""
    if whole < 6000:
        return str(whole // 60), units["min"]
    if whole < 100 * 3600:
        return f"{whole / 3600:.1f}", units["h"]
    return str(whole // 86400), units["d"]


def duration_text(seconds: float | None, language: Language) -> str:
    """The duration as one string: "7:24", "13 min", "2.5 h"."""
    value, unit = duration(seconds, language)
    return f"{value} {unit}".rstrip()


def seconds(value: float | None, language: Language) -> str:
    """A short time with its unit: "0.4 s", "12 s", "3 min"."""
    if value is None:
        return NOTHING
    if value >= 120:
        return (
            duration_text(max(value, 600), language)
            if value >= 600
            else (f"{int(value // 60)} {UNITS[language]['min']}")
        )
    shown = f"{value:.1f}" if value < 10 else f"{value:.0f}"
    return f"{shown} {UNITS[language]['s']}"


def clock(at: datetime | None, zone: ZoneInfo) -> str:
    """The time of day in the plant's zone: "14:05"."""
    return NOTHING if at is None else at.astimezone(zone).strftime("%H:%M")


def moment(at: datetime | None, zone: ZoneInfo, now: datetime, language: Language) -> str:
    """The time of day, with the day where it isn't today's: "14:05", "Tue 14:05", "3 Mar 14:05"."""
    if at is None:
        return NOTHING
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    apart = abs((local.date() - today).days)
    if apart == 0:
        return local.strftime("%H:%M")
    near, far = ("EEE HH:mm", "d MMM HH:mm") if language == "en" else ("EEE HH:mm", "M月d日 HH:mm")
    return format_datetime(local, near if apart < 7 else far, locale=_LOCALE[language])


def full(at: datetime | None, zone: ZoneInfo) -> str:
    """Date and time to the second in the plant's zone: "2026-03-01 14:05:09"."""
    return NOTHING if at is None else at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
