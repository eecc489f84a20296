"""Streaming anomaly detection: learns what is normal for one tag while its machine runs.

Readings are averaged over buckets, so that a tag sampled every second and one sampled every minute
are judged alike. Each bucket gets two robust scores (distance from the median in units of the
median absolute deviation): against the last hours, which shows a jump, and against a reference of
up to two days that ends hours ago, which shows a drift too slow for the first. The likelihood of an
anomaly follows from the recent scores; it starts and ends an anomaly at two different heights, and
after a start no other starts for a while.

Pure and deterministic: the state is a value, `dump` and `load` keep it to the last bit. Never reads
a clock; never judges before the reference has seen enough; never guesses at a tag that is silent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from plant.normal import Normal, median, normal_of


@dataclass(frozen=True, slots=True)
class Settings:
    """How a detector looks; lengths in buckets or blocks of running time."""

    bucket_s: int = 60
    block: int = 15
    """Buckets of a block; the reference is made of the blocks' medians."""
    recent: int = 10
    """Scores that the likelihood is taken from."""
    near: int = 240
    """Buckets of the near window, which shows jumps."""
    lag: int = 16
    """Blocks that wait before they enter the reference: a drift shorter than this can't hide."""
    reference: int = 192
    """Blocks of the reference."""
    probation: int = 24
    """Blocks of the reference before the first judgement."""
    keep_out: int = 16
    """Blocks of anomalies that are not learnt; what lasts longer, or comes again, is normal."""
    starts_at: float = 0.999999
    ends_at: float = 0.99
    refractory_s: int = 3600
    least_spread: float = 0.01
    """A spread is taken as this share of the median at least: finer is the sensor's own grain."""


DEFAULT: Final = Settings()
SCORE_CLIP: Final = 8.0
NEAR_BY_REFERENCE: Final = 0.5
"""The near window's spread is taken as this share of the reference's at least: a slope that every
day has is no jump."""
KNOWN_LEVEL: Final = 1.5
"""How many times its distance from the reference a bucket's near score may be."""


class Model(msgspec.Struct):
    """What a detector knows of a tag: its memory, about 4 kB."""

    first_bucket: int = -1
    bucket: int = -1
    """Number of the first and of the open bucket since the epoch; −1: none yet."""
    total: float = 0.0
    count: int = 0
    block: list[float] = []
    waiting: list[float] = []
    reference: list[float] = []
    centre: float = math.nan
    below: float = math.nan
    above: float = math.nan
    """σ of the reference to either side."""
    kept_out: float = 0.0
    """Blocks of anomalies that were not learnt; fades while blocks are learnt."""
    near: list[float] = []
    scores: list[float] = []
    is_anomalous: bool = False
    started_at: float | None = None
    """Start of the last anomaly, epoch seconds."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One closed bucket."""

    at: float
    """End of the bucket, epoch seconds."""
    value: float
    """Median of the last block of buckets: what the band is meant for."""
    low: float
    high: float
    likelihood: float
    """Of an anomaly, 0 to 1."""
    is_anomalous: bool
    started: bool
    """An anomaly starts with this bucket."""


def dump(model: Model) -> bytes:
    """The model as bytes; `load` gives it back to the last bit."""
    return msgspec.msgpack.encode(model)


def load(state: bytes) -> Model:
    """A model from its bytes. Raises msgspec.DecodeError where they are not one."""
    return msgspec.msgpack.decode(state, type=Model)


def learn(
    model: Model,
    at_s: NDArray[np.float64],
    values: NDArray[np.float64],
    settings: Settings = DEFAULT,
) -> list[Judged]:
    """Take in readings of running time and judge every bucket that they close.

    Args:
        model: changed in place.
        at_s: source times, epoch seconds, ascending; a reading older than the open bucket is left
            out.
        values: of the readings; NaN and infinities are left out.

    Returns:
        The closed buckets in order; none of them while the reference is still too short.
    """
    judged = []
    buckets = np.floor(at_s / settings.bucket_s).astype(np.int64)
    usable = np.isfinite(values)
    for bucket, total, count in _grouped(buckets[usable], values[usable]):
        if bucket > model.bucket >= 0:
            closed = _close(model, settings)
            judged += [closed] if closed else []
        if model.first_bucket < 0:
            model.first_bucket = bucket
        if bucket >= model.bucket:
            model.bucket, model.total, model.count = (
                bucket,
                model.total + total,
                model.count + count,
            )
    return judged


