"""Commands that run until they are stopped: the demo and each of its processes."""

from __future__ import annotations

import os
import signal
import threading
from argparse import Namespace
from functools import partial
from typing import TYPE_CHECKING

from commands.arguments import data_dir
from commands.surroundings import (
    opened,
    opened_for_work,
    read_plant,
    stop_event,
    when_abandoned,
    writable,
)

if TYPE_CHECKING:
    from flask import Flask


def demo(options: Namespace) -> None:
    """A simulated plant with every board on it."""
    from dashboards.enrol import first_admin
    from db.secret import secret
    from ingest.simulator import demo

    read_plant(options.plant)
    given = secret("TAKTBOARD_ADMIN_PASSWORD")
    demo.run(
        demo.Demo(
            plant_file=options.plant,
            data_dir=writable(options.data),
            port=options.port,
            speed=options.speed,
            environment=os.environ,
            say=partial(print, flush=True),
            prepare=partial(first_admin, given=given, kept=options.data / "admin-password"),
        ),
        stop_event(),
    )


def serve(options: Namespace) -> None:
    """The boards, with gunicorn."""
    from dashboards.gunicorn_server import Server

    with opened("serve"):
        pass  # a mistake is told here, not by each worker
    when_abandoned(partial(os.kill, os.getpid(), signal.SIGTERM))
    Server(make_server, options.host, options.port).run()


def ingest(_: Namespace) -> None:
    """The ingest worker; beside it the guard, which tells when the alert worker is dead."""
    from alerts import guard
    from ingest import worker

    stop = stop_event()
    with opened_for_work("ingest") as database:
        watching = threading.Thread(
            target=guard.run, args=(database, stop), name="guard", daemon=True
        )
        watching.start()
        try:
            worker.run(database, writable(data_dir() / "spool"), stop)
        finally:
            stop.set()
            watching.join(timeout=5.0)


def alert(_: Namespace) -> None:
    """The alert worker."""
    from alerts import watch

    with opened_for_work("alert") as database:
        watch.run(database, stop_event())


def simulate(options: Namespace) -> None:
    """The servers of the simulated plant alone."""
    from db.clock import load_clock, real_clock
    from db.secret import secret
    from ingest.simulator import serve
    from plant.check import read

    plant = read(read_plant(options.plant))
    clock = real_clock()
    if secret("TAKTBOARD_DATABASE_URL"):
        with opened("simulate") as database, database.connection() as conn:
            clock = load_clock(conn)
    serve.run(
        plant,
        seed=options.seed,
        clock=clock,
        truth_dir=writable(data_dir() / "simulated"),
        stop=stop_event(),
        ready=lambda: print("the simulated plant is there", flush=True),
    )


def make_server() -> Flask:
    """The WSGI application on the database that the environment names."""
    from dashboards import web
    from db.address import boards_url, database_url, pooler_url

    return web.make_server(database_url(), boards_url(), pooler_url())
