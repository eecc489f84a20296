"""Chance that repeats: the same seed and the same names give the same numbers, on every machine.

Never keeps a state, so that any day of any machine can be made without the days before it.
"""

from __future__ import annotations

import hashlib

import numpy as np


def chance(seed: int, *names: str | int) -> np.random.Generator:
    """A generator of its own for these names, e.g. `chance(7, "stops", "A01", 739_943)`."""
    text = "\x1f".join(str(name) for name in (seed, *names))
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))
