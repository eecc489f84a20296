"""A small plant, facts written straight into a real database, and a real SMTP server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from alerts import watch
from alerts.pace import Pace
from alerts.round import Rounds
from db import master
from db.clock import Clock, save_clock
from db.connect import Database
from plant.check import read
from tests.ports import free_port

NOW = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
"""A Wednesday, within the shift."""

PLANT = """
[site]
code = "S"
name = {{ en = "Test <works>", zh = "测试工厂" }}
time_zone = "Asia/Shanghai"

[[areas]]
code = "H1"
name = "Hall"

[[lines]]
code = "A"
area = "H1"
name = {{ en = "Line A", zh = "A线" }}
calendar = "day"

[[machines]]
code = "A01"
line = "A"
name = {{ en = "Lathe 1", zh = "车床1" }}

[[machines]]
code = "A02"
line = "A"
name = {{ en = "Lathe 2", zh = "车床2" }}

[[calendars]]
code = "day"

[[calendars.shifts]]
code = "D"
name = "Day"
start = "06:00"
end = "06:00"
days = ["mon", "tue", "wed", "thu", "fri"]

[[products]]
code = "P1"
name = "Shaft"
ideal_cycle_s = {{ A = 10.0 }}

[[reasons]]
code = "jam"
name = {{ en = "Jam", zh = "卡料" }}

[[state_maps]]
name = "m"
values = {{ "1" = "running", "2" = {{ state = "down", reason = "jam" }} }}

[[sources]]
name = "opc"
kind = "opcua"
url = "opc.tcp://127.0.0.1:4840"
security = "none"
stale_after_s = 5.0

[[tags]]
name = "state"
machines = ["*"]
source = "opc"
role = "state"
address = "ns=2;s={{machine}}.State"
state_map = "m"

[[tags]]
name = "vib"
machines = ["*"]
source = "opc"
role = "process"
address = "ns=2;s={{machine}}.Vib"
label = {{ en = "Vibration", zh = "振动" }}
unit = "mm/s"

{rules}

[[recipients]]
code = "crew"
name = "Crew"
address = "crew@example.com"
language = "en"

[[recipients]]
code = "banzhang"
name = "班长"
address = "banzhang@example.com"
language = "zh"

[mail]
host = "127.0.0.1"
port = {port}
security = "none"
sender = "taktboard@example.com"
boards_url = "http://boards.example:8050"
"""


@dataclass
class Works:
    """The plant under test: its clock stands still until a test moves it."""

    database: Database
    port: int = 1
    mail: str = ""
    """Further lines of the plant's [mail]."""
    now: datetime = NOW
    start: datetime = NOW
    pace: Pace = field(
        default_factory=lambda: Pace(flood_window_s=0.4, first_retry_s=0.05, longest_retry_s=0.2)
    )
    rounds: Rounds = field(init=False)

    def __post_init__(self) -> None:
        self.restart()
        self.tick(0)

    def restart(self) -> None:
        """As if the process had died: whatever it did not store is gone."""
        self.rounds = Rounds(self.database, self.pace)

    def apply(self, rules: str) -> None:
        """Apply the plant with these rules, and the mail server at `port`."""
        text = PLANT.format(rules=rules, port=self.port) + self.mail
        with self.database.connection() as conn:
            master.apply(conn, read(text), text, self.now)

    def tick(self, seconds: float = 1.0) -> None:
        """Move plant time on, with the source heard, and stand still there."""
        self.now += timedelta(seconds=seconds)
        with self.database.connection() as conn:
            save_clock(conn, Clock(datetime.now(UTC), self.now, 1e-9))

    def go(self, seconds: float = 1.0, *, heard: bool = True) -> list[tuple[str, str, str]]:
        """One round so many seconds later; the transitions that it made: rule, subject, cause."""
        self.tick(seconds)
        if heard:
            self.hear()
        before = self.value("select coalesce(max(id), 0) from alarm_event")
        self.rounds.go()
        return self.rows(
            "select a.rule, a.subject, e.cause from alarm_event e join alarm a on a.id = e.alarm_id"
            " where e.id > %s order by e.id",
            before,
        )

    def hear(self, at: datetime | None = None) -> None:
        self.do(
            "insert into source_status (source_id, connected, since, last_heard)"
            " select id, true, %s, %s from source"
            " on conflict (source_id) do update set last_heard = excluded.last_heard",
            at or self.now,
            at or self.now,
        )

    def say(self, tag: str, value: float | None, *, quality: int = 0) -> None:
        self.do(
            "insert into reading (ts, tag_id, value, quality) select %s, id, %s, %s"
            " from tag where code = %s"
            " on conflict (tag_id, ts) do update set value = excluded.value",
            self.now, value, quality, tag,
        )  # fmt: skip

    def do(self, sql: str, *values: object) -> None:
        with self.database.connection() as conn:
            conn.execute(sql, values)

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self.database.connection() as conn:
            return conn.execute(sql, values).fetchall()

    def value(self, sql: str, *values: object) -> Any:
        return self.rows(sql, *values)[0][0]


@pytest.fixture
def works_on() -> Callable[[Database], Works]:
    """The plant under test on a database of one's own."""
    return Works


@pytest.fixture
def works(database: Database) -> Works:
    return Works(database)


@dataclass
class Post:
    """What a real SMTP server took, and how it is told to behave."""

    taken: list[EmailMessage] = field(default_factory=list)
    answer: Callable[[Envelope], str] = lambda _: "250 OK"
    port: int = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = self.answer(envelope)
        if answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            message = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            message["X-Rcpt"] = envelope.rcpt_tos[0]
            self.taken.append(message)
        return answer

    def subjects(self) -> list[str]:
        return [str(message["Subject"]) for message in self.taken]


@pytest.fixture
def smtp() -> Iterator[Post]:
    """A mail server on a free port."""
    post = Post()
    controller = Controller(post, hostname="127.0.0.1", port=free_port())
    controller.start()
    post.port = controller.port
    try:
        yield post
    finally:
        controller.stop()


@pytest.fixture
def port() -> int:
    """A free port that nothing listens on."""
    return free_port()


Watching = Callable[..., AbstractContextManager[threading.Event]]


@pytest.fixture
def watching() -> Watching:
    """The engine in a thread, as long as a block lasts; gives the event that stops it."""

    @contextmanager
    def watch_in_thread(database: Database, pace: Pace) -> Iterator[threading.Event]:
        stop = threading.Event()
        thread = threading.Thread(target=watch.run, args=(database, stop), kwargs={"pace": pace})
        thread.start()
        try:
            yield stop
        finally:
            stop.set()
            thread.join(10)
            assert not thread.is_alive()

    return watch_in_thread
