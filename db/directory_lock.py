"""One Taktboard a data directory: an advisory file lock, freed by the system however we end.

Never waits.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


class InUse(RuntimeError):
    """Another process holds the directory; the text names it where known: ' (process 12)'."""


class DirectoryLock:
    """Held from construction to `release()`. Raises InUse, OSError where nothing can be written."""

    def __init__(self, directory: Path) -> None:
        self._handle = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        if not _try_lock(self._handle):
            holder = os.read(self._handle, 20).decode(errors="replace").strip()
            os.close(self._handle)
            raise InUse(f" (process {holder})" if holder else "")
        with suppress(OSError):  # on a full disk nobody learns who holds it
            os.ftruncate(self._handle, 0)
            os.write(self._handle, str(os.getpid()).encode())

    def release(self) -> None:
        """Free the directory; twice is fine."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        try:
            os.lseek(handle, 1 << 30, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
