"""The orders board: planned, produced, counted; when an order is ready, how late it may be."""

from dashboards.board import Board
from dashboards.orders.evidence import register
from dashboards.orders.frame import frame
from dashboards.orders.layout import layout
from dashboards.texts import msgid

__all__ = ["BOARD", "register"]

BOARD = Board(
    key="orders",
    title=msgid("Orders"),
    path="/orders",
    params=("scope", "show", "sort"),
    layout=layout,
    frame=frame,
)
