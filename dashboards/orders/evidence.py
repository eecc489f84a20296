"""What the strip of the orders board is made of: order by order, and what each counts as."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from dash import Dash
from flask import Blueprint, abort, request
from flask.typing import ResponseReturnValue

from dashboards import auth, preferences
from dashboards.admin.pages import page
from dashboards.board import Scene
from dashboards.explain.place import place_text
from dashboards.format import NOTHING, moment, number, percent
from dashboards.orders.plan import MEASURES, Measure, measured
from dashboards.scenes import Scenes
from dashboards.scope import line_of
from dashboards.texts import texts
from dashboards.why import link
from db.connect import Database
from db.kpi_facts import SITE, Scope
from plant.orders_plan import Made, Share

PATH = "/orders/plan"
MOST = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """One order or operation as it is written; `href`: what was counted of it."""

    name: str
    href: str
    cells: tuple[str, ...]
    """Machines, planned start, due, ended, planned, made, what it counts as."""
    is_short: bool


def register(app: Dash, database: Database) -> None:
    """Put the page on the app's server."""
    views = Blueprint("orders_plan", __name__, template_folder="templates")
    scenes = Scenes(database)

    @views.get(PATH)
    @auth.need("explain")
    def plan() -> ResponseReturnValue:
        scene = scenes.scene(preferences.language(), dict(request.args))
        key = request.args.get("kpi", "on-time")
        if key not in MEASURES:
            abort(404)
        line = line_of(scene.params, scene.plant)
        with database.snapshot() as conn:
            found = measured(conn, scene, line)[key]
        return _page(MEASURES[key], found, line, scene)

    app.server.register_blueprint(views)


def _page(measure: Measure, found: Sequence[Made], line: str | None, scene: Scene) -> str:
    t, whole = texts(scene.language), measure.share(found, scene.now)
    part, total = (number(value, t.language) for value in (whole.part, whole.whole))
    return page(
        "orders_plan.html",
        "Orders",
        "",
        label=measure.label,
        place=place_text(Scope("line", line) if line else SITE, scene),
        value=percent(whole.ratio),
        words=t.text(measure.words, part=part, whole=total),
        rows=list(rows(measure, found, scene))[:MOST],
    )


def rows(measure: Measure, found: Sequence[Made], scene: Scene) -> Iterator[Row]:
    """Those that count, the latest due first; their shares add up to the KPI's."""
    for some in sorted(_groups(measure, found), key=_due, reverse=True):
        share = measure.share(some, scene.now)
        if share.whole:
            yield _row(some, share, scene)


def _groups(measure: Measure, found: Sequence[Made]) -> list[list[Made]]:
    if not measure.is_of_orders:
        return [[one] for one in found]
    orders: dict[str, list[Made]] = defaultdict(list)
    for one in found:
        orders[one.operation.order].append(one)
    return list(orders.values())


def _due(some: Sequence[Made]) -> str:
    return max((one.operation.due.isoformat() for one in some if one.operation.due), default="")


def _row(some: Sequence[Made], share: Share, scene: Scene) -> Row:
    steps, language = [one.operation for one in some], scene.language
    first, is_order = steps[0], len(steps) > 1
    operation = f"{first.order}/{first.operation}"
    whose = Scope("order", first.order) if is_order else Scope("operation", operation)
    last = max(some, key=lambda one: one.operation.step_of)
    return Row(
        first.order if is_order else operation.replace("/", " / "),
        link("good", whose, "order") if first.started_at else "",
        (
            ", ".join(dict.fromkeys(o.machine or NOTHING for o in steps)),
            _written(min(_known(o.planned_start for o in steps), default=None), scene),
            _written(max(_known(o.due for o in steps), default=None), scene),
            _written(max(_known(o.ended_at for o in steps), default=None), scene),
            number(last.operation.planned, language),
            number(last.done, language),
            f"{number(share.part, language)} / {number(share.whole, language)}",
        ),
        share.part < share.whole,
    )


def _known(moments: Iterable[datetime | None]) -> Iterator[datetime]:
    return (at for at in moments if at is not None)


def _written(at: datetime | None, scene: Scene) -> str:
    return moment(at, scene.plant.site.zone, scene.now, scene.language)
