"""A plant file with faults: each is found, all at once, in words that help; never a traceback."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plant.check import Fault, PlantFaults, read
from plant.model import Plant

SAMPLE = (Path(__file__).parents[2] / "plant.toml").read_text(encoding="utf-8")

# A plant as small as can be, in pieces that the tests replace.
PARTS = {
    "site": '[site]\ncode = "s"\nname = "Site"\ntime_zone = "Europe/Berlin"\n',
    "area": '[[areas]]\ncode = "hall"\nname = "Hall"\n',
    "line": '[[lines]]\ncode = "A"\narea = "hall"\nname = "Line A"\ncalendar = "day"\n',
    "machine": '[[machines]]\ncode = "A01"\nline = "A"\nname = "Mill"\n',
    "calendar": """[[calendars]]
code = "day"
[[calendars.shifts]]
code = "early"
name = "Early"
start = "06:00"
end = "14:00"
breaks = [{ start = "10:00", end = "10:30" }]
[[calendars.shifts]]
code = "late"
name = "Late"
start = "14:00"
end = "22:00"
""",
    "product": '[[products]]\ncode = "P"\nname = "Part"\nideal_cycle_s = { A = 12.0 }\n',
    "reason": '[[reasons]]\ncode = "jam"\nname = "Jam"\n',
    "map": '[[state_maps]]\nname = "m"\n[state_maps.values]\n6 = "running"\n'
    '9 = { state = "down", reason = "jam" }\n',
    "opcua": '[[sources]]\nname = "plc"\nkind = "opcua"\nurl = "opc.tcp://10.0.0.5:4840"\n'
    'security = "none"\n',
    "mqtt": '[[sources]]\nname = "broker"\nkind = "mqtt"\nhost = "10.0.0.6"\n'
    'topics = ["plant/+/status"]\n',
    "rest": '[[sources]]\nname = "mes"\nkind = "rest"\nurl = "http://mes/api"\n'
    'fields = { order = "wo", operation = "op", status = "st", planned = "qty" }\n'
    'statuses = { WIP = "running" }\n',
    "state": '[[tags]]\nname = "state"\nmachines = ["A*"]\nsource = "plc"\nrole = "state"\n'
    'address = "ns=2;s={machine}.State"\nstate_map = "m"\n',
    "process": '[[tags]]\nname = "heat"\nmachines = ["A01"]\nsource = "broker"\n'
    'role = "process"\naddress = "plant/{machine}/status"\npath = "heat"\n',
    "limit": '[[alerts]]\ncode = "hot"\nname = "Hot"\nkind = "tag_limit"\ntag = "heat"\n'
    'above = 90.0\nrecipients = ["crew"]\n',
    "down": '[[alerts]]\ncode = "down"\nname = "Down"\nkind = "machine_down"\nlonger_than_s = 9\n',
    "recipient": '[[recipients]]\ncode = "crew"\nname = "Crew"\naddress = "crew@example.com"\n',
    "mail": '[mail]\nhost = "mail"\nsender = "t@example.com"\nboards_url = "http://t"\n',
}
SMALL = "\n".join(PARTS.values())


def _faults(text: str) -> tuple[Fault, ...]:
    with pytest.raises(PlantFaults) as caught:
        read(text)
    return caught.value.faults


def test_the_sample_and_the_small_plant_have_no_fault() -> None:
    assert len(read(SAMPLE).machines) == 24
    assert len(read(SMALL).all_tags()) == 2


# (what is replaced, by what, key, value, what the expectation says)
BROKEN = [
    # form
    ('"Europe/Berlin"', '"Europe/Berin"', "site.time_zone", '"Europe/Berin"', "IANA"),
    ('time_zone = "Europe/Berlin"', "", "site.time_zone", "", "missing"),
    ('code = "s"', 'code = "s"\nlangauge = "en"', "site.langauge", '"en"', '"language"?'),
    ('code = "s"', 'code = "ä b"', "site.code", '"ä b"', "a code: letters"),
    ('code = "s"', "code = 5", "site.code", "5", "a text"),
    ('name = "Site"', 'name = { en = "Site" }', "site.name.zh", "", "missing"),
    ('name = "Site"', 'name = "Site"\ntarget_oee = 75', "site.target_oee", "75", "at most 1"),
    ('name = "Site"', 'name = "Site"\ntarget_oee = nan', "site.target_oee", "nan", "finite"),
    ('"06:00"', '"06:00:30"', "calendars[0].shifts[0].start", '"06:00:30"', "whole minute"),
    ('"06:00"', "06:00:30", "calendars[0].shifts[0].start", "06:00:30", "whole minute"),
    ('"06:00"', '"25:00"', "calendars[0].shifts[0].start", '"25:00"', "HH:MM"),
    ('"10:00"', '"10 am"', "calendars[0].shifts[0].breaks[0].start", '"10 am"', "HH:MM"),
    ("A = 12.0", "A = 0", "products[0].ideal_cycle_s.A", "0", "greater than 0"),
    ("A = 12.0", '"A 1" = 12.0', "products[0].ideal_cycle_s.A 1", '"A 1"', "a code"),
    ('6 = "running"', '6 = "runing"', "state_maps[0].values.6", '"runing"', "'running'"),
    ('kind = "opcua"', 'kind = "opc"', "sources[0].kind", '"opc"', "'opcua'"),
    ('kind = "opcua"', "", "sources[0].kind", "", "missing|says which"),
    ('"opc.tcp://10.0.0.5:4840"', '"http://x"', "sources[0].url", '"http://x"', "opc.tcp://"),
    ('security = "none"', "", "sources[0].security", "", "missing"),
    ('host = "10.0.0.6"', 'host = "x"\nport = 99999', "sources[1].port", "99999", "at most 65535"),
    ('host = "10.0.0.6"', 'host = "x"\nqos = 3', "sources[1].qos", "3", "0, 1 or 2"),
    ('topics = ["plant/+/status"]', "topics = []", "sources[1].topics", "[]", "at least one"),
    ('role = "process"', 'role = "temp"', "tags[1].role", '"temp"', "'process'"),
    ('"crew@example.com"', '"crew"', "recipients[0].address", '"crew"', "mail address"),
    ('host = "mail"', 'host = "mail"\nsecurity = "ssl"', "mail.security", '"ssl"', "starttls"),
    (
        'host = "mail"',
        'host = "mail"\nfallback = "boss"',
        "mail.fallback",
        '"boss"',
        "a recipient; known: crew",
    ),
    ("[mail]", "[mal]", "mal", "", 'did you mean "mail"'),
    # codes
    ('code = "late"', 'code = "early"', "calendars[0].shifts[1].code", '"early"', "of its own"),
    ('code = "A01"', 'code = "A"', "machines[0].code", '"A"', "that no line has"),
    ('area = "hall"', 'area = "hal"', "lines[0].area", '"hal"', 'did you mean "hall"'),
    ('calendar = "day"', 'calendar = "night"', "lines[0].calendar", '"night"', "known: day"),
    ('line = "A"', 'line = "B"', "machines[0].line", '"B"', "the code of a line"),
    ("A = 12.0", "B = 12.0", "products[0].ideal_cycle_s.B", "12.0", "line or a machine"),
    ("{ A = 12.0 }", "{}", "products[0].ideal_cycle_s", "{}", "at least one"),
    ('reason = "jam"', 'reason = "jan"', "state_maps[0].values.9.reason", '"jan"', '"jam"'),
    ('6 = "running"', '"*" = "running"', "state_maps[0].values.*", '"running"', "otherwise"),
    # lines: A01 alone
    (
        'name = "Line A"',
        'name = "Line A"\nconstraint = "A02"',
        "lines[0].constraint",
        '"A02"',
        'of line A; did you mean "A01"?',
    ),
    (
        'name = "Mill"',
        'name = "Mill"\nafter = ["A01"]',
        "machines[0].after",
        '"A01"',
        "that stands above A01 in the file; there is none yet",
    ),
    ('name = "Mill"', 'name = "Mill"\njoins = true', "machines[0].joins", "true", "several"),
    ('name = "Mill"', 'name = "Mill"\nbuffer_s = -1', "machines[0].buffer_s", "-1", "at least 0"),
    (
        'name = "Mill"\n',
        'name = "Mill"\n[[machines]]\ncode = "A02"\nline = "A"\nname = "Lathe"\n'
        'after = ["A01", "A01"]\n',
        "machines[1].after",
        '"A01"',
        "each machine once",
    ),
    # shifts: 06:00–14:00 and 14:00–22:00, a break at 10:00
    ('start = "14:00"', 'start = "13:00"', "calendars[0].shifts[1]", "13:00–22:00", "overlap"),
    ('end = "22:00"', 'end = "07:00"', "calendars[0].shifts[1]", "14:00–07:00", "overlap"),
    ('start = "10:00"', 'start = "05:00"', "calendars[0].shifts[0].breaks[0]", "05:00", "within"),
    ('end = "10:30"', 'end = "14:30"', "calendars[0].shifts[0].breaks[0]", "14:30", "within"),
    (
        'end = "10:30" }',
        'end = "10:30" }, { start = "10:15", end = "10:45" }',
        "calendars[0].shifts[0].breaks[1]",
        "10:15",
        "overlaps no other",
    ),
    (
        'end = "14:00"\n',
        'end = "14:00"\ndays = []\n',
        "calendars[0].shifts[0].days",
        "[]",
        "at least one",
    ),
    # sources
    (
        'security = "none"',
        'security = "basic256sha256_sign"',
        "sources[0].certificate",
        "",
        "needs",
    ),
    ('order = "wo", ', "", "sources[2].fields.order", "", "can't do without"),
    ('order = "wo"', 'order = "wo", qty = "x"', "sources[2].fields.qty", '"x"', "known: "),
    ('order = "wo"', 'order = "wo["', "sources[2].fields.order", '"wo["', "JMESPath"),
    ('WIP = "running"', 'WIP = "going"', "sources[2].statuses.WIP", '"going"', "held"),
    # tags
    ('machines = ["A*"]', 'machines = ["B*"]', "tags[0].machines", '"B*"', "matches"),
    ('source = "plc"', 'source = "pcl"', "tags[0].source", '"pcl"', 'did you mean "plc"'),
    ('source = "plc"', 'source = "mes"', "tags[0].source", '"mes"', "brings orders"),
    ('state_map = "m"', "", "tags[0].state_map", "", "what the raw states mean"),
    ('state_map = "m"', 'state_map = "n"', "tags[0].state_map", '"n"', "a state map"),
    ('path = "heat"', 'state_map = "m"', "tags[1].state_map", '"m"', 'only with role = "state"'),
    ('path = "heat"', "modulus = 9", "tags[1].modulus", "9.0", "running total"),
    ('path = "heat"', 'path = "a..b"', "tags[1].path", '"a..b"', "JMESPath"),
    ("plant/{machine}/status", "plant/{maschine}/status", "tags[1].address", "", "placeholders"),
    ("plant/{machine}/status", "other/{machine}/status", "tags[1].address", "", "subscribes"),
    ("plant/{machine}/status", "plant/+/status", "tags[1].address", "", "one topic"),
    # specification limits
    (
        'path = "heat"',
        "spec = { lower = 55.0, upper = 35.0 }",
        "tags[1].spec.lower",
        "55.0",
        "under upper = 35.0",
    ),
    ('path = "heat"', "spec = {}", "tags[1].spec", "{}", "lower, upper or both"),
    ('path = "heat"', 'spec = { lower = "x" }', "tags[1].spec.lower", '"x"', "a number"),
    ('path = "heat"', "spec = { max = 1.0 }", "tags[1].spec.max", "1.0", "known: lower, upper"),
    (
        'path = "heat"',
        "spec_of = { R = { upper = 9.0 } }",
        "tags[1].spec_of.R",
        "",
        "the code of a product; known: P",
    ),
    (
        'path = "heat"',
        "spec_of = { P = { lower = 9.0, upper = 9.0 } }",
        "tags[1].spec_of.P.lower",
        "9.0",
        "under upper = 9.0",
    ),
    (
        'state_map = "m"\n',
        'state_map = "m"\nspec = { upper = 9.0 }\n',
        "tags[0].spec",
        "",
        "only process values have limits",
    ),
    (
        'state_map = "m"\n',
        'state_map = "m"\nspec_of = { P = { upper = 9.0 } }\n',
        "tags[0].spec_of",
        "",
        "only process values have limits",
    ),
    (
        PARTS["process"],
        PARTS["process"] + PARTS["process"],
        "tags[2].name",
        '"heat"',
        "no other tag",
    ),
    (
        PARTS["state"],
        PARTS["state"] + PARTS["state"].replace('name = "state"', 'name = "mode"'),
        "tags[1].role",
        '"state"',
        "one state tag for A01",
    ),
    (
        PARTS["machine"] + "\n",
        PARTS["machine"] + PARTS["machine"].replace("A01", "A02") + "\n",
        None,
        "",
        "",
    ),
    # alerts
    ("above = 90.0", "", "alerts[0].above", "", "a limit"),
    ("above = 90.0", "above = 90.0\nbelow = 95.0", "alerts[0].below", "95.0", "under above"),
    ('tag = "heat"', 'tag = "haet"', "alerts[0].tag", '"haet"', 'did you mean "heat"'),
    ('recipients = ["crew"]', 'recipients = ["boss"]', "alerts[0].recipients", '"boss"', "crew"),
    (
        "longer_than_s = 9",
        'longer_than_s = 9\nmachines = ["Z*"]',
        "alerts[1].machines",
        "Z",
        "matches",
    ),
    (
        'kind = "tag_limit"\ntag = "heat"\nabove = 90.0',
        'kind = "anomaly"\ntag = "state"',
        "alerts[0].tag",
        '"state"',
        "process value",
    ),
    (
        'kind = "machine_down"\nlonger_than_s = 9',
        'kind = "source_silent"\nlonger_than_s = 9\nsources = ["x"]',
        "alerts[1].sources",
        '"x"',
        "matches",
    ),
    (
        'kind = "machine_down"\nlonger_than_s = 9',
        'kind = "line_oee"\nbelow = 0.5\nlines = ["Z"]',
        "alerts[1].lines",
        '"Z"',
        "matches",
    ),
]


@pytest.mark.parametrize(("old", "new", "key", "value", "expected"), BROKEN)
def test_a_fault_says_where_what_and_how(
    old: str, new: str, key: str | None, value: str, expected: str
) -> None:
    assert old in SMALL
    text = SMALL.replace(old, new, 1)
    if key is None:
        assert read(text)
        return
    faults = _faults(text)
    [fault, *_] = [f for f in faults if f.key == key or re.fullmatch(key, f.key.split(" ")[0])]
    assert value in fault.value
    assert re.search(expected, fault.expected), fault


def test_every_fault_of_form_shows_an_example_that_can_be_copied() -> None:
    text = SMALL.replace('"06:00"', '"x"').replace('"none"', '"x"').replace("A = 12.0", "A = -1")
    examples = {f.key: f.example for f in _faults(text)}
    assert examples == {
        "calendars[0].shifts[0].start": 'start = "06:00"',
        "sources[0].security": 'security = "none"',
        "products[0].ideal_cycle_s.A": "A = 30.0",
    }


def test_faults_between_parts_are_found_beside_faults_of_form() -> None:
    text = (
        SMALL.replace('"Europe/Berlin"', '"Nowhere"')
        .replace('area = "hall"', 'area = "hal"\ntarget_oee = 7')
        .replace('start = "14:00"', 'start = "13:00"')
        .replace('start = "10:00"', 'start = "ten"')
        .replace('recipients = ["crew"]', 'recipients = ["boss"]')
    )
    assert {f.key for f in _faults(text)} == {
        "site.time_zone",
        "lines[0].area",
        "lines[0].target_oee",
        "calendars[0].shifts[0].breaks[0].start",
        "calendars[0].shifts[1]",
        "alerts[0].recipients",
    }


def test_what_names_a_broken_entry_is_no_fault_of_its_own() -> None:
    text = SMALL.replace('url = "opc.tcp://10.0.0.5:4840"', "")
    assert [f.key for f in _faults(text)] == ["sources[0].url"]


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("a = 1\nb = ]", "line 2, column 5", "b = ]"),
        ("a = 1\na = 2\n", "line 2, column 6", "a = 2"),
        ("[site", "the end of the file", ""),
        ("a = " + "[" * 5000, "the file", ""),
        ("a = " + "9" * 5000, "the file", ""),
        ("a = \ud800", "line 1, column 5", ""),
    ],
)
def test_a_fault_of_syntax_says_line_and_column(text: str, key: str, value: str) -> None:
    [fault] = _faults(text)
    assert (fault.key, value in fault.value) == (key, True)


def test_the_message_lists_everything() -> None:
    with pytest.raises(PlantFaults) as caught:
        read(SMALL.replace('area = "hall"', 'area = "hal"').replace("above = 90.0", ""))
    assert str(caught.value) == (
        "The plant file has 2 faults:\n"
        'lines[0].area = "hal"\n'
        '    Expected: the code of an area; did you mean "hall"? Example: area = "hall"\n'
        "alerts[0].above\n"
        "    Expected: a limit: above, below or both. Example: above = 7.1"
    )


def test_an_empty_file_misses_what_every_plant_has() -> None:
    assert {f.key for f in _faults("")} == {"site", "areas", "lines", "machines", "calendars"}


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["A", "A01", "*", "06:00", "state", "running", "opcua", "{machine}", "[", "#"]),
    st.datetimes(),
    st.dates(),
    st.times(),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


def _places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path, *(place for step, below in inner for place in _places(below, (*path, step)))]


PLACES = _places(tomllib.loads(SMALL))[1:]


@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=4))
def test_whatever_stands_in_a_file_is_a_plant_or_faults(
    monkeypatch: pytest.MonkeyPatch, changes: list[tuple[tuple[object, ...], object]]
) -> None:
    data = tomllib.loads(SMALL)
    for path, value in changes:
        _put(data, path, value)
    monkeypatch.setattr("plant.check.tomllib.loads", lambda _: data)
    _plant_or_faults("")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_is_typed_into_a_file_is_a_plant_or_faults(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(SMALL)))
    cut = data.draw(st.integers(0, 30))
    typed = data.draw(st.text(max_size=10) | st.sampled_from(['"', "[[", "]", "=", "\n", "1e999"]))
    _plant_or_faults(SMALL[:at] + typed + SMALL[at + cut :])


def _put(here: Any, path: tuple[Any, ...], value: object) -> None:
    """Put a value at a path, unless another one has been put in the way."""
    try:
        for step in path[:-1]:
            here = here[step]
        here[path[-1]] = value
    except (LookupError, TypeError):
        return


def _plant_or_faults(text: str) -> None:
    faults: tuple[Fault, ...] | None
    try:
        faults = None if isinstance(read(text), Plant) else ()
    except PlantFaults as found:
        faults = found.faults
    assert faults is None or (faults and all(f.key and f.expected and str(f) for f in faults))
