"""The live endpoints: the current frame as JSON, with its charts too, and the stream of frames.

    /live/<board>?lang=&scope=…   the current frame (ETag; 304 while it hasn't changed)
    /live/<board>/full            the same with its figures
    /live/<board>/sse             server-sent events: `live` with each new frame, `beat` every 10 s,
                                  `over` when the user may not look any more

A slow screen gets the newest frame and never a queue of old ones. Who may look is judged by
dashboards/auth.py, before the request and again at each heartbeat. Never makes a frame itself.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import orjson
from flask import Blueprint, Response, abort, request

from dashboards import auth, preferences
from dashboards.board import Board
from dashboards.channel import Channel, Key
from dashboards.envelope import GZIP_HEAD, Envelope, deflated, gzipped, with_age
from dashboards.frames import Reader, TooManyFrames
from plant.model import Language

log = logging.getLogger(__name__)

HEARTBEAT_S = 10.0
FIRST_FRAME_S = 5.0
"""How long a request waits for a frame that nobody has watched yet."""
RETRY_MS = 1000
OLD_S = 2.0
"""A frame older than this is sent with its age."""
LONGEST_PARAM = 80
ASSETS = Path(__file__).resolve().parents[1] / "assets"


def blueprint(reader: Reader, boards: Sequence[Board]) -> Blueprint:
    """The endpoints for these boards; the reader's threads start with the first request."""
    live = Blueprint("live", __name__, url_prefix="/live")
    known = {board.key: board for board in boards}

    @live.get("/<board>")
    @auth.need("view")
    def current(board: str) -> Response:
        return _answer(reader, _key(known, board), lambda envelope: envelope.tick)

    @live.get("/<board>/full")
    @auth.need("view")
    def full(board: str) -> Response:
        return _answer(reader, _key(known, board), lambda envelope: envelope.full)

    @live.get("/<board>/sse")
    @auth.need("view")
    def sse(board: str) -> Response:
        return _stream(reader, _key(known, board))

    return live


def build() -> str:
    """Changes with the code and the assets, so that open pages load themselves anew."""
    digest = hashlib.blake2b(digest_size=6)
    for file in sorted([*ASSETS.glob("*.*s"), *Path(__file__).parent.rglob("*.py")]):
        digest.update(file.read_bytes())
    try:
        return f"{version('taktboard')}+{digest.hexdigest()}"
    except PackageNotFoundError:
        return digest.hexdigest()


def _key(known: dict[str, Board], board: str) -> Key:
    if board not in known:
        abort(404)
    return key_of(known[board], request.args, preferences.language())


def key_of(board: Board, query: Mapping[str, str], language: Language) -> Key:
    """The key of the frames that a screen with this address gets."""
    given = {name: query.get(name, "") for name in board.params}
    params = tuple((n, v[:LONGEST_PARAM]) for n, v in sorted(given.items()) if v)
    return Key(board.key, params, language)


def _answer(reader: Reader, key: Key, body: Callable[[Envelope], bytes]) -> Response:
    try:
        channel = reader.channel(key)
    except TooManyFrames as error:
        return _later(str(error))
    envelope = channel.after(0, 0.0 if channel.why else FIRST_FRAME_S)
    if envelope is None:
        return _later("no frame yet: the database is away or busy, or has no plant", channel.why)
    if request.headers.get("If-None-Match") == envelope.etag:
        return Response(status=304, headers={"ETag": envelope.etag})
    content = with_age(body(envelope), time.monotonic() - envelope.made_at, channel.why)
    response = Response(content, mimetype="application/json", headers={"ETag": envelope.etag})
    if _takes_gzip():
        response.set_data(gzipped(content))
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding, Cookie"
    return response


def _later(cause: str, why: str = "") -> Response:
    """`why`: what the screen is to say, in its language."""
    log.warning("%s: %s", request.path, cause)
    body = orjson.dumps({"error": "no frame yet", "why": why})
    return Response(body, 503, {"Retry-After": "1"}, mimetype="application/json")


def _stream(reader: Reader, key: Key) -> Response:
    last = request.headers.get("Last-Event-ID", "0")
    seq = int(last) if last.isdecimal() and len(last) < 16 else 0
    packed = _takes_gzip()
    try:
        reader.channel(key)
    except TooManyFrames as error:
        return _later(str(error))
    pieces = _events(reader, key, seq, auth.still_allowed(key.board), packed=packed)
    response = Response(pieces, mimetype="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"
    response.headers["Cache-Control"] = "no-store"
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    return response


def _events(
    reader: Reader, key: Key, seq: int, allowed: Callable[[], bool], *, packed: bool
) -> Iterator[bytes]:
    def piece(text: bytes) -> bytes:
        return deflated(text) if packed else text

    yield (GZIP_HEAD if packed else b"") + piece(b"retry: %d\n\n" % RETRY_MS)
    beat_at = time.monotonic() + HEARTBEAT_S
    with reader.watching(key) as channel:
        while not channel.is_over:
            newest = channel.after(seq, max(0.0, beat_at - time.monotonic()))
            if newest is not None:
                seq = newest.seq
                yield newest.event_deflated if packed else newest.event
                if time.monotonic() - newest.made_at > OLD_S:
                    yield piece(_beat(channel))
            if time.monotonic() >= beat_at:
                if not allowed():
                    yield piece(b"event: over\ndata: {}\n\n")
                    return
                beat_at = time.monotonic() + HEARTBEAT_S
                yield piece(_beat(channel))


def _beat(channel: Channel) -> bytes:
    newest = channel.newest
    age_s = -1.0 if newest is None else time.monotonic() - newest.made_at
    said = orjson.dumps({"age_s": round(age_s, 1), "why": channel.why})
    return b"event: beat\ndata: %b\n\n" % said


def _takes_gzip() -> bool:
    return "gzip" in request.headers.get("Accept-Encoding", "")
