"""Collects every message of the source and brings fieldapp/translations up to date.

zh_Hans is translated by people, in its own file. `en` says what the source says, and zh_Hant is zh_Hans through OpenCC
with the corrections of zh_Hant-corrections.json: both are written here and never edited. Running it twice changes
nothing; nothing is guessed, and what the source no longer says is dropped.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po
from opencc import OpenCC

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "fieldapp" / "translations"
CORRECTIONS = FOLDER / "zh_Hant-corrections.json"
LANGUAGES = ("zh_Hans", "zh_Hant", "en")
SOURCES = {"fieldapp", "templates"}
#: What pybabel is told by -k, and which arguments of it are messages.
KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "_": None,
    "_l": None,
    "gettext": None,
    "lazy_gettext": None,
    "ngettext": (1, 2),
    # The words of a state in kernel.states are a message, too: policies import no framework.
    "State": (1,),
}


def python_messages(file: BinaryIO, keywords: Any, *_: Any, **__: Any) -> Iterator[tuple[int, str, Any, list[str]]]:
    """The messages of a Python file by its syntax: also those inside f-strings, on every version of Python."""
    for node in ast.walk(ast.parse(file.read())):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        words = [one.value if isinstance(one, ast.Constant) else None for one in node.args]
        if name in keywords and words and isinstance(words[0], str):
            yield node.lineno, name, tuple(words) if len(words) > 1 else words[0], []


def messages() -> Catalog:
    """Every message of the source."""
    catalog = Catalog()
    found = extract_from_dir(
        ROOT,
        method_map=[("fieldapp/**.py", python_messages), ("templates/**.html", "jinja2")],
        options_map={"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}},
        keywords=KEYWORDS,
        directory_filter=lambda path: Path(path).relative_to(ROOT).parts[0] in SOURCES,
    )
    for _, _, message, _, _ in found:
        catalog.add(message)
    return catalog


def path_of(language: str) -> Path:
    """Where a language's catalogue lies."""
    return FOLDER / language / "LC_MESSAGES" / "messages.po"


def read(language: str) -> Catalog:
    """A catalogue as it is on disk."""
    with path_of(language).open("rb") as file:
        return read_po(file, locale=language)


def catalogues() -> dict[str, str]:
    """Every language's catalogue as it has to be."""
    source, hans = messages(), read("zh_Hans")
    hant = to_traditional()

    def known(message: Message) -> Any:
        old = hans.get(message.id)
        return old.string if old is not None and not old.fuzzy else ""

    def traditional(message: Message) -> Any:
        words = known(message)
        return tuple(hant(one) for one in words) if isinstance(words, tuple) else hant(words)

    strings = {"zh_Hans": known, "zh_Hant": traditional, "en": lambda message: message.id}
    return {language: _text(source, language, strings[language]) for language in LANGUAGES}


def to_traditional() -> Any:
    """Simplified words → words as Taiwan writes them."""
    convert = OpenCC("s2twp").convert
    corrections: dict[str, str] = json.loads(CORRECTIONS.read_text(encoding="utf-8"))

    def words(simplified: str) -> str:
        text = convert(simplified)
        for wrong, right in corrections.items():
            text = text.replace(wrong, right)
        return text

    return words


def _text(source: Catalog, language: str, string: Any) -> str:
    """A .po file: sorted, without places and dates, so that it changes only where a message does."""
    catalog = Catalog(locale=language)
    for message in source:
        if message.id:
            catalog.add(message.id, string(message) or None)
    file = BytesIO()
    write_po(file, catalog, width=0, no_location=True, omit_header=True, sort_output=True, ignore_obsolete=True)
    header = f"Language: {language}", "Content-Type: text/plain; charset=utf-8", f"Plural-Forms: {catalog.plural_forms}"
    lines = "".join(f'"{line}\\n"\n' for line in header)
    return f'msgid ""\nmsgstr ""\n{lines}\n' + file.getvalue().decode().lstrip("\n")


def main() -> None:
    """Writes the catalogues and says what is still to be translated."""
    for language, text in catalogues().items():
        path_of(language).write_text(text, encoding="utf-8")
    hans = [message for message in read("zh_Hans") if message.id]
    open_ = [message.id for message in hans if not all(message.string if message.pluralizable else [message.string])]
    print(f"{len(hans)} messages, {len(open_)} without Chinese")
    for words in open_:
        print(" ", words)


if __name__ == "__main__":
    main()
