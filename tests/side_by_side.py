"""How a run is spread over workers (`pytest -n`): by files, so that what a file shares exists once.

Each worker has a database server of its own. The longest work begins first, so that no worker is
left alone with it at the end; whole plants in processes of their own follow each other in one
worker, for two at once would ask more of a small machine than they do in a house.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

TESTS = Path(__file__).parent
WHOLE_PLANTS = "tests/system/"
LONGEST_FIRST = ("system", "simulator")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Rooms in the order in which they begin; within a room nothing changes."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    room = item.path.relative_to(TESTS).parts[0]
    return LONGEST_FIRST.index(room) if room in LONGEST_FIRST else len(LONGEST_FIRST)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """A file after the other, in the order of collection, to whichever worker is free."""
    config.option.loadscopereorder = False  # many small tests are not long work
    scheduling = LoadScopeScheduling(config, log)
    scheduling._split_scope = _unit
    return scheduling


def _unit(nodeid: str) -> str:
    file = nodeid.partition("::")[0]
    return WHOLE_PLANTS if file.startswith(WHOLE_PLANTS) else file
