"""The quarantine in the browser's hands: tried again, dropped, by those who may, in the trail."""

from __future__ import annotations

import pytest

from db.quarantine import Choice, Kept, Refused, chosen, quarantine
from db.readings import micros
from tests.web_site import NOW, Site

PAGE = "/sources/quarantine"
MESSAGE = Refused(micros(NOW), None, "unmapped", "no path", "plant/a", b"{}", "message")
NOTE = Refused(micros(NOW), None, "overflow", "lost some", "plant/b", b"-")


def kept(site: Site) -> dict[str, Kept]:
    """By reason."""
    with site.database.connection() as conn:
        return {row.reason: row for row in chosen(conn, Choice(), 10)}


@pytest.fixture
def full(site: Site) -> Site:
    """A site with a message that can be taken again, and a note that can't, of one source."""
    with site.database.connection() as conn:
        row = conn.execute("select id from source where name = 'opcua'").fetchone()
        assert row is not None
        quarantine(conn, [one._replace(source_id=row[0]) for one in (MESSAGE, NOTE)])
    return site


@pytest.mark.parametrize("form", [{"id": "unmapped"}, {"source": "opcua"}, {"source": ""}])
def test_what_can_be_is_asked_to_be_tried_again(full: Site, form: dict[str, str]) -> None:
    """One, all of a source, all."""
    sent = {name: str(kept(full)[v].id) if name == "id" else v for name, v in form.items()}
    mario = full.client("mario")
    assert full.post(mario, f"{PAGE}/retry", sent, page=PAGE).status_code == 303
    assert {r: row.retry_at is not None for r, row in kept(full).items()} == {
        "unmapped": True,
        "overflow": False,
    }
    shown = mario.get(PAGE).text
    assert "1 are tried again." in shown
    assert "is tried again</small>" in shown
    assert full.actions()[-1] == ("mario", "quarantine_retried")


def test_what_cant_be_says_so(full: Site) -> None:
    mario = full.client("mario")
    note = {"id": str(kept(full)["overflow"].id)}
    full.post(mario, f"{PAGE}/retry", note, page=PAGE)
    shown = mario.get(PAGE).text
    assert "Nothing of it can be tried again." in shown
    assert shown.count("Can&#39;t be tried again.") == 1
    full.post(mario, f"{PAGE}/retry", {"source": "mes"}, page=PAGE)
    answer = full.post(mario, f"{PAGE}/retry", {"source": "nobody"}, page=PAGE)
    assert answer.status_code == 400
    assert kept(full)["unmapped"].retry_at is None


def test_one_is_dropped_and_the_filter_stays(full: Site) -> None:
    mario = full.client("mario")
    sent = {"id": str(kept(full)["overflow"].id), "source": "opcua"}
    answer = full.post(mario, f"{PAGE}/drop", sent, page=PAGE)
    assert answer.headers["Location"].endswith(f"{PAGE}?source=opcua")
    assert list(kept(full)) == ["unmapped"]
    assert full.actions()[-1] == ("mario", "quarantine_dropped")
    assert full.post(mario, f"{PAGE}/drop", {"id": "x"}, page=PAGE).status_code == 400


@pytest.mark.parametrize("name", ["olga", "vera"])
def test_who_may_not_does_not(full: Site, name: str) -> None:
    client = full.client(name)
    for deed in ("retry", "drop"):
        sent = {"id": str(kept(full)["unmapped"].id)}
        assert full.post(client, f"{PAGE}/{deed}", sent).status_code == 403
    assert kept(full)["unmapped"].retry_at is None
