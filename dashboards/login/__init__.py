"""Logging in, logging out, and pairing a wall screen."""

from dashboards.login.views import blueprint

__all__ = ["blueprint"]
