"""Who may see and do what: one guard before every request, deny by default.

* `protect(server, guard)` puts the guard on a Flask server.
* `@need("permission", board="key")` stands on every view and every Dash callback.
* `still_allowed(board)`, called in the request that opens a stream, gives a check to call at each
  heartbeat: `allowed = still_allowed("overview")` … `if not allowed(): return`. It asks the
  database, so that a revoked screen or an ended session loses its open streams too.
* `/live/<board>…` is guarded by its path: a wall screen gets its own boards only.

Never keeps a session on the server: a session holds `id:epoch`, and raising the user's epoch ends
all of them. When the database is away nobody is let in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import NoReturn, ParamSpec, TypeVar

from flask import Flask, Request, abort, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import AnonymousUserMixin, LoginManager, current_user
from werkzeug.exceptions import Unauthorized

from dashboards import trail
from dashboards.identity import Auth as Auth
from dashboards.identity import Place as Place
from dashboards.identity import auth as auth
from dashboards.identity import auth_of as auth_of
from dashboards.roles import GRANTS as GRANTS
from dashboards.roles import Person as Person
from dashboards.roles import Screen as Screen
from dashboards.roles import hash_secret as hash_secret
from db import devices
from db.connect import DatabaseUnavailable

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

PUBLIC = frozenset({"login.login", "login.pair", "health.alive", "health.ready"})
"""Endpoints that answer without a login."""
PUBLIC_ASSETS = (".css", ".woff2", ".svg", ".png", ".ico")
"""What the login page itself needs."""
EVERY_OTHER_PATH = "/<path:path>"
"""Dash's endpoint that answers any address with its page."""
SAFE_METHODS = frozenset({"GET", "HEAD"})
DEVICE_COOKIE = "taktboard_screen"


def protect(server: Flask, guard: Auth) -> None:
    """Put the one guard before every request of `server`; call it before adding any other hook."""
    server.extensions["auth"] = guard
    server.before_request(_guard)
    server.config.update(WTF_CSRF_CHECK_DEFAULT=False, WTF_CSRF_TIME_LIMIT=None)
    guard.csrf.init_app(server)
    manager = LoginManager(server)
    manager.user_loader(guard.person)
    manager.request_loader(_screen_of)


def may(permission: str) -> bool:
    """Whether the present user has this permission."""
    return permission in GRANTS.get(getattr(current_user, "role", ""), frozenset())


def may_see(board: str) -> bool:
    """Whether the present user may see this board: people all of them, a screen its own."""
    boards = getattr(current_user, "boards", ())
    return may("view") and (not boards or board in boards)


def need(
    permission: str, *, board: str | None = None
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """The view or callback runs for those alone who have the permission; 403 for others."""

    def guarded(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            if not may(permission) or (board is not None and not may_see(board)):
                deny(permission)
            return function(*args, **kwargs)

        run.__dict__["permission"] = permission
        return run

    return guarded


def deny(wanted: str) -> NoReturn:
    """Refuse the present user, and note it in the audit trail."""
    trail.note(auth().database, "denied", wanted=wanted, path=request.path[:200])
    abort(403)


def still_allowed(board: str) -> Callable[[], bool]:
    """A check for a stream's heartbeats; call this in the request, and the check outside of it."""
    guard, user = auth(), current_user._get_current_object()

    def check() -> bool:
        try:
            if isinstance(user, Screen):
                with guard.database.connection() as conn:
                    row = devices.by_token(conn, user.token_hash)
                return row is not None and (not row.boards or board in row.boards)
            return guard.fresh_person(user.get_id()) is not None
        except DatabaseUnavailable:
            return False

    return check


def as_nobody() -> None:
    """Go on with this request without asking who it is: the page of an outage needs no user."""
    g._login_user = AnonymousUserMixin()  # where flask-login keeps the request's user


def client_address() -> str:
    """Where the request came from; behind trusted proxies the address they give."""
    return request.remote_addr or "unknown"


def _screen_of(incoming: Request) -> Screen | None:
    token = incoming.cookies.get(device_cookie())
    return auth().screen(token) if token and len(token) < 200 else None


def device_cookie() -> str:
    """Name of the cookie with a screen's token."""
    return ("__Host-" if request.is_secure else "") + DEVICE_COOKIE


def _guard() -> ResponseReturnValue | None:
    if request.endpoint in ("health.alive", "health.ready"):
        return None
    if current_app.secret_key is None:
        raise DatabaseUnavailable("the key that signs sessions can't be read")
    _refuse_foreign()
    if request.method not in SAFE_METHODS:
        auth().csrf.protect()
    if _is_public():
        return None
    if not current_user.is_authenticated:
        return _ask_to_log_in()
    _refuse_other_boards()
    return None


def _is_public() -> bool:
    if request.method in SAFE_METHODS and request.path.startswith("/assets/"):
        return request.path.endswith(PUBLIC_ASSETS)
    return request.endpoint in PUBLIC


def _refuse_foreign() -> None:
    site = request.headers.get("Sec-Fetch-Site", "none")
    is_page = request.method in SAFE_METHODS and _is_page()
    if site not in ("same-origin", "none") and not is_page:
        log.warning("refused a request from another site: %r", request.path)
        abort(403)


def _is_page() -> bool:
    """An address a person may come to by a link, as against one a script calls."""
    path = request.path
    return not path.startswith(("/_", "/live", "/assets"))


def _refuse_other_boards() -> None:
    board = auth().board_of(request.path)
    if board is None and request.endpoint == EVERY_OTHER_PATH:
        abort(404)
    if board is not None and not may_see(board):
        deny(f"board {board[:40]}")


def _ask_to_log_in() -> ResponseReturnValue:
    if request.method in SAFE_METHODS and _is_page():
        return redirect(url_for("login.login", next=request.full_path.rstrip("?")))
    raise Unauthorized
