"""A small checker of pages: what an HTML validator says of them and people trip over."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])
TEXTS = frozenset({"text", "search", "url", "tel", "email", "password"})
RANGES = frozenset({"number", "range", "date", "month", "week", "time", "datetime-local"})
ONLY_TEXT = frozenset({"maxlength", "minlength", "pattern"})
ONLY_RANGE = frozenset({"min", "max", "step"})
TIME = re.compile(r"\d{2}:\d{2}(:\d{2})?|\d{4}-\d{2}(-\d{2})?(T\d{2}:\d{2}.*)?")


class Page(HTMLParser):
    """What is wrong with a page, and where it leads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.problems: list[str] = []
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self.open: list[str] = []
        self.templates = 0
        self.time: tuple[str | None, str] | None = None
        self.feed(text)
        self.close()
        if self.open:
            self.problems.append(f"never closed: {self.open}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if len(given) < len(attrs):
            self.problems.append(f"<{tag}> has an attribute twice: {attrs}")
        if tag == "template":
            self.templates += 1
        if tag not in VOID:
            self.open.append(tag)
        self._id(tag, given)
        self._control(tag, given)
        if tag == "time":
            self.time = (given.get("datetime"), "")
        if not self.templates:
            self._link(tag, given)

    def _id(self, tag: str, given: dict[str, str | None]) -> None:
        one = given.get("id")
        if one is None or self.templates:
            return
        if not one or one in self.ids or re.search(r"\s", one):
            self.problems.append(f"<{tag} id={one!r}> is empty, has spaces, or is there twice")
        self.ids.add(one)

    def _control(self, tag: str, given: dict[str, str | None]) -> None:
        kind = (given.get("type") or "text") if tag == "input" else tag
        wrong: set[str] = set()
        if tag == "select":
            wrong = given.keys() & (ONLY_TEXT | ONLY_RANGE | {"placeholder", "inputmode", "list"})
        elif tag == "textarea":
            wrong = given.keys() & (ONLY_RANGE | {"pattern", "list"})
        elif tag == "input":
            wrong = (given.keys() & ONLY_TEXT if kind not in TEXTS else set()) | (
                given.keys() & ONLY_RANGE if kind not in RANGES else set()
            )
        if wrong:
            self.problems.append(f"<{kind} name={given.get('name')!r}> must not have {sorted(wrong)}")

    def _link(self, tag: str, given: dict[str, str | None]) -> None:
        for name in ("href", "src") if tag != "form" else ("action",):
            where = given.get(name)
            if where == "" and name == "href":
                self.problems.append(f"<{tag}> leads nowhere")
            if tag in {"a", "img", "link", "script"} and where and where.startswith("/"):
                self.links.add(where.partition("#")[0])

    def handle_data(self, data: str) -> None:
        if self.time is not None:
            self.time = (self.time[0], self.time[1] + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "template":
            self.templates -= 1
        if tag == "time" and self.time is not None:
            machine, words = self.time
            if not TIME.fullmatch(machine if machine is not None else words.strip()):
                self.problems.append(f"<time> says no time: {machine!r} {words!r}")
            self.time = None
        if tag in VOID or not self.open or self.open[-1] != tag:
            self.problems.append(f"</{tag}> closes {self.open[-1:] or 'nothing'}")
        if tag in self.open:
            while self.open.pop() != tag:
                pass
