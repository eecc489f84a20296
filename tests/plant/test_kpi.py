"""KPIs against published examples, and the rules: sums of facts, no clipping, no 0 / 0."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant.kpi import FACT_COLUMNS, Facts, Kpi, doubts, kpis, losses, reliability, total

# Vorne, Fast Guide to OEE: shift 480 min, breaks 60, down 47, 60 pieces a minute, 19,271 pieces,
# 423 of them rejected.
VORNE = Facts(
    planned_stop_s=60 * 60,
    running_s=373 * 60,
    down_s=47 * 60,
    good=18_848,
    scrap=423,
    ideal_s=19_271.0,  # 1 s a piece
    ideal_good_s=18_848.0,
)
# Two machines with (planned, run, ideal, total, good)
ONE = Facts(running_s=90, down_s=10, good=80, ideal_s=80, ideal_good_s=80)
TWO = Facts(running_s=150, down_s=150, good=135, scrap=15, ideal_s=150, ideal_good_s=135)


def test_the_published_example() -> None:
    found = kpis(VORNE)
    assert VORNE.calendar_s == 480 * 60
    assert VORNE.planned_busy_s == 420 * 60
    assert found.availability == pytest.approx(0.8881, abs=5e-5)  # 373 / 420
    assert found.performance == pytest.approx(0.8611, abs=5e-5)  # 19,271 / 22,380
    assert found.quality == pytest.approx(0.9780, abs=5e-5)  # 18,848 / 19,271
    assert found.oee == pytest.approx(0.7479, abs=5e-5)  # 18,848 / 25,200
    assert found.teep == pytest.approx(18_848 / 28_800)
    assert found.scrap_ratio == pytest.approx(423 / 19_271)


def test_a_line_is_the_sum_of_its_machines_and_not_their_mean() -> None:
    mean = ((kpis(ONE).oee or 0) + (kpis(TWO).oee or 0)) / 2
    assert mean == pytest.approx(0.625)
    assert kpis(ONE + TWO).oee == pytest.approx(0.5375)  # (80 + 135) / (100 + 300)
    assert total([ONE, TWO]) == ONE + TWO


def test_setup_lowers_availability_but_not_nee() -> None:
    facts = Facts(running_s=60, setup_s=30, down_s=10, good=48, ideal_s=48, ideal_good_s=48)
    found = kpis(facts)
    assert found.availability == 0.6
    assert found.oee == pytest.approx(0.48)
    assert found.nee == pytest.approx(0.9 * 0.8)  # AUPT / PBT × E × Q
    assert found.setup_ratio == pytest.approx(30 / 90)
    assert found.utilization == pytest.approx(60 / 100)  # APT / AUBT
    assert found.allocation == 1.0
    assert found.technical_efficiency == pytest.approx(60 / 70)


def test_nothing_is_no_value_and_not_zero() -> None:
    found = kpis(Facts())
    assert {v for v in astuple(found) if v is not None} == {False}
    assert kpis(Facts(not_scheduled_s=3600)).oee is None
    assert kpis(Facts(not_scheduled_s=3600)).teep == 0.0


def test_a_machine_that_is_down_all_the_time_has_an_oee_of_zero() -> None:
    found = kpis(Facts(down_s=3600))
    assert (found.availability, found.performance, found.quality, found.oee) == (0, None, None, 0)


def test_pieces_without_an_ideal_cycle_have_no_performance() -> None:
    found = kpis(Facts(running_s=3600, good=10, scrap=2))
    assert (found.performance, found.quality, found.oee, found.nee) == (None,) * 4
    assert found.availability == 1.0
    assert found.scrap_ratio == pytest.approx(2 / 12)


def test_performance_above_one_is_shown_as_it_is_and_makes_the_ideal_cycle_suspect() -> None:
    found = kpis(Facts(running_s=50, good=60, ideal_s=60, ideal_good_s=60))
    assert found.performance == 1.2
    assert found.ideal_cycle_suspect
    exact = kpis(Facts(running_s=0.1 + 0.2, good=3, ideal_s=0.3, ideal_good_s=0.3))
    assert not exact.ideal_cycle_suspect


@pytest.mark.parametrize(
    ("unknown_s", "settled", "provisional"),
    [(2, True, False), (2.1, True, True), (0, False, True), (0, True, False)],
)
def test_more_than_two_percent_unknown_time_is_provisional(
    unknown_s: float, settled: bool, provisional: bool
) -> None:
    found = kpis(Facts(running_s=100 - unknown_s, unknown_s=unknown_s), settled=settled)
    assert found.provisional is provisional
    assert found.unknown_share == pytest.approx(unknown_s / 100)


def test_the_losses_are_a_waterfall_from_planned_busy_to_valuable_time() -> None:
    facts = Facts(
        setup_s=100,
        running_s=600,
        down_s=150,
        minor_s=40,
        minor_down_s=25,
        idle_s=20,
        starved_s=30,
        blocked_s=40,
        unknown_s=60,
        good=45,
        scrap=5,
        start_up_scrap=1,
        ideal_s=500,
        ideal_good_s=450,
        ideal_start_up_s=10,
    )
    assert astuple(losses(facts)) == (1000, 125, 100, 115, 60, 100, 40, 10, 450)


def test_mtbf_and_mttr_leave_minor_stops_out() -> None:
    found = reliability(Facts(running_s=7200, down_s=700, minor_s=150, minor_down_s=100), 2)
    assert (found.mtbf_s, found.mttr_s) == (3600, 300)
    assert reliability(Facts(running_s=7200), 0).mtbf_s is None


SECONDS = st.floats(0, 1e6).map(lambda x: round(x, 3))
MADE = st.tuples(st.integers(0, 1000), st.integers(0, 50), st.integers(0, 50), st.integers(1, 60))


@st.composite
def facts_of_a_machine(draw: st.DrawFn) -> Facts:
    seconds = {name: draw(SECONDS) for name in FACT_COLUMNS if name.endswith("_s")}
    seconds["minor_down_s"] = min(seconds["minor_down_s"], seconds["down_s"])
    good, scrap, start_up, cycle_s = draw(MADE)
    made = {"good": good, "scrap": scrap + start_up, "start_up_scrap": start_up}
    ideal = {"ideal_s": good + scrap + start_up, "ideal_good_s": good, "ideal_start_up_s": start_up}
    return Facts(**{**seconds, **made, **{name: cycle_s * n for name, n in ideal.items()}})


@settings(deadline=None)
@given(st.lists(facts_of_a_machine(), min_size=1, max_size=5))
def test_oee_is_the_product_of_its_factors_for_any_mix(parts: list[Facts]) -> None:
    found = kpis(total(parts))
    if found.availability and found.performance and found.quality and found.oee is not None:
        product = found.availability * found.performance * found.quality
        assert product == pytest.approx(found.oee)


@settings(deadline=None)
@given(st.lists(facts_of_a_machine(), min_size=1, max_size=4))
def test_the_six_losses_always_close_and_add_up(parts: list[Facts]) -> None:
    facts = total(parts)
    found = losses(facts)
    whole, *lost, valuable = astuple(found)
    near = 1e-6 * (1 + whole + facts.ideal_s)
    assert whole - sum(lost) == pytest.approx(valuable, abs=near)
    assert whole == pytest.approx(facts.planned_busy_s, abs=near)
    assert valuable == facts.ideal_good_s
    alone = [astuple(losses(part)) for part in parts]
    assert astuple(found) == pytest.approx(tuple(map(sum, zip(*alone, strict=True))), abs=near)
    assert min(found.breakdowns_s, found.minor_stops_s, found.defects_s + near) >= 0


def test_the_columns_are_those_of_the_minute_facts() -> None:
    migrations = Path(__file__).parents[2] / "db/migrations"
    first = (migrations / "0003_derived.sql").read_text(encoding="utf-8")
    later = (migrations / "0012_counts.sql").read_text(encoding="utf-8")
    table = first.split("create table machine_1m")[1].splitlines()[1:]
    added = later.split("alter table machine_1m\n")[1].split(";")[0].splitlines()
    declared = [line.split()[0] for line in table if "double precision" in line]
    declared += [line.split()[2] for line in added if "double precision" in line]
    assert declared == list(FACT_COLUMNS)
    assert {"availability", "performance", "quality", "oee"} <= set(Kpi.__dataclass_fields__)


def test_pieces_that_were_set_back_below_nothing_make_no_ratio() -> None:
    found = kpis(Facts(running_s=60, good=-3, scrap=1, ideal_s=-20, ideal_good_s=-30))
    assert (found.quality, found.scrap_ratio, found.rework_ratio) == (None, None, None)
    assert found.performance == pytest.approx(-1 / 3)


def test_a_sum_below_zero_has_no_pieces_without_an_ideal_cycle() -> None:
    """A counter that was set back in the hour before takes away what it had counted."""
    assert doubts(Facts(good=-5.0, ideal_s=-50.0), is_late=False, is_open=False) == ()
    assert doubts(Facts(good=5.0, unrated=1.0), is_late=False, is_open=False) == ("unrated",)
