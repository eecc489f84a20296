"""Which machine feeds which, and which one sets a line's pace."""

from __future__ import annotations

from datetime import timedelta

import pytest

from plant.model import Label, Line, Machine
from plant.station import Station, pacers, stations


def machine(code: str, line: str = "L", **given: object) -> Machine:
    """A machine of the line."""
    return Machine.model_validate({"code": code, "line": line, "name": code, **given})


def test_the_order_of_the_file_is_the_flow() -> None:
    machines = (machine("b", buffer_s=60), machine("x", "K"), machine("a"))
    assert stations(machines, ["a", "b"]) == (
        Station("b", (), timedelta(seconds=60)),
        Station("a", ("b",)),
    )


def test_after_says_where_it_is_another() -> None:
    machines = (machine("a"), machine("b", after=[]), machine("c", after=["a", "b"], joins=True))
    assert stations(machines, ["a", "b", "c"]) == (
        Station("a", ()),
        Station("b", ()),
        Station("c", ("a", "b"), joins=True),
    )


def test_neighbours_elsewhere_do_not_count() -> None:
    """z is gone from the file, b was not on the line then."""
    machines = (machine("a"), machine("b"), machine("c", after=["b"]))
    assert stations(machines, ["a", "c", "z"]) == (
        Station("z", ()),
        Station("a", ("z",)),
        Station("c", ("a",)),
    )


@pytest.mark.parametrize(
    ("constraint", "cycles_s", "first"),
    [
        (None, {}, "c"),
        (None, {"a": 10.0, "b": 12.0, "c": 11.0}, "b"),
        (None, {"a": 12.0, "b": 12.0}, "b"),
        ("a", {"a": 10.0, "b": 12.0}, "a"),
        ("gone", {"b": 12.0}, "b"),
    ],
)
def test_the_pace_is_set_by_the_slowest(
    constraint: str | None, cycles_s: dict[str, float], first: str
) -> None:
    name = Label(en="L", zh="L")
    line = Line(code="L", area="S", name=name, constraint=constraint)
    order = [Station("a", ()), Station("b", ("a",)), Station("c", ("b",))]
    assert pacers(line.constraint if line else None, order, cycles_s)[0] == first
