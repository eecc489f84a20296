"""Sources: keys that need each other, expressions that can be read, fields and statuses known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import jmespath
from jmespath.exceptions import JMESPathError

from plant.draft import Draft
from plant.fault import Fault, nearest, written
from plant.model import MqttSource, OpcUaSource, RestSource, Source, SparkplugSource
from plant.orders import FIELDS, REQUIRED_FIELDS, Status

STATUSES = get_args(Status)


def source_faults(draft: Draft) -> Iterator[Fault]:
    """Everything about single sources that their form alone does not tell."""
    clients: dict[tuple[str, int, str], str] = {}
    for key, source in draft.sources.entries:
        if isinstance(source, OpcUaSource):
            yield from _security_faults(key, source)
        elif isinstance(source, RestSource):
            yield from _rest_faults(key, source)
        else:
            yield from _client_faults(key, source, clients)
        if isinstance(source, MqttSource) and source.timestamp:
            yield from expression_faults(f"{key}.timestamp", source.timestamp)


def expression_faults(key: str, expression: str) -> Iterator[Fault]:
    """A fault if it is no JMESPath expression."""
    try:
        jmespath.compile(expression)
    except JMESPathError:
        example = f'{key.rpartition(".")[2]} = "data.value"'
        yield Fault(key, written(expression), "a JMESPath expression (jmespath.org)", example)
    except RecursionError:
        yield Fault(key, written(expression), "a shorter JMESPath expression", "")


def _security_faults(key: str, source: OpcUaSource) -> Iterator[Fault]:
    if source.security == "none":
        return
    for field in ("certificate", "private_key"):
        if getattr(source, field) is None:
            yield Fault(
                f"{key}.{field}",
                "",
                f'this key; security = "{source.security}" needs it',
                f'{field} = "/etc/taktboard/opcua/client.der"',
            )


def _client_faults(
    key: str, source: MqttSource | SparkplugSource, clients: dict[tuple[str, int, str], str]
) -> Iterator[Fault]:
    client = source.client_id or f"taktboard-{source.name}"
    first = clients.setdefault((source.host, source.port, client), key)
    if first != key:
        yield Fault(
            f"{key}.client_id",
            written(client),
            f"an id of its own on this broker; {first} has the same, and they would take turns",
            f'client_id = "taktboard-{source.name}"',
        )


def _rest_faults(key: str, source: RestSource) -> Iterator[Fault]:
    for field, expression in source.fields.items():
        at = f"{key}.fields.{field}"
        if field not in FIELDS:
            expected = f"a field of an operation; {nearest(field, FIELDS)}"
            yield Fault(at, written(expression), expected, f"order = {written(expression)}")
        yield from expression_faults(at, expression)
    for field in REQUIRED_FIELDS:
        if field not in source.fields:
            expected = "this key; an operation can't do without it"
            yield Fault(f"{key}.fields.{field}", "", expected, f'{field} = "{field}"')
    for theirs, ours in source.statuses.items():
        if ours not in STATUSES:
            yield Fault(
                f"{key}.statuses.{theirs}",
                written(ours),
                f"one of {', '.join(STATUSES)}",
                f'{theirs} = "running"',
            )
    for field in ("items", "next_page", "mark"):
        if (expression := getattr(source, field)) is not None:
            yield from expression_faults(f"{key}.{field}", expression)


def kind_of(draft: Draft, name: str) -> Source | None:
    """The understood source of that name."""
    return next((source for _, source in draft.sources.entries if source.name == name), None)
