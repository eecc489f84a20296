"""A ratio in percent, written the same on every screen, in every mail and paper.

Rounded once, here: two libraries round 46.45 % to different digits.
"""

from __future__ import annotations


def percent_text(ratio: float, digits: int = 1) -> str:
    """0.7664 → "76.6", without the sign."""
    return f"{100 * ratio:.{digits}f}"
