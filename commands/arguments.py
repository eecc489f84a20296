"""The command line: which commands there are, what each takes, and what its defaults are.

Never runs a command, and never opens what it is told the name of.
"""

from __future__ import annotations

import argparse
import math
import os
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEFAULT_PORT = 8050
ROLES = ("viewer", "operator", "manager", "admin")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The options of one command, whose name is in `command`. Exits where they can't be read."""
    return _parser().parse_args(arguments)


def data_dir() -> Path:
    """Where spools and the demo's database lie, unless an option says otherwise."""
    return Path(os.environ.get("TAKTBOARD_DATA", ROOT / "data"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="app.py", description="Live production boards.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")

    def add(name: str, words: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=words, description=words)

    _demo(add("demo", "a simulated plant with every board on it, on this machine alone"))
    _serve(add("serve", "the boards, with gunicorn"))
    add("ingest", "bring readings and orders in")
    add("alert", "judge the alert rules and send mails")
    _plant(add("migrate", "bring the database up to date and apply plant.toml"))
    _check(add("check", "say everything that is wrong with a plant file"))
    _simulate(add("simulate", "the servers of the simulated plant alone"))
    _user(add("user", "add a user, or give one a new password, asked for or from standard input"))
    _rebuild(add("rebuild", "derive intervals and minutes of a stretch anew"))
    _source(add("source", "try a source out before it is put to work"))
    _correct(add("correct", "put a wrong count right: add pieces to a machine, or take some away"))
    doctor = "say how database, data and processes are; exit status 1 where something is wrong"
    _embedded(add("doctor", doctor))
    _db(add("db", "back the database up, bring a backup back, move or upgrade it"))
    _quarantine(add("quarantine", "see what could not be taken, try it again, or drop it"))
    return parser


def _db(options: argparse.ArgumentParser) -> None:
    actions = options.add_subparsers(required=True, metavar="ACTION", dest="action")
    for name, words in (
        ("backup", "the whole database into a file, while everything runs on"),
        ("restore", "a backup into an empty database, compared with what was backed up"),
    ):
        action = actions.add_parser(name, help=words, description=words)
        action.add_argument("file", type=Path, metavar="FILE")
        _embedded(action)
    words = "the whole site into another database, on any kind of server; again: what is missing"
    action = actions.add_parser("copy", help=words, description=words)
    action.add_argument("--to", required=True, metavar="URL", help="postgresql://USER@HOST/NAME")
    _embedded(action)
    words = "the demo's database, made by an older PostgreSQL, into one of this PostgreSQL"
    action = actions.add_parser("upgrade", help=words, description=words)
    action.add_argument("--data", type=Path, metavar="DIR", default=data_dir())
    words = "of the PostgreSQL that made it, where they are not found"
    action.add_argument("--programs", type=Path, metavar="BIN", help=words)


def _embedded(options: argparse.ArgumentParser) -> None:
    words = "the demo's database in DIR, instead of TAKTBOARD_DATABASE_URL's"
    options.add_argument("--data", type=Path, metavar="DIR", help=words)


def _demo(options: argparse.ArgumentParser) -> None:
    options.add_argument("--port", type=_port, default=DEFAULT_PORT, help="of the boards (8050)")
    options.add_argument("--data", type=Path, default=data_dir(), help="where everything is kept")
    options.add_argument("--speed", type=_speed, default=1.0, help="times faster than life (1)")
    _plant(options)


def _serve(options: argparse.ArgumentParser) -> None:
    options.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    options.add_argument("--port", type=_port, default=DEFAULT_PORT, help="(8050)")


def _check(options: argparse.ArgumentParser) -> None:
    options.add_argument("file", type=Path, nargs="?", default=_plant_file())
    words = "of the answer: en or zh (the site's; else that of the environment)"
    options.add_argument("--language", choices=("en", "zh"), help=words)


def _simulate(options: argparse.ArgumentParser) -> None:
    _plant(options)
    options.add_argument("--seed", type=int, default=1, help="of the plant's chance (1)")


def _user(options: argparse.ArgumentParser) -> None:
    options.add_argument("name")
    options.add_argument("--role", choices=ROLES)


def _rebuild(options: argparse.ArgumentParser) -> None:
    options.add_argument("--from", dest="t0", type=_moment, required=True, metavar="TIME")
    options.add_argument("--to", dest="t1", type=_moment, required=True, metavar="TIME")
    jobs = min(os.cpu_count() or 1, 4)
    options.add_argument("--jobs", type=_jobs, default=jobs, help=f"sessions at once ({jobs})")


def _correct(options: argparse.ArgumentParser) -> None:
    options.add_argument("machine", help="code of the machine")
    options.add_argument("--at", type=_moment, required=True, metavar="TIME")
    for kind in ("good", "scrap", "rework"):
        words = "pieces added; negative: taken away (0)"
        options.add_argument(f"--{kind}", type=_pieces, default=0.0, metavar="PIECES", help=words)
    options.add_argument("--reason", required=True, help="why the count was wrong")
    options.add_argument("--by", required=True, metavar="NAME", help="who puts it right")


def _quarantine(options: argparse.ArgumentParser) -> None:
    deeds = options.add_subparsers(required=True, metavar="DEED", dest="deed")
    listed = deeds.add_parser("list", help="the newest, one a line")
    listed.add_argument("--most", type=_number, default=50, help="how many at most (50)")
    _choice(listed)
    shown = deeds.add_parser("show", help="one, with its payload")
    shown.add_argument("ids", type=_number, nargs=1, metavar="NUMBER")
    for deed, words in (
        ("retry", "have the ingest worker try again what was chosen"),
        ("drop", "forget for good what was chosen"),
    ):
        chosen = deeds.add_parser(deed, help=words)
        chosen.add_argument("ids", type=_number, nargs="*", metavar="NUMBER")
        chosen.add_argument("--all", action="store_true", help="whatever is there")
        chosen.add_argument("--by", required=True, metavar="NAME", help="who does it")
        _choice(chosen)


def _source(options: argparse.ArgumentParser) -> None:
    deeds = options.add_subparsers(required=True, metavar="DEED", dest="deed")
    tried = deeds.add_parser("try", help="connect, and show what comes and what it means")
    tried.add_argument("name", help="of the source in the plant file")
    tried.add_argument("--seconds", type=_seconds, default=10.0, help="how long to listen (10)")
    _plant(tried)


def _choice(options: argparse.ArgumentParser) -> None:
    options.add_argument("--source", help="of this source alone, by its name in the plant file")
    options.add_argument("--reason", help="for this reason alone, as unmapped")


def _plant(options: argparse.ArgumentParser) -> None:
    options.add_argument("--plant", type=Path, default=_plant_file(), help="plant.toml")


def _plant_file() -> Path:
    return Path(os.environ.get("TAKTBOARD_PLANT", ROOT / "plant.toml"))


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from 1 to 65535")
    return int(text)


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{text!r}: a number is expected, as in the list")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1.0 <= seconds <= 3600.0:
        raise argparse.ArgumentTypeError(
            f"{text!r}: a number of seconds from 1 to 3600 is expected"
        )
    return seconds


def _jobs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 16:
        raise argparse.ArgumentTypeError(f"{text!r}: a number of sessions from 1 to 16 is expected")
    return int(text)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 1.0 <= speed <= 120.0:
        raise argparse.ArgumentTypeError(f"{text!r}: a number from 1 to 120 is expected")
    return speed


def _pieces(text: str) -> float:
    try:
        pieces = float(text)
    except ValueError:
        pieces = math.nan
    if not math.isfinite(pieces):
        raise argparse.ArgumentTypeError(f"{text!r}: a number of pieces is expected, as -3")
    return pieces


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
