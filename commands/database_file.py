"""Commands on the database as a whole: back it up, bring a backup back, move it, upgrade it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from commands.mistake import Mistake
from commands.surroundings import site_url

if TYPE_CHECKING:
    from db.site_copy import Copied


def act(options: Namespace) -> None:
    """One of `DB_ACTIONS`, or the upgrade of a server that can't run as it is."""
    if options.action == "upgrade":
        _upgrade(options)
        return
    with site_url(options.data, is_new=options.action == "restore") as url:
        DB_ACTIONS[options.action](url, options)


def _backup(url: str, options: Namespace) -> None:
    from db.backup import back_up

    manifest = back_up(url, options.file)
    print(
        f"{options.file}: {len(manifest.relations)} relations, {manifest.row_count} rows, "
        f"{options.file.stat().st_size / 1e6:.1f} MB; keep {options.file.name}.json with it"
    )


def _restore(url: str, options: Namespace) -> None:
    from db.backup import restore

    manifest = restore(url, options.file)
    if manifest is None:
        print(f"restored; not compared, since there is no {options.file.name}.json beside it")
    else:
        print(f"restored; {manifest.row_count} rows as backed up at {manifest.made_at}")


def _copy(url: str, options: Namespace) -> None:
    from db.address import checked
    from db.site_copy import copy

    copied = copy(url, checked(options.to, "--to"), partial(print, flush=True))
    for name, figures in copied.relations.items():
        print(f"{name}: {figures[0]} rows")
    if copied.wrong:
        raise Mistake(_unlike(copied))
    print("everything is there, equal in rows and sums; let TAKTBOARD_DATABASE_URL name it")


def _unlike(copied: Copied) -> str:
    why = (
        f"{', '.join(copied.writers)} worked on the source: stop it and run the same command again."
        if copied.writers
        else "Run the same command again: it takes over what differs."
    )
    return "the two are not yet alike. " + why + "\n  " + "\n  ".join(copied.wrong)


def _upgrade(options: Namespace) -> None:
    from db.embedded_upgrade import upgrade

    done = upgrade(options.data / "database", options.programs)
    print(
        f"PostgreSQL {done.before} became {done.after}; {done.rows} rows compared. The old "
        f"database is in {done.aside}: delete it once you have seen the boards."
    )


DB_ACTIONS: dict[str, Callable[[str, Namespace], None]] = {
    "backup": _backup,
    "restore": _restore,
    "copy": _copy,
}
