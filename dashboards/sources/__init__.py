"""The sources board: is each source connected and heard, how fast, how good, what was refused."""

from dashboards.board import Board
from dashboards.sources.frame import frame
from dashboards.sources.layout import layout
from dashboards.sources.quarantine import register
from dashboards.texts import msgid

__all__ = ["BOARD", "register"]

BOARD = Board(
    key="sources",
    title=msgid("Sources"),
    path="/sources",
    params=(),
    layout=layout,
    frame=frame,
)
