"""Faults between the parts of a plant file: each check looks at a draft and says what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from plant.checks.alerts import alert_faults, fallback_faults
from plant.checks.calendars import calendar_faults
from plant.checks.changes import change_faults
from plant.checks.codes import duplicate_faults, reference_faults
from plant.checks.flow import flow_faults
from plant.checks.maintenance import maintenance_faults
from plant.checks.reasons import reason_faults
from plant.checks.shifts import shift_faults
from plant.checks.sources import source_faults
from plant.checks.specs import spec_faults
from plant.checks.tags import tag_faults
from plant.draft import Draft
from plant.fault import Fault

Check = Callable[[Draft], Iterator[Fault]]

CHECKS: tuple[Check, ...] = (
    duplicate_faults,
    reference_faults,
    flow_faults,
    calendar_faults,
    reason_faults,
    shift_faults,
    maintenance_faults,
    change_faults,
    source_faults,
    tag_faults,
    spec_faults,
    alert_faults,
    fallback_faults,
)
