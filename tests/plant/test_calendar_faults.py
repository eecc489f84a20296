"""Faults of calendars, rotations, maintenance and changes: each is found, in words that help."""

from __future__ import annotations

import pytest

from plant.check import Fault, PlantFaults, read

PLANT = """
[site]
code = "s"
name = "Site"
time_zone = "Europe/Berlin"
calendar = "c"
[[areas]]
code = "hall"
name = "Hall"
[[lines]]
code = "A"
area = "hall"
name = "Line A"
[[machines]]
code = "A01"
line = "A"
name = "Mill"
[[teams]]
code = "red"
name = "Red"
[[teams]]
code = "blue"
name = "Blue"
[[calendars]]
code = "c"
[calendars.rotation]
anchor = 2026-01-05
teams.red = "early*2 - -"
teams.blue = "- - late*2"
[[calendars.shifts]]
code = "early"
name = "Early"
start = "06:00"
end = "14:00"
[[calendars.shifts]]
code = "late"
name = "Late"
start = "14:00"
end = "22:00"
[[calendars]]
code = "c"
valid_from = 2026-12-01
[[calendars.shifts]]
code = "day"
name = "Day"
start = "08:00"
end = "16:00"
team = "red"
[[maintenance]]
code = "oil"
name = "Oil"
lines = ["A"]
days = ["sat"]
start = "06:00"
end = "08:00"
every_weeks = 2
first = 2026-01-10
[[changes]]
day = 2026-12-05
kind = "alter"
shift = "early"
machines = ["A0*"]
end = "16:00"
breaks = [{ start = "10:00", end = "10:30" }]
"""

# (what is replaced, by what, key, what the expectation says, the example)
BROKEN = [
    ('calendar = "c"\n', "", "lines[0].calendar", "the site names no calendar", 'calendar = "c"'),
    (
        'calendar = "c"\n',
        'calendar = "d"\n',
        "site.calendar",
        "code of a calendar",
        'calendar = "c"',
    ),
    ("anchor = 2026-01-05\n", "", "calendars[0].rotation.anchor", "missing", "anchor = "),
    (
        'teams.red = "early*2 - -"',
        'teams.rad = "early*2 - -"',
        "calendars[0].rotation.teams.rad",
        'did you mean "red"',
        'teams.blue = "early*2 - -"',
    ),
    (
        '"early*2 - -"',
        '"erly*2 - -"',
        "calendars[0].rotation.teams.red",
        'did you mean "early"',
        'teams.red = "early*4"',
    ),
    (
        '"- - late*2"',
        '"- - late"',
        "calendars[0].rotation.teams.blue",
        "a pattern of 4 days",
        'teams.blue = "early*4"',
    ),
    ('"early*2 - -"', '"early**2"', "calendars[0].rotation.teams", "shift codes and -", "teams = "),
    (
        "valid_from = 2026-12-01\n",
        "",
        "calendars[1].code",
        "another `valid_from` than calendars[0]",
        "valid_from = ",
    ),
    (
        "valid_from = 2026-12-01",
        'valid_from = "soon"',
        "calendars[1].valid_from",
        "a date",
        "valid_from = ",
    ),
    (
        'team = "red"',
        'team = "rad"',
        "calendars[1].shifts[0].team",
        'did you mean "red"',
        'team = "blue"',
    ),
    ('start = "14:00"', 'start = "13:00"', None, "", ""),  # the two are never on one day
    ('"- - late*2"', '"- late*3"', None, "", ""),
    ('days = ["sat"]\n', "", "maintenance[0].days", "either `day`", 'days = ["sat"]'),
    (
        "first = 2026-01-10\n",
        "",
        "maintenance[0].first",
        "the day from which the weeks",
        "first = 2026-01-10",
    ),
    (
        "first = 2026-01-10\n",
        "first = 2026-01-10\nlast = 2026-01-09\n",
        "maintenance[0].last",
        "not before 2026-01-10",
        "last = 2026-01-10",
    ),
    (
        'lines = ["A"]',
        'lines = ["B*"]',
        "maintenance[0].lines",
        "a pattern of a line",
        'lines = ["A"]',
    ),
    (
        'machines = ["A0*"]',
        'machines = ["A02"]',
        "changes[0].machines",
        "a pattern of a machine",
        'machines = ["A01"]',
    ),
    (
        'shift = "early"',
        'shift = "erly"',
        "changes[0].shift",
        'did you mean "early"',
        'shift = "day"',
    ),
    (
        'shift = "early"',
        'shift = "early"\ncalendars = ["d"]',
        "changes[0].calendars",
        "code of a calendar",
        'calendars = ["c"]',
    ),
    ('kind = "alter"', 'kind = "cancel"', "changes[0].end", "no such key", 'kind = "alter"'),
    (
        'kind = "alter"',
        'kind = "more"',
        "changes[0].kind",
        "'add', 'cancel' or 'alter'",
        'kind = "add"',
    ),
    (
        '"10:00", end = "10:30"',
        '"17:00", end = "17:30"',
        "changes[0].breaks[0]",
        "within its shift, 06:00–16:00",
        "{ start = ",
    ),
    (
        'machines = ["A0*"]',
        'machines = ["A0*"]\nteam = "rad"',
        "changes[0].team",
        'did you mean "red"',
        'team = "blue"',
    ),
]


def _faults(text: str) -> tuple[Fault, ...]:
    try:
        read(text)
    except PlantFaults as found:
        return found.faults
    return ()


@pytest.mark.parametrize(("before", "after", "key", "expected", "example"), BROKEN)
def test_a_fault_says_where_and_how(
    before: str, after: str, key: str | None, expected: str, example: str
) -> None:
    assert before in PLANT
    faults = _faults(PLANT.replace(before, after, 1))
    if key is None:
        assert faults == ()
        return
    [found] = [fault for fault in faults if fault.key == key]
    assert expected in found.expected
    assert example in found.example


def test_shifts_of_a_rotation_overlap_on_the_days_they_share() -> None:
    text = PLANT.replace('"- - late*2"', '"- late*3"').replace(
        '"14:00"\nend = "22', '"13:00"\nend = "22'
    )
    [fault] = _faults(text)
    assert fault.key == "calendars[0].shifts[1]"
    assert "a shift apart from calendars[0].shifts[0] (06:00–14:00)" in fault.expected


def test_all_faults_at_once() -> None:
    text = PLANT.replace('team = "red"', 'team = "rad"').replace('lines = ["A"]', 'lines = ["B"]')
    assert [f.key for f in _faults(text.replace("anchor = 2026-01-05\n", ""))] == [
        "calendars[0].rotation.anchor",
        "calendars[1].shifts[0].team",
        "maintenance[0].lines",
    ]
