"""Secrets by name: from the environment, or from the file the environment names.

Never logs a secret and never looks anywhere else.
"""

from __future__ import annotations

import os
from pathlib import Path


class SecretUnreadable(RuntimeError):
    """The file that should hold a secret can't be read."""


def secret(name: str) -> str | None:
    """The value of the variable `name`, else the content of the file `name`_FILE points to.

    One trailing line break of the file is cut off. None where neither is set.
    Raises SecretUnreadable when the file is named but can't be read.
    """
    value = os.environ.get(name)
    if value:
        return value
    path = os.environ.get(f"{name}_FILE")
    return _content(name, Path(path)) if path else None


def _content(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise SecretUnreadable(
            f"{name}_FILE names {path}, which can't be read ({error}). "
            f"Make the file readable for this user, or set {name} itself."
        ) from error
