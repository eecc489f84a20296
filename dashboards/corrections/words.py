"""What corrections, and what is refused of them, are called on the page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from dashboards.board import Scene
from dashboards.format import clock, full, number, signed
from dashboards.texts import Texts, msgid, texts
from db.count_corrections import CorrectionRefused, Why
from db.hour_counts import KINDS, HourCounts

NAMES: Mapping[str, str] = MappingProxyType(
    {"good": msgid("Good"), "scrap": msgid("Scrap"), "rework": msgid("Rework")}
)
REFUSALS: Mapping[Why, str] = MappingProxyType(
    {
        "nothing": msgid("Say how many pieces are added or taken away."),
        "no_reason": msgid("Say why the count was wrong."),
        "future": msgid("{at} is still to come."),
        "too_old": msgid("Counts are kept since {since} only: {at} can't be put right any more."),
        "unheard": msgid(
            "Nothing is known of the machine at {at}: there is no count to put right."
        ),
        "negative": msgid(
            "{kind} from {t0} to {t1} is {have}: {taken} can't be taken away there. Divide the"
            " correction over the hours in which they were counted."
        ),
        "withdrawn": msgid("That was withdrawn already."),
    }
)


def sentence(refused: CorrectionRefused, scene: Scene) -> str:
    """Why it can't be, in the reader's language."""
    t, zone = texts(scene.language), scene.plant.site.zone
    said: dict[str, object] = {}
    for name, value in refused.details.items():
        if isinstance(value, datetime):
            said[name] = clock(value, zone) if name in ("t0", "t1") else full(value, zone)[:16]
        elif isinstance(value, float):
            said[name] = pieces(value, t)
        else:
            said[name] = t.text(NAMES[str(value)])
    return t.text(REFUSALS[refused.why], **said)


def pieces(value: float, t: Texts) -> str:
    """Whole pieces without decimals."""
    return number(value, t.language, _digits(value))


def changes(deltas: Mapping[str, float], t: Texts) -> str:
    """ "Good −4 · Scrap +1"."""
    return " · ".join(
        f"{t.text(NAMES[kind])} {signed(deltas[kind], t.language)}"
        for kind in KINDS
        if deltas[kind]
    )


def course(found: HourCounts, deltas: Mapping[str, float], t: Texts) -> str:
    """ "Good 73 → 69 · Scrap 3 → 4"."""
    said = []
    for kind in KINDS:
        if deltas[kind]:
            before = float(getattr(found, kind))
            after = pieces(before + deltas[kind], t)
            said.append(f"{t.text(NAMES[kind])} {pieces(before, t)} → {after}")
    return " · ".join(said)


def hour_text(found: HourCounts, scene: Scene) -> str:
    """ "10:00–11:00 · WO-94318"."""
    zone = scene.plant.site.zone
    span = f"{clock(found.t0, zone)}–{clock(found.t1, zone)}"
    return " · ".join(filter(None, (span, found.order)))


def _digits(value: float) -> int:
    return 0 if value == round(value) else 2
