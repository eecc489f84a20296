"""The texts of mails by their English message id and language.

English texts are the ids themselves; the others come from `translations/*/LC_MESSAGES/messages.po`,
read once at first use. Names out of the plant file are `Label`s and come as parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from plant.model import Language
from plant.percent import percent_text

TRANSLATIONS = Path(__file__).parent / "translations"
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language, and how it writes numbers, durations and times."""

    language: Language
    zone: ZoneInfo
    translations: Mapping[str, str]

    def text(self, msgid: str, **params: object) -> str:
        """The text with its `{name}` places filled in; the English one where none is translated."""
        found = self.translations.get(msgid, msgid)
        return found.format(**params) if params else found

    def quantity(self, value: float, unit: str) -> str:
        """A value with its unit: `s` is a duration, `ratio` a share of one."""
        if unit == "s":
            return self.duration(value)
        if unit == "ratio":
            return f"{percent_text(value)} %"
        digits = "#,##0.##" if abs(value) < 100 else "#,##0.#"
        return f"{format_decimal(value, digits, locale=self.language)} {unit}".rstrip()

    def duration(self, seconds: float) -> str:
        """A duration in its two largest units."""
        whole = round(seconds)
        if whole < MINUTE_S:
            return self.text("{s} s", s=whole)
        if whole < HOUR_S:
            return self.text("{m} min {s} s", m=whole // MINUTE_S, s=whole % MINUTE_S)
        if whole < DAY_S:
            return self.text("{h} h {m} min", h=whole // HOUR_S, m=whole % HOUR_S // MINUTE_S)
        return self.text("{d} d {h} h", d=whole // DAY_S, h=whole % DAY_S // HOUR_S)

    def time(self, moment: datetime) -> str:
        """A moment in the plant's zone, with its offset where clocks differ from the mail's."""
        return format_datetime(
            moment, "yyyy-MM-dd HH:mm:ss", tzinfo=self.zone, locale=self.language
        )


def texts(language: Language, zone: ZoneInfo) -> Texts:
    """The texts of a language. Raises OSError when its catalogue is missing."""
    return Texts(language, zone, _catalogue(language))


@cache
def _catalogue(language: Language) -> Mapping[str, str]:
    if language == "en":
        return {}
    with (TRANSLATIONS / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        read = read_po(file, locale=language, abort_invalid=True)
    return {str(m.id): str(m.string) for m in read if m.id and m.string}
