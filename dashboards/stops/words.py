"""What is said of stops, and why it was not taken, as the screens call it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from dashboards.board import Scene
from dashboards.format import full
from dashboards.texts import msgid, texts
from db.stops import Stop

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

REFUSALS: Mapping[str, str] = {
    "conflict": msgid("{actor} has just changed this stop. Look at it, then decide."),
    "gone": msgid("This stop is not there any more: what the machine said has changed."),
    "too_old": msgid("Minutes are kept since {since} only: an older stop can't change."),
    "outside": msgid("The cut must lie within the stop."),
    "alone": msgid("There is no stop beside it."),
    "too_long": msgid("Together they would last longer than a day; they stay apart."),
    "reason": msgid("This machine can't have this reason. Choose another one."),
    "withdrawn": msgid("That was withdrawn already."),
}
INFERRED = msgid("The machine says only that it is idle. Its neighbours tell why.")
KINDS: Mapping[str, str] = {
    "assign": msgid("Reason"),
    "split": msgid("Cut"),
    "merge": msgid("Merged"),
    "comment": msgid("Comment"),
    "withdraw": msgid("Undo"),
}


def refusal_text(why: str, details: Mapping[str, object], scene: Scene) -> str:
    """Why a word was not taken, in the scene's language."""
    said, since = dict(details), details.get("since")
    if since is not None:
        at = since if isinstance(since, datetime) else datetime.fromisoformat(str(since))
        said["since"] = full(at, scene.plant.site.zone)
    return texts(scene.language).text(REFUSALS[why], **said)


def stop_id(one: Stop) -> str:
    """Machine and begin in microseconds, for addresses: "A01@1772438400000000"."""
    return f"{one.machine}@{(one.t0 - EPOCH) // timedelta(microseconds=1)}"


def moment_of(microseconds: str) -> datetime | None:
    """The moment that a script sent; None where it is none."""
    if not microseconds.isdecimal() or len(microseconds) > 17:
        return None
    return EPOCH + timedelta(microseconds=int(microseconds))
