"""What is refused, put so that it can be taken again: a sample or a reading as JSON, and back.

Pure. What JSON can't hold exactly is kept as text to be read, and can't be taken again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from db.quarantine import Form, Refused
from ingest.reading import Channel, Reading, Reason, Refusal, Sample

Scalar = float | str | None


def of_sample(sample: Sample, why: Refusal, source_id: int, now_us: int) -> Refused:
    """A sample that was judged and not taken."""
    body, form = _of_sample(sample)
    return Refused(now_us, source_id, *why, sample.channel.address, body, form)


def of_reading(row: tuple[int, int, Scalar, int], why: str) -> Refused:
    """A reading (ts_us, tag_id, value, quality) that the database refuses."""
    said = dict(zip(Reading._fields, row, strict=True))
    body = json.dumps(said, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return Refused(row[0], None, Reason.REFUSED, why, f"tag {row[1]}", body, "reading")


def sample_in(payload: bytes, channels: Iterable[Channel], arrived_us: int) -> Sample | Refusal:
    """The sample that `of_sample` kept; one without a time is of the moment at which it arrived."""
    said = json.loads(payload.decode("utf-8", "surrogatepass"))
    for channel in channels:
        if channel.code == said["tag"]:
            ts_us = arrived_us if said["ts_us"] is None else said["ts_us"]
            return Sample(channel, ts_us, said["value"], said["quality"], historical=True)
    return Refusal(Reason.UNMAPPED, f"the source has no tag {said['tag']} any more")


def reading_in(payload: bytes) -> Reading:
    """The reading that `of_reading` kept."""
    return Reading(**json.loads(payload.decode("utf-8", "surrogatepass")))


def _of_sample(sample: Sample) -> tuple[bytes, Form | None]:
    said = {
        "tag": sample.channel.code,
        "ts_us": sample.ts_us,
        "value": sample.raw,
        "quality": sample.quality,
    }
    try:
        text = json.dumps(said, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):  # an integer of 5,000 digits, a deep nesting
        said["value"] = _shown(sample.raw)
        return json.dumps(said, ensure_ascii=False).encode("utf-8", "surrogatepass"), None
    return text.encode("utf-8", "surrogatepass"), "sample"


def _shown(raw: object) -> str:
    try:
        return repr(raw)[:200]
    except (ValueError, RecursionError) as error:
        return f"({type(error).__name__})"
