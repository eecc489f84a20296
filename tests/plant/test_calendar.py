"""Shifts on the clock of the world: nights when clocks change, midnight, holidays, ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant.book import Assignment, Book, Edition
from plant.calendar import (
    ShiftInstance,
    Slice,
    after_work,
    instant,
    local_day,
    machine_shifts,
    shift_instances,
    slice_at,
    work_s,
    work_windows,
)
from plant.check import read
from plant.model import Break, Calendar, Holiday, Label, Plant, Shift

SAMPLE = read((Path(__file__).parents[2] / "plant.toml").read_text(encoding="utf-8"))
NAME = Label(en="Shift", zh="班")
HOUR = 3600.0


def _shift(code: str, start: str, end: str, *breaks: tuple[str, str]) -> Shift:
    return Shift(
        code=code,
        name=NAME,
        start=time.fromisoformat(start),
        end=time.fromisoformat(end),
        breaks=tuple(
            Break(start=time.fromisoformat(a), end=time.fromisoformat(b)) for a, b in breaks
        ),
    )


def _plant(zone: str, *shifts: Shift, holidays: tuple[Holiday, ...] = ()) -> Plant:
    return SAMPLE.model_copy(
        update={
            "site": SAMPLE.site.model_copy(update={"time_zone": zone}),
            "calendars": (Calendar(code="c", shifts=shifts),),
            "holidays": holidays,
        }
    )


def _night(zone: str, day: date) -> ShiftInstance:
    """The shift from 22:00 to 06:00 that starts on a day; a break from 02:00 to 02:30."""
    plant = _plant(zone, _shift("night", "22:00", "06:00", ("02:00", "02:30")))
    t0 = instant(day, time(22), ZoneInfo(zone))
    [found] = [i for i in shift_instances(plant, "c", t0, t0 + timedelta(hours=1)) if i.t0 == t0]
    return found


@pytest.mark.parametrize(
    ("zone", "day", "hours", "break_starts"),
    [
        ("Europe/Berlin", date(2026, 3, 27), 8, "2026-03-28T01:00"),
        ("Europe/Berlin", date(2026, 3, 28), 7, "2026-03-29T01:00"),  # at 02:00 it is 03:00
        ("Europe/Berlin", date(2026, 10, 24), 9, "2026-10-25T00:00"),  # the first 02:00
        ("Australia/Lord_Howe", date(2026, 4, 4), 8.5, "2026-04-04T15:30"),
        ("Australia/Lord_Howe", date(2026, 10, 3), 7.5, "2026-10-03T15:30"),
        ("Asia/Kolkata", date(2026, 3, 28), 8, "2026-03-28T20:30"),
    ],
)
def test_a_night_shift_is_shorter_or_longer_and_its_break_is_not(
    zone: str, day: date, hours: float, break_starts: str
) -> None:
    shift = _night(zone, day)
    assert (shift.day, (shift.t1 - shift.t0).total_seconds()) == (day, hours * HOUR)
    [(start, end)] = shift.breaks
    assert start == datetime.fromisoformat(break_starts).replace(tzinfo=UTC)
    assert end - start == timedelta(minutes=30)


def test_where_midnight_does_not_exist_the_shift_starts_at_the_jump() -> None:
    # Brazil's summer time began at midnight until 2018: 00:00 was 01:00, 03:00 UTC.
    plant = _plant("America/Sao_Paulo", _shift("a", "00:00", "08:00"))
    t = datetime(2018, 11, 4, 5, tzinfo=UTC)
    [shift] = shift_instances(plant, "c", t, t + timedelta(hours=1))
    assert (shift.t0, shift.t1) == (
        datetime(2018, 11, 4, 3, tzinfo=UTC),
        datetime(2018, 11, 4, 10, tzinfo=UTC),
    )
    assert local_day(date(2018, 11, 4), plant.site.zone)[0] == shift.t0


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 7, 1), 24)]
)
def test_a_local_day_has_23_to_25_hours(day: date, hours: int) -> None:
    t0, t1 = local_day(day, ZoneInfo("Europe/Berlin"))
    assert (t1 - t0).total_seconds() == hours * HOUR


def test_a_shift_belongs_to_the_day_on_which_it_starts_and_holds_no_end() -> None:
    t = datetime(2026, 3, 4, 22, tzinfo=UTC)  # 06:00 in Shanghai
    found = shift_instances(SAMPLE, "three_shift", t - timedelta(seconds=1), t)
    assert [(s.code, s.day) for s in found] == [("night", date(2026, 3, 4))]
    found = shift_instances(SAMPLE, "three_shift", t, t + timedelta(seconds=1))
    assert [(s.code, s.day) for s in found] == [("early", date(2026, 3, 5))]


def test_slices_are_work_and_breaks_in_order() -> None:
    t = datetime(2026, 3, 4, 22, tzinfo=UTC)
    [shift] = shift_instances(SAMPLE, "three_shift", t, t + timedelta(seconds=1))

    def at(hours: float) -> datetime:
        return t + timedelta(hours=hours)

    assert shift.slices() == (
        Slice(at(0), at(4), "work"),
        Slice(at(4), at(4.5), "break"),
        Slice(at(4.5), at(8), "work"),
    )
    assert slice_at([shift], at(4)) == Slice(at(4), at(4.5), "break")
    assert slice_at([shift], at(8)) is None


def test_no_shift_starts_on_a_holiday_and_the_one_before_is_worked_to_its_end() -> None:
    holiday = Holiday(day=date(2026, 5, 1), name=NAME)
    other = Holiday(day=date(2026, 5, 2), name=NAME, calendars=("another",))
    plant = _plant("Europe/Berlin", _shift("night", "22:00", "06:00"), holidays=(holiday, other))
    found = shift_instances(
        plant, "c", datetime(2026, 4, 30, 12, tzinfo=UTC), datetime(2026, 5, 3, 12, tzinfo=UTC)
    )
    assert [s.day.isoformat() for s in found] == ["2026-04-30", "2026-05-02"]
    assert found[0].t1 == datetime(2026, 5, 1, 4, tzinfo=UTC)


def test_only_the_days_of_a_shift() -> None:
    weekend = _shift("w", "06:00", "18:00").model_copy(update={"days": ("sat", "sun")})
    plant = _plant("Asia/Kolkata", weekend)
    t0 = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
    found = shift_instances(plant, "c", t0, t0 + timedelta(days=14))
    assert [s.day.strftime("%a") for s in found] == ["Sat", "Sun", "Sat", "Sun"]


def test_planned_work_is_counted_and_walked_through() -> None:
    t = datetime(2026, 3, 4, 22, tzinfo=UTC)  # early shift from here, break after 4 h
    windows = work_windows(shift_instances(SAMPLE, "two_shift", t, t + timedelta(days=2)))
    day = t + timedelta(days=1)
    assert work_s(windows, t, day) == 15 * HOUR  # two shifts of 7.5 h
    assert work_s(windows, day, t) == 0
    assert after_work(windows, t, 4 * HOUR) == t + timedelta(hours=4)
    assert after_work(windows, t, 4 * HOUR + 1) == t + timedelta(hours=4.5, seconds=1)
    # 15 h are worked at 22:00; the next one begins at 06:00
    assert after_work(windows, t + timedelta(hours=1), 15 * HOUR) == day + timedelta(hours=1)
    assert after_work(windows, t, 100 * HOUR) is None


ZONES = (
    "Europe/Berlin",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "Australia/Lord_Howe",
)
MOMENTS = st.datetimes(
    datetime(1990, 1, 1),  # noqa: DTZ001
    datetime(2037, 1, 1),  # noqa: DTZ001
)
SHIFTS = (
    _shift("a", "00:00", "02:30", ("00:15", "00:45"), ("02:00", "02:30")),
    _shift("b", "02:30", "08:00", ("02:45", "03:15"), ("03:15", "03:30")),
    _shift("c", "08:00", "20:00"),
    _shift("d", "21:30", "00:00"),
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), st.dates(date(1990, 1, 1), date(2037, 1, 1)), st.integers(2, 400))
def test_slices_never_overlap_and_every_second_is_one_element(
    zone: str, first: date, days: int
) -> None:
    plant = _plant(zone, *SHIFTS)
    t0 = datetime.combine(first, time(), UTC)
    found = shift_instances(plant, "c", t0, t0 + timedelta(days=days))
    slices = [s for instance in found for s in instance.slices()]
    assert all(s.t0 < s.t1 for s in slices)
    assert all(a.t1 <= b.t0 for a, b in pairwise(slices))
    assert all(sum((s.t1 - s.t0 for s in i.slices()), timedelta()) == i.t1 - i.t0 for i in found)
    # the only hole of this calendar is from 20:00 to 21:30
    local = {
        (a.t1.astimezone(plant.site.zone).time(), b.t0.astimezone(plant.site.zone).time())
        for a, b in pairwise(found)
        if a.t1 < b.t0
    }
    assert local == {(time(20), time(21, 30))}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), MOMENTS)
def test_the_same_shifts_whatever_is_asked_for(zone: str, moment: datetime) -> None:
    plant = _plant(zone, *SHIFTS)
    at = moment.replace(tzinfo=UTC)
    wide = shift_instances(plant, "c", at - timedelta(days=3), at + timedelta(days=3))
    narrow = shift_instances(plant, "c", at, at + timedelta(microseconds=1))
    assert narrow == tuple(s for s in wide if s.t0 <= at < s.t1)
    assert len(narrow) <= 1


@settings(deadline=None)
@given(st.sampled_from(ZONES), MOMENTS)
def test_a_wall_time_never_goes_back(zone: str, local: datetime) -> None:
    tz = ZoneInfo(zone)
    later = local + timedelta(minutes=17)
    a = instant(local.date(), local.time(), tz)
    b = instant(later.date(), later.time(), tz)
    assert a <= b


def test_a_machine_works_by_one_calendar_after_the_other() -> None:
    night = _shift("night", "22:00", "06:00", ("02:00", "02:30"))
    day = _shift("day", "08:00", "20:00")
    since = datetime(2026, 3, 5, 0, 0, tzinfo=UTC)
    book = Book(
        calendars={
            shift.code: (
                Edition(calendar=Calendar(code=shift.code, shifts=(shift,)), zone="Etc/UTC"),
            )
            for shift in (night, day)
        },
        machines={
            "A01": (
                Assignment(line="A", calendar="night"),
                Assignment(line="B", calendar="day", since=since),
            )
        },
    )

    def hours(*t: datetime) -> list[tuple[str, float]]:
        found = machine_shifts(book, "A01", *t)
        return [(s.code, (s.t1 - s.t0).total_seconds() / HOUR) for s in found]

    begin, end = since - timedelta(days=1), since + timedelta(days=1)
    assert hours(begin, end) == [("night", 8), ("night", 2), ("day", 12)]
    assert hours(since, end) == [("day", 12)]
    assert hours(begin, begin + timedelta(hours=1)) == [("night", 8)]
