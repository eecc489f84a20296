"""The form in which one writes on the hour-by-hour board."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from dashboards import auth
from dashboards.oee.scope import Scope
from dashboards.parts import marks
from dashboards.texts import Texts, msgid

LONGEST_NOTE = 400


def forms(scope: Scope, t: Texts) -> list[Component]:
    """The form belongs to assets/41-hours.js: no frame touches it, so nothing typed is lost."""
    if not auth.may("note"):
        return []
    fields = [
        html.Label(
            [
                html.Span(t.text(label)),
                html.Textarea(id=f"hours-{key}", maxLength=str(LONGEST_NOTE), rows="3"),
            ]
        )
        for key, label in (
            ("remark", msgid("Remark: what happened")),
            ("measure", msgid("Countermeasure: what is done about it")),
        )
    ]
    buttons = html.Div(
        [
            html.Button(t.text("Cancel"), type="button", className="hours-cancel"),
            html.Button(t.text("Save"), type="submit", className="hours-save"),
        ],
        className="hours-buttons",
    )
    body = html.Form(
        [
            html.H2([html.Span(scope.key.partition(":")[2]), html.Span(className="hours-when")]),
            html.P(className="hours-warning", hidden=True, role="alert"),
            *fields,
            buttons,
            html.Details(
                [html.Summary(t.text("Earlier versions")), html.Ol(className="hours-versions")],
                className="hours-past",
            ),
        ],
        className="hours-form",
        **marks(
            sent=t.text("{actor} has written meanwhile ({time}):"),
            kept=t.text("What you typed is still here. Saving puts it in place of that."),
            unsent=t.text("Not saved: the server can't be reached. What you typed is still here."),
            refused=t.text("Not saved: your account may not write here."),
            draft=t.text("Not saved yet: typed before this page was loaded anew."),
            signed=t.text("signed"),
        ),
    )
    return [html.Dialog(body, id="hours-dialog", className="hours-dialog")]
