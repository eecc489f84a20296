"""A source is tried out before it is put to work: every kind, over its own protocol."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

import app
from tests.simulator.conftest import Serve, Served

Try = Callable[..., tuple[int, str]]


@pytest.fixture
def live(serving: Serve) -> Served:
    return serving(at=datetime.now(UTC))


@pytest.fixture
def attempt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Try:
    """Runs `app.py source try NAME` on a plant file: (exit status, what it said)."""

    def run(text: str, name: str, seconds: float = 4.0) -> tuple[int, str]:
        file = tmp_path / "tried.toml"
        file.write_text(text, encoding="utf-8")
        words = ["source", "try", name, "--seconds", str(seconds), "--plant", str(file)]
        status = app.main(words)
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


@pytest.mark.parametrize(
    ("name", "kind", "count"),
    [
        ("opcua", "opcua", r"A01\.good +ns=2;s=A01\.Good +\d+ pcs +good"),
        ("unified", "mqtt", r"C01\.good +\S+ \S+ +\d+ pcs +good"),
        ("sparkplug", "sparkplug", r"D01\.good +D/D01 Counters/Good +\d+ pcs +good"),
    ],
)
def test_what_comes_of_every_tag_is_shown(
    live: Served, attempt: Try, name: str, kind: str, count: str
) -> None:
    status, said = attempt(live.text, name)
    assert status == 0
    assert f"{name} ({kind}), 4 s: connected" in said
    assert re.search(count, said), said
    assert re.search(r"\.state +\S.* → (running|down|idle|starved|blocked)", said), said
    assert "nothing came" not in said


def test_orders_are_shown_as_they_are_mapped(live: Served, attempt: Try) -> None:
    status, said = attempt(live.text, "mes", 2.0)
    assert status == 0
    assert re.search(r"^order +operation +status +machine", said, re.MULTILINE), said
    assert re.search(r"(running|planned|done) +[A-D]0\d +\S+ +\d+ +\d+$", said, re.MULTILINE), said
    assert "not in the plant file" not in said


def test_orders_that_are_not_mapped_are_told(live: Served, attempt: Try) -> None:
    text = live.text.replace('machine = "resource"', 'machine = "item"')
    text = text.replace('IN_PROCESS = "running"', "")
    status, said = attempt(text, "mes", 2.0)
    assert status == 0
    assert re.search(r"(planned|done) +\S+ \? +\S+ +\d+ +\d+$", said, re.MULTILINE), said
    assert "? : not in the plant file" in said
    assert re.search(r"bad_order +http://127.0.0.1:\d+/api/operations: status", said), said


def test_what_lacks_is_named(live: Served, attempt: Try) -> None:
    """A state that is not mapped, a path that is not there, an address that nobody has."""
    text = live.text.replace("{machine}.Good", "{machine}.Godo")
    status, said = attempt(text, "opcua")
    assert status == 0
    assert re.search(r"A01\.good +ns=2;s=A01\.Godo +nothing came", said), said
    assert "Some addresses are unknown to the server" in said
    assert re.search(r"1 +unknown_address ", said), said
    assert re.search(r"nothing came for \d+ of \d+ tags", said)


def test_who_cant_be_reached_or_isnt_there_is_said(sample_text: str, attempt: Try) -> None:
    text = re.sub(r"127\.0\.0\.1:4840", "127.0.0.1:9", sample_text)
    status, said = attempt(text, "opcua", 1.0)
    assert status == 1
    assert said.startswith("taktboard: opcua: Nobody answers at the address.")
    status, said = attempt(sample_text, "opuca", 1.0)
    assert (status, said) == (
        1,
        "taktboard: the plant file has no source opuca; it has opcua, unified, sparkplug, mes\n",
    )
