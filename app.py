"""The one door to Taktboard: `python app.py COMMAND`, and `app:server` for a WSGI server.

Hands each command what it needs, and tells a user's mistake in its own words. Never works itself.
"""

from __future__ import annotations

import signal

if __name__ == "__main__":  # Ctrl-C while the rest is imported: an end without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import contextlib
import getpass
import logging
import os
import sys
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from arguments import data_dir, parse

if TYPE_CHECKING:
    from flask import Flask

    from db.connect import Database
    from db.site_copy import Copied


class Mistake(Exception):
    """Something the user can mend; the message is all that is shown."""


def __getattr__(name: str) -> Flask:
    """`app:server` is made when it is asked for, so that the other commands start fast."""
    if name != "server":
        raise AttributeError(name)
    server = _make_server()
    globals()["server"] = server
    return server


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    options = parse(arguments)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for loud in ("asyncua", "httpx", "httpcore"):
        logging.getLogger(loud).setLevel(logging.WARNING)
    try:
        COMMANDS[options.command](options)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except _mistakes() as error:
        print(f"taktboard: {str(error) or error.__doc__}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
    return 0


def _demo(options: Namespace) -> None:
    from dashboards.enrol import first_admin
    from db.secret import secret
    from ingest.simulator import demo

    _read_plant(options.plant)
    given = secret("TAKTBOARD_ADMIN_PASSWORD")
    demo.run(
        demo.Demo(
            plant_file=options.plant,
            data_dir=_writable(options.data),
            port=options.port,
            speed=options.speed,
            environment=os.environ,
            say=partial(print, flush=True),
            prepare=partial(first_admin, given=given, kept=options.data / "admin-password"),
        ),
        _stop_event(),
    )


def _serve(options: Namespace) -> None:
    from dashboards.gunicorn_server import Server

    with _database("serve"):
        pass  # a mistake is told here, not by each worker
    _when_abandoned(partial(os.kill, os.getpid(), signal.SIGTERM))
    Server(_make_server, options.host, options.port).run()


def _ingest(_: Namespace) -> None:
    """The ingest worker; beside it the guard, which tells when the alert worker is dead."""
    from alerts import guard
    from ingest import worker

    stop = _stop_event()
    with _database("ingest") as database:
        watching = threading.Thread(
            target=guard.run, args=(database, stop), name="guard", daemon=True
        )
        watching.start()
        try:
            worker.run(database, _writable(data_dir() / "spool"), stop)
        finally:
            stop.set()
            watching.join(timeout=5.0)


def _alert(_: Namespace) -> None:
    from alerts import watch

    with _database("alert") as database:
        watch.run(database, _stop_event())


def _migrate(options: Namespace) -> None:
    from db import master
    from db.address import database_url
    from db.migrate import migrate
    from plant.check import read

    text = _read_plant(options.plant)
    plant = read(text)
    for name in migrate(database_url()):
        print(f"migration {name} done")
    with _database("migrate") as database:
        is_new = master.apply_or_keep(database, plant, text, datetime.now(UTC))
    print(f"{options.plant} {'applied' if is_new else 'is in force already'}")


def _check(options: Namespace) -> None:
    from plant.check import PlantFaults, language_of, read

    text = _read_plant(options.file)
    is_chinese = (options.language or language_of(text) or _language()) == "zh"
    try:
        plant = read(text)
    except PlantFaults as faults:
        raise Mistake(faults.in_chinese() if is_chinese else str(faults)) from None
    sentence = IN_ORDER["zh" if is_chinese else "en"]
    counts = (plant.lines, plant.machines, plant.all_tags(), plant.sources, plant.alerts)
    print(sentence.format(options.file, *map(len, counts)))


IN_ORDER = {
    "en": "{} is in order: {} lines, {} machines, {} tags, {} sources, {} rules",
    "zh": "{} 没有错误：{} 条产线，{} 台设备，{} 个点位，{} 个数据源，{} 条报警规则",
}


def _language() -> str:
    """The environment's, as other programs take it."""
    said = next((v for n in ("LC_ALL", "LC_MESSAGES", "LANG") if (v := os.environ.get(n))), "")
    return "zh" if said.startswith("zh") else "en"


def _simulate(options: Namespace) -> None:
    from db.clock import load_clock, real_clock
    from db.secret import secret
    from ingest.simulator import serve
    from plant.check import read

    plant = read(_read_plant(options.plant))
    clock = real_clock()
    if secret("TAKTBOARD_DATABASE_URL"):
        with _database("simulate") as database, database.connection() as conn:
            clock = load_clock(conn)
    serve.run(
        plant,
        seed=options.seed,
        clock=clock,
        truth_dir=_writable(data_dir() / "simulated"),
        stop=_stop_event(),
        ready=lambda: print("the simulated plant is there", flush=True),
    )


def _user(options: Namespace) -> None:
    from dashboards.enrol import enrol

    password = _password(options.name)
    with _database("user") as database, database.connection() as conn:
        print(enrol(conn, options.name, password, options.role, datetime.now(UTC)))


def _rebuild(options: Namespace) -> None:
    from db.rebuild import rebuild_parallel

    if options.t0 >= options.t1:
        raise Mistake("--from must lie before --to")
    with _database("rebuild") as database:
        changed = rebuild_parallel(database, options.t0, options.t1, jobs=options.jobs)
    print(f"derived anew; {changed} minutes changed")


def _correct(options: Namespace) -> None:
    from db import count_corrections as corrections
    from db.clock import load_clock
    from db.master import load

    with _database("correct") as database:
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
        corrections.correct_or_keep(database, wanted, now, master.plant.site.zone)
    print(f"{options.machine} is corrected; its minutes change as soon as the ingest worker runs")


def _doctor(options: Namespace) -> None:
    from db.doctor import examine

    with _site_url(options.data) as url:
        findings = examine(url)
    for finding in findings:
        print(f"{finding.grade:8} {finding.subject}: {finding.words}")
    if any(finding.grade == "wrong" for finding in findings):
        raise SystemExit(1)


def _db(options: Namespace) -> None:
    with _site_url(options.data, is_new=options.action == "restore") as url:
        DB_ACTIONS[options.action](url, options)


def _backup(url: str, options: Namespace) -> None:
    from db.backup import back_up

    manifest = back_up(url, options.file)
    print(
        f"{options.file}: {len(manifest.relations)} relations, {manifest.row_count} rows, "
        f"{options.file.stat().st_size / 1e6:.1f} MB; keep {options.file.name}.json with it"
    )


def _restore(url: str, options: Namespace) -> None:
    from db.backup import restore

    manifest = restore(url, options.file)
    if manifest is None:
        print(f"restored; not compared, since there is no {options.file.name}.json beside it")
    else:
        print(f"restored; {manifest.row_count} rows as backed up at {manifest.made_at}")


def _copy(url: str, options: Namespace) -> None:
    from db.address import checked
    from db.site_copy import copy

    copied = copy(url, checked(options.to, "--to"), partial(print, flush=True))
    for name, figures in copied.relations.items():
        print(f"{name}: {figures[0]} rows")
    if copied.wrong:
        raise Mistake(_unlike(copied))
    print("everything is there, equal in rows and sums; let TAKTBOARD_DATABASE_URL name it")


def _unlike(copied: Copied) -> str:
    why = (
        f"{', '.join(copied.writers)} worked on the source: stop it and run the same command again."
        if copied.writers
        else "Run the same command again: it takes over what differs."
    )
    return "the two are not yet alike. " + why + "\n  " + "\n  ".join(copied.wrong)


DB_ACTIONS: dict[str, Callable[[str, Namespace], None]] = {
    "backup": _backup,
    "restore": _restore,
    "copy": _copy,
}


def _source(options: Namespace) -> None:
    from ingest import trial
    from plant.check import read

    logging.getLogger("ingest").setLevel(logging.ERROR)  # the report says it
    for line in trial.tried(read(_read_plant(options.plant)), options.name, options.seconds):
        print(line)


def _quarantine(options: Namespace) -> None:
    from ingest import quarantine

    with _database("quarantine") as database:
        for line in quarantine.DEEDS[options.deed](database, options):
            print(line)


COMMANDS: dict[str, Callable[[Namespace], None]] = {
    "demo": _demo,
    "serve": _serve,
    "ingest": _ingest,
    "alert": _alert,
    "migrate": _migrate,
    "check": _check,
    "simulate": _simulate,
    "user": _user,
    "rebuild": _rebuild,
    "correct": _correct,
    "db": _db,
    "quarantine": _quarantine,
    "source": _source,
    "doctor": _doctor,
}


def _mistakes() -> tuple[type[Exception], ...]:
    """What is told in its own words, without a traceback."""
    from dashboards.enrol import PasswordRefused
    from db.address import NoAddress
    from db.backup import BackupFault
    from db.connect import DatabaseUnavailable
    from db.count_corrections import CorrectionRefused
    from db.embedded import EmbeddedFault
    from db.master import NoPlant
    from db.migrate import MigrationFault
    from db.secret import SecretUnreadable
    from db.site_copy import CopyFault
    from db.users import LastAdmin
    from ingest.quarantine import NothingChosen
    from ingest.simulator.faults import CannotSimulate
    from ingest.trial import NoSuchSource, NothingCame
    from plant.check import PlantFaults

    return (
        Mistake,
        BackupFault,
        CannotSimulate,
        CopyFault,
        CorrectionRefused,
        DatabaseUnavailable,
        EmbeddedFault,
        LastAdmin,
        MigrationFault,
        NoAddress,
        NoPlant,
        NoSuchSource,
        NothingCame,
        NothingChosen,
        PasswordRefused,
        PlantFaults,
        SecretUnreadable,
    )


def _make_server() -> Flask:
    from dashboards.web import make_server
    from db.address import database_url

    return make_server(database_url())


def _read_plant(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise Mistake(
            f"the plant file {path} can't be read: {reason}. Name one with --plant FILE or in "
            "TAKTBOARD_PLANT."
        ) from None


def _password(name: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"password for {name}: ")
    return sys.stdin.readline().rstrip("\r\n")


def _writable(directory: Path) -> Path:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe = directory / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Mistake(
            f"the data directory {directory} can't be written: {error.strerror}. Give this user "
            "the right to write there, or choose another: --data DIR."
        ) from None
    return directory.resolve()


def _stop_event() -> threading.Event:
    """Set by Ctrl-C, by SIGTERM, and where the demo started us also when the demo is gone."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    _when_abandoned(stop.set)
    return stop


def _when_abandoned(then: Callable[[], None]) -> None:
    """Where the demo started us: call `then` once our standard input ends, as it is gone then."""
    if os.environ.get("TAKTBOARD_SUPERVISED"):
        threading.Thread(target=_await_end, args=(then,), daemon=True).start()


def _await_end(then: Callable[[], None]) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    then()


@contextlib.contextmanager
def _site_url(data: Path | None, *, is_new: bool = False) -> Iterator[str]:
    """The database that TAKTBOARD_DATABASE_URL names, or the embedded one of a data directory."""
    from db import embedded
    from db.address import database_url

    if data is None:
        yield database_url()
        return
    home = data / "database"
    if is_new and not home.exists():
        embedded.start(_writable(home)).stop()
    with embedded.at_hand(home) as url:
        yield url


@contextlib.contextmanager
def _database(application: str) -> Iterator[Database]:
    from db.address import database_url
    from db.connect import open_database

    database = open_database(database_url(), application=application)
    try:
        _stop_if_unfit(database)
        yield database
    finally:
        database.close()


def _stop_if_unfit(database: Database) -> None:
    """A server that is not there yet will come; one that is none for this database won't change."""
    from db.connect import DatabaseUnavailable, Unfit

    try:
        _ = database.server
    except Unfit:
        raise
    except DatabaseUnavailable as error:
        logging.getLogger(__name__).warning("%s", error)


if __name__ == "__main__":
    sys.exit(main())
