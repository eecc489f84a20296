"""The plant as the rules look it up: read once a version of the plant file.

Never touches the database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from plant.model import Label, Line, Machine, Plant, Rule, Tag


@dataclass(frozen=True, slots=True)
class Book:
    """A plant file's rules, and its parts by code."""

    plant: Plant
    version: int
    machines: Mapping[str, Machine]
    lines: Mapping[str, Line]
    tags: Mapping[str, tuple[Tag, ...]]
    """By the name of their pattern."""
    rules: Mapping[str, Rule]

    def tags_of(self, name: str, machines: tuple[str, ...]) -> list[Tag]:
        """The tags of that name on the machines that the glob patterns name."""
        return [tag for tag in self.tags.get(name, ()) if _matches(tag.machine, machines)]

    def lines_like(self, patterns: tuple[str, ...]) -> list[Line]:
        """The lines whose code any of the glob patterns names."""
        return [line for line in self.plant.lines if _matches(line.code, patterns)]

    def sources_like(self, patterns: tuple[str, ...]) -> list[str]:
        """The names of the sources that any of the glob patterns names."""
        return [one.name for one in self.plant.sources if _matches(one.name, patterns)]


def book(plant: Plant, version: int) -> Book:
    """A plant made ready for looking up."""
    tags: dict[str, list[Tag]] = defaultdict(list)
    for tag in plant.all_tags():
        tags[tag.pattern.name].append(tag)
    return Book(
        plant=plant,
        version=version,
        machines={machine.code: machine for machine in plant.machines},
        lines={line.code: line for line in plant.lines},
        tags={name: tuple(found) for name, found in tags.items()},
        rules={rule.code: rule for rule in plant.alerts},
    )


def named(code: str, name: Label) -> dict[str, str]:
    """A code with its name, in every language: `A01 Lathe 1`."""
    return {
        language: text if text.startswith(code) else f"{code} {text}"
        for language, text in (("en", name.en), ("zh", name.zh))
    }


def _matches(code: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(code, pattern) for pattern in patterns)
