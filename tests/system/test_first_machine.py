"""README's ten minutes, word for word: its plant file, its commands, a real OPC UA server."""

from __future__ import annotations

import asyncio
import shlex
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import psycopg
import pytest
from asyncua import Server, ua

from tests.patience import until
from tests.ports import free_port
from tests.system.production import Site
from tests.system.readme import BINARIES, blocks, command, plant_file
from tests.system.visitor import Visitor

pytestmark = pytest.mark.timeout(300)

HEADING = "The first real machine, in ten minutes"
PASSWORD = "seven looms in the hall"
ADDRESS = "opc.tcp://192.168.0.10:4840"


class Press:
    """The machine: an OPC UA server with the nodes that README's plant file names."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._loop: Future[asyncio.AbstractEventLoop] = Future()
        self._stop = asyncio.Event()
        self._nodes: Future[dict[str, ua.NodeId]] = Future()
        self._server: Server | None = None
        # Ends with its visitors' sessions too, which a server leaves to their time-outs.
        self._thread = threading.Thread(target=lambda: asyncio.run(self._work()))

    async def _work(self) -> None:
        server = Server()
        await server.init()
        server.set_endpoint(self.url)
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        await server.register_namespace("urn:press")
        nodes = {}
        for name, value in (("State", 1), ("Good", 0), ("Scrap", 0)):
            node_id = ua.NodeId.from_string(f"ns=2;s=Press1.{name}")
            await server.nodes.objects.add_variable(node_id, f"Press1.{name}", value)
            nodes[name] = node_id
        async with server:
            self._server = server
            self._loop.set_result(asyncio.get_running_loop())
            self._nodes.set_result(nodes)
            await self._stop.wait()

    @contextmanager
    def on(self) -> Iterator[Press]:
        """Switched on."""
        self._thread.start()
        self._nodes.result(30.0)
        try:
            yield self
        finally:
            self._loop.result().call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def count(self, pieces: int) -> None:
        """The counter of good pieces stands at so many."""
        assert self._server is not None
        value = ua.DataValue(ua.Variant(pieces, ua.VariantType.Int64))
        writing = self._server.write_attribute_value(self._nodes.result()["Good"], value)
        asyncio.run_coroutine_threadsafe(writing, self._loop.result()).result(30.0)


def _good(site: Site) -> int:
    with psycopg.connect(site.database) as conn:
        row = conn.execute("select coalesce(sum(good), 0)::integer from machine_1m").fetchone()
    assert row is not None
    return int(row[0])


def _state(visitor: Visitor) -> str | None:
    frame = visitor.frame("sources") or {"nodes": {}}
    words = [n["text"] for i, n in frame["nodes"].items() if i.endswith("-state-word")]
    return words[0] if words else None


def test_the_machine_of_the_readme_is_on_the_boards(site: Site) -> None:
    url = f"opc.tcp://127.0.0.1:{free_port()}"
    text = plant_file(HEADING)
    assert ADDRESS in text
    site.plant.write_text(text.replace(ADDRESS, url), "utf-8")
    migrate, user, ingest, _, serve = (
        command(line, **{"my-plant.toml": str(site.plant)}) for line in blocks(HEADING)[-1]
    )
    port = free_port()

    checked = site.run(*command("python app.py check"), str(site.plant))
    assert "1 machines, 3 tags" in checked.stdout, checked.stderr
    assert site.run(*migrate).returncode == 0
    assert site.run(*user, say=PASSWORD).returncode == 0
    with (
        Press(url).on() as press,
        site.running(*ingest, name="ingest"),
        site.running(*serve, "--port", str(port), name="serve"),
    ):
        listed = site.run(str(BINARIES / "uals"), *shlex.split(f"-u {url} -d 4"))
        assert "Press1.Good" in listed.stdout, listed.stderr
        visitor = Visitor(f"http://127.0.0.1:{port}")
        until(lambda: visitor.answers("/readyz"), "the boards answer")
        assert visitor.log_in("admin", PASSWORD) == "/"
        until(lambda: _state(visitor) == "connected", "the machine is connected")
        press.count(5)
        until(lambda: _good(site) == 5, "five pieces are in the minutes")
