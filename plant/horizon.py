"""How long each layer is kept, and so how far back it can be corrected; and the disk for it."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from plant.part import Part


class Horizon(Part):
    counts_days: int = Field(default=730, ge=100, le=3650, examples=[730])
    """Of minutes with their states and counts; longer than any server keeps raw readings."""

    raw_days: int | None = Field(default=None, ge=4, le=90, examples=[30])
    """Of raw readings, longer than rollups look back; none: 7, on TimescaleDB 90."""

    @property
    def raw(self) -> timedelta | None:
        """The same as a length of time."""
        return None if self.raw_days is None else timedelta(days=self.raw_days)

    @property
    def counts(self) -> timedelta:
        """The same as a length of time."""
        return timedelta(days=self.counts_days)


class Storage(Part):
    disk_gb: float | None = Field(default=None, gt=0, examples=[500.0])
    """What the database may take of its disk, in 10^9 bytes; none: what this machine sees of it."""
