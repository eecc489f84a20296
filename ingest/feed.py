"""What stands between one source and the pipeline: judges samples, keeps the source's status.

Every source reports here: connected, lost, a sign of life, samples, what it could not take.
Never talks to a source or the database itself.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from db.clock import Clock
from db.connect import Server
from db.horizon import RAW, raw_since
from db.order_events import Mark
from db.quarantine import Form, Refused
from db.readings import micros, moment
from db.sources import Gap, Status
from ingest.normalize import Deadband, Window, normalize
from ingest.reading import Channel, Quality, Reading, Reason, Refusal, Sample
from ingest.refused import of_sample
from ingest.sink import Ack, Sink
from ingest.words import Words
from plant.orders import Operation

AHEAD_S = 60.0
"""A device's clock may be this far ahead; in a faster plant, this many of its own seconds more."""
RATE_S = 10
SHARE_S = 60


KeepOrders = Callable[[Sequence[Operation], Mark | None], Awaitable[None]]


class Feed:
    """One source's side of the pipeline. Its times are plant time; rates are a wall second's."""

    def __init__(
        self, source_id: int, channels: Sequence[Channel], sink: Sink, clock: Clock
    ) -> None:
        self.source_id = source_id
        self.stale_after = timedelta(seconds=5)
        """Silence, in plant time, after which nothing of this source is known."""
        self.zone = ZoneInfo("UTC")
        """Of the plant: times that a system gives without a zone are in it."""
        self.order_mark: Mark | None = None
        """From where a business system is asked: what is before it is kept."""
        self.oldest: Callable[[datetime], datetime] = partial(raw_since, RAW[Server.PLAIN])
        """The oldest source time that is taken, by now: raw readings live as long, no longer."""
        self.keep_orders: KeepOrders = _nowhere
        """Commits operations, and a mark that moved; raises what the database raises."""
        self.channels = tuple(channels)
        self.clock = clock
        self.last_heard: datetime | None = None
        self.newest_us: dict[int, int] = {}
        """Newest source time of each tag that was taken or is stored."""
        self.connected = False
        self.was_up = False
        """Set by `up`; whoever retries reads it and sets it back."""
        self.gaps: deque[Gap] = deque(maxlen=1000)
        """Stretches to be saved; the worker takes them away."""
        self.told_afterwards: deque[tuple[datetime, datetime]] = deque(maxlen=1000)
        """Stretches that turned out to be known after all."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when the source connects or is lost, so that the boards learn it at once."""
        self._sink = sink
        self._deadband = Deadband()
        self._error: str | None = Words.STARTING
        self._since = clock.now()
        self._last_reading_us: int | None = None
        self._lag_s: float | None = None
        self._new = 0
        self._seconds: deque[tuple[int, int, int]] = deque(maxlen=SHARE_S + 1)

    def up(self) -> None:
        """The source is connected and delivers."""
        self.was_up = True
        self._change(connected=True, error=None)
        self.heard()

    def down(self, words: str, detail: str = "") -> None:
        """The source is lost: a sentence of `words`, and the library's own words."""
        self._change(connected=False, error=f"{words}\n{detail}".strip())

    def warn(self, words: str, detail: str = "") -> None:
        """It is connected, and something of it is not as it should be."""
        self._change(connected=True, error=f"{words}\n{detail}".strip())

    def heard(self) -> None:
        """A sign of life: data or a keep-alive."""
        self.last_heard = self.clock.now()

    @property
    def has_room(self) -> bool:
        """Whether more may be taken now."""
        return self._sink.has_room

    async def room(self) -> None:
        """Wait until more may be taken; signs of life go on meanwhile."""
        await self._sink.room()

    def take(self, samples: Iterable[Sample], ack: Ack | None = None) -> None:
        """Judge samples and hand them on; `ack` is called when all of them are durable."""
        self.heard()
        window = self._window()
        rows, refused = self._judged(samples, window)
        self._note(rows, refused, window)
        self._sink.submit(rows, refused, ack)

    def retake(self, samples: Iterable[Sample], ack: Ack) -> None:
        """The same for what was refused before: it says nothing of how the source does now."""
        self._sink.submit(*self._judged(samples, self._window()), ack)

    def judge(self, sample: Sample) -> Reading | Refusal:
        """What becomes of a sample now; nothing is done with it."""
        return normalize(sample, self._window())

    def refuse(
        self,
        reason: Reason,
        detail: str,
        address: str,
        payload: bytes,
        ack: Ack | None = None,
        *,
        form: Form | None = None,
    ) -> None:
        """A payload that can't be read at all; `form`: it could be once more, by itself."""
        self.heard()
        at_us = micros(self.clock.now())
        self._count(0, 0, 1)
        row = Refused(at_us, self.source_id, reason, detail, address, payload, form)
        self._sink.submit([], [row], ack)

    def gap(self, t0: datetime, t1: datetime, cause: str) -> None:
        """From `t0` to `t1` the source was not heard, and can't tell afterwards."""
        if t0 < t1:
            self.gaps.append(Gap(self.source_id, t0, t1, cause))

    def missed(self, missed_from: datetime | None, *, cause: str = "outage") -> None:
        """From the last sign of life, if there ever was one, to now nothing was kept for us."""
        now = self.clock.now()
        if missed_from is not None and now - missed_from > self.stale_after:
            self.gap(missed_from, now, cause)

    def lost_before(self, channel: Channel, ts_us: int | None) -> None:
        """The source dropped values of this tag before the one at `ts_us`: its buffer was full."""
        newest_us = self.newest_us.get(channel.tag_id)
        self.refuse(
            Reason.OVERFLOW,
            "the source dropped values before this one",
            channel.address,
            f"{channel.code} ts_us={ts_us}".encode(),
        )
        if channel.role == "state" and newest_us is not None and ts_us is not None:
            self.gap(moment(newest_us), moment(ts_us), "overflow")

    def status(self) -> Status:
        """The row of this source now; what was counted since the last call is in it once."""
        readings, self._new = self._new, 0
        last = self._last_reading_us
        return Status(
            source_id=self.source_id,
            connected=self.connected,
            since=self._since,
            last_heard=self.last_heard,
            last_reading=None if last is None else moment(last),
            lag_s=self._lag_s,
            rate=self._sum(RATE_S)[0] / RATE_S,
            bad_share=self._bad_share(),
            readings=readings,
            error=self._error,
        )

    def count_again(self, readings: int) -> None:
        """A status could not be saved: its readings belong to the next one."""
        self._new += readings

    def _change(self, *, connected: bool, error: str | None) -> None:
        changed = connected != self.connected
        if changed:
            self._since = self.clock.now()
        self.connected, self._error = connected, error
        if changed:
            self.on_change()

    def _window(self) -> Window:
        now = self.clock.now()
        ahead = timedelta(seconds=AHEAD_S + 5.0 * (self.clock.speed - 1.0))
        return Window(micros(self.oldest(now)), micros(now), micros(now + ahead))

    def _judged(
        self, samples: Iterable[Sample], window: Window
    ) -> tuple[list[Reading], list[Refused]]:
        rows, refused = [], []
        for sample in samples:
            reading = normalize(sample, window)
            if isinstance(reading, Refusal):
                refused.append(of_sample(sample, reading, self.source_id, window.now_us))
            elif sample.historical or self._deadband.keeps(sample.channel, reading):
                rows.append(reading)
        return rows, refused

    def _note(self, rows: list[Reading], refused: list[Refused], window: Window) -> None:
        bad = sum(1 for row in rows if row.quality != Quality.GOOD)
        self._count(len(rows), bad, len(refused))
        if not rows:
            return
        newest = max(row.ts_us for row in rows)
        self._last_reading_us = max(newest, self._last_reading_us or newest)
        for row in rows:
            if row.ts_us > self.newest_us.get(row.tag_id, 0):
                self.newest_us[row.tag_id] = row.ts_us
        lag_s = max((window.now_us - newest) / 1e6, 0.0) / self.clock.speed
        self._lag_s = lag_s if self._lag_s is None else 0.8 * self._lag_s + 0.2 * lag_s

    def _count(self, rows: int, bad: int, refused: int) -> None:
        self._new += rows
        second = int(time.monotonic())
        if self._seconds and self._seconds[-1][0] == second:
            _, n, b = self._seconds.pop()
            rows, bad = rows + n, bad + b
        self._seconds.append((second, rows + refused, bad + refused))

    def _sum(self, seconds: int) -> tuple[int, int]:
        oldest = int(time.monotonic()) - seconds
        recent = [(n, b) for second, n, b in self._seconds if second > oldest]
        return sum(n for n, _ in recent), sum(b for _, b in recent)

    def _bad_share(self) -> float:
        n, bad = self._sum(SHARE_S)
        return bad / n if n else 0.0


async def _nowhere(_operations: Sequence[Operation], _mark: Mark | None) -> None:
    """Of a feed of readings alone: whoever makes one for orders says where they are kept."""
    raise RuntimeError("orders came to a feed that keeps readings alone")
