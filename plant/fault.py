"""What is wrong with a plant file: one fault, all faults, and how values and hints are worded."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from difflib import get_close_matches

from plant.fault_words import chinese

SHOWN = 80
"""Longest part of a value that is repeated in a message."""
LISTED = 8
"""So many known names are listed, no more."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where, what stands there, what is expected, an example.

    `key` is a path such as `lines[2].calendar`, counted from 0, or `line 3, column 7`. `value` and
    `example` are written as in the file; `value` is empty where nothing stands there.
    """

    key: str
    value: str
    expected: str
    example: str

    def __str__(self) -> str:
        stop = "" if self.expected.endswith("?") else "."
        example = f" Example: {self.example}" if self.example else ""
        return f"{self._given}\n    Expected: {self.expected}{stop}{example}"

    def in_chinese(self) -> str:
        """The same; key, value and example as they are."""
        expected = chinese(self.expected)
        stop = "" if expected.endswith("？") else "。"
        example = f"例如：{self.example}" if self.example else ""
        return f"{self._given}\n    应为：{expected}{stop}{example}"

    @property
    def _given(self) -> str:
        return self.key + (f" = {self.value}" if self.value else "")


class PlantFaults(ValueError):
    """Everything that is wrong with a plant file, at once."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        many = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__("\n".join([f"The plant file has {many}:", *map(str, faults)]))

    def in_chinese(self) -> str:
        """The same text in Chinese."""
        said = (fault.in_chinese() for fault in self.faults)
        return "\n".join([f"工厂文件有 {len(self.faults)} 处错误：", *said])


def written(value: object) -> str:
    """A value as it is written in TOML, on one line, cut where it is long."""
    text = _written(value, depth=0)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def nearest(value: object, known: Collection[str]) -> str:
    """A half-sentence that helps to find the right name among the known ones."""
    if not known:
        return "there is none yet"
    close = get_close_matches(str(value)[:200], sorted(known), n=1, cutoff=0.6)
    if close:
        return f'did you mean "{close[0]}"?'
    names = sorted(known)
    return "known: " + ", ".join(names[:LISTED]) + (", …" if len(names) > LISTED else "")


def _written(value: object, depth: int) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value[: SHOWN * 2].replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if depth > 3:
        return "…"
    if isinstance(value, Mapping):
        pairs = [f"{k} = {_written(v, depth + 1)}" for k, v in list(value.items())[:LISTED]]
        return "{ " + ", ".join(pairs) + " }" if pairs else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_written(v, depth + 1) for v in value[:LISTED]) + "]"
    return _number(value)


def _number(value: object) -> str:
    if isinstance(value, int) and abs(value) >= 10**20:
        return "a number of more than 20 digits"
    return str(value)
