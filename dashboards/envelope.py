"""A frame as it travels: JSON and its compressed forms, made once and sent to every screen.

Pure: takes a frame and what stands around it, gives bytes. What a screen gets:

    seq             grows with every envelope, over restarts too
    at, time        plant time of the frame: epoch milliseconds; in the plant's zone, "14:05:09"
    speed           plant seconds a wall second
    age_s, why      (set when it is sent) wall seconds since it was made; why there is no newer one
    board, build    the board's key; a new build makes the browser load its page anew
    stale_after_s   silence after which the screen says that it has no data
    nodes           id → what it shows (see dashboards/parts.py)
    charts          id → hash; the figures themselves are in the full envelope as `figures`
    words           the few texts the client script itself writes
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson

from dashboards.board import Frame
from dashboards.format import UNITS
from dashboards.texts import texts
from plant.model import Language

STALE_AFTER_S = 5.0
GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
"""What a compressed stream begins with; pieces made by `deflated` follow."""
OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY


@dataclass(frozen=True, slots=True)
class Around:
    """What an envelope says beside its frame."""

    board: str
    language: Language
    build: str
    at: datetime
    """Plant time, in the plant's zone."""
    speed: float


@dataclass(frozen=True, slots=True)
class Envelope:
    """One frame, encoded; immutable, shared by all screens."""

    seq: int
    made_at: float
    """time.monotonic() when it was made."""
    tick: bytes
    full: bytes
    event: bytes
    """The tick as a server-sent event."""
    event_deflated: bytes

    @property
    def etag(self) -> str:
        """The same for the same frame."""
        return f'"{self.seq}"'


def envelope(frame: Frame, around: Around, seq: int, made_at: float) -> Envelope:
    """Encode a frame. Figures are encoded once, for their hashes and for the full envelope."""
    figures = {name: orjson.dumps(figure, option=OPTIONS) for name, figure in frame.charts.items()}
    tick = orjson.dumps(_body(frame, around, seq, figures), option=OPTIONS)
    full = tick[:-1] + b',"figures":' + _joined(figures) + b"}"
    event = b"event: live\nid: %d\ndata: %b\n\n" % (seq, tick)
    return Envelope(seq, made_at, tick, full, event, deflated(event))


def _body(
    frame: Frame, around: Around, seq: int, figures: Mapping[str, bytes]
) -> dict[str, object]:
    return {
        "seq": seq,
        "at": round(around.at.timestamp() * 1000),
        "time": around.at.strftime("%H:%M:%S"),
        "speed": around.speed,
        "board": around.board,
        "build": around.build,
        "stale_after_s": STALE_AFTER_S,
        "nodes": frame.nodes,
        "charts": {name: _hash(body) for name, body in figures.items()},
        "words": words(around.language),
    }


def words(language: Language) -> dict[str, str]:
    """What the client script writes by itself: the banner and the units of its timers."""
    no_data = texts(language).text("No data since {time}", time="{time}")
    return {"no_data_since": no_data, **UNITS[language]}


def with_age(body: bytes, age_s: float, why: str = "") -> bytes:
    """The same envelope, saying how old it is, and why where that is known."""
    return body[:-1] + b',"age_s":%.1f,"why":%b}' % (age_s, orjson.dumps(why))


def gzipped(body: bytes) -> bytes:
    """For a single answer."""
    return gzip.compress(body, compresslevel=5)


def deflated(piece: bytes) -> bytes:
    """A piece of a compressed stream that stands alone: any sequence of pieces is one stream."""
    deflater = zlib.compressobj(level=6, wbits=-zlib.MAX_WBITS)
    return deflater.compress(piece) + deflater.flush(zlib.Z_FULL_FLUSH)


def _joined(figures: Mapping[str, bytes]) -> bytes:
    pairs = (orjson.dumps(name) + b":" + body for name, body in figures.items())
    return b"{" + b",".join(pairs) + b"}"


def _hash(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=8).hexdigest()
