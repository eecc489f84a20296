"""Wall screens: create one and pair it, pair it anew, revoke it, forget it."""

from __future__ import annotations

import secrets
from datetime import timedelta

from flask import Blueprint, abort, redirect, request
from flask.typing import ResponseReturnValue

from dashboards import auth, forms, trail
from dashboards.admin.pages import number, page, short_text
from db import devices
from db.connect import Connection, Database

PAIRING_LIFE = timedelta(minutes=10)
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without letters and digits that look alike."""


def add(views: Blueprint, database: Database, boards: dict[str, str]) -> None:
    """Put the views on a blueprint; `boards`: key → title (message id)."""

    @views.get("/admin/devices")
    @auth.need("administer")
    def screens() -> ResponseReturnValue:
        return _list(database, boards)

    @views.post("/admin/devices")
    @auth.need("administer")
    def create_screen() -> ResponseReturnValue:
        return _create(database, boards)

    @views.post("/admin/devices/pair")
    @auth.need("administer")
    def pair_again() -> ResponseReturnValue:
        return _pair_again(database, boards)

    @views.post("/admin/devices/revoke")
    @auth.need("administer")
    def revoke() -> ResponseReturnValue:
        with database.connection() as conn:
            device = _posted(conn)
            devices.revoke(conn, device.id, trail.now())
            trail.write(conn, "screen_revoked", screen=device.name)
        return redirect("/admin/devices")

    @views.post("/admin/devices/remove")
    @auth.need("administer")
    def remove() -> ResponseReturnValue:
        with database.connection() as conn:
            device = _posted(conn)
            devices.remove(conn, device.id)
            trail.write(conn, "screen_removed", screen=device.name)
        return redirect("/admin/devices")


def _list(database: Database, boards: dict[str, str], **shown_once: str) -> ResponseReturnValue:
    with database.connection() as conn:
        screens = devices.every(conn)
    return page(
        "devices.html",
        "Wall screens",
        "devices",
        devices=screens,
        boards=boards,
        now=trail.now(),
        **shown_once,
    )


def _create(database: Database, boards: dict[str, str]) -> ResponseReturnValue:
    name, code = short_text("name"), _code()
    chosen = tuple(key for key in request.form.getlist("boards") if key in boards)
    now = trail.now()
    with database.connection() as conn:
        try:
            devices.create(
                conn,
                name=name,
                boards=chosen,
                pairing_hash=auth.hash_secret(code),
                pairing_until=now + PAIRING_LIFE,
                created_by=trail.actor(),
                now=now,
            )
        except devices.DeviceExists:
            forms.say("There is a screen of this name already.", "bad")
            return redirect("/admin/devices")
        trail.write(conn, "screen_created", screen=name, boards=list(chosen))
    return _list(database, boards, new_name=name, new_code=_readable(code))


def _pair_again(database: Database, boards: dict[str, str]) -> ResponseReturnValue:
    code = _code()
    with database.connection() as conn:
        device = _posted(conn)
        devices.offer_pairing(
            conn,
            device.id,
            pairing_hash=auth.hash_secret(code),
            pairing_until=trail.now() + PAIRING_LIFE,
        )
        trail.write(conn, "pairing_offered", screen=device.name)
    return _list(database, boards, new_name=device.name, new_code=_readable(code))


def _posted(conn: Connection) -> devices.Device:
    device = devices.by_id(conn, number("id"))
    if device is None:
        abort(404)
    return device


def _code() -> str:
    """40 random bits: enough for ten minutes behind a limit of attempts."""
    return "".join(secrets.choice(ALPHABET) for _ in range(8))


def _readable(code: str) -> str:
    return f"{code[:4]}-{code[4:]}"