def _grouped(
    buckets: NDArray[np.int64], values: NDArray[np.float64]
) -> list[tuple[int, float, int]]:
    """Number, sum and count of each run of equal bucket numbers; sums are exact in order."""
    if not len(buckets):
        return []
    starts = np.flatnonzero(np.r_[True, buckets[1:] != buckets[:-1]])
    ends = np.r_[starts[1:], len(buckets)]
    return [
        (int(buckets[a]), math.fsum(values[a:b].tolist()), int(b - a))
        for a, b in zip(starts, ends, strict=True)
    ]


def _close(model: Model, settings: Settings) -> Judged | None:
    """Judge the open bucket, then learn it, and leave none open."""
    value = model.total / model.count
    at = float((model.bucket + 1) * settings.bucket_s)
    model.total, model.count = 0.0, 0
    _remember_block(model, value, settings)
    judged = _judge(model, value, at, settings) if _knows_enough(model, settings) else None
    model.near = [*model.near, value][-settings.near - settings.recent :]
    return judged


def _knows_enough(model: Model, settings: Settings) -> bool:
    return len(model.reference) >= settings.probation and len(model.near) > 3 * settings.recent


def _remember_block(model: Model, value: float, settings: Settings) -> None:
    """Every full block waits as its median; the oldest that waits enters the reference."""
    model.block.append(value)
    if len(model.block) < settings.block:
        return
    level, model.block = median(model.block), []
    if model.is_anomalous and model.kept_out < settings.keep_out:
        model.kept_out += 1
        return
    model.kept_out = max(0.0, model.kept_out - settings.keep_out / settings.reference)
    model.waiting.append(level)
    if len(model.waiting) > settings.lag:
        model.reference = [*model.reference, model.waiting.pop(0)][-settings.reference :]
    if len(model.reference) >= settings.probation:
        normal = normal_of(model.reference, settings.least_spread)
        model.centre, model.below, model.above = normal.centre, normal.below, normal.above


def _judge(model: Model, value: float, at: float, settings: Settings) -> Judged:
    smooth = median([*model.near[-settings.block + 1 :], value])
    drift = _of(model).score(smooth)
    model.scores = [*model.scores, _near_score(model, value, settings)][-settings.recent :]
    jump = sum(model.scores) / settings.recent
    likelihood = math.erf(max(abs(drift), abs(jump)) / math.sqrt(2))
    started = _starts(model, likelihood, at, settings)
    sigmas = _sigmas(settings.starts_at)
    return Judged(
        at=at,
        value=smooth,
        low=model.centre - sigmas * model.below,
        high=model.centre + sigmas * model.above,
        likelihood=likelihood,
        is_anomalous=model.is_anomalous,
        started=started,
    )


def _near_score(model: Model, value: float, settings: Settings) -> float:
    """Of a bucket against the near window, which leaves out the very last buckets.

    Bounded by its distance from the reference: a level that the last days know, of another product
    say, is no anomaly because the last hours did not have it.
    """
    near = normal_of(model.near[: -settings.recent], settings.least_spread)
    near.below = max(near.below, NEAR_BY_REFERENCE * model.below)
    near.above = max(near.above, NEAR_BY_REFERENCE * model.above)
    score, bound = near.score(value), KNOWN_LEVEL * _of(model).score(value)
    if score * bound <= 0:
        return 0.0
    return math.copysign(min(abs(score), abs(bound), SCORE_CLIP), score)


def _starts(model: Model, likelihood: float, at: float, settings: Settings) -> bool:
    """Move the edge trigger; whether it fires now."""
    if model.is_anomalous:
        model.is_anomalous = likelihood >= settings.ends_at
        return False
    rests = model.started_at is not None and at < model.started_at + settings.refractory_s
    if rests or likelihood < settings.starts_at:
        return False
    model.is_anomalous, model.started_at = True, at
    return True


def _of(model: Model) -> Normal:
    return Normal(model.centre, model.below, model.above)


def _sigmas(likelihood: float) -> float:
    """How many σ a likelihood stands for."""
    return NormalDist().inv_cdf((1 + likelihood) / 2)
