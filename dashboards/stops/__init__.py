"""The stops board: what stopped when and why, told by who stands at the machine; reasons ranked."""

from dash import Dash

from dashboards.board import Board
from dashboards.stops import detail, edit
from dashboards.stops.frame import frame
from dashboards.stops.layout import layout
from dashboards.texts import msgid
from db.connect import Database

__all__ = ["BOARD", "register"]

BOARD = Board(
    key="stops",
    title=msgid("Stops"),
    path="/stops",
    params=("scope", "window", "by", "level"),
    layout=layout,
    frame=frame,
)


def register(app: Dash, database: Database) -> None:
    """Put the sheet of one stop and what is said in it on the app's server."""
    app.server.register_blueprint(detail.blueprint(database))
    app.server.register_blueprint(edit.blueprint(database))
