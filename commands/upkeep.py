"""Commands of who looks after a site: users, corrections, the quarantine, the site's health."""

from __future__ import annotations

import getpass
import sys
from argparse import Namespace
from datetime import UTC, datetime

from commands.mistake import Mistake
from commands.surroundings import opened, site_url


def user(options: Namespace) -> None:
    """Add a user, or give one a new password."""
    from dashboards.enrol import enrol

    password = _password(options.name)
    with opened("user") as database, database.connection() as conn:
        print(enrol(conn, options.name, password, options.role, datetime.now(UTC)))


def _password(name: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"password for {name}: ")
    return sys.stdin.readline().rstrip("\r\n")


def rebuild(options: Namespace) -> None:
    """Derive a stretch anew."""
    from db.rebuild import rebuild_parallel

    if options.t0 >= options.t1:
        raise Mistake("--from must lie before --to")
    with opened("rebuild") as database:
        changed = rebuild_parallel(database, options.t0, options.t1, jobs=options.jobs)
    print(f"derived anew; {changed} minutes changed")


def correct(options: Namespace) -> None:
    """Put a wrong count right."""
    from db import count_corrections as corrections
    from db.clock import load_clock
    from db.master import load
    from plant.hourly import Cut

    with opened("correct") as database:
        with database.connection() as conn:
            master, now = load(conn), load_clock(conn).now()
        known = master.machines
        if options.machine not in known:
            raise Mistake(f"there is no machine {options.machine}; codes are as in the plant file")
        wanted = corrections.Correction(
            known[options.machine],
            options.at,
            options.reason,
            options.by,
            options.good,
            options.scrap,
            options.rework,
        )
        cut = Cut(master.plant.hour_board.rows, master.plant.site.zone)
        corrections.correct_or_keep(database, wanted, now, cut)
    print(f"{options.machine} is corrected; its minutes change as soon as the ingest worker runs")


def quarantine(options: Namespace) -> None:
    """See, try again or drop what could not be taken."""
    from ingest import quarantine

    with opened("quarantine") as database:
        for line in quarantine.DEEDS[options.deed](database, options):
            print(line)


def doctor(options: Namespace) -> None:
    """How the site does; exits with 1 where something is wrong."""
    from db.doctor import examine

    with site_url(options.data) as url:
        findings = examine(url)
    for finding in findings:
        print(f"{finding.grade:8} {finding.subject}: {finding.words}")
    if any(finding.grade == "wrong" for finding in findings):
        raise SystemExit(1)
