"""One's own account: the password and the language."""

from __future__ import annotations

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user

from dashboards import auth, forms, passwords, trail
from dashboards.admin.pages import page
from dashboards.texts import is_language
from db import users
from db.connect import Database


def add(views: Blueprint, database: Database) -> None:
    """Put the views on a blueprint."""

    @views.get("/account")
    @auth.need("account")
    def account() -> ResponseReturnValue:
        return page("account.html", "My account", "account", user=current_user)

    @views.post("/account/password")
    @auth.need("account")
    def own_password() -> ResponseReturnValue:
        _change(database)
        return redirect("/account")

    @views.post("/account/language")
    @auth.need("account")
    def own_language() -> ResponseReturnValue:
        chosen = forms.field("language")
        if is_language(chosen):
            with database.connection() as conn:
                users.set_language(conn, current_user.row.id, chosen)
            auth.auth().forget()
        return redirect(f"/account?lang={chosen}" if is_language(chosen) else "/account")


def _change(database: Database) -> None:
    old, new = request.form.get("old", ""), request.form.get("new", "")
    if not passwords.matches(current_user.row.password_hash, old):
        trail.note(database, "password_refused", why="the old one was wrong")
        return forms.say("The present password is wrong.", "bad")
    fault = passwords.fault(new, current_user.name)
    if fault:
        return forms.say(fault, "bad", shortest=passwords.SHORTEST, longest=passwords.LONGEST)
    _keep(database, passwords.hash_password(new))
    return forms.say("Your password is changed; your other sessions have ended.")


def _keep(database: Database, password_hash: str) -> None:
    """Ends every session and begins this one anew."""
    user_id = current_user.row.id
    with database.connection() as conn:
        users.set_password(conn, user_id, password_hash)
        trail.write(conn, "password_changed", user=current_user.name)
        row = users.by_id(conn, user_id)
    auth.auth().forget()
    if row is not None:
        login_user(auth.Person(row))
