"""An alarm in words: what it is about, what was measured against which limit."""

from __future__ import annotations

from collections.abc import Mapping

from dashboards.format import duration_text, number, percent, seconds
from dashboards.parts import Tone
from dashboards.texts import Texts, msgid
from plant.model import Language

PRIORITIES = {
    "critical": msgid("critical"),
    "warning": msgid("warning"),
    "info": msgid("notice"),
}
CAUSES = {
    "raised": msgid("raised"),
    "acknowledged": msgid("acknowledged"),
    "returned": msgid("over, not yet seen"),
    "cleared": msgid("over"),
}
TONES: dict[str, Tone] = {"critical": "critical", "warning": "warning", "info": "planned"}


def name(params: Mapping[str, object], rule: str, language: Language) -> str:
    """The rule's name as the plant file gives it, else its code."""
    return _label(params.get("name"), language) or rule


def subject(params: Mapping[str, object], code: str, language: Language) -> str:
    """What it is about: "A01 Vibration", else the code without its kind."""
    return _label(params.get("subject"), language) or code.partition(":")[2] or code


def measured(
    value: float | None, limit: float | None, params: Mapping[str, object], t: Texts
) -> str:
    """ "9.1 mm/s, limit 7 mm/s"; empty where there is no value."""
    unit = str(params.get("unit") or "")
    if value is None:
        return ""
    shown = _quantity(value, unit, t.language)
    if limit is None:
        return shown
    return t.text("{value}, limit {limit}", value=shown, limit=_quantity(limit, unit, t.language))


def _quantity(value: float, unit: str, language: Language) -> str:
    if unit == "s":
        return seconds(value, language) if value < 60 else duration_text(value, language)
    if unit == "ratio":
        return f"{percent(value)} %"
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 10 else 2
    return f"{number(value, language, digits)} {unit}".rstrip()


def _label(label: object, language: Language) -> str:
    if isinstance(label, Mapping):
        return str(label.get(language) or label.get("en") or "")
    return ""
