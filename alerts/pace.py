"""How fast the engine works; all of it in seconds of the wall."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """The defaults suit a plant; tests run faster."""

    tick_s: float = 1.0
    """The rules are judged at least this often."""
    gap_s: float = 0.5
    """… and never more often than this, however much news there is."""
    takeover_s: float = 20.0
    """A leader whose heart has not beaten for so long is deposed by another process."""
    dead_man_s: float = 60.0
    """Where nobody's has for so long, a mail says so; see `alerts.guard`."""
    refresh_s: float = 5.0
    """How often the value of a standing alarm is written again."""
    flood_window_s: float = 60.0
    flood_mails: int = 6
    """More mails than this for a recipient in a window become one digest at its end."""
    lease_s: float = 120.0
    """A mail that is being sent belongs to its process for so long."""
    smtp_timeout_s: float = 15.0
    """For each answer of the mail server."""
    first_retry_s: float = 5.0
    longest_retry_s: float = 300.0
    give_up_s: float = 72 * 3600.0
    """A mail that no server took for so long is given up."""
