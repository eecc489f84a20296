"""Waiting in tests: ends as soon as it can, and says what was awaited in vain."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.patience import Match, until, until_async
from tests.ports import HIGHEST, LOWEST, free_port


def test_what_is_awaited_is_given() -> None:
    looks: Iterator[object] = iter([None, [], 7])
    assert until(lambda: next(looks)) == 7
    assert asyncio.run(until_async(lambda: "at once", within_s=0)) == "at once"


def test_what_never_comes_is_named_with_what_was_seen_last() -> None:
    heard = ["A01", "A02"]
    with pytest.raises(pytest.fail.Exception) as failure:
        until(lambda: Match(len(heard), 3), within_s=0)
    assert "not within 0 s: until(lambda: Match(len(heard), 3), within_s=0)" in str(failure.value)
    assert "last seen: Match(found=2, wanted=3)" in str(failure.value)
    assert "heard = ['A01', 'A02']" in str(failure.value)
    with pytest.raises(pytest.fail.Exception, match="not within 0 s: the third machine is heard"):
        asyncio.run(until_async(lambda: False, "the third machine is heard", within_s=0))


def test_an_error_is_no_answer_only_where_that_is_said() -> None:
    answers: list[object] = []
    with pytest.raises(IndexError):
        until(lambda: answers[0])
    with pytest.raises(pytest.fail.Exception, match="last seen: IndexError"):
        until(lambda: answers[0], within_s=0, despite=IndexError)
    assert until(lambda: answers[0], despite=IndexError, pause=answers.append) > 0  # type: ignore[operator]


def test_no_two_get_the_same_port() -> None:
    ports = [free_port() for _ in range(500)]
    assert len(set(ports)) == len(ports)
    assert LOWEST <= min(ports) <= max(ports) <= HIGHEST
