"""Which operation begins next, anywhere: queues of machines and steps of orders together. Pure.

A machine takes its operations one after another, and passes over one that waits for the step before
it, on whatever machine that is. So the next to begin is told machine by machine, as time goes on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush

from plant.calendar import Window
from plant.orders_eta import Forecast, Queued, Ways, clock, ways
from plant.orders_pace import Pace


@dataclass(frozen=True, slots=True)
class Queue:
    """What a machine will take, in its order; `work`: planned, in order, some weeks ahead."""

    operations: tuple[Queued, ...]
    pace: Pace
    work: tuple[Window, ...]


def forecasts(queues: Sequence[Queue], now: datetime) -> Mapping[str, Forecast]:
    """The forecast of each operation, by key; of one without any idea of its rate: none.

    `pace`: the same object for the same facts, see `ways`.
    """
    shop = _Shop(queues, now)
    shop.run()
    return {key: found.forecast for key, found in shop.ended.items() if found is not None}


class _Machine:
    """What waits for a machine, and what it does before."""

    def __init__(self, queue: Queue, now: datetime) -> None:
        self.waiting = list(queue.operations)
        self._pace = queue.pace
        self._clock = clock(queue.work, now, queue.pace.breaks_worked)
        self._before: Ways | None = None
        self._free_s = 0.0

    def next(self, ended: Mapping[str, Ways | None]) -> tuple[float, int] | None:
        """(seconds from now, place in the queue) of what it takes next; None while all wait."""
        found = None
        for place, one in enumerate(self.waiting):
            if all(key in ended for key in one.after):
                start = max(self._free_s, self._ready_s(one, ended))
                if found is None or start < found[0]:
                    found = start, place
            elif one.has_begun:
                break
        return found

    def take(self, place: int, ended: dict[str, Ways | None]) -> str:
        """Its key: it is done, or passed over without an idea of its rate."""
        one = self.waiting.pop(place)
        after = tuple(found for key in one.after if (found := ended.get(key)) is not None)
        found = ways(one, self._pace, self._clock, self._before, after)
        if found is not None:
            self._before, self._free_s = found, found.done_middle_s
        ended[one.key] = found
        return one.key

    def _ready_s(self, one: Queued, ended: Mapping[str, Ways | None]) -> float:
        """From now until it may begin, were its machine free."""
        if one.has_begun:
            return 0.0
        after = (found for key in one.after if (found := ended[key]) is not None)
        waits = [0.0 if one.not_before is None else self._clock.passed(one.not_before)]
        return max([*waits, *(step.follows_s(one.lag_s) for step in after)])


class _Shop:
    """All machines, and what is known of the operations up to now."""

    def __init__(self, queues: Sequence[Queue], now: datetime) -> None:
        self.ended: dict[str, Ways | None] = {}
        self._machines = [_Machine(queue, now) for queue in queues]
        self._waiting_for: dict[str, set[int]] = defaultdict(set)
        for number, queue in enumerate(queues):
            for key in (key for one in queue.operations for key in one.after):
                self._waiting_for[key].add(number)
        self._turns: list[tuple[float, int]] = []
        for number in range(len(queues)):
            self._line_up(number)

    def run(self) -> None:
        """Until nothing waits; where all wait for each other, the first does not."""
        while waiting := [n for n, machine in enumerate(self._machines) if machine.waiting]:
            if not self._turns:
                self._take(waiting[0], 0)
            while self._turns:
                self._next()

    def _next(self) -> None:
        start_s, number = heappop(self._turns)
        turn = self._machines[number].next(self.ended)
        if turn is not None and turn[0] == start_s:  # else it has lined up again since
            self._take(number, turn[1])

    def _take(self, number: int, place: int) -> None:
        key = self._machines[number].take(place, self.ended)
        for each in {number, *self._waiting_for[key]}:
            self._line_up(each)

    def _line_up(self, number: int) -> None:
        turn = self._machines[number].next(self.ended)
        if turn is not None:
            heappush(self._turns, (turn[0], number))
