"""Rosters over years and zones: rotations, changes, maintenance, versions; every second once."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant.book import Book, Edition, Upkeep
from plant.instance import ShiftInstance
from plant.part import Label
from plant.roster import roster
from plant.shift import Break, Calendar, Change, Holiday, Maintenance, Rotation, Shift

ZONES = (
    "Europe/Berlin",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "Australia/Lord_Howe",
)
NAME = Label(en="Name", zh="名")
FOUR = {
    "red": "early*7 late*7 night*7 -*7",
    "blue": "late*7 night*7 -*7 early*7",
    "green": "night*7 -*7 early*7 late*7",
    "gold": "-*7 early*7 late*7 night*7",
}


def _t(text: str) -> time:
    return time.fromisoformat(text)


def _shift(code: str, start: str, end: str, pause: str | None = None) -> Shift:
    breaks = (Break(start=_t(pause), end=_t(f"{pause[:3]}30")),) if pause else ()
    return Shift(code=code, name=NAME, start=_t(start), end=_t(end), breaks=breaks)


THREE = (
    _shift("early", "06:00", "14:00", "10:00"),
    _shift("late", "14:00", "22:00", "18:00"),
    _shift("night", "22:00", "06:00", "02:00"),
)
ROTATING = Calendar(code="c", rotation=Rotation(anchor=date(2026, 1, 5), teams=FOUR), shifts=THREE)
WEEKLY = Calendar(code="c", shifts=THREE)


def _book(calendar: Calendar, zone: str = "Europe/Berlin", **more: object) -> Book:
    return Book.model_validate(
        {"calendars": {"c": [Edition(calendar=calendar, zone=zone)]}, **more}
    )


def _found(book: Book, first: str, last: str, *scopes: str) -> tuple[ShiftInstance, ...]:
    """Whatever meets the days [first, last), UTC."""
    t0, t1 = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (first, last))
    return roster(book, "c", scopes, t0, t1)


def _said(instance: ShiftInstance, zone: str = "Europe/Berlin") -> str:
    t0, t1 = (t.astimezone(ZoneInfo(zone)) for t in (instance.t0, instance.t1))
    return f"{instance.day:%m-%d} {instance.code} {t0:%H:%M}-{t1:%H:%M}"


@pytest.mark.parametrize(
    ("day", "teams"),
    [
        # day 0 of the cycle, day 58 = 2 × 28 + 2, and the day before the anchor: the 28th
        (date(2026, 1, 5), {"early": "red", "late": "blue", "night": "green"}),
        (date(2026, 3, 4), {"early": "red", "late": "blue", "night": "green"}),
        (date(2026, 1, 4), {"late": "green", "early": "blue", "night": "gold"}),
        (date(2026, 1, 12), {"late": "red", "night": "blue", "early": "gold"}),
    ],
)
def test_four_teams_take_turns(day: date, teams: dict[str, str]) -> None:
    found = _found(_book(ROTATING), f"{day}", f"{day + timedelta(days=1)}")
    assert {i.code: "".join(i.teams) for i in found if i.day == day} == teams


def test_a_rotation_has_free_days_and_shifts_of_two_teams() -> None:
    rotation = Rotation(anchor=date(2026, 3, 2), teams={"a": "early*2 -", "b": "early - -"})
    book = _book(Calendar(code="c", rotation=rotation, shifts=THREE))
    found = _found(book, "2026-03-02", "2026-03-08")
    assert [(f"{i.day:%d}", i.teams) for i in found] == [
        ("02", ("a", "b")),
        ("03", ("a",)),
        ("05", ("a", "b")),
        ("06", ("a",)),
    ]


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-28", 7), ("2026-10-24", 9), ("2026-06-01", 8)]
)
def test_the_nights_in_which_berlin_changes_its_clocks(day: str, hours: int) -> None:
    begin = date.fromisoformat(day)
    found = _found(_book(ROTATING), day, f"{begin + timedelta(days=2)}")
    [night] = [i for i in found if i.code == "night" and i.day == begin]
    assert (night.t1 - night.t0) == timedelta(hours=hours)
    assert sum((b - a for a, b in night.breaks), timedelta()) == timedelta(minutes=30)


CHANGES: dict[str, dict[str, object]] = {
    "add": {"kind": "add", "shift": "late", "start": "15:00", "breaks": []},
    "cancel": {"kind": "cancel", "shift": "early"},
    "longer": {"kind": "alter", "shift": "early", "end": "15:30"},
    "break": {"kind": "alter", "shift": "early", "breaks": [{"start": "11:00", "end": "11:15"}]},
    "team": {"kind": "alter", "shift": "early", "team": "blue"},
    "nothing": {"kind": "alter", "shift": "late", "start": "15:00"},
}


@pytest.mark.parametrize(
    ("change", "said", "breaks"),
    [
        ("add", ["03-07 early 06:00-14:00", "03-07 late 15:00-22:00"], ["10:00-10:30"]),
        ("cancel", [], []),
        ("longer", ["03-07 early 06:00-15:30"], ["10:00-10:30"]),
        ("break", ["03-07 early 06:00-14:00"], ["11:00-11:15"]),
        ("team", ["03-07 early 06:00-14:00"], ["10:00-10:30"]),
        ("nothing", ["03-07 early 06:00-14:00"], ["10:00-10:30"]),
    ],
)
def test_one_day_is_different(change: str, said: list[str], breaks: list[str]) -> None:
    late = THREE[1].model_copy(update={"days": ("mon",)})
    book = _book(
        Calendar(code="c", shifts=(THREE[0], late)),
        changes=[{"day": "2026-03-07", **CHANGES[change]}],
    )
    found = [i for i in _found(book, "2026-03-06", "2026-03-09") if f"{i.day}" == "2026-03-07"]
    assert [_said(i) for i in found] == said
    zone = ZoneInfo("Europe/Berlin")
    pauses = [
        f"{a.astimezone(zone):%H:%M}-{b.astimezone(zone):%H:%M}" for i in found for a, b in i.breaks
    ]
    assert pauses == breaks
    assert all(i.teams == (("blue",) if change == "team" else ()) for i in found)


def test_a_longer_shift_ends_where_the_next_begins() -> None:
    change = {"day": "2026-03-07", "kind": "alter", "shift": "early", "end": "16:00"}
    found = _found(_book(WEEKLY, changes=[change]), "2026-03-07", "2026-03-08")
    assert "03-07 early 06:00-14:00" in [_said(i) for i in found]


def test_the_nearest_change_wins_and_holds_below() -> None:
    entries = [
        {"day": "2026-03-07", "kind": "cancel", "shift": "early", "machines": ["A06"]},
        {"day": "2026-03-07", "kind": "alter", "shift": "early", "end": "12:00", "lines": ["A"]},
        {"day": "2026-03-07", "kind": "alter", "shift": "early", "end": "13:00"},
    ]
    book = _book(Calendar(code="c", shifts=THREE[:1]), changes=entries)

    def on(machine: str, line: str) -> list[str]:
        scopes = book.scopes(machine, line, "c")
        found = _found(book, "2026-03-07", "2026-03-08", *scopes)
        return [_said(i) for i in found]

    assert on("B01", "B") == ["03-07 early 06:00-13:00"]
    assert on("A01", "A") == ["03-07 early 06:00-12:00"]
    assert on("A06", "A") == []


def test_a_shift_may_be_added_on_a_holiday() -> None:
    book = _book(
        WEEKLY,
        holidays=[Holiday(day=date(2026, 5, 1), name=NAME)],
        changes=[Change(day=date(2026, 5, 1), kind="add", shift="late")],
    )
    days = [_said(i) for i in _found(book, "2026-05-01", "2026-05-02")]
    assert days == ["04-30 night 22:00-06:00", "05-01 late 14:00-22:00"]


@pytest.mark.parametrize(
    ("planned", "windows"),
    [
        # by the week, every second week from the 7th, and once over two days; early 06:00-14:00
        ({"days": ["sat"]}, ["03-07", "03-14", "03-21"]),
        ({"days": ["sat"], "every_weeks": 2, "first": "2026-03-05"}, ["03-07", "03-21"]),
        ({"days": ["sat"], "last": "2026-03-14"}, ["03-07", "03-14"]),
        ({"day": "2026-03-10", "last": "2026-03-11"}, ["03-10", "03-11"]),
    ],
)
def test_maintenance_is_planned(planned: dict[str, object], windows: list[str]) -> None:
    upkeep = Maintenance.model_validate(
        {"code": "m", "name": "M", "start": "06:00", "end": "08:00", **planned}
    )
    book = _book(
        Calendar(code="c", shifts=THREE[:1]),
        upkeep=[Upkeep(maintenance=upkeep, zone="Europe/Berlin")],
    )
    found = _found(book, "2026-03-02", "2026-03-23")
    assert [f"{i.day:%m-%d}" for i in found if i.maintenance] == windows


def test_where_maintenance_meets_a_break_it_is_maintenance() -> None:
    upkeep = Maintenance(
        code="m", name=NAME, start=_t("10:15"), end=_t("11:00"), day=date(2026, 3, 4)
    )
    book = _book(WEEKLY, "Asia/Kolkata", upkeep=[Upkeep(maintenance=upkeep, zone="Asia/Kolkata")])
    [early] = [i for i in _found(book, "2026-03-04", "2026-03-05") if i.code == "early"][:1]
    minutes = [(s.kind, (s.t1 - s.t0).total_seconds() / 60) for s in early.slices()]
    assert minutes == [("work", 240), ("break", 15), ("maintenance", 45), ("work", 180)]


def test_a_version_begins_with_the_shifts_of_its_day() -> None:
    later = Calendar(code="c", shifts=(_shift("day", "05:00", "17:00"),))
    book = Book(
        calendars={
            "c": (
                Edition(calendar=WEEKLY, zone="Europe/Berlin"),
                Edition(calendar=later, zone="Europe/Berlin", day=date(2026, 3, 4)),
            )
        }
    )
    found = [_said(i) for i in _found(book, "2026-03-03", "2026-03-05")]
    assert found[-3:] == [
        "03-03 late 14:00-22:00",
        "03-03 night 22:00-05:00",  # cut: the new day begins at 05:00
        "03-04 day 05:00-17:00",
    ]


# ── Over years and zones ────────────────────────────────────────────────────────────────────────

DAYS = st.dates(date(1990, 1, 1), date(2036, 1, 1))
MINUTES = st.integers(0, 1439).map(lambda m: time(m // 60, m % 60))


@st.composite
def _shifts(draw: st.DrawFn) -> tuple[Shift, ...]:
    """Shifts that share out the day, with breaks wherever."""
    edges = sorted(draw(st.lists(MINUTES, min_size=2, max_size=5, unique=True)))
    spans = list(pairwise([*edges, edges[0]]))
    return tuple(
        Shift(
            code=f"s{n}",
            name=NAME,
            start=a,
            end=b,
            breaks=tuple(
                Break(start=p, end=q)
                for p, q in draw(st.lists(st.tuples(MINUTES, MINUTES), max_size=2))
            ),
        )
        for n, (a, b) in enumerate(spans)
    )


@st.composite
def _calendars(draw: st.DrawFn) -> Calendar:
    shifts = draw(_shifts())
    if draw(st.booleans()):
        return Calendar(code="c", shifts=shifts)
    codes = st.sampled_from([*(s.code for s in shifts), "-"])
    length = draw(st.integers(1, 28))
    patterns = {
        team: " ".join(draw(st.lists(codes, min_size=length, max_size=length)))
        for team in ("a", "b", "c", "d")
    }
    return Calendar(code="c", shifts=shifts, rotation=Rotation(anchor=draw(DAYS), teams=patterns))


@st.composite
def _books(draw: st.DrawFn) -> tuple[Book, datetime, datetime]:
    zone, first = draw(st.sampled_from(ZONES)), draw(DAYS)
    days = draw(st.integers(2, 200))
    near = st.integers(-3, days + 3).map(lambda n: first + timedelta(days=n))
    editions = [Edition(calendar=draw(_calendars()), zone=zone)]
    if draw(st.booleans()):
        editions.append(Edition(calendar=draw(_calendars()), zone=zone, day=draw(near)))
    elif draw(st.booleans()):
        since = datetime.combine(draw(near), draw(MINUTES), UTC)
        editions.append(Edition(calendar=draw(_calendars()), zone=zone, since=since))
    changes = tuple(
        Change(
            day=draw(near),
            kind=draw(st.sampled_from(("add", "cancel", "alter"))),
            shift=draw(st.sampled_from(("s0", "s1", "s2"))),
            start=draw(st.none() | MINUTES),
            end=draw(st.none() | MINUTES),
        )
        for _ in range(draw(st.integers(0, 6)))
    )
    upkeep = tuple(
        Upkeep(
            maintenance=Maintenance(
                code="m", name=NAME, start=draw(MINUTES), end=draw(MINUTES), days=("tue", "sun")
            ),
            zone=zone,
        )
        for _ in range(draw(st.integers(0, 2)))
    )
    holidays = tuple(Holiday(day=draw(near), name=NAME) for _ in range(draw(st.integers(0, 3))))
    t0 = datetime.combine(first, draw(MINUTES), UTC)
    book = Book(calendars={"c": tuple(editions)}, changes=changes, upkeep=upkeep, holidays=holidays)
    return book, t0, t0 + timedelta(days=days)


@settings(max_examples=60, deadline=None)
@given(_books())
def test_every_second_is_exactly_one_element(made: tuple[Book, datetime, datetime]) -> None:
    book, t0, t1 = made
    found = roster(book, "c", (), t0, t1)
    slices = [s for i in found for s in i.slices()]
    assert all(i.t0 < i.t1 and i.t0 < t1 and i.t1 > t0 for i in found)
    assert all(s.t0 < s.t1 for s in slices)
    assert all(a.t1 <= b.t0 for a, b in pairwise(slices))
    for instance in found:
        own = instance.slices()
        assert (own[0].t0, own[-1].t1) == (instance.t0, instance.t1)
        assert all(a.t1 == b.t0 for a, b in pairwise(own))
    edges = [t0, *(t for i in found for t in (max(i.t0, t0), min(i.t1, t1))), t1]
    free = sum((b - a for a, b in zip(edges[::2], edges[1::2], strict=True)), timedelta())
    planned = sum(
        (min(s.t1, t1) - max(s.t0, t0) for s in slices if s.t1 > t0 and s.t0 < t1), timedelta()
    )
    assert free + planned == t1 - t0


@settings(max_examples=40, deadline=None)
@given(_books(), st.floats(0, 1))
def test_the_same_shifts_however_much_is_asked_for(
    made: tuple[Book, datetime, datetime], share: float
) -> None:
    book, t0, t1 = made
    at = t0 + (t1 - t0) * share
    narrow = roster(book, "c", (), at, at + timedelta(seconds=1))
    wide = roster(book, "c", (), t0, t1 + timedelta(seconds=1))
    assert narrow == tuple(i for i in wide if i.t0 < at + timedelta(seconds=1) and i.t1 > at)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(ZONES), DAYS, st.integers(5, 400))
def test_round_the_clock_neighbours_touch_and_lengths_follow_the_clock(
    zone: str, first: date, days: int
) -> None:
    t0 = datetime.combine(first, time(), UTC)
    found = roster(_book(ROTATING, zone), "c", (), t0, t0 + timedelta(days=days))
    assert all(a.t1 == b.t0 for a, b in pairwise(found))
    tz = ZoneInfo(zone)
    for instance in found:
        start, end = instance.t0.astimezone(tz), instance.t1.astimezone(tz)
        offsets = [moment.utcoffset() for moment in (start, end)]
        assert offsets[0] is not None and offsets[1] is not None  # noqa: PT018
        # 8 hours on the wall; the clock's own step comes off or on
        assert instance.t1 - instance.t0 == timedelta(hours=8) - (offsets[1] - offsets[0])
        assert instance.day == start.date()
        assert len(instance.teams) == 1
