"""Who may do what with which relation, and the grants that say so to the server.

The owner of the database migrates; each kind of process may log in as a member of a role that can
do its own work and no more. Set anew after every migration, for roles that there are. Never makes a
login, and never takes from roles that are not its own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import product
from typing import Final

from psycopg import errors, sql

from db.census import ROLLUPS
from db.connect import Connection
from db.server_kind import Server, server_of
from db.statements import statements

log = logging.getLogger(__name__)

INGEST, ALERT, WEB, REPORT, ROLLUP_OWNER = (
    f"taktboard_{name}" for name in ("ingest", "alert", "web", "report", "rollups")
)
ROLES: Final = (INGEST, ALERT, WEB, REPORT)
ALL_ROLES: Final = frozenset({*ROLES, ROLLUP_OWNER})
VERBS: Final = {"S": "SELECT", "I": "INSERT", "U": "UPDATE", "D": "DELETE"}
SQL = statements("roles.sql")

Grants = Mapping[str, str]
"""Relation → letters of VERBS."""


def _each(verbs: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), verbs)


_MASTER = """plant_version area line machine product ideal_cycle reason state_map source tag
    tag_limit tag_past tag_span machine_calendar machine_line line_setting schema_migration"""
_CALENDAR = "shift_instance calendar_slice calendar calendar_book"
_DERIVED = """state_interval machine_1m stop_span derive_tail tag_1m tag_1h machine_15m machine_1h
    machine_calendar_span machine_line_span machine_now machine_work state_told stop
    stop_edit_active rollup_watermark retention_floor"""
_FACTS = """reading reading_text source_status source_gap order_event operation count_correction
    count_correction_due stop_edit"""
_ALARMS = _each("SIU", "alarm alarm_event mail_outbox") | _each("SI", "mail_outbox_event")
_READING = _each("S", f"{_MASTER} {_CALENDAR} {_DERIVED} {_FACTS} setting")

GRANTS: Final[Mapping[str, Grants]] = {
    # Facts are inserted and, delivered again, put right. None is deleted but a gap that was told
    # after all, and what lies in quarantine beyond its month. What is derived is derived anew.
    INGEST: _READING
    # Its sign of life is a setting: see OWN_SETTINGS.
    | _each("SIU", "reading reading_text reading_kept source_status operation order_mark setting")
    | _each("SI", "order_event calendar calendar_book")
    | _each("SIUD", "source_gap quarantine shift_instance calendar_slice")
    | _each("SIUD", "state_interval machine_1m stop_span derive_tail")
    | _each("SID", "derive_dirty rollup_dirty storage_sample")
    | _each("SID", "tag_1m_done tag_1h_done machine_15m_done machine_1h_done")
    | _each("SIU", "retention_floor")
    # A machine's present line and calendar follow the versions that were announced.
    | _each("SU", "rollup_level rollup_settled machine")
    | _each("SD", "count_correction_due")
    # Its guard tells when no alert worker watches.
    | _ALARMS,
    ALERT: _READING
    | _ALARMS
    | _each("SIU", "setting anomaly_model")
    | _each("SIUD", "anomaly_score")
    | _each("S", "derive_dirty rollup_dirty storage_sample"),
    WEB: _READING
    | _each("S", "reading_kept order_mark derive_dirty rollup_dirty storage_sample")
    | _each("S", "anomaly_model anomaly_score mail_outbox mail_outbox_event")
    | _each("SI", "setting audit hour_note stop_edit count_correction count_correction_due")
    | _each("SI", "derive_dirty alarm_event")
    | _each("SU", "alarm")
    | _each("SIU", "app_user stop_edit_refused")
    # What is in quarantine is tried again, or dropped, where it is read; a correction that comes
    # too late is put there.
    | _each("SIUD", "device login_attempt quarantine"),
    REPORT: _each(
        "S",
        "report.machine report.machine_hour report.stop report.operation report.alarm",
    ),
}

OWN_SETTINGS: Final[Mapping[str, tuple[str, ...]]] = {
    INGEST: ("ingest_heartbeat",),
    ALERT: ("alert_heartbeat", "alert_leader"),
    WEB: ("web_secret_key",),
}
"""The rows of `setting` that a role may add and change."""
_WRITES = ("add", "change")


def make_missing(conn: Connection) -> list[str]:
    """Make the roles that the server lacks; the names of those that this log-in may not make."""
    for role in sorted(ALL_ROLES - _there(conn)):
        # Another database of the server may have had it made just now.
        with (
            suppress(errors.DuplicateObject, errors.UniqueViolation, errors.InsufficientPrivilege),
            conn.transaction(),
        ):
            conn.execute(sql.SQL(SQL["make_role"]).format(role=sql.Identifier(role)))
    return sorted(ALL_ROLES - _there(conn))


def grant(conn: Connection) -> list[str]:
    """Give each role what it is to have, and take the rest; the names of roles that are missing.

    Only the owner of the relations may do so.
    """
    if not _is(conn, "is_prepared"):
        return []
    there = _there(conn)
    with conn.transaction():
        held = _held(conn)
        for role in ROLES:
            if role in there:
                _settle(conn, role, held.get(role, {}), _qualified(GRANTS[role]))
        _grant_the_rest(conn, there)
    if server_of(conn) is Server.COMMUNITY and ROLLUP_OWNER in there:
        _hand_over_rollups(conn)
    return sorted(ALL_ROLES - there)


def _there(conn: Connection) -> set[str]:
    return {name for (name,) in conn.execute(SQL["roles"], {"names": list(ALL_ROLES)})}


def _qualified(grants: Grants) -> dict[str, str]:
    return {name if "." in name else f"public.{name}": verbs for name, verbs in grants.items()}


def _held(conn: Connection) -> dict[str, dict[str, str]]:
    """Role → relation → the verbs it has."""
    held: dict[str, dict[str, str]] = {}
    letters = {word: letter for letter, word in VERBS.items()}
    for role, relation, verb in conn.execute(SQL["held"], {"names": list(ROLES)}):
        verbs = held.setdefault(role, {})
        verbs[relation] = verbs.get(relation, "") + letters.get(verb, "?")
    return held


def _settle(conn: Connection, role: str, held: Grants, wanted: Grants) -> None:
    there = {name for (name,) in conn.execute(SQL["relations"])}
    for relation in sorted(there):
        has, due = set(held.get(relation, "")), set(wanted.get(relation, ""))
        if has - due:
            _change(conn, "revoke_all", role, relation, VERBS.values())
        if due and has != due:
            _change(conn, "grant", role, relation, (VERBS[letter] for letter in sorted(due)))


def _change(conn: Connection, name: str, role: str, relation: str, verbs: Iterable[str]) -> None:
    schema, _, table = relation.partition(".")
    conn.execute(
        sql.SQL(SQL[name]).format(
            verbs=sql.SQL(", ").join(sql.SQL(verb) for verb in verbs),
            relation=sql.Identifier(schema, table),
            role=sql.Identifier(role),
        )
    )


def _grant_the_rest(conn: Connection, there: set[str]) -> None:
    """Schemas, functions, and rows of `setting`."""
    for (function,) in conn.execute(SQL["functions_for_all"]).fetchall():
        conn.execute(sql.SQL(SQL["close"]).format(function=sql.SQL(function)))
    if REPORT in there:
        conn.execute(sql.SQL(SQL["use_reports"]).format(role=sql.Identifier(REPORT)))
    if INGEST in there:
        for (function,) in conn.execute(SQL["functions"], {"role": INGEST}).fetchall():
            conn.execute(
                sql.SQL(SQL["execute"]).format(
                    function=sql.SQL(function), role=sql.Identifier(INGEST)
                )
            )
    _part_settings(conn, there)


def _part_settings(conn: Connection, there: set[str]) -> None:
    """Whose rows of `setting` are whose."""
    _keep_policy(conn, "setting_for_all", "see_what_is_no_key")
    if WEB in there:
        _keep_policy(conn, "setting_for_web", "see_own_key", WEB)
    for role, verb in product(sorted(there & OWN_SETTINGS.keys()), _WRITES):
        _keep_policy(conn, f"setting_{verb}_{role}", f"{verb}_own_settings", role)


def _keep_policy(conn: Connection, name: str, statement: str, role: str = "public") -> None:
    """Make it what the statement says, where it was made by another."""
    policy = sql.Identifier(name)
    keys = sql.Literal(list(OWN_SETTINGS.get(role, ())))
    create = sql.SQL(SQL[statement]).format(policy=policy, role=sql.Identifier(role), keys=keys)
    made = create.as_string(conn)
    known: dict[str, str | None] = dict(conn.execute(SQL["setting_policies"]).fetchall())
    if known.get(name) == made:
        return
    conn.execute(sql.SQL(SQL["drop_policy"]).format(policy=policy))
    conn.execute(create)
    conn.execute(sql.SQL(SQL["remember_policy"]).format(policy=policy, made=sql.Literal(made)))


def _hand_over_rollups(conn: Connection) -> None:
    """A continuous aggregate is refreshed by its owner alone: ingest is a member of that one."""
    values = {"rollups": list(ROLLUPS), "owner": ROLLUP_OWNER}
    todo = [name for (name,) in conn.execute(SQL["rollups_of_others"], values)]
    if not todo:
        return
    names = {
        "owner": sql.Identifier(ROLLUP_OWNER),
        "member": sql.Identifier(INGEST),
        "schema": sql.Identifier("public"),
    }
    try:
        with conn.transaction():
            conn.execute(sql.SQL(SQL["join"]).format(**names))
            conn.execute(sql.SQL(SQL["let_create"]).format(**names))
            for rollup in todo:
                own = sql.SQL(SQL["hand_over"]).format(rollup=sql.Identifier(rollup), **names)
                conn.execute(own)
            conn.execute(sql.SQL(SQL["no_longer_create"]).format(**names))
            conn.execute(sql.SQL(SQL["let_read"]).format(**names))
    except errors.InsufficientPrivilege as error:
        log.warning(
            "%s can't be made the owner of the rollups (%s): ingest must log in as the owner",
            ROLLUP_OWNER,
            str(error).strip(),
        )


def _is(conn: Connection, name: str) -> bool:
    row = conn.execute(SQL[name]).fetchone()
    return row is not None and bool(row[0])
