"""A plant of one machine that works day and night; a test adds its sources and tags."""

from __future__ import annotations

SMALL_PLANT = """
[site]
code = "S"
name = "Site"
time_zone = "Asia/Shanghai"
[[areas]]
code = "X"
name = "Area"
[[lines]]
code = "A"
area = "X"
name = "Line"
calendar = "day"
[[machines]]
code = "A01"
line = "A"
name = "Machine"
[[calendars]]
code = "day"
[[calendars.shifts]]
code = "D"
name = "Day"
start = "00:00"
end = "24:00"
"""
