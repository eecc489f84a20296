"""The alerts board: what is active and who has seen it, what happened, an anomaly's trend."""

from dashboards.alerts.acknowledge import register
from dashboards.alerts.frame import frame
from dashboards.alerts.layout import layout
from dashboards.board import Board
from dashboards.texts import msgid

__all__ = ["BOARD", "register"]

BOARD = Board(
    key="alerts",
    title=msgid("Alerts"),
    path="/alerts",
    params=("priority", "cause", "days", "alarm"),
    layout=layout,
    frame=frame,
)
