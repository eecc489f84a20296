"""Every text a user reads, by its English message id and language.

English texts are the ids themselves; Chinese comes from translations/zh/LC_MESSAGES/messages.po,
read once at first use (no compiled catalogue to keep up to date). Names out of the plant file are
not texts: they are `Label`s and come as parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TypeGuard

from babel.messages.pofile import read_po

from plant.model import Language

TRANSLATIONS = Path(__file__).parent / "translations"
LANGUAGES: Mapping[Language, str] = MappingProxyType({"en": "English", "zh": "中文"})
"""Each language under its own name, for the switch."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language."""

    language: Language
    translations: Mapping[str, str]

    def text(self, msgid: str, **params: object) -> str:
        """The text with its `{name}` places filled in; the English one where none is translated."""
        found = self.translations.get(msgid, msgid)
        return found.format(**params) if params else found


def msgid(text: str) -> str:
    """Marks an id that stands in a table and is looked up later, so that the tests find it."""
    return text


def is_language(value: object) -> TypeGuard[Language]:
    """Whether this is one of the languages we speak."""
    return isinstance(value, str) and value in LANGUAGES


def catalogue(language: Language) -> Path:
    """Where a language's translations stand."""
    return TRANSLATIONS / language / "LC_MESSAGES" / "messages.po"


@cache
def texts(language: Language) -> Texts:
    """The texts of a language. Raises OSError when its catalogue is missing."""
    if language == "en":
        return Texts(language, MappingProxyType({}))
    with catalogue(language).open("rb") as file:
        read = read_po(file, locale=language, abort_invalid=True)
    known = {str(m.id): str(m.string) for m in read if m.id and m.string}
    return Texts(language, MappingProxyType(known))
