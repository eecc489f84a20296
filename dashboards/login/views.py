"""/login, /logout and /pair. No script, no state outside the session and the database."""

from __future__ import annotations

import secrets

from flask import (
    Blueprint,
    Response,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user, logout_user

from dashboards import auth, forms, passwords, trail
from dashboards.login import attempts
from dashboards.login.target import local_target
from db import devices, users
from db.connect import Connection, Database

SCREEN_COOKIE_S = 400 * 24 * 3600
"""As long as browsers keep any cookie; the token itself lives until it is revoked."""


def blueprint(database: Database) -> Blueprint:
    """The views on this database."""
    views = Blueprint("login", __name__, template_folder="templates")

    @views.route("/login", methods=["GET", "POST"])
    def login() -> ResponseReturnValue:
        target = local_target(request.args.get("next"))
        if request.method == "GET":
            if current_user.is_authenticated and auth.may("account"):
                return redirect(target)
            return _login_page()
        return _log_in(database, target)

    @views.post("/logout")
    @auth.need("view")
    def logout() -> ResponseReturnValue:
        return _log_out(database)

    @views.route("/pair", methods=["GET", "POST"])
    def pair() -> ResponseReturnValue:
        return _pair_page() if request.method == "GET" else _pair(database)

    return views


def _login_page(fault: str = "", status: int = 200) -> ResponseReturnValue:
    values = forms.frame("Sign in", fault=fault, name=forms.field("name"))
    return render_template("login.html", **values), status


def _log_in(database: Database, target: str) -> ResponseReturnValue:
    name, password = forms.field("name"), request.form.get("password", "")
    attempt = attempts.begin(database, name)
    if not attempt.allowed:
        trail.note(database, "login_refused", by=name[:80] or "-", why="too many attempts")
        return _login_page("Too many attempts. Wait a quarter of an hour, then try again.", 429)
    user = _known(database, name, password)
    if user is None:
        trail.note(database, "login_failed", by=name[:80] or "-")
        return _login_page("Name or password is wrong.", 401)
    with database.connection() as conn:
        attempts.succeeded(conn, attempt)
        _rehash(conn, user, password)
        trail.write(conn, "login", by=user.name)
    _begin_session(user)
    return redirect(target)


def _known(database: Database, name: str, password: str) -> users.User | None:
    """The user whom name and password fit; takes as long when there is none."""
    with database.connection() as conn:
        user = users.by_name(conn, name) if "\x00" not in name else None
    fits = passwords.matches(user.password_hash if user else passwords.nobody(), password)
    return user if user and fits and not user.disabled_at else None


def _rehash(conn: Connection, user: users.User, password: str) -> None:
    if passwords.is_outdated(user.password_hash):
        users.rehash(conn, user.id, passwords.hash_password(password))


def _begin_session(user: users.User) -> None:
    """A new session, with nothing of the one before the login."""
    session.clear()
    session.permanent = True
    login_user(auth.Person(user))


def _log_out(database: Database) -> ResponseReturnValue:
    """Ends every session of the user: a copied cookie must not outlive the logout."""
    with database.connection() as conn:
        trail.write(conn, "logout")
        if isinstance(current_user._get_current_object(), auth.Person):
            users.end_sessions(conn, current_user.row.id)
        else:
            devices.revoke(conn, current_user.row.id, trail.now())
    auth.auth().forget()
    logout_user()
    session.clear()
    response = make_response(redirect(url_for("login.login")))
    response.delete_cookie(auth.device_cookie(), secure=request.is_secure, httponly=True)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def _pair_page(fault: str = "", status: int = 200) -> ResponseReturnValue:
    return render_template("pair.html", **forms.frame("Pair this screen", fault=fault)), status


def _pair(database: Database) -> ResponseReturnValue:
    code = "".join(c for c in forms.field("code").upper() if c.isalnum())
    attempt = attempts.begin(database, f"/pair {auth.client_address()}")
    if not attempt.allowed:
        return _pair_page("Too many attempts. Wait a quarter of an hour, then try again.", 429)
    token = secrets.token_urlsafe(32)
    with database.connection() as conn:
        device = devices.pair(
            conn,
            pairing_hash=auth.hash_secret(code),
            token_hash=auth.hash_secret(token),
            now=trail.now(),
        )
        if device is not None:
            attempts.succeeded(conn, attempt)
            trail.write(conn, "paired", by=f"screen {device.name}")
    if device is None:
        trail.note(database, "pairing_failed")
        return _pair_page("This code is wrong, used or older than ten minutes.", 401)
    return _as_screen(token, device)


def _as_screen(token: str, device: devices.Device) -> Response:
    logout_user()
    session.clear()
    response = make_response(redirect(_first_page(device)))
    response.set_cookie(
        auth.device_cookie(),
        token,
        max_age=SCREEN_COOKIE_S,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure,
    )
    return response


def _first_page(device: devices.Device) -> str:
    places = auth.auth().places
    first = next((p for p in places if not device.boards or p.key in device.boards), places[0])
    rotate = f"&rotate=30&boards={','.join(device.boards)}" if len(device.boards) > 1 else ""
    return f"{first.path}?kiosk=1{rotate}"
