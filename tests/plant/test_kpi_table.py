"""The table of figures: it says what is computed, and the document says what it says."""

from __future__ import annotations

import re
from math import prod
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant.kpi import FACT_COLUMNS, Facts, Kpi, Losses
from plant.kpi_table import FIGURES, Figure, Measured, Stood, figure_of, of_group

DOCUMENT = (Path(__file__).parents[2] / "docs/kpi.md").read_text(encoding="utf-8")


def columns_of(section: str) -> list[list[str]]:
    body = DOCUMENT.split(f"\n## {section}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in body.splitlines() if line.startswith("|")]
    return rows[2:]


def test_the_document_has_the_tables_rows_and_no_other() -> None:
    wanted = [
        [f.label, f.formula, f.in_facts] for f in of_group("oee", "ratios", "reliability", "stops")
    ]
    assert [[cell.strip("*") for cell in row] for row in columns_of("KPIs")] == wanted


def test_the_document_has_every_loss() -> None:
    told = dict(row for row in columns_of("Losses"))
    for figure in of_group("losses"):
        step = next(key for key in told if key.strip("*− ").lower() == figure.label.lower())
        assert told[step] == figure.in_facts, figure.code


def test_every_kpi_and_loss_is_a_figure() -> None:
    flags = {"provisional", "ideal_cycle_suspect"}
    codes = {figure.code for figure in FIGURES}
    assert set(Kpi.__dataclass_fields__) - flags <= codes
    assert set(Losses.__dataclass_fields__) - {"planned_busy_s", "valuable_s"} <= codes
    assert len(codes) == len(FIGURES)
    assert all(re.fullmatch("[a-z_]+", code) for code in codes)
    assert figure_of("oee") is not None
    assert figure_of("nonsense") is None


@st.composite
def measured(draw: st.DrawFn) -> Measured:
    sums = {name: draw(st.integers(0, 5000)) / 4 for name in FACT_COLUMNS}
    sums["minor_down_s"] = min(sums["minor_down_s"], sums["down_s"])
    number = st.integers(0, 900)
    return Measured(
        Facts(**sums), draw(number), draw(number), draw(number), draw(number),
        failures=draw(st.integers(0, 9)),
        stood=Stood(draw(number), draw(number), draw(number), draw(number)),
    )  # fmt: skip


SCALE = {"pieces/h": 3600.0}


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.code)
@settings(deadline=None, max_examples=40)
@given(done=measured())
def test_a_figure_is_the_product_of_the_fractions_it_is_explained_by(
    figure: Figure, done: Measured
) -> None:
    value = figure.of(done)
    pairs = [(f.above.of(done), f.below.of(done) if f.below else 1.0) for f in figure.factors]
    if value is None:
        unknown_cycle = done.facts.total and not done.facts.ideal_s
        assert unknown_cycle or any(not below for _, below in pairs)
        return
    shown = prod((above or 0.0) / below for above, below in pairs if below)
    assert value == pytest.approx(shown * SCALE.get(figure.unit, 1.0))


def test_what_nobody_asked_for_is_no_value() -> None:
    alone = Measured(Facts(running_s=100))
    mtbf, throughput = figure_of("mtbf"), figure_of("throughput")
    assert mtbf is not None
    assert throughput is not None
    assert mtbf.of(alone) is None
    assert mtbf.of(Measured(Facts(running_s=100), failures=2)) == 50
    assert throughput.of(Measured(order_s=1800, order_pieces=30)) == 60
    assert throughput.of(alone) is None


def test_what_is_no_place_stands_for_nothing() -> None:
    down, share = figure_of("line_down_s"), figure_of("line_down")
    assert down is not None
    assert share is not None
    assert down.of(Measured()) is None
    machine = Measured(stood=Stood(line_down_s=60, line_planned_s=None))
    assert (down.of(machine), share.of(machine)) == (60, None)
    both = machine + Measured(stood=Stood(line_down_s=30, line_planned_s=360))
    assert (down.of(both), share.of(both)) == (90, 0.25)


def test_sums_add_up() -> None:
    one = Measured(Facts(good=1), 2, 3, 4, 5, failures=1)
    assert one + one == Measured(Facts(good=2), 4, 6, 8, 10, failures=2)
    assert one + Measured() == one
