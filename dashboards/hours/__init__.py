"""The hour-by-hour board: a shift's hours with target, actual, losses, remarks and signatures."""

from dashboards.board import Board
from dashboards.hours.frame import frame
from dashboards.hours.layout import layout
from dashboards.hours.notes import register
from dashboards.texts import msgid

__all__ = ["BOARD", "register"]

BOARD = Board(
    key="hours",
    title=msgid("Hour by hour"),
    path="/hours",
    params=("scope", "at"),
    layout=layout,
    frame=frame,
)
