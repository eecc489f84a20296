"""Faults of form: what pydantic says about one part of the file, in the words of the file.

Knows the shape of the plant through its JSON schema; never looks at how parts refer to each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from plant.fault import Fault, nearest, written
from plant.model import Plant

Step = str | int
Loc = tuple[Step, ...]
Schema = Mapping[str, Any]

CONTAINERS = {"Tuple": "list", "Dictionary": "table"}
KEY_MARK = "[key]"
"""Pydantic's last step where a key of a table is at fault, not its value."""
BY_TYPE: Mapping[str, object] = {
    "string": "text",
    "number": 1.0,
    "integer": 1,
    "boolean": True,
}


def schema_faults(error: ValidationError, data: Mapping[str, object]) -> Iterator[Fault]:
    """One fault for each thing that pydantic found in the whole file."""
    for details in error.errors(include_url=False):
        if not _is_echo(details, data):
            yield _fault(details, data)


def clean(loc: Loc, data: object) -> Loc:
    """The path in the file: without the steps that name the kind of a source or a rule."""
    path: list[Step] = []
    here = data
    for step in loc:
        if isinstance(here, Mapping) and step == here.get("kind") and step not in here:
            continue
        if step == KEY_MARK or not isinstance(here, Mapping | list):
            break  # a plain text or number stands where pydantic looked into a table
        path.append(step)
        here = _below(here, step)
    return tuple(path)


def key_text(path: Loc) -> str:
    """`lines[2].calendar`, counted from 0."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text or "the file"


def _is_echo(details: ErrorDetails, data: Mapping[str, object]) -> bool:
    """A list called too short, because its entries are faulty."""
    return details["type"] == "too_short" and bool(_at(data, clean(details["loc"], data)))


def _fault(details: ErrorDetails, data: Mapping[str, object]) -> Fault:
    path = clean(details["loc"], data)
    absent = details["type"] in ("missing", "union_tag_not_found")
    if details["type"] == "union_tag_not_found" or details["type"] == "union_tag_invalid":
        path = (*path, "kind")
    value = _at(data, path)
    return Fault(
        key=key_text(path),
        value="" if absent else written(path[-1] if KEY_MARK in details["loc"] else value),
        expected=_expected(details, path, data),
        example=_example_text(path, data),
    )


def _expected(details: ErrorDetails, path: Loc, data: Mapping[str, object]) -> str:
    ctx: dict[str, Any] = dict(details.get("ctx") or {})
    kind = details["type"]
    if kind == "extra_forbidden":
        return f"no such key here; {nearest(path[-1], _keys(path[:-1], data))}"
    if kind == "string_pattern_mismatch":
        return _pattern(str(ctx["pattern"]))
    if kind == "value_error":
        return str(ctx["error"]).removesuffix(" is expected")
    worded = WORDS.get(kind)
    return worded(ctx) if worded else details["msg"]


WORDS: Mapping[str, Callable[[dict[str, Any]], str]] = {
    "missing": lambda _: "this key; it is missing",
    "string_type": lambda _: "a text",
    "string_too_short": lambda _: "a text that is not empty",
    "literal_error": lambda c: f"one of {c['expected']}",
    "union_tag_invalid": lambda c: f"one of {c['expected_tags']}",
    "union_tag_not_found": lambda _: "this key; it says which other keys there are",
    "float_type": lambda _: "a number",
    "float_parsing": lambda _: "a number",
    "finite_number": lambda _: "a finite number",
    "int_type": lambda _: "a whole number",
    "int_parsing": lambda _: "a whole number",
    "int_from_float": lambda _: "a whole number",
    "int_parsing_size": lambda _: "a number that is not so large",
    "greater_than": lambda c: f"a number greater than {c['gt']:g}",
    "greater_than_equal": lambda c: f"a number of at least {c['ge']:g}",
    "less_than_equal": lambda c: f"a number of at most {c['le']:g}",
    "bool_type": lambda _: "true or false",
    "bool_parsing": lambda _: "true or false",
    "tuple_type": lambda _: "a list",
    "too_short": lambda c: f"a {CONTAINERS[c['field_type']]} with at least one entry",
    "dict_type": lambda _: "a table",
    "model_type": lambda _: "a table",
    "model_attributes_type": lambda _: "a table",
    "date_type": lambda _: "a date",
    "date_parsing": lambda _: "a date",
    "date_from_datetime_parsing": lambda _: "a date",
    "date_from_datetime_inexact": lambda _: "a date without a time",
}


def _pattern(pattern: str) -> str:
    if pattern.startswith("^[A-Za-z0-9]"):
        return "a code: letters, digits, _ . - (at most 64, a letter or digit first)"
    if "@" in pattern:
        return "a mail address"
    starts = pattern.strip("^").replace("\\.", ".").replace("s?", "(s)")
    return f"an address that starts with {starts}"


def _at(data: object, path: Loc) -> object:
    for step in path:
        data = _below(data, step)
    return data


def _below(here: object, step: Step) -> object:
    if isinstance(here, Mapping):
        return here.get(step)
    if isinstance(here, list) and isinstance(step, int) and step < len(here):
        return here[step]
    return None


def _keys(path: Loc, data: Mapping[str, object]) -> list[str]:
    return list(_schema_at(path, data).get("properties", {}))


def _example_text(path: Loc, data: Mapping[str, object]) -> str:
    example = _example(_schema_at(path, data))
    if example is None or not path:
        return ""
    name = next((step for step in reversed(path) if isinstance(step, str)), "")
    if isinstance(path[-1], int):
        return written(example)
    return f"{name} = {written(example)}"


@cache
def _plant_schema() -> Schema:
    return Plant.model_json_schema()


def _schema_at(path: Loc, data: object) -> Schema:
    """The JSON schema of what stands, or should stand, at a path."""
    schema = _resolved(_plant_schema(), data)
    for step in path:
        data = _below(data, step)
        schema = _resolved(_step(schema, step), data)
    return schema


def _step(schema: Schema, step: Step) -> Schema:
    if isinstance(step, int):
        return cast(Schema, schema.get("items", {}))
    entries = next(iter(schema.get("patternProperties", {}).values()), None)
    found = schema.get("properties", {}).get(step, entries or schema.get("additionalProperties"))
    return found if isinstance(found, Mapping) else {}


def _resolved(schema: Schema, data: object) -> Schema:
    """References followed; of several forms, the one that the file's `kind` names, or the first."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        found = {**_plant_schema()["$defs"][name], **schema}
        del found["$ref"]
        return _resolved(found, data)
    if "discriminator" in schema and isinstance(data, Mapping):
        ref = schema["discriminator"]["mapping"].get(str(data.get("kind")))
        return _resolved({"$ref": ref}, data) if ref else schema
    for form in schema.get("anyOf", ()):
        if form.get("type") != "null":
            return _resolved({**schema, **form, "anyOf": ()}, data)
    return schema


def _example(schema: Schema) -> object:
    """An example, a permitted value, or one made up from the parts."""
    schema = _resolved(schema, None)
    if schema.get("examples"):
        return cast(object, schema["examples"][0])
    if "const" in schema:
        return cast(object, schema["const"])
    if schema.get("enum"):
        return cast(object, schema["enum"][0])
    if schema.get("default") is not None:
        return cast(object, schema["default"])
    if schema.get("type") == "array":
        return [_example(schema.get("items", {}))]
    if schema.get("properties"):
        required = schema.get("required", ())
        return {k: _example(v) for k, v in schema["properties"].items() if k in required}
    return BY_TYPE.get(str(schema.get("type")))
