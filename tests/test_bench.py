"""What the benchmarks say of what they measured; all but one of them take minutes themselves."""

from __future__ import annotations

from argparse import Namespace

import pytest

from bench import forecast
from bench.figure import as_json, figure, machine, table
from db.embedded import Embedded


def test_a_ratio_is_the_median_of_the_pairs_not_the_ratio_of_the_medians() -> None:
    slow_and_quick_turns = [10.0, 2.0, 9.0], [5.0, 1.0, 1.0]
    found = figure("deriving", slow_and_quick_turns[0], "s", against=slow_and_quick_turns[1])
    assert (found.value, found.low, found.high, found.ratio) == (9.0, 2.0, 10.0, 2.0)


@pytest.mark.parametrize(("values", "word"), [([15.0], "met"), ([15.1], "missed")])
def test_a_goal_is_an_upper_bound(values: list[float], word: str) -> None:
    assert table([figure("deriving", values, "%", goal=15.0)]).split()[-1] == word


def test_runs_without_their_pair_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        figure("deriving", [1.0, 2.0], "s", against=[1.0], of="storing")


def test_the_results_name_the_machine_by_its_kind_only() -> None:
    assert set(machine()) == {
        "processor",
        "cores",
        "memory_gib",
        "system",
        "python",
        "load_before",
    }
    assert as_json([figure("deriving", [1 / 3], "s", goal=1.0)]) == [
        {
            "name": "deriving",
            "value": 0.3333,
            "unit": "s",
            "low": 0.3333,
            "high": 0.3333,
            "runs": 1,
            "goal": 1.0,
            "ratio": None,
            "of": "",
            "met": True,
        }
    ]


def test_forecasts_are_measured_beside_bare_draws(server: Embedded) -> None:
    (found,) = forecast.run(server, Namespace(pairs=2))
    assert (found.unit, found.runs, found.goal) == ("ms", 2, forecast.GOAL_MS)
    assert found.ratio is not None
    assert found.low > 0
