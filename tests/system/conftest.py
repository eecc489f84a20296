"""Houses to live in for the time of a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from db.embedded import Embedded
from tests.patience import until
from tests.ports import free_port
from tests.system.house import House, start
from tests.system.production import Site, settled


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A demo at thirty times life's speed, logged in; stopped at the end."""
    house = start(tmp_path / "data", free_port(), speed=30.0)
    try:
        until(lambda: any("Taktboard is at" in line for line in house.said), "the boards are open")
        house.log_in()
        yield house
    finally:
        house.stop()
        assert house.process.stdout is not None
        house.process.stdout.close()


@pytest.fixture
def site(server: Embedded, tmp_path: Path) -> Iterator[Site]:
    """A database of an ordinary role's own on somebody's server; the sample plant on free ports."""
    with settled(server, tmp_path) as site:
        yield site
