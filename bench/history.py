"""A past of any length, written as derivation leaves it, without readings.

Every machine runs for fourteen minutes and stops for six; its orders last eight hours, and in each
minute that it runs it makes two pieces. Hours and quarters reach all the way back, minutes
`MINUTES`: nobody asks older ones.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, LiteralString

from bench.factory import ORDER, Factory
from db import retention

MINUTES = timedelta(days=35)
MONTH = timedelta(days=28)

OPERATIONS: Final = """
insert into operation (
    source_id, order_code, operation, revision, at, status, planned, good, scrap, machine_id,
    product_id, started_at, ended_at)
select %(source)s, format('OLD-%%s-%%s', m, t0), '10', '1', t0, 'done', 1000, 1000, 0, m,
       (select id from product), t0, t0 + interval '8 hours'
from unnest(%(machines)s::integer[]) m
cross join generate_series(
    %(t0)s::timestamptz, %(orders_t0)s::timestamptz - interval '1 second', interval '8 hours') t0
"""
INTERVALS: Final = """
insert into state_interval (machine_id, t0, t1, state, is_open)
select m, t0 + x.a, t0 + x.b,
       case when x.is_run then 'running'
            else (array['down', 'idle', 'starved'])[
                1 + (hashint8(m + extract(epoch from t0)::bigint) & 1023) %% 3]
       end::element, false
from unnest(%(machines)s::integer[]) m
cross join generate_series(
    %(t0)s::timestamptz, %(t1)s::timestamptz - interval '20 minutes', interval '20 minutes') t0
cross join (values (interval '0', interval '14 minutes', true),
                   (interval '14 minutes', interval '20 minutes', false)) x (a, b, is_run)
"""
STOPS: Final = """
insert into stop_span (machine_id, t0, t1, element, is_minor, between_s)
select machine_id, t0, t1, state, false, 0 from state_interval where state <> 'running'
"""
FACTS: Final = """
select ts, m, o.id, o.product_id, s.id, 0, 0, 0, x.running_s, 0, x.all_s - x.running_s, 0, 0, 0,
       x.running_s / 30, 0, 0, 25 * x.running_s / 30, 25 * x.running_s / 30, 0, 0, 0, 0
from unnest(%(machines)s::integer[]) m
cross join generate_series(
    %(from)s::timestamptz, %(t1)s::timestamptz - %(bucket)s::interval, %(bucket)s::interval) ts
join operation o on o.machine_id = m and o.started_at = date_bin('8 hours', ts, %(t0)s)
join shift_instance s on s.t0 = date_bin('12 hours', ts, timestamptz '2000-01-01 06:00+00')
cross join lateral (
    select all_s, case when all_s > 60 then 0.7 * all_s
                       when date_part('minute', ts)::integer %% 20 < 14 then 60
                       else 0 end as running_s
    from date_part('epoch', %(bucket)s::interval) all_s
) x
"""
DERIVED: Final = """
with levels as (
    update rollup_level set watermark = date_bin('1 hour', %(t1)s::timestamptz, 'epoch')
)
insert into derive_tail (machine_id, upto)
select unnest(%(machines)s::integer[]), %(t1)s::timestamptz
"""
ROLLED_UP: tuple[tuple[LiteralString, timedelta], ...] = (
    ("insert into machine_15m_done " + FACTS, timedelta(minutes=15)),
    ("insert into machine_1h_done " + FACTS, timedelta(hours=1)),
)


def write(made: Factory, t0: datetime, t1: datetime, orders_t0: datetime) -> None:
    """Give a factory, whose own orders begin at `orders_t0`, a past from `t0` to `t1` (UTC; both a
    multiple of eight hours from it)."""
    assert (orders_t0 - t0) % ORDER == timedelta(0)
    minutes_t0 = max(t0, t1 - MINUTES)
    with made.database.session() as session:
        at = minutes_t0
        while at < t1:
            retention.prepare(session, at)
            at += MONTH
    span = {
        "source": made.source,
        "machines": list(made.machines),
        "t0": t0,
        "t1": t1,
        "orders_t0": orders_t0,
    }
    with made.database.connection() as conn:
        for statement in (OPERATIONS, INTERVALS, STOPS):
            conn.execute(statement, span)
        minute = {"from": minutes_t0, "bucket": timedelta(minutes=1)}
        conn.execute("insert into machine_1m " + FACTS, span | minute)
        for statement, bucket in ROLLED_UP:
            conn.execute(statement, span | {"from": t0, "bucket": bucket})
        conn.execute(DERIVED, span)
    with made.database.session() as session:
        session.execute("vacuum analyze")
