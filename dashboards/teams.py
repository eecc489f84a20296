"""What the teams that work a shift are called. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plant.model import Language, Plant


def named(codes: Sequence[str], plant: Plant, language: Language) -> str:
    """ "Red team", "Red team + Blue team"; a code that is not in the plant any more as it is."""
    names = {team.code: team.name.text(language) for team in plant.teams}
    return " + ".join(names.get(code, code) for code in codes)


def of_site(
    common: Sequence[str], by_line: Mapping[str, Sequence[str]], plant: Plant, language: Language
) -> str:
    """The team of the shift that is named, then those of lines that have others: "B Red team"."""
    lines: dict[tuple[str, ...], list[str]] = {}
    for line, codes in by_line.items():
        if tuple(codes) != tuple(common):
            lines.setdefault(tuple(codes), []).append(line)
    others = [
        f"{', '.join(found)} {named(codes, plant, language)}" for codes, found in lines.items()
    ]
    return " · ".join(filter(None, (named(common, plant, language), *others)))
