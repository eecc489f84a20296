"""The tree of reasons: what is taken from above, who may have what, and what is no tree."""

from __future__ import annotations

import pytest

from plant.check import PlantFaults, read
from plant.model import Label, Reason
from plant.part import StopElement
from plant.stops import Reasons


def reason(
    code: str,
    parent: str | None = None,
    element: StopElement | None = None,
    machines: tuple[str, ...] = (),
    retired: bool = False,
) -> Reason:
    name = Label(en=code, zh=code)
    return Reason(
        code=code, name=name, parent=parent, element=element, machines=machines, retired=retired
    )


TREE = Reasons(
    [
        reason("planned", element="planned_stop", machines=("A*",)),
        reason("cleaning", "planned"),
        reason("changeover", "planned", "setup", ("A01",)),
        reason("fault"),
        reason("old", "fault", retired=True),
        reason("older", "old"),
    ]
)


def codes(found: tuple[Reason, ...]) -> list[str]:
    return [one.code for one in found]


def test_what_a_reason_does_not_say_it_takes_from_above() -> None:
    assert TREE.element("cleaning") == "planned_stop"
    assert TREE.element("changeover") == "setup"
    assert TREE.element("fault") is None
    assert TREE.may_have("cleaning", "A02")
    assert not TREE.may_have("cleaning", "B01")
    assert not TREE.may_have("changeover", "A02")
    assert not TREE.may_have("none", "A01")


def test_what_is_retired_is_not_given_nor_what_is_below() -> None:
    assert codes(TREE.below("fault", "A01")) == []
    assert not TREE.may_have("older", "A01")


def test_a_level_of_the_tree() -> None:
    assert codes(TREE.path("older")) == ["fault", "old", "older"]
    above = [TREE.at_level("older", level) for level in (1, 2, 3, 4)]
    assert [one.code for one in above if one] == ["fault", "old", "older", "older"]
    assert codes(TREE.below(None, "A01")) == ["planned", "fault"]
    assert codes(TREE.below(None, "B01")) == ["fault"]
    assert TREE.depth == 3


@pytest.mark.parametrize(
    ("reasons", "key", "words"),
    [
        ([("a", "b"), ("b", "a")], "reasons[0].parent", "not below this one (a → b → a)"),
        ([("a", "a")], "reasons[0].parent", "not below this one (a → a)"),
        ([("a", "jm"), ("jam", None)], "reasons[0].parent", 'did you mean "jam"?'),
        (
            [("a", None), ("b", "a"), ("c", "b"), ("d", "c"), ("e", "d")],
            "reasons[4].parent",
            "at most 4 levels (a → b → c → d → e)",
        ),
    ],
)
def test_what_is_no_tree(reasons: list[tuple[str, str | None]], key: str, words: str) -> None:
    text = "\n".join(
        f'[[reasons]]\ncode = "{code}"\nname = "{code}"\n'
        + (f'parent = "{parent}"\n' if parent else "")
        for code, parent in reasons
    )
    with pytest.raises(PlantFaults) as raised:
        read(text)
    faults = {fault.key: fault.expected for fault in raised.value.faults}
    assert words in faults[key]


def test_a_machine_that_is_not_there() -> None:
    with pytest.raises(PlantFaults) as raised:
        read('[[reasons]]\ncode = "a"\nname = "a"\nmachines = ["Z*"]\n')
    assert any(fault.key == "reasons[0].machines" for fault in raised.value.faults)
