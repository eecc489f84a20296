"""Users: create, role, disable and enable, reset a password, end sessions."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from flask import Blueprint, abort, redirect
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboards import auth, forms, passwords, trail
from dashboards.admin.pages import number, page, short_text
from dashboards.preferences import language
from db import users
from db.connect import Connection, Database

Act = Callable[[Connection, users.User], None]


def add(views: Blueprint, database: Database) -> None:
    """Put the views on a blueprint."""

    @views.get("/admin/users")
    @auth.need("administer")
    def people() -> ResponseReturnValue:
        return _list(database)

    @views.post("/admin/users")
    @auth.need("administer")
    def create_user() -> ResponseReturnValue:
        return _create(database)

    for verb, act in ACTS.items():
        views.add_url_rule(
            f"/admin/users/{verb}", f"user_{verb}", _acting(database, verb, act), methods=["POST"]
        )

    @views.post("/admin/users/password")
    @auth.need("administer")
    def reset_password() -> ResponseReturnValue:
        return _reset(database)


def _list(database: Database, **shown_once: str) -> ResponseReturnValue:
    with database.connection() as conn:
        everyone = users.every(conn)
    return page(
        "users.html",
        "Users",
        "users",
        users=everyone,
        roles=users.ROLES,
        me=current_user.row.id,
        **shown_once,
    )


def _create(database: Database) -> ResponseReturnValue:
    name, role, password = short_text("name"), _role(), _made_up()
    with database.connection() as conn:
        try:
            users.create(
                conn,
                name=name,
                password_hash=passwords.hash_password(password),
                role=role,
                language=language(),
                now=trail.now(),
            )
        except users.UserExists:
            forms.say("There is a user of this name already.", "bad")
            return redirect("/admin/users")
        trail.write(conn, "user_created", user=name, role=role)
    return _list(database, new_name=name, new_password=password)


def _reset(database: Database) -> ResponseReturnValue:
    password = _made_up()
    with database.connection() as conn:
        user = _posted(conn)
        users.set_password(conn, user.id, passwords.hash_password(password))
        trail.write(conn, "password_reset", user=user.name)
    auth.auth().forget()
    return _list(database, new_name=user.name, new_password=password)


def _acting(database: Database, verb: str, act: Act) -> Callable[[], ResponseReturnValue]:
    @auth.need("administer")
    def view() -> ResponseReturnValue:
        try:
            with database.connection() as conn:
                user = _posted(conn)
                act(conn, user)
                trail.write(conn, f"user_{verb}", user=user.name, role=forms.field("role"))
        except users.LastAdmin:
            forms.say("This is the last administrator; make another one first.", "bad")
        auth.auth().forget()
        return redirect("/admin/users")

    return view


def _posted(conn: Connection) -> users.User:
    user = users.by_id(conn, number("id"))
    if user is None:
        abort(404)
    return user


def _role() -> users.Role:
    role = forms.field("role")
    if role not in users.ROLES:
        abort(400)
    return role


def _made_up() -> str:
    """A first password, told once on the screen of who made it."""
    return "-".join(secrets.token_hex(2) for _ in range(4))


ACTS: dict[str, Act] = {
    "role": lambda conn, user: users.set_role(conn, user.id, _role()),
    "disable": lambda conn, user: users.disable(conn, user.id, trail.now()),
    "enable": lambda conn, user: users.enable(conn, user.id),
    "end": lambda conn, user: users.end_sessions(conn, user.id),
}
