"""Cookies: HttpOnly, Lax, and under TLS Secure with a name no other host can set."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import generate_csrf

from dashboards.outage import Outage, StillAway
from db.connect import Database, DatabaseUnavailable
from db.web_key import web_key

SESSION_COOKIE = "taktboard"
CSRF_COOKIE = "_csrf_token"
SESSION_LIFE = timedelta(hours=12)


class Sessions(SecureCookieSessionInterface):
    """Signed cookies; fetches the signing key from the database where none is configured."""

    def __init__(self, database: Database, outage: Outage) -> None:
        self._database, self._outage = database, outage

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session of a request; none while the signing key can't be read."""
        if app.secret_key is None and not request.path.endswith(("/healthz", "/readyz")):
            try:
                self._outage.check()
                with self._database.connection() as conn:
                    app.secret_key = web_key(conn)
                self._outage.ended()
            except StillAway:
                return None
            except DatabaseUnavailable as error:
                self._outage.began(error)
                return None
        return super().open_session(app, request)

    def get_cookie_name(self, app: Flask) -> str:  # noqa: ARG002
        """Under TLS a name that browsers accept from this very host alone."""
        return ("__Host-" if request.is_secure else "") + SESSION_COOKIE

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002
        """Never sent in the clear once it came over TLS."""
        return request.is_secure


def keep_cookies(server: Flask, database: Database, outage: Outage) -> None:
    """Set up sessions on `server`."""
    server.session_interface = Sessions(database, outage)
    server.config.update(
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=SESSION_LIFE,
    )


def hand_out_csrf(response: Response) -> Response:
    """The token that scripts send back as X-CSRFToken; readable by this site's scripts alone."""
    response.set_cookie(
        CSRF_COOKIE, generate_csrf(), samesite="Lax", secure=request.is_secure, httponly=False
    )
    return response
