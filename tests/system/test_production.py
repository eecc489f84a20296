"""README's way into production, word for word, on a database server that is not ours to start."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import ExitStack
from functools import partial

import pytest

from tests.patience import until
from tests.ports import free_port
from tests.system.production import Site
from tests.system.readme import blocks, command
from tests.system.visitor import Visitor

pytestmark = pytest.mark.timeout(300)

PASSWORD = "seven looms in the hall"
PATIENCE_S = 30.0
"""Of systemd and of compose, before they kill."""


def _connected(visitor: Visitor) -> bool:
    frame = visitor.frame("sources") or {"nodes": {}}
    words = [n["text"] for i, n in frame["nodes"].items() if i.endswith("-state-word")]
    return len(words) >= 4 and set(words) == {"connected"}


def _ends(process: subprocess.Popen[bytes]) -> tuple[int, float]:
    """(exit status, seconds it took) after SIGTERM."""
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    return process.wait(60.0), time.monotonic() - begun


def test_the_readme_leads_from_an_empty_database_to_live_boards(site: Site) -> None:
    first_machine = blocks("The first real machine, in ten minutes")[-1]
    migrate, user, ingest, alert, _ = (
        command(line, **{"my-plant.toml": str(site.plant)}) for line in first_machine
    )
    (gunicorn,) = blocks("In production")[0]
    ports = [free_port(), free_port()]
    webs = [command(gunicorn, **{"127.0.0.1:8050": f"127.0.0.1:{port}"}) for port in ports]
    webs[1][webs[1].index("--workers") + 1] = "2"

    done = site.run(*migrate)
    assert done.returncode == 0, done.stderr
    done = site.run(*user, say=PASSWORD + "\n")
    assert (done.returncode, done.stdout) == (0, "admin was added as admin\n"), done.stderr

    with ExitStack() as stack:
        simulate = command("python app.py simulate")
        started = {
            name: stack.enter_context(site.running(*words, name=name))
            for name, words in {
                "simulate": simulate,
                "ingest": ingest,
                "alert": alert,
                "web": webs[0],
                "web2": webs[1],
            }.items()
        }
        visitors = [Visitor(f"http://127.0.0.1:{port}") for port in ports]
        for visitor in visitors:
            until(partial(visitor.answers, "/readyz"), "the boards answer")
            assert visitor.log_in("admin", PASSWORD) == "/"
        until(lambda: _connected(visitors[0]), "every source is connected")
        # Two processes behind one address: whichever is asked, the session holds.
        assert all(visitors[1].frame("overview") for _ in range(20))

        streams = [stack.enter_context(v.get("/live/overview/sse?lang=en")) for v in visitors]
        for stream in streams:
            frames = (line for line in stream if b"event: live" in line)
            assert next(frames), "a first frame"
            assert next(frames), "the next frame"
        for name in ("web", "web2", "alert", "ingest"):
            status, took_s = _ends(started[name])
            assert status == 0, site.said(name)
            assert took_s < PATIENCE_S, f"{name} took {took_s:.1f} s to end"
        ours = [site.said(name) for name in started if name != "simulate"]
        assert "".join(said.partition("Traceback")[2] for said in ours) == ""


def test_a_password_that_is_too_easy_is_refused_in_words(site: Site) -> None:
    assert site.run(*command("python app.py migrate")).returncode == 0
    told = site.run(*command("python app.py user admin --role admin"), say="short\n")
    assert told.returncode == 1
    assert told.stderr == "taktboard: The password needs at least 10 characters.\n"


def test_the_last_admin_stays_one(site: Site) -> None:
    assert site.run(*command("python app.py migrate")).returncode == 0
    add = command("python app.py user admin --role admin")
    assert site.run(*add, say=PASSWORD).returncode == 0
    told = site.run(*command("python app.py user admin --role viewer"), say=PASSWORD)
    assert told.returncode == 1
    assert told.stderr.startswith("taktboard: This is the only administrator left")
