"""The plain pages signed-in users have; placeholder."""

from __future__ import annotations

from flask import Blueprint

from db.connect import Database


def blueprint(database: Database) -> Blueprint:
    """The views on this database."""
    return Blueprint("admin", __name__, template_folder="templates")
