"""The overview: the whole plant on one wall."""

from dashboards.board import Board
from dashboards.overview.frame import frame
from dashboards.overview.layout import layout
from dashboards.texts import msgid

BOARD = Board(
    key="overview",
    title=msgid("Overview"),
    path="/",
    params=("tiles",),
    layout=layout,
    frame=frame,
)
