"""How many bytes a first visit to the job list and the pages after it take on the wire."""

from __future__ import annotations

import json
import re

from benchmarks.harness import Row, at_most, known
from benchmarks.served import ROOT, Served, serving
from benchmarks.world import World, fill_jobs, world
from tests.support.bench import Person

KB = 1024
#: A busy technician's days, and a list that fills its page.
BUSY, MANY = 12, 100
LATER = ("/inbox", "/outbox", "/add", "/expenses/new", "/me")


def run(full: bool = False) -> list[Row]:
    """Compressed bytes as a browser is sent them."""
    rows: list[Row] = []
    with world() as made, serving("wsgi:app", made.folder) as server:
        fill_jobs(made.bench, BUSY)
        tech, leader = made.bench.cast.tech, made.bench.cast.leader
        rows += _first(made, server, tech)
        rows += [_page(made, server, tech, path) for path in LATER]
        fill_jobs(made.bench, MANY - BUSY, start=BUSY)
        rows.append(_page(made, server, tech, "/jobs", " (full)", htmx=True))
        rows.append(_page(made, server, leader, "/jobs", " (full, leader)", htmx=True))
        for person, name in ((tech, "technician"), (leader, "leader")):
            html = len(server.ask("/jobs", made.headers(person)).body)
            rows.append(at_most(f"HTML of the job list with {MANY} jobs, {name}", html / KB, 14, " KB"))
    return rows


def _first(made: World, server: Served, person: Person) -> list[Row]:
    answer = server.ask("/jobs", made.headers(person))
    html = len(answer.body)
    scripts = re.findall(r'<script[^>]* src="([^"]+)"', answer.text)
    sent = {path: server.ask(path, made.headers(person)) for path in [*_imported(scripts, server, made, person)]}
    script = sum(len(one.body) for one in sent.values())
    worker = len(server.ask("/sw.js", made.headers(person)).body)
    note = f"HTML {html / KB:.1f}, script {script / KB:.1f}, worker {worker / KB:.1f}"
    rows = [
        at_most(f"first visit to a job list of {BUSY} jobs", (html + script + worker) / KB, 64, " KB", note),
        at_most(f"HTML of a job list of {BUSY} jobs with its stylesheet", html / KB, 14, " KB"),
    ]
    kept = json.loads((ROOT / "static" / "dist" / "manifest.json").read_text())["precache"]
    later = sum(len(server.ask(one["url"], made.headers(person)).body) for one in kept if one["url"] not in sent)
    rows.append(known("what the worker fetches afterwards for days without signal", later / KB, " KB"))
    return rows


def _imported(scripts: list[str], server: Served, made: World, person: Person) -> list[str]:
    """The scripts of the page and what they import at once."""
    found = list(scripts)
    for path in found:
        text = server.ask(path, made.headers(person)).text
        for name in re.findall(r'(?:from|import)\s*"\./([\w.-]+\.js)"', text):
            if (one := f"/static/dist/{name}") not in found:
                found.append(one)
    return found


def _page(made: World, server: Served, person: Person, path: str, words: str = "", htmx: bool = False) -> Row:
    more = {"HX-Request": "true"} if htmx else {}
    answer = server.ask(path, made.headers(person, **more))
    if answer.status != 200:
        return Row(f"page {path}", f"answers {answer.status}", "≤ 12 KB", False)
    return at_most(f"{'fragment' if htmx else 'page'} {path}{words}", len(answer.body) / KB, 12, " KB")
