"""The one door to Taktboard: `python app.py COMMAND`, and `app:server` for a WSGI server.

Reads the command line and the environment and passes them on. Never works itself.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import logging
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from db.connect import Connection, Database

ROOT = Path(__file__).resolve().parent
DEFAULT_PORT = 8050


class Mistake(Exception):
    """Something the user can mend; the message is all that is shown."""


def __getattr__(name: str) -> Flask:
    """`app:server` is made when it is asked for, so that the other commands start fast."""
    if name != "server":
        raise AttributeError(name)
    from dashboards.web import make_server

    server = make_server(_database_url())
    globals()["server"] = server
    return server


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for loud in ("asyncua", "httpx", "httpcore"):
        logging.getLogger(loud).setLevel(logging.WARNING)
    try:
        command: Callable[[argparse.Namespace], None] = options.command
        command(options)
    except _mistakes() as error:
        print(f"taktboard: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
    return 0


def _mistakes() -> tuple[type[Exception], ...]:
    """What is told in its own words, without a traceback."""
    from db.connect import DatabaseUnavailable
    from db.embedded import EmbeddedFault
    from db.master import NoPlant
    from db.migrate import MigrationFault
    from db.secret import SecretUnreadable
    from ingest.simulator.faults import CannotSimulate
    from plant.check import PlantFaults

    return (
        Mistake,
        CannotSimulate,
        DatabaseUnavailable,
        EmbeddedFault,
        MigrationFault,
        NoPlant,
        PlantFaults,
        SecretUnreadable,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="app.py", description="Live production boards.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], None], words: str) -> _Options:
        options = commands.add_parser(name, help=words, description=words)
        options.set_defaults(command=run)
        return options

    demo = add("demo", _demo, "a simulated plant with every board on it, on this machine alone")
    demo.add_argument("--port", type=_port, default=DEFAULT_PORT, help="of the boards (8050)")
    demo.add_argument("--data", type=Path, default=_data_dir(), help="where everything is kept")
    demo.add_argument("--speed", type=_speed, default=1.0, help="times faster than life (1)")
    _plant_option(demo)
    serve = add("serve", _serve, "the boards, with gunicorn")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    serve.add_argument("--port", type=_port, default=DEFAULT_PORT, help="(8050)")
    add("ingest", _ingest, "bring readings and orders in")
    add("alert", _alert, "judge the alert rules and send mails")
    _plant_option(add("migrate", _migrate, "bring the database up to date and apply plant.toml"))
    check = add("check", _check, "say everything that is wrong with a plant file")
    check.add_argument("file", type=Path, nargs="?", default=_plant_file())
    simulate = add("simulate", _simulate, "the servers of the simulated plant alone")
    _plant_option(simulate)
    simulate.add_argument("--seed", type=int, default=1, help="of the plant's chance (1)")
    user = add("user", _user, "add a user, or give one a new password")
    user.add_argument("name")
    user.add_argument("--role", choices=("viewer", "operator", "manager", "admin"))
    rebuild = add("rebuild", _rebuild, "derive intervals and minutes of a stretch anew")
    rebuild.add_argument("--from", dest="t0", type=_moment, required=True, metavar="TIME")
    rebuild.add_argument("--to", dest="t1", type=_moment, required=True, metavar="TIME")
    return parser


_Options = argparse.ArgumentParser


def _plant_option(options: _Options) -> None:
    options.add_argument("--plant", type=Path, default=_plant_file(), help="plant.toml")


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from 1 to 65535")
    return int(text)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 1.0 <= speed <= 120.0:
        raise argparse.ArgumentTypeError(f"{text!r}: a number from 1 to 120 is expected")
    return speed


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise argparse.ArgumentTypeError(
            f"{text!r}: a time with its offset is expected, as 2026-03-02T06:00+08:00"
        )
    return moment


def _plant_file() -> Path:
    return Path(os.environ.get("TAKTBOARD_PLANT", ROOT / "plant.toml"))


def _data_dir() -> Path:
    return Path(os.environ.get("TAKTBOARD_DATA", ROOT / "data"))


def _database_url() -> str:
    from db.secret import secret

    url = secret("TAKTBOARD_DATABASE_URL")
    if not url:
        raise Mistake(
            "TAKTBOARD_DATABASE_URL is not set: say which database to use, as "
            "postgresql://taktboard:PASSWORD@HOST/taktboard, in that variable or in a file that "
            "TAKTBOARD_DATABASE_URL_FILE names. `python app.py demo` needs none."
        )
    return url


def _read_plant(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise Mistake(
            f"the plant file {path} can't be read: {reason}. Name one with --plant FILE or in "
            "TAKTBOARD_PLANT."
        ) from None


def _stop_event() -> threading.Event:
    """Set by Ctrl-C, by SIGTERM, and where the demo started us also when the demo is gone."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if os.environ.get("TAKTBOARD_SUPERVISED"):
        threading.Thread(target=_await_end, args=(stop.set,), daemon=True).start()
    return stop


def _await_end(then: Callable[[], None]) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    then()


