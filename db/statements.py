"""Named SQL: each module's statements stand in the `.sql` file beside it.

A block starts with `-- name: what_it_is` and ends at the next one. Never builds SQL from values:
those are `%(name)s` parameters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import LiteralString, cast

HERE = Path(__file__).parent
_HEAD = re.compile(r"^-- name: (\w+)[^\n]*\n", re.MULTILINE)


@cache
def statements(file: str) -> Mapping[str, LiteralString]:
    """The statements of `db/<file>` by name. Raises ValueError when a name occurs twice."""
    parts = _HEAD.split((HERE / file).read_text(encoding="utf-8"))
    names, bodies = parts[1::2], parts[2::2]
    if len(set(names)) != len(names):
        raise ValueError(f"db/{file}: a statement's name occurs twice")
    texts = {name: body.strip() for name, body in zip(names, bodies, strict=True)}
    return MappingProxyType(cast("dict[str, LiteralString]", texts))


def joined(named: Mapping[str, LiteralString], *names: str) -> LiteralString:
    """Statements that follow each other as one query."""
    text: LiteralString = "\n".join(named[name] for name in names)
    return text
