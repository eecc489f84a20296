"""What the simulated edge remembers when it is killed at any moment of its start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from db.clock import Clock
from ingest.simulator.days import to_ms
from ingest.simulator.memory import Memory

AT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def started(path: Path, at: datetime) -> Memory:
    """An edge's memory at a moment of the plant."""
    return Memory(path, Clock(datetime.now(UTC), at, 1e-9))


class Speaker:
    """Has told up to a moment, ms."""

    def __init__(self, told_to: int) -> None:
        self._told_to = told_to

    def told(self, _settled_s: float) -> dict[str, int]:
        return {"unified": self._told_to}


def test_who_was_killed_before_the_first_word_goes_on_from_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "edge.json"
    first = started(path, AT)
    assert first.before.told_to("unified") is None  # nobody was promised anything
    first.keep()  # a session is promised, and it is killed
    again = started(path, AT + timedelta(minutes=3))
    assert again.before.told_to("unified") == to_ms(AT)
    again.keep()  # once more
    third = started(path, AT + timedelta(minutes=5))
    assert third.before.told_to("unified") == to_ms(AT)
    told = to_ms(AT + timedelta(minutes=4))
    third.tellers.append(Speaker(told))
    third.keep()
    last = started(path, AT + timedelta(minutes=6))
    assert (last.before.told_to("unified"), last.before.told_to("else")) == (told, to_ms(AT))
