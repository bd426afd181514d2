"""Every route, with nonsense in every place an address, a form or a header has: words, never a server error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import pytest
from werkzeug.routing import Rule

from tests.fuzz import world
from tests.fuzz.conftest import Errors
from tests.fuzz.values import SECONDS, SHORT, Figures, Source
from tests.fuzz.world import ROLES
from tests.support.bench import Bench

ROOT = Path(__file__).resolve().parents[2]
SERVICE = {"_op", "_issued", "_schema", "_base", "id", "next", "username", "password", "language", "number", "reason"}
HEADERS = (
    "Accept-Language", "HX-Request", "HX-Boosted", "If-None-Match", "Range", "Authorization", "Content-Encoding",
    "X-Forwarded-For", "Sec-Fetch-Site", "Origin", "Referer", "Accept", "Cookie", "If-Modified-Since",
)  # fmt: skip


def parameters() -> list[str]:
    """The names of all query parameters, as the source reads them."""
    found = {"after", "sent", "unknown"}
    for path in (ROOT / "fieldapp").rglob("*.py"):
        source = path.read_text()
        found |= set(re.findall(r'inputs\.query\w*\(\s*"(\w+)"', source))
        found |= set(re.findall(r'Filter\(\s*"(\w+)"', source))
    return sorted(found)


#: Lists that the world makes longer than a page, and who reads them: their keys are instants, texts and whole numbers.
LONG = {
    "/jobs?scope=group": "leader",
    "/jobs?scope=mine": "tech",
    "/expenses": "tech",
    "/people": "admin",
    "/rescue": "agent",
}


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    form: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    who: str = "leader"


class Routes:
    """Requests for all routes of the application."""

    def __init__(self, bench: Bench, known: dict[str, list[str]], source: Source) -> None:
        self.bench, self.known, self.source = bench, known, source
        self.rules = [rule for rule in bench.app.url_map.iter_rules() if rule.endpoint != "static"]
        self.parameters = parameters()
        #: A true place in each long list, as its page links to it.
        self.cursors: dict[str, str] = {}
        self.fields = sorted(
            SERVICE
            | {name for command in bench.app.extensions["commands"].values() for name in command.schema.load_fields}
            | {"lines.0.qty", "lines.-1.x", "items[]", "lines.9999.name", "a.b.c.d.e", "..", "no\0name", "x" * 300}
        )

    def path(self, rule: Rule, bad: str | None = None) -> str:
        """An address of this rule; `bad` stands in one of its places."""
        places = re.findall(r"<(?:(\w+):)?(\w+)>", rule.rule)
        at = self.source.one(range(len(places))) if places and bad is not None else None
        made = rule.rule
        for index, (kind, name) in enumerate(places):
            value = str(bad) if index == at else self._good(rule, kind, name)
            made = made.replace(f"<{kind}:{name}>" if kind else f"<{name}>", quote(value, safe=""), 1)
        return made

    def _good(self, rule: Rule, kind: str, name: str) -> str:
        if kind == "int":
            return "1"
        if self.known.get(name):
            return str(self.source.one(self.known[name]))
        chosen = {
            "kind": ["parts_request", "expense_claim", "service_report"],
            "verb": ["approve", "return", "reject", "accept", "arrive", "pause", "refuse"],
            "key": list(self.bench.app.extensions["settings"]),
        }
        return str(self.source.one(chosen.get(name, [self.source.id()])))

    def once(self) -> Iterator[Asked]:
        """What is tried in every run: each route plain, each of its places and each parameter with nonsense."""
        for rule in self.rules:
            get = "GET" in (rule.methods or ())
            method = "GET" if get else sorted((rule.methods or {"POST"}) - {"HEAD", "OPTIONS"} or {"OPTIONS"})[0]
            yield Asked(method, self.path(rule), who=str(self.source.one(ROLES)))
            if rule.arguments:
                for bad in self.source.some(["\0", "\x1b", str(2**63), "x" * 3000, "\u552e", "%", "../..", "-1"], 4):
                    yield Asked(method, self.path(rule, bad), who=str(self.source.one(ROLES)))
            for name in ("after", *self.source.some(self.parameters, 6)) if get else ():
                yield self._asked(rule, [self._parameter(name)])
            if "POST" in (rule.methods or ()):
                yield Asked("POST", self.path(rule), form={})
                yield Asked("POST", self.path(rule), form={"reason": "a\0b", "note": "\0", "username": "\0"})
                yield Asked("POST", self.path(rule), form={"no\0name": "x"})

    def _asked(self, rule: Rule, query: list[tuple[str, str]]) -> Asked:
        return Asked("GET", self.path(rule), query, who=str(self.source.one(ROLES)))

    def _parameter(self, name: str) -> tuple[str, str]:
        return name, self.source.cursor() if name == "after" and self.source.often(0.7) else self.source.text()

    def learn(self, address: str, html: str) -> None:
        """Note the place in a list that its page links to."""
        path, _, _ = address.partition("?")
        found = re.search(rf'href="{re.escape(path)}\?([^"]*\bafter=[^"]+)"', html)
        if found is not None:
            self.cursors[address] = parse_qs(found[1].replace("&amp;", "&"))["after"][0]

    def inside(self) -> Iterator[Asked]:
        """Real places in every known list, with parts of their keys replaced: the list's name lets them in."""
        for address, who in LONG.items():
            path, _, scope = address.partition("?")
            query = [("scope", scope.removeprefix("scope="))] if scope else []
            real = self.cursors[address]
            yield Asked("GET", path, [*query, ("after", real)], who=who)
            for cursor in (
                *self.source.each_place(real),
                *(self.source.cursor(real) for _ in range(30 if SECONDS > SHORT else 6)),
            ):
                yield Asked("GET", path, [*query, ("after", cursor)], who=who)

    def any(self) -> Asked:
        """Any route with anything."""
        source = self.source
        rule = source.one(self.rules)
        method = str(source.one(sorted(rule.methods or {"GET"})))
        asked = Asked(method, self.path(rule, source.text() if source.often(0.3) else None), who=str(source.one(ROLES)))
        if source.often(0.6):
            some = range(source.one([1, 1, 2, 5]))
            asked.query = [self._parameter(str(source.one([*self.parameters, source.text()]))) for _ in some]
        if method == "POST" and source.often(0.9):
            asked.form = {str(source.one(self.fields)): source.text() for _ in range(source.one([1, 3, 8]))}
            if source.often(0.2):
                asked.form[str(source.one(["photo", "receipt", "file"]))] = (BytesIO(b"x"), source.text() or "n")
        if source.often(0.3):
            value = re.sub(r"[\r\n\0]", "", source.text()).encode()[:2000].decode("latin-1")
            asked.headers[str(source.one(HEADERS))] = value
        return asked