@contextlib.contextmanager
def _database(application: str) -> Iterator[Database]:
    from db.connect import open_database

    database = open_database(_database_url(), application=application)
    try:
        yield database
    finally:
        database.close()


def _demo(options: argparse.Namespace) -> None:
    from ingest.simulator import demo

    _read_plant(options.plant)
    demo.run(
        demo.Demo(
            plant_file=options.plant,
            data_dir=_writable(options.data),
            port=options.port,
            speed=options.speed,
            environment=os.environ,
            say=partial(print, flush=True),
            prepare=lambda conn, now: _first_admin(conn, now, options.data / "admin-password"),
        ),
        _stop_event(),
    )


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


def _first_admin(conn: Connection, now: datetime, kept: Path) -> list[str]:
    """Make the first user, or give it the password that was set; what to tell."""
    from dashboards.passwords import hash_password
    from db import users
    from db.secret import secret

    given = secret("TAKTBOARD_ADMIN_PASSWORD")
    admin = users.by_name(conn, "admin")
    if admin is None and not users.every(conn):
        password = given or secrets.token_urlsafe(9)
        users.create(
            conn,
            name="admin",
            password_hash=hash_password(password),
            role="admin",
            language="en",
            now=now,
        )
        if given is None:
            kept.touch(mode=0o600)
            kept.write_text(password + "\n", encoding="utf-8")
    elif given and admin is not None:
        users.set_password(conn, admin.id, hash_password(given))
        kept.unlink(missing_ok=True)
    if given:
        return ["log in as admin with the password of TAKTBOARD_ADMIN_PASSWORD"]
    if kept.exists():
        made_up = kept.read_text(encoding="utf-8").strip()
        return [f"log in as admin with the password {made_up}  (kept in {kept})"]
    return ["log in as admin"]


def _serve(options: argparse.Namespace) -> None:
    from gunicorn.app.base import BaseApplication

    _database_url()

    class Web(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            settings = {
                "bind": f"{options.host}:{options.port}",
                "worker_class": "gthread",
                "threads": 200,
                "graceful_timeout": 5,
                "control_socket_disable": True,
                "proc_name": "taktboard",
            }
            for key, value in settings.items():
                self.cfg.set(key, value)

        def load(self) -> Flask:
            return __getattr__("server")

    if os.environ.get("TAKTBOARD_SUPERVISED"):
        end = partial(os.kill, os.getpid(), signal.SIGTERM)
        threading.Thread(target=_await_end, args=(end,), daemon=True).start()
    Web().run()


def _ingest(_: argparse.Namespace) -> None:
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
            worker.run(database, _writable(_data_dir() / "spool"), stop)
        finally:
            stop.set()
            watching.join(timeout=5.0)


def _alert(_: argparse.Namespace) -> None:
    from alerts import watch

    with _database("alert") as database:
        watch.run(database, _stop_event())


def _migrate(options: argparse.Namespace) -> None:
    from db import master
    from db.migrate import migrate
    from plant.check import read

    text = _read_plant(options.plant)
    plant = read(text)
    for name in migrate(_database_url()):
        print(f"migration {name} done")
    with _database("migrate") as database, database.connection() as conn:
        is_new = master.apply(conn, plant, text, datetime.now(UTC))
    print(f"{options.plant} {'applied' if is_new else 'is in force already'}")


def _check(options: argparse.Namespace) -> None:
    from plant.check import read

    plant = read(_read_plant(options.file))
    print(
        f"{options.file} is in order: {len(plant.lines)} lines, {len(plant.machines)} machines, "
        f"{len(plant.all_tags())} tags, {len(plant.sources)} sources, {len(plant.alerts)} rules"
    )


def _simulate(options: argparse.Namespace) -> None:
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
        truth_dir=_writable(_data_dir() / "simulated"),
        stop=_stop_event(),
        ready=lambda: print("the simulated plant is there", flush=True),
    )


def _user(options: argparse.Namespace) -> None:
    from dashboards.passwords import fault, hash_password
    from db import users

    password = getpass.getpass(f"password for {options.name}: ")
    trouble = fault(password, options.name)
    if trouble:
        raise Mistake(trouble)
    hashed = hash_password(password)
    with _database("user") as database, database.connection() as conn:
        found = users.by_name(conn, options.name)
        if found is None:
            role: users.Role = options.role or "viewer"
            now = datetime.now(UTC)
            users.create(
                conn, name=options.name, password_hash=hashed, role=role, language="en", now=now
            )
            print(f"{options.name} was added as {role}")
            return
        users.set_password(conn, found.id, hashed)
        if options.role:
            users.set_role(conn, found.id, options.role)
        print(f"{options.name} has a new password; open sessions have ended")


def _rebuild(options: argparse.Namespace) -> None:
    from db.derive import rebuild

    if options.t0 >= options.t1:
        raise Mistake("--from must lie before --to")
    with _database("rebuild") as database, database.session() as session:
        print(f"{rebuild(session, options.t0, options.t1)} minutes derived anew")


if __name__ == "__main__":
    sys.exit(main())
