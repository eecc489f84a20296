"""Trying a source out disturbs no worker, and leaves nothing behind at the broker."""

from __future__ import annotations

import re
from typing import Any

from ingest.trial import tried
from plant.check import read


def test_a_guest_has_a_name_of_its_own_and_no_lasting_session(
    broker: Any, plant_text: Any, publish: Any
) -> None:
    publish(broker.port, b'{"good": 1}')
    lines = list(tried(read(plant_text(mqtt=broker.port)), "unified", 1.0))
    assert lines[0] == "unified (mqtt), 1 s: connected"
    (found,) = re.findall(r"as (taktboard-\S+) \(p\d+, c(\d)", broker.log())
    assert found == ("taktboard-unified-try", "1")
