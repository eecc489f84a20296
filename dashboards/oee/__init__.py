"""The OEE board: one line or one machine, where its time went and when it stood still."""

from dashboards.board import Board
from dashboards.oee.frame import frame
from dashboards.oee.layout import layout
from dashboards.texts import msgid

BOARD = Board(
    key="oee",
    title=msgid("OEE"),
    path="/oee",
    params=("scope", "window"),
    layout=layout,
    frame=frame,
)
