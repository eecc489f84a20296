"""Wall screens: each has a token of its own, of which only the SHA-256 is kept.

A pairing code turns into a token once, within minutes. Never sees code or token in the clear.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db.connect import Connection
from db.statements import statements

SQL = statements("devices.sql")


class DeviceExists(ValueError):
    """A screen of this name exists already."""


@dataclass(frozen=True, slots=True)
class Device:
    """A row of device, without its secrets."""

    id: int
    name: str
    boards: tuple[str, ...]
    """Keys of the boards it may show; empty: every board."""
    pairing_until: datetime | None
    paired: bool
    created_at: datetime
    created_by: str
    last_seen: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Device:
        """The device of a row as devices.sql selects it."""
        device_id, name, boards, *rest = row
        return cls(device_id, name, tuple(boards), *rest)


def every(conn: Connection) -> list[Device]:
    """All screens, the revoked ones last."""
    return [Device.of(row) for row in conn.execute(SQL["every"])]


def by_id(conn: Connection, device_id: int) -> Device | None:
    """The screen of this id, revoked or not."""
    row = conn.execute(SQL["by_id"], {"id": device_id}).fetchone()
    return Device.of(row) if row else None


def by_token(conn: Connection, token_hash: str) -> Device | None:
    """The screen that holds this token; none when revoked."""
    row = conn.execute(SQL["by_token"], {"token_hash": token_hash}).fetchone()
    return Device.of(row) if row else None


def create(
    conn: Connection,
    *,
    name: str,
    boards: tuple[str, ...],
    pairing_hash: str,
    pairing_until: datetime,
    created_by: str,
    now: datetime,
) -> int:
    """A new screen waiting for its pairing; its id. Raises DeviceExists."""
    values = {
        "name": name,
        "boards": list(boards),
        "pairing_hash": pairing_hash,
        "pairing_until": pairing_until,
        "created_by": created_by,
        "now": now,
    }
    row = conn.execute(SQL["create"], values).fetchone()
    if row is None:
        raise DeviceExists(name)
    return int(row[0])


def offer_pairing(
    conn: Connection, device_id: int, *, pairing_hash: str, pairing_until: datetime
) -> None:
    """A new pairing code; the present token stays valid until the code is used."""
    conn.execute(
        SQL["offer_pairing"],
        {"id": device_id, "pairing_hash": pairing_hash, "pairing_until": pairing_until},
    )


def pair(conn: Connection, *, pairing_hash: str, token_hash: str, now: datetime) -> Device | None:
    """Use up a pairing code; the screen, or none where the code is wrong, used or too old."""
    row = conn.execute(
        SQL["pair"], {"pairing_hash": pairing_hash, "token_hash": token_hash, "now": now}
    ).fetchone()
    return Device.of(row) if row else None


def seen(conn: Connection, device_id: int, now: datetime) -> None:
    """Note a sign of life; written at most every 30 s."""
    conn.execute(SQL["seen"], {"id": device_id, "now": now})


def revoke(conn: Connection, device_id: int, now: datetime) -> None:
    """The screen's token is worth nothing from now on."""
    conn.execute(SQL["revoke"], {"id": device_id, "now": now})


def remove(conn: Connection, device_id: int) -> None:
    """Forget a revoked screen, so that its name is free again."""
    conn.execute(SQL["remove"], {"id": device_id})
