"""Every text a user reads is there in every language, and none stands in the code alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.pofile import read_po

from dashboards import failures
from dashboards.explain.answer import quantities
from dashboards.texts import LANGUAGES, catalogue, msgid, texts
from db.users import ROLES
from plant.kpi_table import FIGURES

ROOT = Path(__file__).resolve().parents[2] / "dashboards"
SAYING = {"text": 0, "msgid": 0, "say": 0, "page": 1, "frame": 0, "_login_page": 0, "_pair_page": 0}
"""Functions that take a message id, and where."""
IN_TEMPLATE = re.compile(r"""\bt\(\s*(?:"([^"]+)"|'([^']+)')""")
READABLE = re.compile(r">([^<>{}]*[A-Za-z]{2,}[^<>{}]*)<")
NAMES = {"Taktboard"}


def in_code(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else ""
            name = function.id if isinstance(function, ast.Name) else name
            at = SAYING.get(name)
            if at is not None and len(node.args) > at:
                yield from strings(node.args[at])


def strings(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value
    if isinstance(node, ast.IfExp):
        yield from strings(node.body)
        yield from strings(node.orelse)


@cache
def used() -> set[str]:
    found: set[str] = set(ROLES)
    for file in ROOT.rglob("*.py"):
        found |= set(in_code(file))
    for file in ROOT.rglob("*.html"):
        for double, single in IN_TEMPLATE.findall(file.read_text(encoding="utf-8")):
            found.add(double or single)
    for figure in FIGURES:
        found |= {figure.label, *(quantity.label for quantity in quantities(figure))}
        written = {figure.formula, *(quantity.symbol for quantity in quantities(figure))}
        found |= {text for text in written if re.search("[a-z]{3,}", text)}
    for title, remedy in (*failures.MESSAGES.values(), failures.CROWDED):
        found |= {title, remedy}
    return found


def test_the_search_finds_texts() -> None:
    assert {"Sign in", "Orders", "late", "Users", "operator"} <= used()


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"en"}))
def test_nothing_lacks_a_translation(language: str) -> None:
    assert language == "zh"
    known = texts("zh").translations
    assert sorted(used() - set(known)) == []


def test_no_translation_is_left_over_or_unsure() -> None:
    with catalogue("zh").open("rb") as file:
        read = read_po(file, locale="zh", abort_invalid=True)
    assert [m.id for m in read if m.id and m.fuzzy] == []
    assert sorted(str(m.id) for m in read if m.id and str(m.id) not in used()) == []


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_translations_fill_in_the_same_places() -> None:
    wrong = [m for m, z in texts("zh").translations.items() if places(m) != places(z)]
    assert wrong == []


def test_templates_hold_no_text_of_their_own() -> None:
    found = [
        (file.name, text.strip())
        for file in ROOT.rglob("*.html")
        for text in READABLE.findall(re.sub(r"{[{%].*?[%}]}", "", file.read_text(encoding="utf-8")))
        if text.strip(" ·\n") not in NAMES
    ]
    assert found == []


def test_components_hold_no_text_of_their_own() -> None:
    """A child of an HTML component is looked up, never written down."""
    found = []
    for file in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _is_component(node.func) and node.args:
                child = node.args[0]
                if isinstance(child, ast.Constant) and isinstance(child.value, str):
                    found += [(file.name, child.value)] if readable(child.value) else []
    assert found == []


def _is_component(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id in ("html", "dcc")
    )


def readable(text: str) -> bool:
    return text not in NAMES and bool(re.search(r"[A-Za-z]{2,}|[一-鿿]", text))


def test_texts_fill_in_and_fall_back() -> None:
    assert texts("en").text("and {count} more", count=3) == "and 3 more"
    assert texts("zh").text("and {count} more", count=3) == "还有 3 项"
    assert texts("zh").text("not in any catalogue") == "not in any catalogue"
    assert msgid("late") == "late"
