"""Whether another client has our id: the brokers of MQTT 3.1.1 don't say. Pure."""

from __future__ import annotations

from ingest.words import SourceDown, Words

SHORT_S = 3.0
TAKEOVERS = 3


class Takeovers:
    """Tells a broker that cuts us off, again and again, from a network that does.

    MQTT 3.1.1 gives no reason when another client comes with our id; that we are cut right after
    each connection is the sign of it.
    """

    def __init__(self) -> None:
        self._in_a_row = 0

    def judged(self, down: SourceDown, lasted_s: float) -> SourceDown:
        """What to tell the user of a connection that is over."""
        is_sign = down.words is Words.CUT and lasted_s < SHORT_S
        self._in_a_row = self._in_a_row + 1 if is_sign else 0
        return SourceDown(Words.TAKEN, down.detail) if self._in_a_row >= TAKEOVERS else down
