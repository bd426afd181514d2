"""Bad input in every field of every form: a clear message at the field, and everything typed is still there."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from fieldapp.field.jobs import JobAsset
from fieldapp.kernel import clock
from fieldapp.platform.extensions import db
from tests.support.bench import Bench

LONG_CHINESE = "\u552e\u540e\u670d\u52a1" * 2500
MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@dataclass
class Field:
    name: str
    tag: str
    type: str
    attrs: dict[str, str | None]
    options: list[str] = field(default_factory=list)


class Fields(HTMLParser):
    """The controls of the page's first form that the outbox would capture."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: list[Field] = []
        self.hidden: dict[str, str] = {}
        self.depth = 0
        self.seen = False
        self.templates = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "template":
            self.templates += 1
        if tag == "form" and "data-draft" in given and not self.seen and not self.templates:
            self.depth, self.seen = 1, True
            self.kind = str(given.get("data-op"))
        elif self.depth and not self.templates:
            self._control(tag, given)

    def _control(self, tag: str, given: dict[str, str | None]) -> None:
        name = given.get("name") or ""
        if tag == "input" and given.get("type") == "hidden":
            self.hidden[name] = given.get("value") or ""
        elif tag in {"input", "select", "textarea"} and name:
            self.fields.append(Field(name, tag, given.get("type") or "text", given))
        elif tag == "option" and self.fields:
            self.fields[-1].options.append(given.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.depth = 0
        if tag == "template":
            self.templates -= 1


def form_of(client: Any, url: str) -> Fields:
    answer = client.get(url)
    assert answer.status_code == 200, url
    parser = Fields()
    parser.feed(answer.text)
    assert parser.seen, f"no form at {url}"
    return parser


def pages(bench: Bench) -> list[tuple[Any, str]]:
    """Every form page, with somebody who may use it."""
    cast = bench.cast
    job, visit = bench.make_job(state="working")
    with bench.app.app_context():
        asset = db.session.scalar(select(JobAsset.asset_id).where(JobAsset.job_id == job))
        db.session.remove()
    return [
        (cast.tech, f"/jobs/{job}/report"),
        (cast.tech, f"/parts/new?job={job}"),
        (cast.tech, "/expenses/new"),
        (cast.leader, f"/jobs/{job}/dispatch"),
        (cast.tech, f"/jobs/{job}/assets/{asset}"),
        (cast.leader, f"/jobs/{job}/change"),
        (cast.leader, f"/jobs/{job}/cancel"),
        (cast.leader, f"/jobs/{job}/visits/{visit}/cancel"),
        (cast.leader, f"/jobs/{job}/visits/{visit}/reassign"),
    ]


def bad_values(one: Field) -> list[str]:
    tomorrow = (clock.today() + timedelta(days=1)).isoformat()
    by_type = {
        "number": ["-1", "abc", "1e9", "99999999999", LONG_CHINESE, MARKUP],
        "date": ["22.11.2026", "2026-13-45", LONG_CHINESE, "9999-12-31"],
        "datetime-local": ["tomorrow", "0001-01-01T00:00", LONG_CHINESE],
        "radio": ["nonsense", LONG_CHINESE, MARKUP],
        "checkbox": ["maybe"],
    }
    if one.tag == "select":
        return ["nonsense", LONG_CHINESE, MARKUP]
    if one.type == "date" and one.attrs.get("max") == clock.today().isoformat():
        return [*by_type["date"], tomorrow]
    return by_type.get(one.type, [LONG_CHINESE])


def test_every_field_of_every_form(bench: Bench) -> None:
    checked = 0
    for person, url in pages(bench):
        client = bench.client_of(person)
        form = form_of(client, url)
        for one in form.fields:
            if one.type == "file" or one.name.startswith("_") or one.name.endswith("[]"):
                continue
            for value in bad_values(one):
                _refuses(client, url, form, one, value)
                checked += 1
    assert checked > 80


def good_value(one: Field) -> str:
    if one.tag == "select":
        return next((value for value in one.options if value), "")
    if one.type == "radio":
        return str(one.attrs.get("value"))
    now = clock.local(clock.now()) + timedelta(hours=2)
    return {"number": "1", "date": clock.today().isoformat(), "datetime-local": now.strftime("%Y-%m-%dT%H:%M")}.get(
        one.type, "typed"
    )


def _refuses(client: Any, url: str, form: Fields, one: Field, value: str) -> None:
    others = {f.name: good_value(f) for f in form.fields if "required" in f.attrs and f.type != "file"}
    others |= {f.name: "typed" for f in form.fields if f.tag == "textarea"}
    others.pop(one.name, None)
    fresh = form_of(client, url).hidden
    answer = client.post(url, data={**fresh, **others, one.name: value})
    where = f"{url} {one.name}={value[:20]!r}"
    assert answer.status_code == 422, where
    error_id = f"err-{one.name.replace('.', '-')}"
    said = re.search(rf'id="{re.escape(error_id)}"([^>]*)>([^<]*)<', answer.text)
    assert said is not None, f"no place for a message: {where}"
    assert said.group(2).strip(), f"no message: {where}"
    assert "hidden" not in said.group(1), where
    for name in [f.name for f in form.fields if f.tag == "textarea" and f.name != one.name]:
        kept = re.search(rf'<textarea[^>]*name="{re.escape(name)}"[^>]*>([^<]*)</textarea>', answer.text)
        assert kept is not None, f"{name} vanished: {where}"
        assert html.unescape(kept.group(1)).strip() == "typed", f"{name} was lost: {where}"
    if one.tag in {"input", "textarea"} and one.type not in {"radio", "checkbox"}:
        assert (
            html.escape(value.strip(), quote=True) in answer.text
            or html.escape(value.strip()).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in answer.text
        ), f"what was typed is gone: {where}"
    assert "<script>alert(1)" not in answer.text, where
    assert "onerror=alert" not in re.sub(r"&[^;]*;", "", answer.text) or "&lt;img" in answer.text, where


@pytest.mark.parametrize("empty", ["", " ", "\n\t"])
def test_required_fields_say_so_when_empty(bench: Bench, empty: str) -> None:
    for person, url in pages(bench):
        client = bench.client_of(person)
        form = form_of(client, url)
        schema = bench.app.extensions["commands"][form.kind].schema
        at_times = {name for name, one in schema.load_fields.items() if one.metadata.get("show_when")}
        required = [f for f in form.fields if "required" in f.attrs and f.type != "file" and f.name not in at_times]
        blank = {f.name: empty for f in form.fields if f.type not in {"file", "radio", "checkbox"}}
        answer = client.post(url, data={**form.hidden, **blank})
        assert answer.status_code == 422, url
        for one in required:
            # A row left wholly empty is no row: then its list says that one is missing.
            places = [one.name.replace(".", "-"), one.name.split(".")[0]]
            said = [re.search(rf'id="err-{re.escape(place)}"[^>]*>([^<]*)<', answer.text) for place in places]
            assert any(found and found.group(1).strip() for found in said), f"{url} {one.name}"


FILES = {
    "text named jpg": (b"this is no picture", "notes.jpg"),
    "html": (b"<html><script>alert(1)</script></html>", "a.html"),
    "truncated": (b"\xff\xd8\xff\xe0" + b"\x00" * 50, "cut.jpg"),
    "40 MB": (b"\xff\xd8\xff\xe0" + b"\x00" * 40_000_000, "huge.jpg"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "a.svg"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_picture_or_too_large(bench: Bench, kind: str) -> None:
    data, name = FILES[kind]
    client = bench.client_of(bench.cast.tech)
    form = form_of(client, "/expenses/new")
    typed = {"amount": "46.00", "kind": "local_transport", "note": "typed"}
    answer = client.post("/expenses/new", data={**form.hidden, **typed, "receipt": (BytesIO(data), name)})
    assert answer.status_code == 422
    said = re.search(r'id="err-photos-receipt"([^>]*)>([^<]*)<', answer.text)
    assert said is not None
    assert name in said.group(2)
    assert 'value="46.00"' in answer.text
    assert "typed" in answer.text


def test_one_mark_says_what_is_required(bench: Bench) -> None:
    """The same words behind the label of every control and group that must be filled in, and behind no other."""
    controls = re.compile(r'<(?:input|select|textarea) id="(f-[^"]+)"([^>]*)>')
    for person, url in pages(bench):
        text = bench.client_of(person).get(url).text
        for name, attributes in controls.findall(text):
            label = re.search(rf'<label for="{re.escape(name)}">(.*?)</label>', text)
            assert label is not None, f"{url} {name}"
            marked = '<span class="tag soon">required</span>' in label[1]
            assert marked is bool(re.search(r"\brequired\b", attributes)), f"{url} {name}"
    assert 'content:" *"' not in (Path(__file__).parents[3] / "static" / "css" / "app.css").read_text()
