"""The sample is the documentation: every key, every default and every kind stands in it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from plant.check import read
from plant.model import (
    WEEKDAYS,
    AnomalyRule,
    Area,
    Break,
    Calendar,
    Change,
    DiskFullRule,
    Holiday,
    Horizon,
    HourBoard,
    Label,
    Limits,
    Line,
    LineOeeRule,
    Machine,
    MachineDownRule,
    Mail,
    Maintenance,
    MappedState,
    MqttSource,
    OpcUaSource,
    OrderLateRule,
    Plant,
    Product,
    Reason,
    Recipient,
    RestSource,
    Rotation,
    Shift,
    Site,
    SourceSilentRule,
    SparkplugSource,
    StateMap,
    TagLimitRule,
    TagPattern,
    Team,
)
from plant.orders import FIELDS

TEXT = (Path(__file__).parents[2] / "plant.toml").read_text(encoding="utf-8")
PLANT = read(TEXT)
MODELS: tuple[type[BaseModel], ...] = (
    Site,
    Area,
    Line,
    Machine,
    Product,
    Break,
    Shift,
    Calendar,
    Rotation,
    Team,
    Maintenance,
    Change,
    Holiday,
    Horizon,
    Label,
    Reason,
    MappedState,
    StateMap,
    OpcUaSource,
    MqttSource,
    SparkplugSource,
    RestSource,
    TagPattern,
    Limits,
    TagLimitRule,
    MachineDownRule,
    LineOeeRule,
    DiskFullRule,
    OrderLateRule,
    SourceSilentRule,
    AnomalyRule,
    Recipient,
    Mail,
    HourBoard,
    Plant,
)

DEFAULTS = {
    name: [m.model_fields[name].default for m in MODELS if name in m.model_fields]
    for model in MODELS
    for name in model.model_fields
}


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_every_key_stands_in_the_sample(model: type[BaseModel]) -> None:
    absent = {
        name
        for name in model.model_fields
        if not re.search(rf"(^|[\s{{#,.\[]){name}(\]|\s*=|[,\s:])", TEXT, re.MULTILINE)
    }
    assert not absent


def test_every_default_that_the_sample_tells_is_the_default() -> None:
    told = re.findall(r"^(?:# )?(\w+) = .*\(defaults? ([^:)]+)[:)]", TEXT, re.MULTILINE)
    wrong = [
        (name, text)
        for name, text in told
        if re.fullmatch(r'[\d.]+|true|false|"[^"]*"', text)
        and tomllib.loads(f"x = {text}")["x"] not in DEFAULTS[name]
    ]
    assert len(told) >= 20
    assert not wrong


def test_the_plant_of_the_demo() -> None:
    assert [len([m for m in PLANT.machines if m.line == line.code]) for line in PLANT.lines] == [
        6,
        6,
        6,
        6,
    ]
    assert len(PLANT.products) == 12
    assert {s.kind for s in PLANT.sources} == {"opcua", "mqtt", "sparkplug", "rest"}
    assert {r.kind for r in PLANT.alerts} == {
        "tag_limit",
        "machine_down",
        "line_oee",
        "order_late",
        "source_silent",
        "disk_full",
        "anomaly",
    }


def test_a_shift_is_always_on() -> None:
    three = next(c for c in PLANT.calendars if c.code == "three_shift")
    assert [(s.start.hour, s.end.hour) for s in three.shifts] == [(6, 14), (14, 22), (22, 6)]
    assert all(s.days == WEEKDAYS for s in three.shifts)
    assert all("three_shift" not in h.calendars and h.calendars for h in PLANT.holidays)
    on_two = [m.code for m in PLANT.machines if PLANT.calendar_of(m) == "two_shift"]
    assert on_two == ["A06", "D06"]


def test_every_product_can_be_made_on_its_whole_line() -> None:
    for line in PLANT.lines:
        machines = [m for m in PLANT.machines if m.line == line.code]
        makers = [
            product
            for product in PLANT.products
            if all(PLANT.ideal_cycle_s(product, machine) for machine in machines)
        ]
        assert len(makers) == 3


def test_every_field_of_an_operation_is_mapped_or_shown_as_a_comment() -> None:
    mes = next(s for s in PLANT.sources if isinstance(s, RestSource))
    commented = {"revision", "priority", "parent", "step"}
    assert set(mes.fields) == set(FIELDS) - commented
    assert set(mes.statuses.values()) == {"planned", "running", "held", "done", "cancelled"}
