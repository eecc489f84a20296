"""Security headers on every answer: what a page may load, and who may embed it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Response, request

YEAR_S = 365 * 24 * 3600


def policy(script_hashes: Sequence[str]) -> str:
    """The content security policy: everything from this server, inline scripts by hash alone.

    Dash and Plotly write inline styles, so those stay allowed.
    """
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(["'self'", *script_hashes]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "manifest-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def headers(script_hashes: Sequence[str]) -> Callable[[Response], Response]:
    """An after-request hook that puts them on."""
    fixed = {
        "Content-Security-Policy": policy(script_hashes),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    }

    def put_on(response: Response) -> Response:
        response.headers.update(fixed)
        if request.is_secure:
            response.headers["Strict-Transport-Security"] = f"max-age={YEAR_S}"
        if not request.path.startswith(("/assets/", "/_dash-component-suites/")):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    return put_on
