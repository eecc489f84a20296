"""What the sources say of their trouble reaches the boards, in both languages."""

from __future__ import annotations

import socket

import pytest

from dashboards.sources import reasons, remedies
from dashboards.sources.trouble import SENTENCES, in_words
from dashboards.texts import texts
from ingest.reading import Reason
from ingest.sources import KINDS
from ingest.words import SourceDown, Words, trouble_of_network


def test_the_boards_know_every_sentence() -> None:
    assert {word.value for word in Words} == SENTENCES


def test_the_boards_know_every_reason() -> None:
    assert {reason.value for reason in Reason} == set(reasons.SENTENCES)


def test_the_boards_know_a_remedy_for_each() -> None:
    assert set(remedies.OF_ERROR) == {word.value for word in Words}
    assert set(remedies.IN_QUARANTINE) == {reason.value for reason in Reason}
    assert set(remedies.OF_SILENCE) == set(KINDS)


def test_the_first_line_is_translated_and_the_details_stay() -> None:
    error = f"{Words.TIMEOUT}\nReadTimeout: [Errno 110]"
    assert in_words(error, texts("en")) == error
    assert in_words(error, texts("zh")) == "未及时应答。网络是否正常？\nReadTimeout: [Errno 110]"
    assert in_words(None, texts("zh")) == ""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "refused"), Words.REFUSED),
        (socket.gaierror(-2, "unknown"), Words.UNKNOWN_HOST),
        (TimeoutError(), Words.TIMEOUT),
        (OSError(113, "no route"), Words.REFUSED),
        (ConnectionResetError(104, "reset"), Words.CUT),
        (ValueError("?"), Words.UNEXPECTED),
    ],
)
def test_errors_of_the_network_have_words(error: Exception, words: Words) -> None:
    down = trouble_of_network(error)
    assert isinstance(down, SourceDown)
    assert down.words is words
