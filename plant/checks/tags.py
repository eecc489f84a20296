"""Tags: on machines that exist, each address once, with what their role and source need."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from plant.checks.codes import unknown
from plant.checks.sources import expression_faults, kind_of
from plant.draft import Draft
from plant.fault import Fault, nearest, written
from plant.model import Machine, MqttSource, Source, Tag, TagPattern, spread
from plant.part import COUNT_ROLES

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def tag_faults(draft: Draft) -> Iterator[Fault]:
    """Faults of each entry by itself, then of all tags that they give."""
    for key, pattern in draft.tags.entries:
        yield from pattern_faults(f"{key}.machines", pattern.machines, draft.machines.known)
        yield from unknown(f"{key}.source", pattern.source, "a source", draft.sources.known)
        yield from _state_faults(key, pattern, draft)
        yield from _count_faults(key, pattern)
        yield from _placeholder_faults(key, pattern)
        if source := kind_of(draft, pattern.source):
            yield from _source_faults(key, pattern, source)
    yield from _spread_faults(draft)


def pattern_faults(key: str, patterns: Iterable[str], codes: frozenset[str]) -> Iterator[Fault]:
    """Patterns that match no code."""
    for pattern in patterns:
        if not any(fnmatchcase(code, pattern) for code in codes):
            field = key.rpartition(".")[2]
            yield Fault(
                key,
                written(pattern),
                f"a pattern that matches the code of one of the {field}; {nearest(pattern, codes)}",
                f'{field} = ["{min(codes, default="A")[:1]}*"]',
            )


def _state_faults(key: str, pattern: TagPattern, draft: Draft) -> Iterator[Fault]:
    at = f"{key}.state_map"
    if pattern.state_map is not None:
        yield from unknown(at, pattern.state_map, "a state map", draft.state_maps.known)
    if pattern.role == "state" and pattern.state_map is None:
        expected = "this key; it says what the raw states mean"
        yield Fault(
            at, "", expected, f'state_map = "{min(draft.state_maps.known, default="packml")}"'
        )
    if pattern.role != "state" and pattern.state_map is not None:
        yield Fault(at, written(pattern.state_map), 'this key only with role = "state"', "")


def _count_faults(key: str, pattern: TagPattern) -> Iterator[Fault]:
    if pattern.modulus is not None and (
        pattern.role not in COUNT_ROLES or pattern.counter != "total"
    ):
        expected = "this key only where a running total is counted: role good, scrap, cycle, …"
        yield Fault(f"{key}.modulus", written(pattern.modulus), expected, 'counter = "total"')
    if pattern.deadband and pattern.role != "process":
        expected = 'this key only with role = "process"; of states and counts every change counts'
        yield Fault(f"{key}.deadband", written(pattern.deadband), expected, "deadband = 0.0")
    if pattern.changes_only and pattern.role != "process":
        expected = 'this key only with role = "process"; of states and counts every change counts'
        yield Fault(f"{key}.changes_only", "true", expected, "changes_only = false")
    if pattern.scale == 0:
        yield Fault(f"{key}.scale", "0.0", "a number other than 0", "scale = 0.1")


def _placeholder_faults(key: str, pattern: TagPattern) -> Iterator[Fault]:
    for field, text in (("address", pattern.address), ("path", pattern.path)):
        for name in PLACEHOLDER.findall(text):
            if name not in ("machine", "line") and field == "address":
                expected = "the placeholders {machine} and {line} only"
                yield Fault(
                    f"{key}.{field}", written(text), expected, 'address = "{line}/{machine}"'
                )


def _source_faults(key: str, pattern: TagPattern, source: Source) -> Iterator[Fault]:
    at = f"{key}.path"
    if source.kind == "rest":
        expected = "a source that has tags; a rest source brings orders"
        yield Fault(f"{key}.source", written(pattern.source), expected, 'source = "opcua"')
    elif source.kind == "sparkplug":
        yield from _sparkplug_faults(key, pattern)
    elif source.kind == "opcua" and pattern.path:
        yield Fault(at, written(pattern.path), "no path; the node id alone is the address", "")
    elif isinstance(source, MqttSource):
        if pattern.path:
            yield from expression_faults(at, pattern.path)
        yield from _topic_faults(key, pattern, source)


def _sparkplug_faults(key: str, pattern: TagPattern) -> Iterator[Fault]:
    if not pattern.path:
        yield Fault(f"{key}.path", "", "this key; the name of the metric", 'path = "Status/State"')
    if not 1 <= len(pattern.address.split("/")) <= 2:
        yield Fault(
            f"{key}.address",
            written(pattern.address),
            "edge node, or edge node/device",
            'address = "{line}/{machine}"',
        )


def _topic_faults(key: str, pattern: TagPattern, source: MqttSource) -> Iterator[Fault]:
    """A topic that is not subscribed to would be silent for ever."""
    if any(mark in pattern.address for mark in "+#"):
        expected = "one topic, without + and #"
        yield Fault(f"{key}.address", written(pattern.address), expected, "")
    elif not any(_covers(topic, pattern.address) for topic in source.topics):
        yield Fault(
            f"{key}.address",
            written(pattern.address),
            f'a topic that source "{source.name}" subscribes to: {", ".join(source.topics)}',
            f"topics = [{written(PLACEHOLDER.sub('+', pattern.address))}]",
        )


def _covers(topic_filter: str, topic: str) -> bool:
    """Whether a subscription can bring a topic; a placeholder may become any text."""
    wanted, given = topic_filter.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(given):
            return False
        if level != "+" and level != given[index] and "{" not in given[index]:
            return False
    return len(wanted) == len(given)


def _spread_faults(draft: Draft) -> Iterator[Fault]:
    codes: dict[str, str] = {}
    places: dict[tuple[str, str, str], tuple[str, Tag]] = {}
    states: dict[str, str] = {}
    for key, machine, tag in _spread(draft):
        if (first := codes.setdefault(tag.code, key)) != key:
            expected = f"a name that {machine.code} has no other tag of; {first} gives it too"
            yield Fault(f"{key}.name", written(tag.pattern.name), expected, 'name = "good_2"')
        place = (tag.pattern.source, tag.address, tag.path)
        other = places.setdefault(place, (key, tag))[1]
        if other.code != tag.code:
            expected = f"an address of its own for {tag.code}; {other.code} has the same"
            yield Fault(
                f"{key}.address", written(tag.address), expected, "{machine} in the address"
            )
        if tag.pattern.role == "state" and (first := states.setdefault(machine.code, key)) != key:
            expected = f"one state tag for {machine.code}; {first} is one already"
            yield Fault(f"{key}.role", '"state"', expected, 'role = "process"')


def _spread(draft: Draft) -> Iterator[tuple[str, Machine, Tag]]:
    """Every tag, and once only where one entry's patterns name a machine twice."""
    for key, pattern in draft.tags.entries:
        seen: set[str] = set()
        for _, machine in draft.machines.entries:
            named = any(fnmatchcase(machine.code, p) for p in pattern.machines)
            if named and machine.code not in seen:
                seen.add(machine.code)
                yield key, machine, spread(pattern, machine.code, machine.line)
