"""What the list of jobs costs the server: CPU and queries a request, whole, unchanged, and as a fragment."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

from benchmarks.harness import Contender, Row, at_most, interleave, known, middle, ratio
from benchmarks.served import Served, serving
from benchmarks.world import World, fill_jobs, world
from tests.support.bench import Person, QueryCount

JOBS = 100
ROUNDS = 7
REQUESTS = 20


def run(full: bool = False) -> list[Row]:
    """A hundred jobs, as their technician and as the leader of the group sees them."""
    with world() as made:
        fill_jobs(made.bench, JOBS)
        with serving("wsgi:app", made.folder) as server, serving("benchmarks.floor:app", made.folder) as floor:
            people = {"technician": made.bench.cast.tech, "leader": made.bench.cast.leader}
            rows = _cpu(made, server, floor, people)
        for name, person in people.items():
            rows.append(at_most(f"queries of the job list, {name}", _queries(made, person), 12, ""))
    return rows


def _cpu(made: World, server: Served, floor: Served, people: dict[str, Person]) -> list[Row]:
    contenders = {"floor": Contender(_asks(floor, [("/", {})], REQUESTS * 10), floor.meter)}
    requests, sent = {}, {}
    for name, person in people.items():
        pages = _pages(made, server, person)
        requests[name] = len(pages)
        contenders[name] = Contender(_asks(server, pages), server.meter)
        etag = server.ask(*pages[0]).headers["ETag"]
        if etag:
            again = (pages[0][0], {**pages[0][1], "If-None-Match": etag})
            same = server.ask(*again)
            sent[name] = len(same.text) + sum(len(key) + len(value) + 4 for key, value in same.headers.items())
            contenders[f"{name}, unchanged"] = Contender(_asks(server, [again]), server.meter)
    taken = interleave(ROUNDS, contenders)
    rows = []
    for name in list(contenders)[1:]:
        times, asked = ratio(taken, name, "floor"), requests.get(name, 1)
        note = f"{middle(taken[name]) / asked:,.0f} against {middle(taken['floor']):,.0f} µs"
        what = f"list of {JOBS} jobs, {name}: CPU a request against"
        if name.endswith("unchanged"):
            person = name.removesuffix(", unchanged")
            again = ratio(taken, name, person) * requests[person]
            rows.append(at_most(f"{what} the page", again, 1, " ×", note))
            rows.append(at_most(f"list of {JOBS} jobs, {name}: bytes sent", sent[person], 1024, ""))
        else:
            rows.append(at_most(f"{what} a bare Flask page", times / asked, 25, " ×", note))
        if asked > 1:
            rows.append(known(f"its {asked} requests together, {name}", times, " ×"))
    if len(contenders) == 1 + len(people):
        rows.append(Row("unchanged page (304)", "not answered: pages carry no tag", "≤ 1 ×", False))
    return rows


def _pages(made: World, server: Served, person: Person) -> list[tuple[str, dict[str, str]]]:
    """The requests that show all the jobs: the page, then the parts that "More" brings."""
    headers = made.headers(person)
    pages, shown, path = [], 0, "/jobs"
    while shown < JOBS:
        text = server.ask(path, headers).text
        pages.append((path, headers))
        shown += len(re.findall(r'<(?:h2|td)><a href="/jobs/[^"]+"', text))
        more = re.search(r'href="(/jobs\?[^"]*after=[^"]*)"', text)
        if not more:
            break
        path, headers = unescape(more[1]), made.headers(person, **{"HX-Request": "true"})
    if shown != JOBS:
        raise RuntimeError(f"{shown} of {JOBS} jobs are shown")
    return pages


def _asks(server: Served, pages: list[tuple[str, dict[str, str]]], times: int = REQUESTS) -> Callable[[Any], int]:
    def work(_: Any) -> int:
        for _ in range(times):
            for path, headers in pages:
                if server.ask(path, headers).status not in {200, 304}:
                    raise RuntimeError(f"{path} does not answer")
        return times

    return work


def _queries(made: World, person: Person) -> int:
    client = made.bench.client_of(person)
    client.get("/jobs")
    with QueryCount(made.bench.app) as counted:
        client.get("/jobs")
    return counted.count
