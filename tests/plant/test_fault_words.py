"""Every sentence that a check can say has a Chinese one; keys, values and examples stay."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from plant.check import PlantFaults, language_of, read
from plant.fault_words import CHINESE, LITERAL, chinese
from plant.schema import CONTAINERS, WORDS

PLANT = Path(__file__).resolve().parents[2] / "plant"
FILES = (*(PLANT / "checks").glob("*.py"), PLANT / "book_edit.py", PLANT / "check.py")
SPEAKING = {"Fault": 2, "_syntax": 2, "unknown": 2, "nearest": -1}
BROKEN = """
[site]
language = "zh"
time_zone = "Nowhere"
[[lines]]
code = "A"
area = "Y"
nmae = "x"
"""


def sentences() -> Iterator[str]:
    """What the checks say, with 7 in every place."""
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                at = SPEAKING.get(node.func.id, -1)
                if 0 <= at < len(node.args):
                    yield from said(node.args[at])
            if isinstance(node, ast.Assign) and "expected" in ast.unparse(node.targets[0]):
                yield from said(node.value)
    samples = {"expected": "7", "expected_tags": "7", "gt": 7, "ge": 7, "le": 7}
    for worded in WORDS.values():
        for container in CONTAINERS:
            yield worded({**samples, "field_type": container})


def said(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(p.value) if isinstance(p, ast.Constant) else "7" for p in node.values)


def test_every_sentence_has_a_chinese_one() -> None:
    found = set(sentences())
    assert len(found) > 60
    assert sorted(text for text in found if chinese(text) == text) == []


def test_both_sentences_have_the_same_places() -> None:
    place = re.compile(r"\{(\w+)\}")
    wrong = [
        english
        for english, worded in CHINESE.items()
        if english not in LITERAL and set(place.findall(english)) != set(place.findall(worded))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("english", "worded"),
    [
        ('the code of a team; did you mean "red"?', "班组的代码；是否想写“red”？"),
        ("a number of at least 0.5", "不小于 0.5 的数"),
        ("the code of a line; known: A, B, …", "产线的代码；已有：A, B, …"),
        ("the placeholders {machine} and {line} only", "只能使用占位符 {machine} 和 {line}"),
        ("nobody says this", "nobody says this"),
    ],
)
def test_what_fills_the_places_is_worded_too(english: str, worded: str) -> None:
    assert chinese(english) == worded


def test_a_file_is_told_its_faults_in_its_language() -> None:
    assert language_of(BROKEN) == "zh"
    assert language_of("[site") is None
    assert language_of("site = 7") is None
    with pytest.raises(PlantFaults) as found:
        read(BROKEN)
    english, worded = str(found.value), found.value.in_chinese()
    assert worded.startswith(f"工厂文件有 {len(found.value.faults)} 处错误：\n")
    for fault in found.value.faults:
        assert f"\n{fault.key}" in english
        assert f"\n{fault.key}" in worded
        assert fault.value in worded
    assert 'lines[0].nmae = "x"\n    应为：此处没有这个键；是否想写“name”？' in worded
    assert "Expected" not in worded


@pytest.mark.parametrize(
    ("options", "environment", "file", "said"),
    [
        ([], {}, BROKEN, "工厂文件有"),
        (["--language", "en"], {}, BROKEN, "The plant file has"),
        ([], {"LC_ALL": "zh_CN.UTF-8"}, "[site", "工厂文件有"),
        ([], {"LC_ALL": "en_GB.UTF-8", "LANG": "zh_CN.UTF-8"}, "[site", "The plant file has"),
    ],
)
def test_the_command_speaks_as_it_is_told(
    tmp_path: Path, options: list[str], environment: dict[str, str], file: str, said: str
) -> None:
    """By its option, else as the file's site speaks, else as the environment does."""
    path = tmp_path / "plant.toml"
    path.write_text(file, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "app.py", "check", str(path), *options],
        cwd=PLANT.parent,
        env={**os.environ, "LC_ALL": "", "LANG": "", "PYTHONUTF8": "1", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == 1
    assert said in done.stderr