def ask(bench: Bench, asked: Asked) -> Any:
    """The answer, from a browser of its own."""
    person = getattr(bench.cast, asked.who)
    client = bench.client_of(person)
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in asked.query)
    return client.open(
        f"{asked.path}?{query}" if query else asked.path,
        method=asked.method,
        data=asked.form,
        headers=asked.headers,
        base_url="http://localhost",
    )


@pytest.mark.fuzz
def test_every_route_answers_in_words(
    bench: Bench, known_ids: dict[str, list[str]], errors: Errors, capsys: pytest.CaptureFixture[str]
) -> None:
    routes = Routes(bench, known_ids, Source("routes"))
    figures = Figures(0.5)

    def attempt(asked: Asked) -> None:
        answer = ask(bench, asked)
        answer.close()
        figures.check(answer.status_code < 500, lambda: f"{answer.status_code} {asked} {errors.last()}")

    # First, while nobody's account was closed by what is tried below.
    world.lengthen(bench)
    for path, who in LONG.items():
        routes.learn(path, bench.client_of(getattr(bench.cast, who)).get(path).text)
    assert set(routes.cursors) == set(LONG)
    for one in routes.inside():
        attempt(one)
    for one in routes.once():
        attempt(one)
    while figures.goes_on():
        attempt(routes.any())
    with capsys.disabled():
        print("\n" + figures.line(f"{len(routes.rules)} routes, {len(routes.parameters)} parameters"))  # noqa: T201
    assert figures.failures == []
    assert errors.lines == []
