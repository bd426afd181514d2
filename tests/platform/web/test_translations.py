"""Every message has its words in every language, and the catalogues are those of the source."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from flask import Flask
from flask_babel import force_locale, gettext

from fieldapp.config import Config

ROOT = Path(__file__).resolve().parents[3]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{[\w.]+\}")
LATIN = re.compile(r"[A-Za-z]{3,}")
#: Latin words that Chinese readers use, too.
NAMES = {"CSV", "GPS", "JavaScript", "PDF", "SIM", "XLSX", "ZIP"}


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("translations", ROOT / "scripts" / "translations.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = _script()
LANGUAGES: tuple[str, ...] = script.LANGUAGES


@pytest.fixture(scope="module")
def source() -> Catalog:
    messages: Catalog = script.messages()
    return messages


def strings(message: Message) -> list[str]:
    return [str(one) for one in (message.string if message.pluralizable else [message.string])]


def ids(message: Message) -> list[str]:
    return [str(one) for one in (message.id if message.pluralizable else [message.id])]


def written(language: str) -> list[Message]:
    return [message for message in script.read(language) if message.id]


def test_the_languages_are_those_of_the_product() -> None:
    assert set(LANGUAGES) == set(Config().languages)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_translated(source: Catalog, language: str) -> None:
    catalog = script.read(language)
    missing = [
        message.id
        for message in source
        if message.id and not ((found := catalog.get(message.id)) is not None and all(strings(found)))
    ]
    assert not missing, "translate these in zh_Hans, then run `make translations`"


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogues_are_current(language: str) -> None:
    """The same messages as the source, `en` and zh_Hant as the script writes them."""
    assert script.path_of(language).read_text(encoding="utf-8") == script.catalogues()[language], "make translations"


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_agree(language: str) -> None:
    """Each string has the placeholders of its message; a singular may leave the number out."""
    wrong: list[Any] = []
    for message in written(language):
        wanted = sorted(PLACEHOLDER.findall(ids(message)[-1]))
        for one in strings(message):
            given = sorted(PLACEHOLDER.findall(one))
            if given != wanted and not (message.pluralizable and language == "en"):
                wrong.append((message.id, one))
    assert not wrong


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_guessed_or_left_over(language: str) -> None:
    catalog = script.read(language)
    assert not [message.id for message in catalog if message.id and message.fuzzy]
    assert not catalog.obsolete
    assert "Date:" not in script.path_of(language).read_text(encoding="utf-8").partition("\n\n")[0]


@pytest.mark.parametrize("language", ["zh_Hans", "zh_Hant"])
def test_chinese_is_chinese(language: str) -> None:
    """No English is left over, and no half-width mark stands between Chinese characters."""
    wrong: list[str] = []
    for message in written(language):
        for one in strings(message):
            plain = PLACEHOLDER.sub("", one)
            if set(LATIN.findall(plain)) - NAMES or re.search(r"[\u4e00-\u9fff][,;:!?()]", plain):
                wrong.append(one)
    assert not wrong


#: Words that mean nothing here, or something else, with what is said instead.
FORBIDDEN = {
    "\u60a8": "\u4f60",
    "\u4efb\u52a1": "\u5de5\u5355 (a job)",
    "\u4efb\u52d9": "\u5de5\u55ae (a job)",
    "\u5355\u5b50": "what kind of form it is",
    "\u672c\u5355": "\u8fd9\u5f20\u5de5\u5355, \u8fd9\u5f20\u62a5\u9500\u5355",
    "\u6d3e\u5de5": "\u6d3e\u5355 (the act)",
    "\u6b64\u523b": "\u521a\u521a",
    "\u300c": "\u201c",
    "\u300d": "\u201d",
    "\u00a5 ": "a space that does not break",
    "  ": "one space",
    "...": "\u2026",
    "%(who)s ": "a Chinese name with no space behind it",
    "%(name)s ": "a Chinese name with no space behind it",
}
#: What may speak of dispatching (\u6d3e\u5355): the act, and what still waits for it. The record is \u5de5\u5355.
DISPATCH = {"Plan the visit", "The leader plans anew and needs to know why.", "Unassigned", "Without a technician"}
HAN = "[\u4e00-\u9fff]"
#: What is put in as digits has a space to the Chinese around it, as digits themselves have.
DIGITS = r"(?:\d|%\((?:n|num|total|days|limit|max|min|low|high)\)s|\{(?:n|max|min|minlength|maxlength)\})"


@pytest.mark.parametrize("language", ["zh_Hans", "zh_Hant"])
def test_words_are_those_of_the_trade(language: str) -> None:
    """One term for one thing; people are called by the plain *you*."""
    wrong = [
        (word, instead, one)
        for message in written(language)
        for one in strings(message)
        for word, instead in FORBIDDEN.items()
        if word in one and not (word.startswith("%") and re.search(rf"{re.escape(word)}\u00b7", one))
    ]
    assert not wrong
    dispatch = {ids(one)[0] for one in written("zh_Hans") if any("\u6d3e\u5355" in words for words in strings(one))}
    assert dispatch <= DISPATCH


@pytest.mark.parametrize("language", ["zh_Hans", "zh_Hant"])
def test_punctuation_is_chinese_and_digits_have_room(language: str) -> None:
    wrong = []
    for message in written(language):
        for one in strings(message):
            near = re.search(rf"{HAN}{DIGITS}|{DIGITS}{HAN}", one)
            half = re.search(rf"[,;:!?()]{HAN}|{HAN}[,;:!?().]", PLACEHOLDER.sub("", one))
            gap = re.search(r" [\uff0c\u3002\uff1a\uff1b\uff01\uff1f\uff09\u201d]|[\uff08\u201c] ", one)
            if near or half or gap:
                wrong.append(one)
    assert not wrong


def test_the_phone_finds_compiled_words(app: Flask) -> None:
    """What `scripts/build.sh` compiled is what people read."""
    with app.test_request_context():
        for language, words in (
            ("zh_Hans", "\u5df2\u9001\u8fbe"),
            ("zh_Hant", "\u5df2\u9001\u9054"),
            ("en", "Received"),
        ):
            with force_locale(language):
                assert gettext("Received") == words


def test_headings_made_from_keys_are_chinese(client_of: Any, cast: Any) -> None:
    """The settings name an area by the key of its feature, which no extraction can see."""
    page = client_of(cast.admin).get("/settings", headers={"Accept-Language": "zh-CN"}).get_data(as_text=True)
    headings = re.findall(r'<span class="title">(.*?)</span>', page)
    assert headings
    assert not [one for one in headings if LATIN.search(one)]
