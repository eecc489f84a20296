"""TimescaleDB's policies: held back while a test tells a time of its own, and what they do."""

from __future__ import annotations

from datetime import timedelta

from db.connect import Connection, Database, Server

DROPS = """
select coalesce(a.view_name, j.hypertable_name)::text, (j.config ->> 'drop_after')::interval
from timescaledb_information.jobs j
left join timescaledb_information.continuous_aggregates a
    on a.materialization_hypertable_name = j.hypertable_name
where j.proc_name = 'policy_retention'
"""
JOBS = """
select job_id from timescaledb_information.jobs where hypertable_name is not null
order by array_position(array['policy_refresh_continuous_aggregate', 'policy_compression',
                              'policy_retention'], proc_name::text), job_id
"""


def pause(database: Database) -> None:
    """Policies go by the server's clock; the tests' plant lives at a time of its own."""
    _schedule(database, is_on=False)


def resume(database: Database) -> None:
    """For a plant that lives now."""
    _schedule(database, is_on=True)


def _schedule(database: Database, is_on: bool) -> None:
    if database.server is Server.COMMUNITY:
        with database.connection() as conn:
            conn.execute(
                "select alter_job(job_id, scheduled => %s) from timescaledb_information.jobs"
                " where hypertable_name is not null",
                [is_on],
            )


def run(database: Database) -> None:
    """Have every policy do its work once, now; rollups first, what drops last."""
    with database.session() as conn:
        for (job,) in conn.execute(JOBS).fetchall():
            conn.execute("call run_job(%s)", [job])


def drop_after(conn: Connection) -> dict[str, timedelta]:
    """How old rows of a relation become before its policy drops them."""
    return dict(conn.execute(DROPS).fetchall())
