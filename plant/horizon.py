"""How long what is derived is kept, and so how far back it can be corrected."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from plant.part import Part


class Horizon(Part):
    counts_days: int = Field(default=730, ge=100, le=3650, examples=[730])
    """Of minutes with their states and counts; longer than any server keeps raw readings."""

    @property
    def counts(self) -> timedelta:
        """The same as a length of time."""
        return timedelta(days=self.counts_days)
